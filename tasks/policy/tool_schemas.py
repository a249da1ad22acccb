"""What a tool's JSON schema says about its arguments. A malformed schema says nothing; it never raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from schemas.chat import ToolSchema

ABSENT = object()
"""Stands for an argument that is left out, and for a default that is not declared; None is a value."""
_EMPTY: Mapping[str, Any] = MappingProxyType({})
_TYPE_NAMES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}
_TYPES = frozenset(_TYPE_NAMES.values())
_OTHER_NAMES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "double": "number",
    "bool": "boolean",
    "dict": "object",
    "list": "array",
    "tuple": "array",
    "none": "null",
}
"""Python's names of types, which data sets of function calls have instead of JSON's."""
_COMBINED = ("anyOf", "oneOf", "allOf")
_LISTING = ("enum", "const")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The arguments of one tool. `properties` is empty where the data has no schema."""

    properties: Mapping[str, Mapping[str, Any]]
    required: frozenset[str]

    def default(self, argument: str) -> Any:
        """The value that a left-out argument has; ABSENT where it is required or no default is declared."""
        return ABSENT if argument in self.required else self.schema(argument).get("default", ABSENT)

    def schema(self, argument: str) -> Mapping[str, Any]:
        """The argument's own schema; empty where it has none."""
        return self.properties.get(argument, _EMPTY)

    def optional(self, argument: str) -> bool:
        """Whether the tool knows the argument and does not require it. Then null means the same as leaving it out."""
        return argument in self.properties and argument not in self.required

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> Parameters:
        """What an object's schema says about its properties."""
        properties = _mapping(schema.get("properties"))
        if not properties:
            return UNKNOWN
        definitions = _definitions(schema)
        required = schema.get("required")
        names = required if isinstance(required, list) else []
        return cls(
            {name: _resolved(_mapping(value), definitions) for name, value in properties.items()},
            frozenset(name for name in names if isinstance(name, str)),
        )


UNKNOWN = Parameters({}, frozenset())
"""Of a tool without a schema."""
_REMEMBERED = 4096
_known: dict[int, tuple[tuple[ToolSchema, ...], dict[str, Parameters]]] = {}
"""Parameters by the identity of a tool set, since all states of a data set share a few. The tool set is kept with them:
were it freed, another one could get its identity."""


def parameters_by_tool(tools: tuple[ToolSchema, ...]) -> Mapping[str, Parameters]:
    """Each tool's parameters, by its name. Of two tools with one name the later counts."""
    known = _known.get(id(tools))
    if known is None:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        known = _known[id(tools)] = tools, dict(map(_named, tools))
    return known[1]


def _named(tool: ToolSchema) -> tuple[str, Parameters]:
    function = _mapping(_mapping(tool).get("function"))
    return str(function.get("name", "")), Parameters.of(_mapping(function.get("parameters")))


def json_types(schema: Mapping[str, Any]) -> frozenset[str]:
    """The JSON types that a property's schema allows; empty where it does not say. With `number` goes `integer`."""
    types = _allowed(schema)
    return frozenset() if types == _TYPES else types


def type_of(value: Any) -> str:
    """The JSON type of a value; "" for what JSON does not have. A whole number is an `integer` where it is an int."""
    return _TYPE_NAMES.get(type(value), "")


def listed_values(schema: Mapping[str, Any]) -> list[Any]:
    """The values that `enum` and `const` name, in the schema and in the schemas it combines."""
    named = schema.get("enum")
    listed = [*(named if isinstance(named, list) else []), *([schema["const"]] if "const" in schema else [])]
    return [
        *listed,
        *(value for key in _COMBINED for branch in _branches(schema, key) for value in listed_values(branch)),
    ]


def is_enumerated(schema: Mapping[str, Any]) -> bool:
    """Whether the schema lists the values that are allowed."""
    nested = (branch for key in _COMBINED for branch in _branches(schema, key))
    return "enum" in schema or "const" in schema or any(map(is_enumerated, nested))


def property_schema(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The schema of an object's property; empty where none is declared."""
    return _inner(schema, lambda candidate: _mapping(_mapping(candidate.get("properties")).get(name)))


def item_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a list's items; empty where none is declared."""
    return _inner(schema, lambda candidate: _mapping(candidate.get("items")))


def _inner(schema: Mapping[str, Any], inner: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Mapping[str, Any]:
    """The first inner schema that the schema or one that it combines declares, resolved."""
    if own := inner(schema):
        return _resolved(own, _definitions(schema))
    nested = (_inner(branch, inner) for key in _COMBINED for branch in _branches(schema, key))
    return next(filter(None, nested), _EMPTY)


def _allowed(schema: Mapping[str, Any]) -> frozenset[str]:
    """The types that a schema allows; all where it does not say, none where it contradicts itself."""
    types = _declared(schema)
    for key in ("anyOf", "oneOf"):
        if branches := _branches(schema, key):
            types &= frozenset().union(*map(_allowed, branches))
    for branch in _branches(schema, "allOf"):
        types &= _allowed(branch)
    return types | {"null"} if schema.get("nullable") is True else types  # as OpenAPI writes it


def _declared(schema: Mapping[str, Any]) -> frozenset[str]:
    """The types that `type` names, or without it those of the listed values."""
    declared = schema.get("type")
    named = declared if isinstance(declared, list) else [declared]
    names = [name.lower() for name in named if isinstance(name, str)]
    types = {_OTHER_NAMES.get(name, name) for name in names} & _TYPES
    if not types:
        types = {type_of(value) for value in listed_values({key: schema[key] for key in _LISTING if key in schema})}
    if "number" in types:
        types |= {"integer"}
    return frozenset(types) or _TYPES


def _branches(schema: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    branches = schema.get(key)
    return [_mapping(branch) for branch in branches] if isinstance(branches, list) else []


def _resolved(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], within: frozenset[str] = frozenset()
) -> Mapping[str, Any]:
    """The schema with its references to definitions resolved, also in the schemas it combines.

    pydantic writes such a reference for every enum. A definition inside itself says nothing. The definitions stay with
    the schema, for what lies deeper in it.
    """
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name in within:
        return _EMPTY
    if name:
        within |= {name}
        own = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**_resolved(_mapping(definitions.get(name)), definitions, within), **own}
    combined = {
        key: [_resolved(branch, definitions, within) for branch in _branches(schema, key)]
        for key in _COMBINED
        if key in schema
    }
    return {**schema, **combined, "$defs": definitions} if definitions else schema


def _definitions(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**_mapping(schema.get("definitions")), **_mapping(schema.get("$defs"))}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
