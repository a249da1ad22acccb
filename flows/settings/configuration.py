"""From a preset or a YAML file, and changes to it (`--set key=value`, the UI's form), to a validated configuration."""

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
"""A configuration of infra/presets; none: the defaults."""

Changes = Annotated[dict[str, Any], WithJsonSchema(changes_schema(PipelineConfig))]
"""Settings by section, as in a YAML file; any part of them. In the UI, a form with every setting."""


def presets() -> list[str]:
    """The names of the built-in configurations."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def resolved(preset: str, changes: Mapping[str, Any]) -> PipelineConfig:
    """The configuration of a preset with changes to it.

    Raises:
        ConfigurationError: no such preset, an unknown key, a value out of bounds.
    """
    return validated(_changed(_preset(preset), changes), f"preset {preset!r} with the changes given")


def changed(config: PipelineConfig, changes: Mapping[str, Any]) -> PipelineConfig:
    """A configuration that differs in nothing but the changes.

    Raises:
        ConfigurationError: an unknown key, a value out of bounds.
    """
    return validated(_changed(config.model_dump(mode="json", exclude_unset=True), changes), "the changes given")


def load(name: str, settings: Sequence[str] = (), store: str | None = None) -> PipelineConfig:
    """The configuration of a preset or file, with settings applied in order.

    Raises:
        ConfigurationError: no such preset or file, not YAML, an unknown key, a value out of bounds.
    """
    values = _preset(name)
    for setting in settings:
        _set(values, setting)
    if store is not None:
        values["store"] = store
    return validated(values, name)


def validated(values: dict[str, Any], where: str) -> PipelineConfig:
    """The configuration of plain values; a store that they do not name is the environment's, PIVOTRL_STORE.

    Raises:
        ConfigurationError: as `section`.
    """
    store = default_store()
    return section(PipelineConfig, {**({"store": store} if store else {}), **values}, where)


def section(model: type[_Settings], values: Mapping[str, Any], where: str) -> _Settings:
    """The settings of plain values.

    Raises:
        ConfigurationError: every problem with its key, one a line.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(f"{where}:\n{problems(model, error)}") from error


def default_store() -> str:
    """The store that the environment names, PIVOTRL_STORE, a path as it is seen from here; empty where it names none.

    Raises:
        ConfigurationError: it is a URL with a credential in it.
    """
    named = os.environ.get("PIVOTRL_STORE", "")
    if holds_credentials(named):
        raise ConfigurationError(f"PIVOTRL_STORE: {REFUSAL}")
    return named if not named or "://" in named else str(Path(named).expanduser().absolute())


def _preset(name: str) -> dict[str, Any]:
    """The values of a preset or of a YAML file."""
    if name == _NONE:
        return {}
    path = PRESETS / f"{name}.yaml" if name in presets() else Path(name)
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder: name the YAML file in it")
    if not path.is_file():
        known = [*presets(), _NONE]
        hint = nearest(name, known) or "."
        raise ConfigurationError(f"no preset or file {name!r}{hint} The presets are {', '.join(known)}")
    try:
        values = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigurationError(f"{path} holds a {type(values).__name__}; a configuration is a mapping of keys")
    return values


def _changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Sections are merged key by key; a verifier of another kind replaces the one before it whole."""
    changed = dict(values)
    for key, change in changes.items():
        before = changed.get(key)
        if isinstance(before, Mapping) and isinstance(change, Mapping) and not _another_kind(before, change):
            changed[key] = _changed(before, change)
        else:
            changed[key] = change
    return changed


def _another_kind(before: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
    return "kind" in change and change["kind"] != before.get("kind")


def _set(values: dict[str, Any], setting: str) -> None:
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
