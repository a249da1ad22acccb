import shutil
from pathlib import Path

import pytest

from schemas.config import RolloutConfig, SplitConfig
from schemas.rollouts import ROLLOUTS
from schemas.section import Engine
from tasks.artefact.stage import obtain
from tasks.artefact.writer import Writer
from tasks.errors import StageFailed
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK, resolve
from tasks.stages.rollout import sampling, segments
from tasks.stages.rollout.resume import RolloutArchive
from tasks.stages.rollout.sampling import PartResult, PartSampler, SkipCounts, part_sampler, render_prompts
from tasks.stages.rollout.segments import segment_digest
from tasks.stages.rollout.stage import STAGE, RolloutSpec
from tasks.states.example import Example
from tasks.states.hashing import derive_seed
from tasks.states.reader import StateReader
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.builders import ScriptedSampler, commit_states, commit_trajectories, episode, trajectory
from tests.tasks.policy.thinking import PREFILLED

CONFIG = RolloutConfig(samples=3, temperature=0.7, top_p=0.9, max_tokens=16)
REF = Ref(stage="rollouts", version="00000000000000aa")


@pytest.fixture(scope="module")
def chat() -> ChatFormat:
    return ChatFormat(DESK)


@pytest.fixture
def states(store: Store) -> list[Example]:
    trajectories = commit_trajectories(store, [[trajectory(i, episode(4)) for i in range(3)]])
    return StateReader(store, commit_states(store, trajectories).ref, trajectories.ref).part(0)


@pytest.fixture
def sampler(chat: ChatFormat) -> ScriptedSampler:
    return ScriptedSampler(chat.tokenizer, lambda prompt, index: f"after {len(prompt)}, sample {index}")


def sampling_with(store: Store, chat: ChatFormat, engine, reader=None, writer=None) -> PartSampler:
    writer = writer or Writer(store, REF, STAGE.tables)
    return PartSampler(reader, writer, RolloutArchive(store, STAGE.version, {}, {}), chat, engine, CONFIG, seed=5)


def sampled(store: Store, states, sampler, chat):
    """The rows and the record of these states as part 2."""
    part_sampler = sampling_with(store, chat, lambda: sampler)
    part_sampler.write(2, states)
    (record,) = part_sampler.writer.records()
    return store.read_part(REF, record.parts[0]), record


def test_every_state_gets_its_samples_with_prompt_and_text(store, states, sampler, chat) -> None:
    rows, record = sampled(store, states, sampler, chat)
    assert rows.height == 12 * 3 and record.index == 2 and record.reasons == {}
    keys = [(s.key[0], s.key[1], i) for s in states for i in range(3)]
    assert list(rows.select("trajectory_id", "turn_index", "sample_index").iter_rows()) == keys
    prompt = chat.text(states[1].state.messages, states[1].state.tools)
    row = rows.row(4, named=True)
    assert row["text"] == f"after {len(prompt)}, sample 1"
    assert row["prompt_tokens"] == len(chat.encode(prompt))
    assert row["token_ids"][-1] == chat.stop_token_ids[0] and row["finished"]
    assert len(row["logprobs"]) == len(row["token_ids"])
    assert sum(len(prompts) for prompts, _ in sampler.asked) == 12
    asked = sampler.asked[0][1]
    assert (asked.n, asked.temperature, asked.top_p, asked.max_tokens) == (3, 0.7, 0.9, 16)


