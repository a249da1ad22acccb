"""Make a validated configuration of a preset or a YAML file and changes to it: `--set key=value`, or the UI's form."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ValidationError, WithJsonSchema

from flows.settings.form import changes_schema
from flows.settings.pipeline import PipelineConfig
from flows.settings.problems import nearest, problems
from schemas.locations import REFUSAL, holds_credentials
from tasks.errors import ConfigurationError

PRESETS = Path(__file__).parents[2] / "infra" / "presets"

_NONE = "none"
_Settings = TypeVar("_Settings", bound=BaseModel)

Preset = Literal["desk", "tool-use", "none"]
"""A configuration of infra/presets; none stands for the defaults alone."""

Changes = Annotated[dict[str, Any], WithJsonSchema(changes_schema(PipelineConfig))]
"""Any part of the settings, by section, as in a YAML file. In the UI it is a form with every setting."""


def preset_names() -> list[str]:
    """The configurations of infra/presets."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def change_preset(preset: str, changes: Mapping[str, Any]) -> PipelineConfig:
    """The configuration of a preset with changes to it, as a flow gets them.

    Raises:
        ConfigurationError: no such preset, an unknown key, a value out of bounds.
    """
    return _validate_config(_merge(_read_values(preset), changes), f"preset {preset!r} with the changes given")


def change_config(config: PipelineConfig, changes: Mapping[str, Any]) -> PipelineConfig:
    """A configuration that differs in nothing but the changes.

    Raises:
        ConfigurationError: an unknown key, a value out of bounds.
    """
    return _validate_config(_merge(config.model_dump(mode="json", exclude_unset=True), changes), "the changes given")


def load_config(name: str, settings: Sequence[str] = (), store: str | None = None) -> PipelineConfig:
    """The configuration of a preset or file with `key=value` settings applied in order, as the command line gets them.

    Raises:
        ConfigurationError: no such preset or file, not YAML, an unknown key, a value out of bounds.
    """
    values = _read_values(name)
    for setting in settings:
        _set_key(values, setting)
    if store is not None:
        values["store"] = store
    return _validate_config(values, name)


def validate_section(model: type[_Settings], values: Mapping[str, Any], where: str) -> _Settings:
    """Plain values as the settings that they are of.

    Raises:
        ConfigurationError: every problem with its key, one per line.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(f"{where}:\n{problems(model, error)}") from error


def default_store() -> str:
    """The store that PIVOTRL_STORE names, a path made absolute; "" where the environment names none.

    Raises:
        ConfigurationError: it is a URL with a credential in it.
    """
    store = os.environ.get("PIVOTRL_STORE", "")
    if holds_credentials(store):
        raise ConfigurationError(f"PIVOTRL_STORE: {REFUSAL}")
    return store if not store or "://" in store else str(Path(store).expanduser().absolute())


def _validate_config(values: dict[str, Any], where: str) -> PipelineConfig:
    """A store that the values do not name is the environment's."""
    store = default_store()
    return validate_section(PipelineConfig, {**({"store": store} if store else {}), **values}, where)


def _read_values(name: str) -> dict[str, Any]:
    """The values of a preset or of a YAML file."""
    if name == _NONE:
        return {}
    path = PRESETS / f"{name}.yaml" if name in preset_names() else Path(name)
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder: name the YAML file in it")
    if not path.is_file():
        known = [*preset_names(), _NONE]
        hint = nearest(name, known) or "."
        raise ConfigurationError(f"no preset or file {name!r}{hint} The presets are {', '.join(known)}")
    try:
        values = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigurationError(f"{path} holds a {type(values).__name__}; a configuration is a mapping of keys")
    return values


def _merge(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Sections are merged key by key; a verifier of another kind replaces the preset's whole."""
    merged = dict(values)
    for key, change in changes.items():
        value = merged.get(key)
        if isinstance(value, Mapping) and isinstance(change, Mapping) and not _is_of_another_kind(change, value):
            merged[key] = _merge(value, change)
        else:
            merged[key] = change
    return merged


def _is_of_another_kind(change: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    return "kind" in change and change["kind"] != value.get("kind")


def _set_key(values: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise ConfigurationError(f"--set {setting!r}: write it as key=value, such as select.max_mean=0.5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"--set {key}: {text!r} is not a YAML value: {error}") from error
    *sections, last = key.split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigurationError(f"--set {key}: {section!r} is a value, not a section")
        values = inner
    values[last] = value
