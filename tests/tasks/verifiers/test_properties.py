"""What must hold of every kind, on any JSON value."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.chat import Action, ToolCall
from tasks.policy.parsing import FORMATS, Completion, ParseFailure, parser_for
from tasks.verifiers.build import build
from tasks.verifiers.comparing.calls import same_action
from tasks.verifiers.comparing.values import Comparer
from tasks.verifiers.kinds import KINDS as ALL_KINDS
from tasks.verifiers.kinds import (
    AllOfSettings,
    AnyOfSettings,
    ByDomainSettings,
    ByToolSettings,
    CascadeSettings,
    CodeEditSettings,
    ExactSettings,
    MathSettings,
    MessageSettings,
    NemoGymSettings,
    PythonSettings,
    SearchSettings,
    SqlSettings,
    TerminalSettings,
    ToolCallSettings,
    ToolCallsSettings,
    ToolNameSettings,
    VerifierSettings,
    WorldStateSettings,
)
from tests.tasks.verifiers.asking import at, call, says, tool

KINDS: list[VerifierSettings] = [
    ExactSettings(),
    ToolNameSettings(),
    ToolCallSettings(),
    ToolCallSettings(values=Comparer(text="similar", unordered=True)),
    ToolCallsSettings(credit="f1"),
    ToolCallsSettings(credit="fractional"),
    NemoGymSettings(),
    MessageSettings(min_similarity=0.5),
    TerminalSettings(),
    CodeEditSettings(),
    SearchSettings(),
    SqlSettings(setup="CREATE TABLE t (x)"),
    MathSettings(),
    WorldStateSettings(),
    PythonSettings(function="tests.tasks.verifiers.asking:same_count"),
    AllOfSettings(verifiers=(ToolNameSettings(), ToolCallSettings())),
    AnyOfSettings(verifiers=(ExactSettings(), ToolCallSettings())),
    CascadeSettings(verifiers=(ExactSettings(), NemoGymSettings())),
    ByDomainSettings(domains={"desk": ExactSettings()}),
    ByToolSettings(tools={"t": ToolCallSettings()}, otherwise=NemoGymSettings()),
]
VERIFIERS = [(settings, build(settings)) for settings in KINDS]
NAMES = [f"{i}-{each.kind}" for i, each in enumerate(KINDS)]
COARSE = ("tool_name", "python")
"""Kinds that do not look at arguments; for the user's own, because of what same_count does."""

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=6), v, max_size=3), max_leaves=8
)
names = st.sampled_from(["x", "query", "command", "path", "old_str", "new_str", "url", "file", "timeout"]) | st.text(
    max_size=6
)
arguments = st.dictionaries(names, values, max_size=4)
texts = st.text(min_size=1, max_size=40).filter(str.strip)
EXAMPLES = min(40, settings().max_examples)  # make quick has a profile with fewer
BOUND = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def action_of(*pairs: tuple[str, dict[str, Any]]) -> Action:
    return Action(tool_calls=tuple(ToolCall(id="", name=n, arguments=json.dumps(a)) for n, a in pairs))


actions = st.lists(st.tuples(st.sampled_from(["t", "u"]), arguments), min_size=1, max_size=3).map(
    lambda p: action_of(*p)
) | texts.map(says)


@pytest.mark.parametrize(("settings", "verify"), VERIFIERS, ids=NAMES)
@given(action=actions)
@BOUND
def test_reflexive(settings: VerifierSettings, verify: Any, action: Action) -> None:
    assert verify(at(), action, action).reward == 1.0


@pytest.mark.parametrize(("settings", "verify"), VERIFIERS, ids=NAMES)
@given(wanted=arguments, seed=st.integers())
@BOUND
def test_the_order_of_keys_does_not_matter(
    settings: VerifierSettings, verify: Any, wanted: dict[str, Any], seed: int
) -> None:
    shuffled = list(wanted.items())
    random.Random(seed).shuffle(shuffled)
    assert verify(at(), action_of(("t", wanted)), action_of(("t", dict(shuffled)))).reward == 1.0


