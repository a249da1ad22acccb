"""The verifiers on real data: every demonstration scores 1 against its own state, and junk scores 0.

The table in tasks/verifiers/README.md is what these tests measure.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.chat import ActionKind, Role, State, as_action
from schemas.config import IngestConfig
from tasks.stages.check.self_check import RoundTrip, SelfCheck, self_check
from tasks.stages.ingest.ingestion import ingest
from tasks.stages.ingest.trajectory import Trajectory
from tasks.states.example import Example
from tasks.verifiers.build import build
from tasks.verifiers.kinds import CodeEditSettings, NemoGymSettings, SearchSettings, TerminalSettings, ToolCallSettings
from tasks.verifiers.verdict import VerifierSection

DATA = Path(__file__).parents[3].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")

STATES = {"tau2_sft": 372, "tau_bench": 1163, "tau2_simulations": 2083, "livemcpbench": 466, "llama_factory": 918}
"""States with a text or a call; an action with neither is excluded by `split`."""


def states(folder: str) -> list[Example]:
    """Every state of the trajectories in that folder of the shared data."""
    examples: list[Example] = []
    for outcome in ingest(IngestConfig(source=str(DATA / folder))):
        if not isinstance(outcome, Trajectory):
            continue
        tools = tuple(json.loads(outcome.tools_json)) if outcome.tools_json else ()
        for index, said in enumerate(outcome.messages):
            action = as_action(said)
            if said["role"] == Role.ASSISTANT and action.kind is not ActionKind.EMPTY:
                state = State(outcome.trajectory_id, index, outcome.messages[:index], tools, domain=outcome.domain)
                examples.append(Example(state, action, "train"))
    return examples


def check(folder: str, settings: ToolCallSettings | NemoGymSettings | TerminalSettings | CodeEditSettings) -> SelfCheck:
    return check_of(states(folder), settings)


def check_of(examples: list[Example], settings: VerifierSection) -> SelfCheck:
    """The check where every demonstration comes back as itself."""
    trips = [RoundTrip("", "", example.demonstration) for example in examples]
    return self_check(examples, trips, build(settings), settings)[0]


@pytest.mark.parametrize("folder", STATES)
def test_tool_call(folder: str) -> None:
    result = check(folder, ToolCallSettings())
    assert result.gold == STATES[folder]
    assert result.gold_rate >= 0.995, result.gold_examples
    assert result.junk > 2 * result.gold and result.junk_rate <= 0.01, result.junk_examples


@pytest.mark.parametrize("folder", STATES)
def test_nemo_gym_takes_demonstrations_and_junk_through_a_wrapper_tool(folder: str) -> None:
    """livemcpbench calls everything through tools that take a query, and a tenth of common words makes two equal."""
    result = check(folder, NemoGymSettings())
    assert result.gold_rate == 1.0, result.gold_examples
    assert (result.junk_rate > 0.01) == (folder == "livemcpbench"), result.junk_examples


@pytest.mark.parametrize("folder", ["swe_agent", "swe_smith", "openhands"])
@pytest.mark.parametrize("settings", [TerminalSettings(), CodeEditSettings()], ids=["terminal", "code_edit"])
def test_software_engineering(folder: str, settings: TerminalSettings | CodeEditSettings) -> None:
    result = check(folder, settings)
    assert result.gold > 0 and result.gold_rate == 1.0, result.gold_examples
    assert result.junk_rate <= 0.01, (result.passed_by_control, result.junk_examples)


def test_search_on_the_wrapper_tool() -> None:
    settings = SearchSettings()
    result = check_of(states("livemcpbench"), settings)
    assert result.gold_rate == 1.0 and result.junk_rate <= 0.01, result.junk_examples
