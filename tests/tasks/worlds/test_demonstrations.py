import json
from itertools import pairwise

import pytest

from tasks.errors import ConfigurationError
from tasks.worlds.demonstrations import records
from tasks.worlds.world import load


def test_records_are_openai_chats_that_json_can_hold() -> None:
    demonstrations = list(records("desk", 20, seed=0))
    assert len({record["task_id"] for record in demonstrations}) == 20
    for record in demonstrations:
        assert json.loads(json.dumps(record)) == record
        assert str(record["task_id"]).startswith("desk/train/")
        assert (record["world"], record["reward"]) == ("desk", 1.0)
        messages = record["messages"]
        assert isinstance(messages, list)
        assert [said["role"] for said in messages[:2]] == ["system", "user"]
        for asked, answered in pairwise(messages):
            for call in asked.get("tool_calls", []):
                assert call["type"] == "function"
                assert isinstance(call["function"]["arguments"], str)
                assert (answered["role"], answered["tool_call_id"]) == ("tool", call["id"])


def test_records_depend_on_the_arguments_alone() -> None:
    assert list(records("library", 5, seed=1)) == list(records("library", 5, seed=1))
    assert list(records("library", 5, seed=1)) != list(records("library", 5, seed=2))


def test_tools_are_the_worlds() -> None:
    record = next(records("desk", 1, seed=0))
    assert record["tools"] == list(load("desk").tools)
    assert len(load("desk").tools) == 8


def test_an_unknown_world_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="not built in"):
        next(records("moon", 1, seed=0))
