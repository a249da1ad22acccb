"""Every chat template that packages publish, from demonstrations to text and back.

The outcomes are the table in tasks/policy/README.md. After a change print it anew:
`python -m tests.tasks.policy.test_published_templates`.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from schemas.chat import Action, State
from schemas.checks import CheckReason
from tasks.errors import ConfigurationError, InputError, StageFailed
from tasks.policy.chat import ChatFormat
from tasks.policy.parsing import Completion, differences
from tasks.policy.probe import parts_not_shown, probe
from tasks.policy.rendering import render
from tasks.policy.template import PINNED_DATE
from tasks.stages.check.round_trip import hidden_parts, round_trip
from tasks.stages.check.self_check import RoundTrip, require_sound, self_check
from tasks.states.example import Example
from tasks.verifiers.section import ScoreConfig
from tasks.verifiers.verdict import Reason, Verdict
from tests.published_templates import LLAMA_CPP, TRL, NotAvailable, templates
from tests.servers import ROOT
from tests.tasks.policy.families import FAMILIES, Family, make_folder
from tests.tasks.policy.trajectories import EXAMPLES, TOOLS

WITHOUT_TOOLS = {
    (LLAMA_CPP, "llama-cpp-rwkv-world"),
    *((TRL, name) for name in (
        "cohere", "cohere2", "deepseek_r1_distill", "idefics3", "llama3", "llava_next", "phi3", "qwen2_5_vl", "smolvlm"
    )),
}  # fmt: skip
"""Templates of older models for messages alone."""
COPIES = {(TRL, "muse_glimmer")}
"""The same file in both packages."""
HEAD = "| family | format | read back of 25 | not shown by the template | not read back, so a run is refused |"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of the demonstrations in one family."""

    family: str
    parser: str
    returned: int
    hidden: tuple[str, ...]
    refusal: str
    """Why a run is refused, in few words; "" where all come back."""

    @property
    def row(self) -> str:
        """Its line in the table. What follows from another part is not named."""
        implied = {"descriptions of tools", "parameters of tools"} if "tools" in self.hidden else set()
        implied |= {"several calls in a turn"} if "earlier calls" in self.hidden else set()
        hidden = [part for part in self.hidden if part not in implied]
        cells = (self.family, f"`{self.parser}`" if self.parser else "", str(self.returned) if self.parser else "",
                 ", ".join(hidden), self.refusal)  # fmt: skip
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def outcome_of(family: Family, chat: ChatFormat) -> Outcome:
    """Write and read every demonstration, and ask whether a run would go on."""
    found = probe(chat.template)
    hidden = parts_not_shown(chat.template)
    if not found.formats:
        with pytest.raises(ConfigurationError) as refused:
            _ = chat.parser
        assert found.problem and found.problem in str(refused.value)
        return Outcome(family.name, "", 0, hidden, in_few_words(found.problem))
    trips = [round_trip(chat, example) for example in EXAMPLES]
    lacks = [lack(example, trip) for example, trip in zip(EXAMPLES, trips, strict=True) if trip.reason]
    check_the_decision(chat, trips, hidden)
    counted = ", ".join(f"{count} {what}" for what, count in Counter(lacks).items())
    return Outcome(family.name, chat.parser.name, len(trips) - len(lacks), hidden, counted)


def check_the_decision(chat: ChatFormat, trips: list[RoundTrip], hidden: tuple[str, ...]) -> None:
    """The stage `check` accepts the template where every demonstration came back, and else names those that did not."""
    config = ScoreConfig()
    check, _ = self_check(EXAMPLES, trips, exactly, config.verifier)
    check.parser, check.hidden = chat.parser.name, dict(hidden_parts(hidden, EXAMPLES))
    failed = [(example, trip) for example, trip in zip(EXAMPLES, trips, strict=True) if trip.reason]
    if not failed:
        require_sound(check, config)
        return
    with pytest.raises(StageFailed) as refused:
        require_sound(check, config)
    sentence = str(refused.value)
    assert f"{len(failed)} of 25 demonstrations" in sentence
    example, trip = failed[0]
    assert f"{example.key}: {trip.reason}: {trip.detail[:100]}" in sentence
    assert all(part in sentence for part in hidden_parts(hidden, EXAMPLES))


