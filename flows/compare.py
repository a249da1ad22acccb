"""PivotRL, its ablations and SFT on the same demonstrations, as a flow:

    (ingest > split > ... > train > evaluate the base and the candidate) x variants > one table

Variants differ by configuration alone: all start from the same model, trajectories and split. Every policy is evaluated
with the settings and the verifier of the run's own configuration, whatever the variant was trained with. Stages that
variants have in common run once.
"""

from __future__ import annotations

import json
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from pydantic import BaseModel, ConfigDict

from flows.pivotrl import demonstrations, evaluation, training
from flows.reuse import Run
from flows.settings.checks import check_engines, check_format
from flows.settings.configuration import Changes, Preset, change_config, change_preset
from flows.settings.pipeline import PipelineConfig
from schemas.variants import VARIANT_NAMES, Variant
from tasks.artefact.stage import Artefact
from tasks.children.child import children_stopped_on_error
from tasks.errors import ConfigurationError
from tasks.orchestration.stage_task import fail_without_traceback
from tasks.policy.files import resolve
from tasks.report.comparison import card, comparison
from tasks.stages.evaluate.stage import check as check_evaluation
from tasks.stages.train.stage import check as check_training
from tasks.store.store import Store

VARIANTS: dict[str, dict[str, Any]] = {
    "pivotrl": {"train": {"method": "grpo"}, "select": {"mode": "pivots"}},
    "random_turns": {"train": {"method": "grpo"}, "select": {"mode": "random"}},
    "strict_match": {
        "train": {"method": "grpo"},
        "select": {"mode": "pivots"},
        "score": {"verifier": {"kind": "exact"}},
    },
    "sft": {"train": {"method": "sft"}},
}
"""The settings of each. `random_turns` draws turns without looking at their profile and `strict_match` rewards string
equality: these are the paper's ablations."""


class Comparison(BaseModel):
    """Each variant's gain over the base, as `tasks.report.comparison.comparison` gives it, and the run's artefacts."""

    model_config = ConfigDict(frozen=True)

    rows: list[dict[str, Any]]
    artefacts: list[Artefact]


@flow(name="compare")
@fail_without_traceback
def compare(
    preset: Preset = "desk",
    variants: list[Variant] = list(VARIANT_NAMES),  # noqa: B006 (a form's default)
    config: Changes = {},  # noqa: B006 (likewise)
) -> Comparison:
    """Train several ways on the same demonstrations, and show what each gains in domain and costs out of it.

    Args:
        preset: The configuration to start from, as for pivotrl.
        variants: PivotRL, PivotRL on random turns, PivotRL with string equality as its reward, SFT.
        config: What differs from the preset, for all variants alike.
    """
    c = change_preset(preset, config)
    check_evaluation(c.evaluate)
    if not variants:
        raise ConfigurationError(f"compare: no variant is named; there are {', '.join(VARIANTS)}")
    configs: dict[str, PipelineConfig] = {name: change_config(c, VARIANTS[name]) for name in variants}
    for variant in configs.values():
        check_training(variant.train)
    store = Store(c.store)
    base = resolve(c.model, store, c.model_options)
    for variant in configs.values():
        check_engines(variant, base.location, store)
    check_format(c, base.location, store)
    run = Run()
    evaluations: dict[str, Artefact] = {}
    with children_stopped_on_error():
        for name, variant in configs.items():
            data = demonstrations(variant, run)
            candidate = training(variant, data, base, run)
            base_evaluation = evaluation(c, data, base, run)
            evaluations[name] = evaluation(c, data, candidate, run)
    rows = comparison(
        store.read(base_evaluation.ref), {name: store.read(artefact.ref) for name, artefact in evaluations.items()}
    )
    settings = {name: json.dumps(VARIANTS[name]) for name in configs}
    create_markdown_artifact(card(rows, settings), key="comparison", description=", ".join(configs))
    return Comparison(rows=rows, artefacts=run.artefacts)
