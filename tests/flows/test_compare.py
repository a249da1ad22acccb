"""Variants on the same demonstrations: they differ by configuration alone, and are measured alike."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from flows.compare import VARIANTS, Comparison, compare
from flows.settings.configuration import change_config, change_preset
from schemas.variants import VARIANT_NAMES
from tasks.errors import ConfigurationError
from tasks.report.difference import changed, flat
from tasks.store.store import Store
from tests.flows.growing import GrowingData


@pytest.mark.parametrize(
    ("variant", "differs"),
    [
        ("pivotrl", set()),
        ("random_turns", {"select.mode"}),
        ("strict_match", {"score.verifier"}),
        ("sft", {"train.method"}),
    ],
)
def test_a_variant_differs_in_one_thing(variant: str, differs: set[str]) -> None:
    base = change_preset("desk", {"score": {"verifier": {"kind": "message"}}})
    configs = (base, change_config(base, VARIANTS[variant]))
    settings, other_settings = (flat(config.model_dump(mode="json")) for config in configs)
    assert {".".join(key.split(".")[:2]) for key in changed(settings, other_settings)} == differs


def test_every_variant_has_its_settings_in_the_order_of_the_names() -> None:
    assert tuple(VARIANTS) == VARIANT_NAMES
    assert compare.parameters.properties["variants"]["default"] == list(VARIANT_NAMES)


def test_every_variant_undoes_what_the_configuration_says_of_it() -> None:
    odd = change_preset("desk", {"train": {"method": "sft"}, "select": {"mode": "random"}})
    configs = {name: change_config(odd, changes) for name, changes in VARIANTS.items()}
    assert {name: c.train.method for name, c in configs.items()} == {**dict.fromkeys(VARIANTS, "grpo"), "sft": "sft"}
    modes = {name: c.select.mode for name, c in configs.items() if name != "sft"}
    assert modes == {"pivotrl": "pivots", "random_turns": "random", "strict_match": "pivots"}


@pytest.fixture(scope="module")
def comparison(growing: GrowingData) -> Comparison:
    return compare("none", ["strict_match", "sft"], growing.settings())


def of(comparison: Comparison, stage: str) -> list[Any]:
    return [artefact for artefact in comparison.artefacts if artefact.stage == stage]


@pytest.mark.engine
@pytest.mark.server
def test_what_variants_have_in_common_runs_once(comparison: Comparison) -> None:
    assert [artefact.stage for artefact in comparison.artefacts] == [
        *("trajectories", "states", "checks", "rollouts", "scores", "profiles", "pivots", "policies"),
        *("evaluations", "evaluations", "trajectories", "states", "checks", "policies", "evaluations", "evaluations"),
    ]
    for stage in ("trajectories", "states"):
        assert len({artefact.version for artefact in of(comparison, stage)}) == 1
        assert of(comparison, stage)[1].cached
    base, strict, again, sft = of(comparison, "evaluations")
    assert again.cached and again.version == base.version
    assert len({base.version, strict.version, sft.version}) == 3


@pytest.mark.engine
@pytest.mark.server
def test_all_are_evaluated_by_one_verifier_whatever_they_were_trained_with(
    growing: GrowingData, comparison: Comparison
) -> None:
    trained = [growing.store.manifest(artefact.ref).inputs["verifier"] for artefact in of(comparison, "policies")]
    assert trained[0].startswith("exact") and trained[1].startswith("world_state")
    verifiers = {growing.store.manifest(artefact.ref).inputs["verifier"] for artefact in of(comparison, "evaluations")}
    assert verifiers == {trained[1]}


@pytest.mark.engine
@pytest.mark.server
def test_the_comparison_is_a_table_and_a_card(growing: GrowingData, comparison: Comparison) -> None:
    pooled = {(row["variant"], row["scope"]) for row in comparison.rows if row["suite"] == "all"}
    assert pooled == {(name, scope) for name in ("strict_match", "sft") for scope in ("in_domain", "ood")}
    cards = growing.api("/artifacts/filter", {"artifacts": {"key": {"any_": ["comparison"]}}})
    assert "data:image/png;base64," in cards[-1]["data"] and "| strict_match | sft |" in cards[-1]["data"]


@pytest.mark.server
def test_what_a_later_variant_could_not_do_is_refused_before_the_first(
    growing: GrowingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *of: None if name == "wandb" else find(name, *of))
    monkeypatch.setitem(VARIANTS, "sft", {"train": {"method": "sft", "trackers": ["wandb"]}})
    settings = growing.settings(store=f"{growing.store.root}-unused")
    with pytest.raises(ConfigurationError, match=r"train\.trackers names wandb"):
        compare("none", ["pivotrl", "sft"], settings)
    assert not list(Store(settings["store"]).artefacts())


@pytest.mark.server
def test_no_variant_is_a_mistake(growing: GrowingData) -> None:
    with pytest.raises(ConfigurationError, match="there are pivotrl, random_turns, strict_match, sft"):
        compare("none", [], growing.settings())
