"""PivotRL, its ablations and SFT on the same demonstrations, as a flow: each variant differs by configuration alone.

All are trained on the same trajectories and split, from the same model, and every policy is evaluated by the settings
of the configuration that is given, its verifier too, whatever the variant was trained with. Stages that variants have
in common run once.
"""

from __future__ import annotations

import json
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from pydantic import BaseModel, ConfigDict

from flows.pivotrl import evaluation, training
from flows.reuse import Given
from flows.settings.checks import check_context
from flows.settings.configuration import Changes, Preset, changed, resolved
from schemas.variants import VARIANT_NAMES, Variant
from tasks.artefact.stage import Artefact
from tasks.children.child import children_stopped_on_error
from tasks.errors import ConfigurationError
from tasks.orchestration.stage_task import fail_without_traceback
from tasks.policy.files import resolve, trained
from tasks.report.comparison import card, comparison
from tasks.stages.evaluate.stage import check
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
"""What each sets: the method, turns drawn without looking at their profile, and string equality as the reward are the
ablations of the paper's section on them."""


class Comparison(BaseModel):
    """Each variant's gain over the base, as `tasks.report.comparison.comparison` gives it, and what was made."""

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
    c = resolved(preset, config)
    check(c.evaluate)
    if not variants:
        raise ConfigurationError(f"compare: no variant is named; there are {', '.join(VARIANTS)}")
    configs = {name: changed(c, VARIANTS[name]) for name in variants}
    for varied in configs.values():
        check_training(varied.train)
    store = Store(c.store)
    base = resolve(c.model, store)
    for varied in configs.values():
        check_context(varied, base.location, store)
    artefacts: list[Artefact] = []
    measured: dict[str, Artefact] = {}
    with children_stopped_on_error():
        for name, varied in configs.items():
            made = list(training(varied, base, Given()))
            before, measured[name] = evaluation(c, made, base, stored_policy(made[-1].ref))
            artefacts += [*made, before, measured[name]]
    rows = comparison(store.read(before.ref), {name: store.read(one.ref) for name, one in measured.items()})
    settings = {name: json.dumps(VARIANTS[name]) for name in measured}
    create_markdown_artifact(card(rows, settings), key="comparison", description=", ".join(configs))
    return Comparison(rows=rows, artefacts=artefacts)
