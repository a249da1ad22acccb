"""Commands that train: run, retrain, compare. They check what they can before they start Prefect, which takes long."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from flows.cli.options import AsJSON, ConfigName, Settings, StoreURL, answer
from schemas.stages import MADE_BY_RUN
from schemas.variants import VARIANT_NAMES, Variant

if TYPE_CHECKING:
    from flows.settings.pipeline import PipelineConfig


def run(
    config: ConfigName,
    /,
    *,
    settings: Settings = (),
    until: Annotated[str, Parameter(choices=MADE_BY_RUN, help="the last artefact to make")] = MADE_BY_RUN[-1],
    start: Annotated[
        str,
        Parameter(
            name="--from",
            metavar="STAGE@VERSION",
            help=f"start from an artefact: {MADE_BY_RUN[0]} to {MADE_BY_RUN[-2]}",
        ),
    ] = "",
    store: StoreURL = None,
    as_json: AsJSON = False,
) -> None:
    """Run the pipeline of a preset or a YAML file."""
    from flows.settings.checks import check_run
    from flows.settings.configuration import load_config

    c = load_config(config, settings, store)
    check_run(c, start, until)
    say_that_prefect_starts()
    from flows.pivotrl import pivotrl
    from tasks.report.run import evaluation_rows, stage_rows, text, write_report
    from tasks.store.store import Store

    artefacts = pivotrl("none", start, until, _changes(c))
    opened = Store(c.store)
    evaluation = evaluation_rows(opened, artefacts)
    report = write_report(opened, c, c.select.max_mean, artefacts)
    result = {"stages": stage_rows(artefacts), "evaluation": evaluation, "report": report}
    answer(result, lambda _: text(artefacts, evaluation, report), as_json=as_json)


def retrain(
    config: ConfigName,
    /,
    *,
    settings: Settings = (),
    min_gain: Annotated[
        float | None, Parameter(metavar="SE", help="gain in domain, in standard errors (default 1)")
    ] = None,
    max_ood_loss: Annotated[float | None, Parameter(metavar="RATE", help="loss out of domain (default 0.02)")] = None,
    store: StoreURL = None,
    as_json: AsJSON = False,
) -> None:
    """Train on old and new trajectories, promote what is better."""
    from flows.settings.checks import check_run
    from flows.settings.configuration import load_config, validate_section
    from schemas.config import GateConfig
    from tasks.stages.promote.gate import check_gate

    c = load_config(config, settings, store)
    bounds = {"min_gain": min_gain, "max_ood_loss": max_ood_loss}
    gate = validate_section(GateConfig, {name: bound for name, bound in bounds.items() if bound is not None}, "gate")
    check_run(c)
    check_gate(gate, c.evaluate, c.split)
    say_that_prefect_starts()
    from flows.retrain import retrain, text

    result = retrain("none", config=_changes(c), gate=gate)
    answer(result.model_dump(mode="json"), lambda _: text(result), as_json=as_json)


def compare(
    config: ConfigName,
    /,
    *,
    settings: Settings = (),
    variants: Annotated[
        tuple[Variant, ...], Parameter(metavar="VARIANT...", consume_multiple=(1, None), help="(default: all)")
    ] = VARIANT_NAMES,
    store: StoreURL = None,
    as_json: AsJSON = False,
) -> None:
    """PivotRL, its ablations and SFT on the same demonstrations."""
    from flows.settings.checks import check_run
    from flows.settings.configuration import load_config

    c = load_config(config, settings, store)
    check_run(c)
    say_that_prefect_starts()
    from flows.compare import compare
    from tasks.report.comparison import text

    result = compare("none", config=_changes(c), variants=list(variants))
    answer(result.model_dump(mode="json"), lambda _: text(result.rows), as_json=as_json)


def say_that_prefect_starts() -> None:
    """Print one line before half a minute of silence, and keep the server that a run starts for itself quiet."""
    # Nothing here uses block types. Of two servers that register them at once in a new PREFECT_HOME, one fails to, and
    # prints a hundred lines.
    os.environ.setdefault("PREFECT_SERVER_REGISTER_BLOCKS_ON_START", "false")
    server = os.environ.get("PREFECT_API_URL")
    where = f"on {server}" if server else "with a server for this run (one that stays: `pivotrl up`)"
    print(f"Starting Prefect {where}", file=sys.stderr, flush=True)


def _changes(config: PipelineConfig) -> dict[str, Any]:
    """The settings that a preset, a file or `--set` names: what a flow takes as its changes."""
    return config.model_dump(mode="json", exclude_unset=True)
