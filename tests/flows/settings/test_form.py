"""The form in Prefect's UI: what its schema lets through is what a configuration lets through."""

import json
from typing import Any, get_args

import jsonschema
import pytest
from prefect.utilities.callables import parameter_schema

from flows.pivotrl import pivotrl
from flows.settings.configuration import Preset, change_preset, load_config, preset_names
from flows.settings.form import changes_schema
from flows.settings.pipeline import PipelineConfig
from schemas.stages import MADE_BY_RUN
from tasks.errors import ConfigurationError

SCHEMA = changes_schema(PipelineConfig)


def fields(schema: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    named = []
    for name, field in schema.get("properties", {}).items():
        named += [(f"{path}{name}", field), *fields(field, f"{path}{name}.")]
    return named


def test_the_schema_has_an_end_and_no_references() -> None:
    assert "$ref" not in json.dumps(SCHEMA)
    assert len(json.dumps(SCHEMA)) < 60_000


def test_every_setting_of_the_configuration_is_in_the_form() -> None:
    names = {name for name, _ in fields(SCHEMA)}
    assert {"model", "store", "ingest.source", "rollout.engine.max_model_len", "train.learning_rate"} <= names
    assert {name for name in names if "." not in name} == set(PipelineConfig.model_fields)


@pytest.mark.parametrize(("name", "field"), fields(SCHEMA))
def test_a_setting_says_what_it_is_and_fills_nothing_in(name: str, field: dict[str, Any]) -> None:
    assert field["description"]
    assert field["title"]
    assert "default" not in field
    assert "required" not in field


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({}, True),
        ({"select": {"max_mean": 0.5}}, True),
        ({"select": {"max_mean": 1.5}}, False),
        ({"rollout": {"samples": 1}}, False),
        ({"split": {"by": "row"}}, False),
        ({"selcet": {}}, False),
        ({"score": {"verifier": {"kind": "exact"}}}, True),
        ({"score": {"verifier": {"kind": "all_of", "verifiers": [{"kind": "exact"}]}}}, True),
    ],
)
def test_the_form_refuses_what_the_configuration_refuses(changes: dict[str, Any], passes: bool) -> None:
    in_form = jsonschema.Draft202012Validator(parameter_schema(pivotrl.fn).model_dump()).is_valid({"config": changes})
    try:
        change_preset("desk", changes)
    except ConfigurationError:
        assert not passes
    else:
        assert passes
    assert in_form == passes


def test_the_presets_of_the_form_are_the_files_and_none() -> None:
    assert sorted(get_args(Preset)) == sorted([*preset_names(), "none"])


def test_the_ends_of_the_form_are_what_a_run_makes_in_order() -> None:
    properties = parameter_schema(pivotrl.fn).model_dump()["properties"]
    assert properties["until"]["enum"] == list(MADE_BY_RUN)


def test_changes_are_laid_over_the_preset() -> None:
    changed = change_preset("desk", {"select": {"max_mean": 0.5}, "train": {"engine": {"max_model_len": 1024}}})
    desk = load_config("desk")
    assert changed.select.max_mean == 0.5
    assert changed.train.engine.max_model_len == 1024
    assert changed.train.learning_rate == desk.train.learning_rate
    assert changed.evaluate == desk.evaluate
    assert change_preset("desk", {}) == desk


def test_a_verifier_of_another_kind_replaces_the_preset_s_whole() -> None:
    similar = {"score": {"verifier": {"message_similarity": 0.5}}}
    assert change_preset("desk", similar).score.verifier.message_similarity == 0.5
    assert change_preset("desk", {"score": {"verifier": {"kind": "exact"}}}).score.verifier.kind == "exact"


def test_none_starts_from_the_defaults() -> None:
    changes = {"model": "desk", "ingest": {"source": "a.jsonl"}}
    assert change_preset("none", changes) == PipelineConfig.model_validate(changes)
    with pytest.raises(ConfigurationError, match="ingest: must be given"):
        change_preset("none", {})


def test_a_mistake_names_the_preset_and_the_key() -> None:
    with pytest.raises(ConfigurationError, match=r"preset 'desk'.*\n +select.max_meen: no such key"):
        change_preset("desk", {"select": {"max_meen": 0.5}})
