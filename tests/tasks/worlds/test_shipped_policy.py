"""The base policy in tasks/policy/desk loads, is small, and its chat template keeps what rollout builds on."""

import json
from collections import defaultdict
from pathlib import Path
from random import Random
from statistics import fmean

import pytest

from schemas.chat import Message, Role, message
from tasks.worlds import expert
from tasks.worlds.pretraining.tokenizer import MARKS, SPECIAL, TEMPLATE, VOCABULARY
from tasks.worlds.simulator import ServiceWorld
from tasks.worlds.skills import SKILLS
from tasks.worlds.world import load

transformers = pytest.importorskip("transformers")

POLICY = Path(__file__).parents[3] / "tasks" / "policy" / "desk"


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(POLICY)


@pytest.fixture(scope="module")
def demonstrations() -> list[tuple[list[Message], tuple]]:
    episodes = []
    for name in ("desk", "library"):
        world = load(name)
        episodes += [(world.demonstrate(task_id, 0), world.tools) for task_id in world.task_ids("test", 15, seed=0)]
    return episodes


def render(tokenizer, messages, tools=None, ask: bool = False) -> str:
    return tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=ask, tokenize=False)


def test_the_configuration_is_a_small_qwen3() -> None:
    config = transformers.AutoConfig.from_pretrained(POLICY)
    assert (config.model_type, config.hidden_size, config.num_hidden_layers) == ("qwen3", 128, 4)
    assert (config.vocab_size, config.max_position_embeddings, config.tie_word_embeddings) == (VOCABULARY, 2048, True)
    assert sum(path.stat().st_size for path in POLICY.iterdir()) < 5_000_000


def test_marks_are_single_tokens_and_a_turn_ends_with_the_end_token(tokenizer) -> None:
    assert len(tokenizer) == VOCABULARY
    for mark in (*SPECIAL, *MARKS):
        assert len(tokenizer.encode(mark)) == 1
    assert tokenizer.eos_token == "<|im_end|>"
    generation = json.loads((POLICY / "generation_config.json").read_text(encoding="utf-8"))
    assert generation["eos_token_id"] == tokenizer.eos_token_id


def test_the_template_is_the_one_in_the_repository(tokenizer) -> None:
    assert tokenizer.chat_template.strip() == TEMPLATE.read_text(encoding="utf-8").strip()


def test_text_survives_the_tokenizer(tokenizer) -> None:
    for text in ("Order W4821, café?\n\t{}", "  two  spaces ", "注文 17"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_every_state_is_a_prefix_of_the_episode_in_text_and_in_tokens(tokenizer, demonstrations) -> None:
    for messages, tools in demonstrations:
        whole = render(tokenizer, messages, tools)
        whole_ids = tokenizer.encode(whole)
        for index, said in enumerate(messages):
            if said["role"] == Role.ASSISTANT:
                state = render(tokenizer, messages[:index], tools, ask=True)
                ids = tokenizer.encode(state)
                assert whole.startswith(state)
                assert whole_ids[: len(ids)] == ids
        assert len(whole_ids) < 1500


def test_arguments_as_object_and_as_text_render_alike(tokenizer, demonstrations) -> None:
    for messages, tools in demonstrations:
        as_objects = [
            {
                **said,
                "tool_calls": [
                    {"function": {"name": made["name"], "arguments": json.loads(made["arguments"])}}
                    for made in said["tool_calls"]
                ],
            }
            for said in messages
        ]
        assert render(tokenizer, as_objects, tools) == render(tokenizer, messages, tools)


def test_a_call_is_rendered_as_hermes_does(tokenizer) -> None:
    call = {"id": "c", "name": "get_order", "arguments": '{"order_id": "W1"}'}
    said = [message("user", "Hi"), message("assistant", "Wait.", tool_calls=[call, call])]
    block = '<tool_call>\n{"name": "get_order", "arguments": {"order_id": "W1"}}\n</tool_call>'
    assert render(tokenizer, said).endswith(f"<|im_start|>assistant\nWait.\n{block}\n{block}<|im_end|>\n")


def test_neighbouring_tool_results_are_one_turn(tokenizer) -> None:
    said = [message("user", "Hi"), message("tool", "1"), message("tool", "2"), message("user", "Bye")]
    assert render(tokenizer, said).split("<|im_start|>")[2] == (
        "user\n<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response><|im_end|>\n"
    )


def test_a_tool_without_parameters_or_description_is_rendered(tokenizer) -> None:
    tools = [{"type": "function", "function": {"name": "ping"}}]
    assert "\nping(): \n" in render(tokenizer, [message("user", "Hi")], tools)


def test_the_policy_can_act_and_still_adds_up(tokenizer) -> None:
    """A weak bound on what the README of the policy reports, greedy, with transformers."""
    torch = pytest.importorskip("torch")
    model = transformers.AutoModelForCausalLM.from_pretrained(POLICY, dtype=torch.float32)

    def complete(messages, tools=None) -> str:
        ids = tokenizer.encode(render(tokenizer, messages, tools, ask=True), return_tensors="pt")
        with torch.no_grad():
            out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=64, do_sample=False)
        return tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)

    items = [skill.items("test", 1, seed=11)[0] for skill in SKILLS.values()]
    assert sum(item.check(complete(item.messages)) for item in items) >= 5
    world = load("library")
    assert isinstance(world, ServiceWorld)
    episode = world.start(world.task_ids("test", 1, seed=11)[0])
    assert complete(episode.messages, world.tools).strip()


@pytest.mark.slow
def test_the_policy_looks_at_what_decides_and_is_not_sure(tokenizer) -> None:
    """The probability of a call where a request is to be granted and where it is to be refused, over 40 tasks."""
    torch = pytest.importorskip("torch")
    model = transformers.AutoModelForCausalLM.from_pretrained(POLICY, dtype=torch.float32)
    call = tokenizer.convert_tokens_to_ids("<tool_call>")
    world = load("desk")
    assert isinstance(world, ServiceWorld)
    granted: dict[str, list[float]] = defaultdict(list)
    for task_id in world.task_ids("test", 40, seed=5):
        episode = world.start(task_id)
        while not episode.done:
            turn = expert.turn(episode)
            if turn.kind.startswith(("decide:cancel", "decide:refund", "decide:exchange")):
                ids = tokenizer.encode(render(tokenizer, episode.messages, world.tools, ask=True), return_tensors="pt")
                with torch.no_grad():
                    granted[turn.kind].append(model(ids).logits[0, -1].softmax(-1)[call].item())
            episode.step(turn.right[0].action(Random(0)))
    means = {kind: fmean(values) for kind, values in granted.items()}
    for rule in ("cancel", "refund", "exchange"):
        assert means[f"decide:{rule}:allowed"] - means[f"decide:{rule}:refused"] > 0.2
    assert all(0.05 < mean < 0.95 for mean in means.values())