def test_segments_have_seeds_of_their_own(store, states, sampler, chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_STATES", 1)
    sampled(store, states, sampler, chat)
    assert [len(prompts) for prompts, _ in sampler.asked] == [4, 4, 4]
    keys = [state.key for state in states]
    assert [asked.seed for _, asked in sampler.asked] == [
        derive_seed(5, segment_digest(keys[i : i + 4])) for i in (0, 4, 8)
    ]


def test_a_killed_run_goes_on_after_its_last_segment_and_gives_identical_rows(
    store, states, sampler, chat, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_STATES", 1)
    undisturbed, _ = sampled(Store(str(tmp_path / "other")), states, sampler, chat)

    def dies(prompt: str, index: int) -> str:
        if len(killed.asked) == 2:
            raise KeyboardInterrupt
        return f"after {len(prompt)}, sample {index}"

    killed = ScriptedSampler(chat.tokenizer, dies)
    with pytest.raises(KeyboardInterrupt):
        sampled(store, states, killed, chat)
    again = ScriptedSampler(chat.tokenizer, lambda prompt, index: f"after {len(prompt)}, sample {index}")
    resumed, _ = sampled(store, states, again, chat)
    assert [len(prompts) for prompts, _ in again.asked] == [4, 4], "the finished segment was sampled again"
    assert resumed.equals(undisturbed)


def test_what_is_too_long_or_refused_is_counted(store, states, sampler, chat, monkeypatch) -> None:
    lengths = [len(p.prompt) for p in render_prompts(chat, states, CONFIG)[0]]
    limit = sorted(lengths)[6]
    engine = Engine(max_model_len=limit + CONFIG.max_tokens + 9)
    config = CONFIG.model_copy(update={"max_thinking_tokens": 9, "engine": engine})
    fitting, skips = render_prompts(chat, states, config)
    assert [len(p.prompt) for p in fitting] == [n for n in lengths if n <= limit]
    assert skips == SkipCounts({"too_long": sum(n > limit for n in lengths)})

    monkeypatch.setattr(sampling, "render", lambda *_: _refusing(lengths))
    rows, record = sampled(store, states, sampler, chat)
    assert record.reasons == {"not_rendered": 1}
    assert record.summary["refusal"] == "the chat template refuses it"
    assert rows.height == 11 * 3


def _refusing(lengths):
    from tasks.policy.rendering import StatePrompts

    return StatePrompts([None, *([1] * n for n in lengths[1:])], [""] * len(lengths), 0, "the chat template refuses it")


def test_a_part_without_states_is_an_empty_part(store, sampler, chat) -> None:
    rows, _ = sampled(store, [], sampler, chat)
    assert rows.height == 0 and list(rows.columns) == list(ROLLOUTS.columns)
    assert sampler.asked == []


def test_what_the_template_said_is_in_the_failure_of_an_empty_stage(store, states, chat, monkeypatch) -> None:
    refusing = "{{ raise_exception('ids of nine characters, please') }}"
    monkeypatch.setattr(chat.tokenizer, "chat_template", refusing)
    fitting, skips = render_prompts(chat, states, CONFIG)
    assert fitting == [] and skips.reasons == {"not_rendered": 12}

    def produce(writer: Writer) -> None:
        sampling_with(store, chat, pytest.fail, writer=writer).write(0, states)

    with pytest.raises(StageFailed, match=r"12 not_rendered; the chat template refuses.*nine characters, please"):
        obtain(STAGE, CONFIG, {}, store, produce)


def test_a_sample_that_ends_with_another_end_of_turn_has_the_same_text(store, states, chat) -> None:
    (other,) = chat.encode("<|endoftext|>")
    ends = ScriptedSampler(chat.tokenizer, lambda *_: "whole", eos=other)
    rows, _ = sampled(store, states, ends, chat)
    assert set(rows["text"]) == {"whole"}
    assert rows["token_ids"][0][-1] == other


def test_an_unfinished_sample_keeps_all_its_tokens(store, states, chat) -> None:
    cut = ScriptedSampler(chat.tokenizer, lambda *_: "half a", finished=False, eos=chat.encode("x")[0])
    rows, _ = sampled(store, states, cut, chat)
    assert rows["text"].to_list()[0] == "half ax"
    assert not rows["finished"].any()


def test_states_that_share_no_prefix_are_counted(states, chat, monkeypatch) -> None:
    counting = "{{ messages | length }}{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"
    monkeypatch.setattr(chat.tokenizer, "chat_template", counting)
    fitting, skips = render_prompts(chat, states, CONFIG)
    assert skips == SkipCounts({"rendered_alone": 9}), "all but the longest of each of 3 trajectories"
    assert len(fitting) == 12


def test_a_part_is_its_training_states(store, chat, sampler) -> None:
    rows = [[trajectory(i, episode(2)) for i in range(part, 30, 2)] for part in (0, 1)]
    trajectories = commit_trajectories(store, rows)
    states = commit_states(store, trajectories, SplitConfig(validation_fraction=0.5))
    reader = StateReader(store, states.ref, trajectories.ref)
    training = [state.key for state in reader.part(1, split="train")]
    assert 0 < len(training) < 30
    result = sampling_with(store, chat, lambda: sampler, reader)(1)
    assert result == PartResult(sampled=len(training), sampled_before=0)
    (record,) = Writer(store, REF, STAGE.tables).records()
    rollouts = store.read_part(REF, record.parts[0])
    assert list(rollouts.select("trajectory_id", "turn_index").unique(maintain_order=True).iter_rows()) == training


@pytest.mark.parametrize(("limit", "finished"), [(0, {True}), (3, {False}), (40, {False, True})])
def test_thought_and_answer_have_a_limit_each_where_the_thought_has_one(
    store, chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, finished: set[bool]
) -> None:
    trajectories = commit_trajectories(store, [[trajectory(0, episode(2))]])
    shutil.copytree(DESK, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "model" / "chat_template.jinja").write_text(PREFILLED)
    thought, answers = "They want a status.</think>", ["Yes.", "It has shipped. " * 9]
    said = ScriptedSampler(chat.tokenizer, lambda _, index: thought + answers[index])
    monkeypatch.setattr(sampling, "start", lambda *_: said)
    config = RolloutConfig(samples=2, max_tokens=16, max_thinking_tokens=limit)
    refs = {"target": REF, "states": commit_states(store, trajectories).ref, "trajectories": trajectories.ref}
    spec = RolloutSpec(store=store.root, **refs, policy=resolve("desk", store), config=config, seed=7)
    part_sampler(spec, tmp_path / "model")(0)
    (record,) = Writer(store, REF, STAGE.tables).records()
    rows = store.read_part(REF, record.parts[0])
    assert said.asked[0][1].max_tokens == 16 + limit and set(rows["finished"]) == finished
    whole = [len(chat.encode(thought + answer)) + 1 for answer in answers]
    cut = {0: whole, 3: [3, 3], 40: [whole[0], len(chat.encode(thought)) + 16]}
    assert rows["token_ids"].list.len().to_list() == rows["logprobs"].list.len().to_list() == cut[limit] * 2


def test_the_engine_of_a_process_starts_once_and_only_where_something_is_to_be_sampled(
    store, chat, sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    trajectories = commit_trajectories(store, [[trajectory(part, episode(2))] for part in range(3)])
    states = commit_states(store, trajectories)
    started: list[int] = []

    def start(folder: Path, engine: Engine, seed: int):
        started.append(seed)
        return sampler

    monkeypatch.setattr(sampling, "start", start)
    refs = {"target": REF, "states": states.ref, "trajectories": trajectories.ref}
    spec = RolloutSpec(store=store.root, **refs, policy=resolve("desk", store), config=CONFIG, seed=7)
    sample = part_sampler(spec, DESK)
    assert started == []
    assert [sample(index) for index in (0, 1)] == [PartResult(2, 0)] * 2 and started == [7]
    again = part_sampler(spec, DESK)
    assert again(1) == PartResult(0, 2) and started == [7], "its segment was staged"
    assert again(2) == PartResult(2, 0) and started == [7, 7]
