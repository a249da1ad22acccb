"""The form of a run in Prefect's UI: the changes to a preset, one field per setting.

The form requires nothing and fills nothing in: a field that is left empty has the preset's value, or the default where
the preset names none, which the description gives. Bounds and choices are those of the configuration's sections, so
that the form refuses what the run would. Of a union (the verifiers) the form offers the kinds alone, because all their
settings side by side would be a form that nobody reads; they can be given as JSON.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

_LEFT_OUT = ("required", "default", "anyOf", "oneOf", "discriminator")


def changes_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of any part of `model`'s settings: nothing required, nothing filled in, without references."""
    schema = model.model_json_schema()
    return _field(schema, schema.pop("$defs", {}))


def _field(schema: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    """The schema of a field of the form, or of a section with its fields."""
    if "$ref" in schema:
        beside: dict[str, Any] = {key: value for key, value in schema.items() if key != "$ref"}
        return _field({**models[schema["$ref"].rpartition("/")[2]], **beside}, models)
    field = {key: value for key, value in schema.items() if key not in _LEFT_OUT}
    if "properties" in field:
        field["properties"] = {name: _field(inner, models) for name, inner in field["properties"].items()}
    if "discriminator" in schema:
        field |= _choice_of_kind(schema["discriminator"])
    if "anyOf" in schema:
        field |= _without_null(schema["anyOf"])
    if field.get("type") == "boolean":  # a tick box that nobody touched would be sent as false
        del field["type"]
        field["enum"] = [True, False]
    return _with_default(field, schema)


def _choice_of_kind(discriminator: dict[str, Any]) -> dict[str, Any]:
    """Which of the models of a union. Without additionalProperties, their other settings pass as JSON."""
    name, kinds = discriminator["propertyName"], list(discriminator["mapping"])
    choice = {"type": "string", "enum": kinds, "title": name.capitalize(), "description": "Its settings: as JSON."}
    return {"type": "object", "properties": {name: choice}}


def _without_null(options: list[dict[str, Any]]) -> dict[str, Any]:
    """The one type of an optional value: a field that is left empty is null already."""
    (option,) = (option for option in options if option != {"type": "null"})
    return option


def _with_default(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The field with its default in the description, where that tells something."""
    default = schema.get("default")
    if default is None or isinstance(default, dict | list) or default == "":
        return field
    sentence = f"Default: {str(default).lower() if isinstance(default, bool) else default}."
    return {**field, "description": f"{field.get('description', '')} {sentence}".strip()}
