"""Limits of thought and answer, each for itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from schemas.chat import Role, message
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.policy.parsing import ParseFailure
from tasks.sampler.sampler import Sample, Sampling
from tasks.sampler.thinking import ThinkingSampler, within_limits
from tests.builders import ScriptedSampler
from tests.tasks.policy.thinking import PREFILLED, WRITTEN

QUESTION = [message(Role.USER, "Where is order 17?")]
THOUGHT, ANSWER = "They want a status.\n</think>", "\n\nIt has shipped."


def chat_with(folder: Path, template: str, max_thinking_tokens: int) -> ChatFormat:
    if not (folder / "model").exists():
        shutil.copytree(DESK, folder / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model" / "chat_template.jinja").write_text(template)
    return ChatFormat(folder / "model", max_thinking_tokens=max_thinking_tokens)


def prompt_of(chat: ChatFormat) -> list[int]:
    return chat.encode(chat.text(QUESTION, ()))


def sampled(chat: ChatFormat, text: str) -> Sample:
    token_ids = [*chat.encode(text), chat.stop_token_ids[0]]
    return Sample(token_ids, [-float(i) for i in range(len(token_ids))], finished=True)


def read(chat: ChatFormat, sample: Sample) -> str:
    """Why the sample is no action; its text where it is one."""
    text = chat.decode(sample.token_ids, finished=sample.finished)
    completion = chat.parser(text, finished=sample.finished, prompt=chat.text(QUESTION, ()))
    return completion.reason.value if isinstance(completion, ParseFailure) else completion.content


@pytest.mark.parametrize(("template", "opened"), [(PREFILLED, ""), (WRITTEN, "<think>\n")])
def test_thought_and_answer_have_a_limit_each(tmp_path: Path, template: str, opened: str) -> None:
    plain = chat_with(tmp_path, template, 0)
    whole = sampled(plain, opened + THOUGHT + ANSWER)
    thought, answer = len(plain.encode(opened + THOUGHT)), len(plain.encode(ANSWER)) + 1
    assert len(whole.token_ids) == thought + answer
    found = {}
    for thinking, tokens in ((thought, answer), (thought - 1, 500), (500, answer - 1), (500, 500)):
        chat = chat_with(tmp_path, template, thinking)
        limited = within_limits(chat, prompt_of(chat), whole, tokens)
        kept = len(limited.token_ids)
        assert limited.token_ids == whole.token_ids[:kept] and limited.logprobs == whole.logprobs[:kept]
        found[thinking, tokens] = (kept, limited.finished, read(chat, limited))
    assert found == {
        (thought, answer): (thought + answer, True, "It has shipped."),
        (thought - 1, 500): (thought - 1, False, "overlong_reasoning"),
        (500, answer - 1): (thought + answer - 1, False, "truncated"),
        (500, 500): (thought + answer, True, "It has shipped."),
    }


def test_a_thought_that_never_ends_is_cut_at_its_limit_even_where_the_turn_ended(tmp_path: Path) -> None:
    chat = chat_with(tmp_path, PREFILLED, 3)
    limited = within_limits(chat, prompt_of(chat), sampled(chat, "They want a status."), 500)
    assert (len(limited.token_ids), limited.finished, read(chat, limited)) == (3, False, "overlong_reasoning")
    short = sampled(chat_with(tmp_path, PREFILLED, 500), "They want a status.")
    chat = chat_with(tmp_path, PREFILLED, 500)
    assert within_limits(chat, prompt_of(chat), short, 1) == short and read(chat, short) == "unclosed_reasoning"


def test_an_answer_without_a_thought_has_its_own_limit_alone(tmp_path: Path) -> None:
    chat = chat_with(tmp_path, WRITTEN, 500)
    whole = sampled(chat, "It has shipped.")
    assert within_limits(chat, prompt_of(chat), whole, len(whole.token_ids)) == whole
    limited = within_limits(chat, prompt_of(chat), whole, 2)
    assert (len(limited.token_ids), read(chat, limited)) == (2, "truncated")


def test_the_engine_samples_up_to_both_limits_and_every_sample_is_cut(tmp_path: Path) -> None:
    chat = chat_with(tmp_path, PREFILLED, 20)
    thoughts = ["Hm.", "Hm. " * 30]
    engine = ScriptedSampler(chat.tokenizer, lambda _, index: f"{thoughts[index]}</think>Yes.")
    prompts = [prompt_of(chat), [*prompt_of(chat)[:-1], *chat.encode("\n")]]
    groups = ThinkingSampler(engine, chat).sample(prompts, Sampling(2, 0.7, 9, seed=5, top_p=0.9))
    assert [[read(chat, sample) for sample in group] for group in groups] == [["Yes.", "overlong_reasoning"]] * 2
    ((asked, sampling),) = engine.asked
    assert asked == prompts and sampling == Sampling(2, 0.7, 29, seed=5, top_p=0.9)


def test_without_a_limit_of_the_thought_nothing_changes(tmp_path: Path) -> None:
    chat = chat_with(tmp_path, PREFILLED, 0)
    engine = ScriptedSampler(chat.tokenizer, lambda _, index: "Hm. " * 40, finished=False, eos=chat.encode("x")[0])
    sampling = Sampling(3, 1.0, 9, seed=5)
    groups = ThinkingSampler(engine, chat).sample([prompt_of(chat)], sampling)
    assert groups == engine.sample([prompt_of(chat)], sampling) and engine.asked[0] == engine.asked[1]
    assert [read(chat, sample) for sample in groups[0]] == ["truncated"] * 3


def test_new_weights_reach_the_engine(tmp_path: Path) -> None:
    class Engine(ScriptedSampler):
        def load_weights(self, weights: object) -> None:
            self.weights = weights

    chat = chat_with(tmp_path, PREFILLED, 20)
    engine, weights = Engine(chat.tokenizer, lambda *_: "x"), iter([])
    ThinkingSampler(engine, chat).load_weights(weights)
    assert engine.weights is weights
