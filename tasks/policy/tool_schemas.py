"""What a tool's JSON schema says about its arguments. A malformed schema says nothing; it never raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from schemas.chat import ToolSchema

ABSENT = object()
"""Stands for an argument that is left out, and for a default that is not declared; None is a value."""
_EMPTY: Mapping[str, Any] = MappingProxyType({})


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
        definitions = _mapping(schema.get("$defs"))
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
    """The JSON types that a property's schema allows; empty where it does not say."""
    declared = schema.get("type", [])
    names = [declared] if isinstance(declared, str) else declared if isinstance(declared, list) else []
    types = {name for name in names if isinstance(name, str)}
    for key in ("anyOf", "oneOf"):
        branches = schema.get(key)
        for branch in branches if isinstance(branches, list) else ():
            types |= json_types(_mapping(branch))
    return frozenset(types)


def is_enumerated(schema: Mapping[str, Any]) -> bool:
    """Whether the schema lists the values that are allowed."""
    branches = schema.get("anyOf")
    nested = branches if isinstance(branches, list) else []
    return "enum" in schema or "const" in schema or any(is_enumerated(_mapping(branch)) for branch in nested)


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The property with its reference to `$defs` resolved; pydantic writes such a reference for every enum."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return {**_mapping(definitions.get(name)), **schema} if name else schema


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
