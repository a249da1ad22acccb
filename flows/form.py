"""The form of a run in Prefect's UI: the changes to a preset, one field a setting.

A field that is left alone is the preset's, so the form asks for nothing and fills nothing in; what the preset does not
name is the default, which the description gives. Bounds and choices are those of schemas/config.py, so that the form
refuses what the run would.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

_NOT_ASKED = ("required", "default", "discriminator")


def changes_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of any part of `model`'s settings: nothing required, nothing filled in, without references.

    What is within a model that can hold itself (a verifier made of verifiers) is any object: a form has an end.
    """
    schema = model.model_json_schema()
    models = schema.pop("$defs", {})
    return _asked(schema, {name: (found, _holds_itself(name, models)) for name, found in models.items()})


_Models = dict[str, tuple[dict[str, Any], bool]]
"""Name to the schema and whether the model can hold itself."""


def _asked(schema: dict[str, Any], models: _Models, endless: bool = False) -> dict[str, Any]:
    if "$ref" in schema:
        found, holds_itself = models[_name(schema["$ref"])]
        about: dict[str, Any] = {key: value for key, value in schema.items() if key != "$ref"}
        if endless:
            return {"type": "object", "title": found["title"]}
        return _asked({**found, **about}, models, holds_itself)
    asked = {key: value for key, value in schema.items() if key not in _NOT_ASKED}
    if asked.get("additionalProperties"):
        del asked["additionalProperties"]
    if "properties" in asked:
        asked["properties"] = {name: _asked(field, models, endless) for name, field in asked["properties"].items()}
    if "items" in asked:
        asked["items"] = _asked(asked["items"], models, endless)
    for union in ("anyOf", "oneOf"):
        if union in asked:
            asked |= _choice([_asked(option, models, endless) for option in asked.pop(union)], endless)
    if "kind" in asked.get("properties", {}):
        asked["title"] = asked["properties"]["kind"]["const"]
    return _with_default_told(asked, schema)


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _holds_itself(name: str, models: dict[str, Any]) -> bool:
    reached: set[str] = set()
    ahead = [name]
    while ahead:
        held = {_name(reference) for reference in _references(models[ahead.pop()])} - reached
        reached |= held
        ahead.extend(held)
    return name in reached


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [reference for value in schema for reference in _references(value)]
    if not isinstance(schema, dict):
        return []
    here = [schema["$ref"]] if "$ref" in schema else []
    return here + _references(list(schema.values()))


def _choice(options: list[dict[str, Any]], endless: bool) -> dict[str, Any]:
    """A union, or the one thing it can be beside nothing: a field left empty is nothing already."""
    something = [option for option in options if option.get("type") != "null"]
    if endless and len(something) > 1:
        return {"type": "object"}
    return something[0] if len(something) == 1 else {"anyOf": something}


def _with_default_told(asked: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    default = schema.get("default")
    if default is None or isinstance(default, dict | list) or "const" in schema or default == "":
        return asked
    told = f"Default: {str(default).lower() if isinstance(default, bool) else default}."
    return {**asked, "description": f"{asked.get('description', '')} {told}".strip()}
