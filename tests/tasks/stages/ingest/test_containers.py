"""Which candidate episodes a JSON value holds."""

from typing import Any

import pytest

from tasks.stages.ingest.containers import elements, episodes, is_turn
from tests.tasks.stages.ingest.builders import (
    EXAMPLES,
    OPENAI,
    OPENHANDS,
    RESPONSES,
    TAU2,
    TAU2_RESULTS,
    TOOLBENCH,
    said,
)

ONE, TWO = said("one"), said("two")
ITEMS = RESPONSES["responses_create_params"]["input"]


@pytest.mark.parametrize("turns", [OPENAI["messages"], OPENHANDS, ITEMS[2:]], ids=["messages", "events", "items"])
def test_a_list_of_turns_is_one_episode(turns: list[Any]) -> None:
    assert all(map(is_turn, turns))
    assert elements(turns) == [turns] == list(episodes(turns))


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "toolbench"])
def test_a_record_is_itself(name: str) -> None:
    assert list(episodes(EXAMPLES[name])) == [EXAMPLES[name]]
    assert not is_turn(EXAMPLES[name])


def test_lists_of_records_are_taken_apart_at_any_depth() -> None:
    assert elements([ONE, TWO]) == [ONE, TWO], "one level, for a user's own reader"
    assert list(episodes([ONE, [TWO, [ONE]]])) == [ONE, TWO, ONE]


def test_splits_name_the_split_of_each_record() -> None:
    value = {"splits": {"train": [ONE, "oops"], "test": [TWO], "odd": 3}}
    assert list(episodes(value)) == [{**ONE, "split": "train"}, "oops", {**TWO, "split": "test"}]


def test_simulations_share_the_info_of_their_file() -> None:
    simulations = list(episodes(TAU2_RESULTS))
    assert [simulation["info"] for simulation in simulations] == [TAU2_RESULTS["info"]] * 2
    assert list(episodes({"simulations": [TAU2, 3]})) == [TAU2, 3]


def test_growing_prefixes_say_which_list_they_begin() -> None:
    first, last = episodes(TOOLBENCH)
    assert (first["prefix_of"], last["prefix_of"]) == (1, None)
    assert last["answer_generation"]["train_messages"] == TOOLBENCH["answer_generation"]["train_messages"][1]
    assert last["win"] is True


@pytest.mark.parametrize("value", [[], {}, "text", 3, None, {"splits": {}}, {"simulations": []}])
def test_a_value_that_contains_nothing_is_one_candidate(value: Any) -> None:
    assert list(episodes(value)) == [value]
