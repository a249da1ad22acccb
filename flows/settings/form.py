"""The form of a run in Prefect's UI: the changes to a preset, one field a setting.

A field that is left alone is the preset's, so the form asks for nothing and fills nothing in; what the preset does not
name is the default, which the description gives. Bounds and choices are those of schemas/config.py, so that the form
refuses what the run would. Of a union (the verifiers) the form offers the kinds: all their settings side by side would
be a form that nobody reads, and they can be given as JSON.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

_NOT_ASKED = ("required", "default", "anyOf", "oneOf", "discriminator")


def changes_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of any part of `model`'s settings: nothing required, nothing filled in, without references."""
    schema = model.model_json_schema()
    return _asked(schema, schema.pop("$defs", {}))


def _asked(schema: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        about: dict[str, Any] = {key: value for key, value in schema.items() if key != "$ref"}
        return _asked({**models[schema["$ref"].rpartition("/")[2]], **about}, models)
    asked = {key: value for key, value in schema.items() if key not in _NOT_ASKED}
    if "properties" in asked:
        asked["properties"] = {name: _asked(field, models) for name, field in asked["properties"].items()}
    if "discriminator" in schema:
        asked |= _kinds(schema["discriminator"])
    if "anyOf" in schema:
        asked |= _something(schema["anyOf"])
    if asked.get("type") == "boolean":  # as a tick box it would be sent as false where nobody touched it
        del asked["type"]
        asked["enum"] = [True, False]
    return _with_default_told(asked, schema)


def _kinds(discriminator: dict[str, Any]) -> dict[str, Any]:
    """Which of the models of a union; their other settings are let through."""
    name, kinds = discriminator["propertyName"], list(discriminator["mapping"])
    choice = {"type": "string", "enum": kinds, "title": name.capitalize(), "description": "Its settings: as JSON."}
    return {"type": "object", "properties": {name: choice}}


def _something(options: list[dict[str, Any]]) -> dict[str, Any]:
    """The one thing that a value can be beside nothing: a field left empty is nothing already."""
    (option,) = (option for option in options if option != {"type": "null"})
    return option


def _with_default_told(asked: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    default = schema.get("default")
    if default is None or isinstance(default, dict | list) or default == "":
        return asked
    told = f"Default: {str(default).lower() if isinstance(default, bool) else default}."
    return {**asked, "description": f"{asked.get('description', '')} {told}".strip()}
