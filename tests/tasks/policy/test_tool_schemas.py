"""What schemas say about arguments, also where they are malformed."""

from __future__ import annotations

from typing import Any, cast

import pytest

from schemas.chat import ToolSchema
from tasks.policy.tool_schemas import ABSENT, UNKNOWN, Parameters, is_enumerated, json_types, parameters_by_tool

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "full": {"type": "boolean", "default": None},
        "tier": {"$ref": "#/$defs/Tier"},
    },
    "required": ["id", 3],
    "$defs": {"Tier": {"enum": ["gold", "basic"], "type": "string"}},
}


def test_defaults_and_optional_arguments() -> None:
    parameters = Parameters.of(SCHEMA)
    assert parameters.required == {"id"}
    assert parameters.default("full") is None and parameters.default("tier") is ABSENT
    assert [parameters.optional(name) for name in ("id", "full", "unknown")] == [False, True, False]
    assert Parameters.of({"properties": {"id": {"default": 1}}, "required": ["id"]}).default("id") is ABSENT
    assert parameters.schema("unknown") == {}


def test_a_reference_is_resolved() -> None:
    assert is_enumerated(Parameters.of(SCHEMA).schema("tier"))


@pytest.mark.parametrize("schema", [{}, {"properties": []}, {"properties": {}}, {"properties": "x", "required": 3}])
def test_a_malformed_schema_says_nothing(schema: dict[str, Any]) -> None:
    assert Parameters.of(schema) is UNKNOWN
    assert Parameters.of({"properties": {"a": 3}, "$defs": 4}).schema("a") == {}


def tool(name: str, schema: Any) -> ToolSchema:
    return cast(ToolSchema, {"type": "function", "function": {"name": name, "parameters": schema}})


def test_the_later_of_two_tools_with_one_name_counts() -> None:
    tools = (tool("f", SCHEMA), tool("g", None), tool("f", {"properties": {"x": {}}}))
    parameters = parameters_by_tool(tools)
    assert list(parameters["f"].properties) == ["x"] and parameters["g"] is UNKNOWN
    assert parameters_by_tool(tools) is parameters, "read once per tool set"
    assert parameters_by_tool(cast(Any, (3, {"function": 4}))) == {"": UNKNOWN}


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({"type": "string"}, {"string"}),
        ({"type": ["string", "null", 3]}, {"string", "null"}),
        ({"anyOf": [{"type": "integer"}, {"oneOf": [{"type": "null"}]}]}, {"integer", "null"}),
        ({"anyOf": "x", "type": 3}, set()),
        ({}, set()),
    ],
)
def test_the_types_that_a_schema_allows(schema: dict[str, Any], types: set[str]) -> None:
    assert json_types(schema) == types


@pytest.mark.parametrize(
    ("schema", "enumerated"),
    [
        ({"enum": []}, True),
        ({"const": 1}, True),
        ({"anyOf": [{}, {"enum": [1]}]}, True),
        ({"anyOf": 3}, False),
        ({}, False),
    ],
)
def test_listed_values(schema: dict[str, Any], enumerated: bool) -> None:
    assert is_enumerated(schema) is enumerated