@pytest.mark.parametrize(("settings", "verify"), VERIFIERS, ids=NAMES)
@given(given_arguments=arguments, key=st.sampled_from(["x", "query", "command", "path", "old_str"]), value=values)
@BOUND
def test_never_full_reward_without_a_required_argument(
    settings: VerifierSettings, verify: Any, given_arguments: dict[str, Any], key: str, value: Any
) -> None:
    given_arguments.pop(key, None)
    state = at(tool("t", (key,), **{key: {}}))
    verdict = verify(state, action_of(("t", {**given_arguments, key: value})), action_of(("t", given_arguments)))
    assert verdict.reward == 0.0 or settings.kind in COARSE, verdict


@pytest.mark.parametrize(
    ("settings", "verify"),
    [pair for pair in VERIFIERS if pair[0].kind not in ("exact", "message", "world_state")],
    ids=[name for name, each in zip(NAMES, KINDS, strict=True) if each.kind not in ("exact", "message", "world_state")],
)
@given(pairs=st.lists(st.tuples(st.just("t"), arguments), min_size=2, max_size=4), seed=st.integers())
@BOUND
def test_the_order_of_calls_does_not_matter(
    settings: VerifierSettings, verify: Any, pairs: list[tuple[str, dict[str, Any]]], seed: int
) -> None:
    shuffled = list(pairs)
    random.Random(seed).shuffle(shuffled)
    assert verify(at(), action_of(*pairs), action_of(*shuffled)).reward == 1.0


@pytest.mark.parametrize(("settings", "verify"), VERIFIERS, ids=NAMES)
@given(wanted=actions, sampled=actions)
@BOUND
def test_exact_implies_every_other_and_rewards_are_in_bounds(
    settings: VerifierSettings, verify: Any, wanted: Action, sampled: Action
) -> None:
    reward = verify(at(), wanted, sampled).reward
    assert 0.0 <= reward <= 1.0
    assert reward == 1.0 or not same_action(wanted, sampled)


@pytest.mark.parametrize(("settings", "verify"), VERIFIERS, ids=NAMES)
@given(
    wanted=actions,
    text=st.text(max_size=60),
    junk=st.sampled_from(["", "<tool_call>", '{"name": "t", "arguments": {', "}"]),
)
@BOUND
def test_any_text_gets_a_verdict(settings: VerifierSettings, verify: Any, wanted: Action, text: str, junk: str) -> None:
    broken = Action(tool_calls=(ToolCall(id="", name="t", arguments=junk + text),))
    completions: list[Completion] = [broken, parser_for("hermes")(junk + text)]
    for completion in completions:
        assert verify(at(), wanted, completion).reward is not None
        assert verify(at(), broken, completion).reward is not None


@pytest.mark.parametrize("name", FORMATS)
@given(
    text=st.text(max_size=80),
    marks=st.lists(
        st.sampled_from(
            [
                "<tool_call>",
                "</tool_call>",
                "<function=f>",
                "<parameter=x>",
                "</parameter>",
                "</function>",
                "[TOOL_CALLS]",
                "[ARGS]",
                "{",
                "}",
                '"name": "f"',
                "<think>",
                "</think>",
                ";",
            ]
        ),
        max_size=8,
    ),
)
@BOUND
def test_no_text_makes_a_parser_raise(name: str, text: str, marks: list[str]) -> None:
    completion = parser_for(name)("".join(marks) + text)
    assert isinstance(completion, Action | ParseFailure)


def test_what_similarity_cannot_be_used_for() -> None:
    """The wrapper's hole of tool_name is by design, and only there."""
    wanted, other = call("execute_tool", tool="read"), call("execute_tool", tool="delete")
    passing = {each.kind for each, verify in VERIFIERS if verify(at(), wanted, other).reward == 1.0}
    assert passing == {"tool_name", "python"}


def test_no_kind_is_left_out() -> None:
    """A judge is not asked 40 times here; what it gives is tested with a server (kinds/judge)."""
    assert {each.kind for each in KINDS} == set(ALL_KINDS) - {"judge"}
