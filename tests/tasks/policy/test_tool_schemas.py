"""What schemas say about arguments, also where they are malformed."""

from __future__ import annotations

from typing import Any, cast

import pytest

from schemas.chat import ToolSchema
from tasks.policy.tool_schemas import (
    ABSENT,
    UNKNOWN,
    Parameters,
    is_enumerated,
    item_schema,
    json_types,
    listed_values,
    parameters_by_tool,
    property_schema,
    type_of,
)

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


def test_a_reference_is_resolved_in_combined_schemas_and_deeper() -> None:
    tier = {"anyOf": [{"$ref": "#/definitions/Tier"}, {"type": "null"}]}
    schema = {
        "properties": {"tier": tier, "tiers": {"items": tier}, "order": {"$ref": "#/$defs/Order"}},
        "definitions": {"Tier": {"enum": ["gold", 1]}},
        "$defs": {"Order": {"$ref": "#/$defs/Base"}, "Base": {"properties": {"tier": tier}}},
    }
    parameters = Parameters.of(schema)
    order = parameters.schema("order")
    for found in (
        parameters.schema("tier"),
        item_schema(parameters.schema("tiers")),
        property_schema(order, "tier"),
        Parameters.of(order).schema("tier"),
    ):
        assert json_types(found) == {"string", "integer", "null"} and listed_values(found) == ["gold", 1]


def test_a_definition_inside_itself_says_nothing() -> None:
    definitions = {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}, "B": {"$ref": "#/$defs/B"}}
    names = {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/B"}, "c": {"$ref": "#/$defs/C"}}
    parameters = Parameters.of({"properties": names, "$defs": definitions})
    assert [json_types(parameters.schema(name)) for name in "abc"] == [frozenset()] * 3


def test_inner_schemas_are_found_in_combined_ones() -> None:
    schema = {"anyOf": [{"type": "null"}, {"items": {"type": "integer"}, "properties": {"a": {"type": "string"}}}]}
    assert item_schema(schema) == {"type": "integer"} and property_schema(schema, "a") == {"type": "string"}
    assert item_schema({"items": 3, "anyOf": 4}) == {} == property_schema(schema, "b")


@pytest.mark.parametrize(
    ("value", "name"),
    [("", "string"), (True, "boolean"), (1, "integer"), (1.0, "number"), (None, "null"), ([], "array"), ({}, "object")],
)
def test_the_type_of_a_value(value: Any, name: str) -> None:
    assert type_of(value) == name
    assert type_of({1}) == ""


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
        ({"type": "dict"}, {"object"}),
        ({"type": "FLOAT"}, {"number", "integer"}),
        ({"type": ["str", "none"]}, {"string", "null"}),
        ({"type": "string"}, {"string"}),
        ({"type": ["string", "null", 3]}, {"string", "null"}),
        ({"anyOf": [{"type": "integer"}, {"oneOf": [{"type": "null"}]}]}, {"integer", "null"}),
        ({"type": "number"}, {"number", "integer"}),
        ({"allOf": [{"type": "integer"}, {"minimum": 1}]}, {"integer"}),
        ({"allOf": [{"type": ["integer", "null"]}, {"type": "number"}]}, {"integer"}),
        ({"type": "integer", "anyOf": [{"minimum": 1}, {"maximum": -1}]}, {"integer"}),
        ({"type": "integer", "nullable": True}, {"integer", "null"}),
        ({"allOf": [{"type": "integer"}], "nullable": True}, {"integer", "null"}),
        ({"enum": ["a", 1, None]}, {"string", "integer", "null"}),
        ({"enum": ["1"], "type": "integer"}, {"integer"}),
        ({"const": True}, {"boolean"}),
        ({"anyOf": [{"type": "integer"}, {}]}, set()),
        ({"allOf": [{"type": "integer"}, {"type": "string"}]}, set()),
        ({"anyOf": [{"allOf": [{"type": "integer"}, {"type": "string"}]}, {"type": "null"}]}, {"null"}),
        ({"type": "any"}, set()),
        ({"enum": 3}, set()),
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
        ({"allOf": [{"const": None}]}, True),
        ({"anyOf": 3}, False),
        ({}, False),
    ],
)
def test_listed_values(schema: dict[str, Any], enumerated: bool) -> None:
    assert is_enumerated(schema) is enumerated