def exactly(_: State, demonstration: Action, completion: Completion) -> Verdict:
    same = not differences(demonstration, completion)
    return Verdict(float(same), Reason.EQUAL if same else Reason.REFUSED)


def in_few_words(problem: str) -> str:
    """Why no format was found."""
    if "no known format reads" in problem:
        return "it writes calls in no known format"
    if "stop tokens are" in problem:
        return "it ends a message with no stop token"
    return problem.partition(" (")[0]


def lack(example: Example, trip: RoundTrip) -> str:
    """What a demonstration has that did not come back."""
    if "the chat template refuses" in trip.detail:
        said = trip.detail.partition("messages: ")[2]
        return f"refused ({said.partition(' while ')[0]})"  # Python says where the recursion was too deep
    if len(example.demonstration.tool_calls) > 1:
        return "with several calls"
    if example.demonstration.tool_calls and example.demonstration.content:
        return "with text beside a call"
    if trip.reason is CheckReason.NO_TEXT:
        return "behind a history that the template rewrites"
    return "with values that are lost" if example.demonstration.tool_calls else "with a text"


def check_prompts(family: Family, chat: ChatFormat) -> None:
    """Every prompt is what transformers makes of the same messages, in text and in tokens."""
    rendered = render(chat, [example.state for example in EXAMPLES]).prompts
    for example, ids in zip(EXAMPLES, rendered, strict=True):
        try:
            text = chat.text(example.state.messages, TOOLS)
        except InputError:
            assert ids is None
            continue
        assert text == chat.tokenizer.apply_chat_template(
            chat.template.conventions.messages(example.state.messages),
            tools=list(TOOLS),
            add_generation_prompt=True,
            tokenize=False,
            strftime_now=date.fromisoformat(PINNED_DATE).strftime,
            **family.options,
        )
        assert ids == chat.tokenizer(text, add_special_tokens=False)["input_ids"]


def rows_of_the_page() -> dict[str, str]:
    """The lines of the table by family."""
    lines = (ROOT / "tasks/policy/README.md").read_text().partition(HEAD)[2].splitlines()[2:]
    table = lines[: lines.index("")] if "" in lines else lines
    return {line.split(" | ")[0].removeprefix("| "): line for line in table}


def fetched(package: str) -> Path:
    try:
        return templates(package)
    except NotAvailable as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_demonstrations_come_back_or_the_run_is_refused(family: Family, tmp_path: Path) -> None:
    fetched(family.package)
    chat = ChatFormat(make_folder(family, tmp_path / "model"), options=family.options)
    check_prompts(family, chat)
    assert outcome_of(family, chat).row == rows_of_the_page().get(family.name)


def test_the_table_names_the_families() -> None:
    assert list(rows_of_the_page()) == [family.name for family in FAMILIES]


@pytest.mark.slow
@pytest.mark.parametrize("package", [LLAMA_CPP, TRL])
def test_every_template_for_tools_is_a_familys(package: str) -> None:
    published = {path.stem for path in fetched(package).glob("*.jinja") if not path.stem.endswith("_training")}
    walked = {family.file for family in FAMILIES if family.package == package}
    assert published - walked == {name for owner, name in WITHOUT_TOOLS | COPIES if owner == package}


def test_the_demonstrations_are_of_every_shape() -> None:
    actions = [example.demonstration for example in EXAMPLES]
    assert len(actions) == 25 and len({example.key.trajectory_id for example in EXAMPLES}) == 10
    assert sum(len(action.tool_calls) > 1 for action in actions) == 1
    assert sum(bool(action.tool_calls and action.content) for action in actions) == 2
    assert sum(bool(action.reasoning) for action in actions) == 9
    assert any(call["arguments"] == "{}" for action in actions for call in action.tool_calls)


def table() -> str:
    """The table as it is now."""
    lines = [HEAD, "|" + "---|" * HEAD.count(" | ") + "---|"]
    with tempfile.TemporaryDirectory() as workspace:
        for number, family in enumerate(FAMILIES):
            folder = make_folder(family, Path(workspace) / str(number))
            lines.append(outcome_of(family, ChatFormat(folder, options=family.options)).row)
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
