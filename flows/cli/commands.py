"""What each command of `pivotrl` does. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.settings.pipeline import PipelineConfig
    from tasks.store.store import Store


def run(given: argparse.Namespace) -> None:
    """Run the pipeline."""
    config = _configured(given)
    from flows.settings.checks import check_run

    check_run(config, given.start, given.until)
    _prefect_starts()
    from flows.pivotrl import pivotrl
    from tasks.report.run import evaluation_rows, stage_rows, text, write_report
    from tasks.store.store import Store

    artefacts = pivotrl("none", given.start, given.until, _changes(config))
    store = Store(config.store)
    evaluation = evaluation_rows(store, artefacts)
    report = write_report(store, config, config.select.max_mean, artefacts)
    found = {"stages": stage_rows(artefacts), "evaluation": evaluation, "report": report}
    _answer(given, found, lambda _: text(artefacts, evaluation, report))


def retrain(given: argparse.Namespace) -> None:
    """Train on old and new trajectories, and promote what is better."""
    config = _configured(given)
    from flows.settings.checks import check_run
    from flows.settings.configuration import validate_section
    from schemas.config import GateConfig
    from tasks.stages.promote.gate import check_gate

    bounds = {"min_gain": given.min_gain, "max_ood_loss": given.max_ood_loss}
    gate = validate_section(GateConfig, {name: bound for name, bound in bounds.items() if bound is not None}, "gate")
    check_run(config)
    check_gate(gate, config.evaluate, config.split)
    _prefect_starts()
    from flows.retrain import retrain, text

    found = retrain("none", config=_changes(config), gate=gate)
    _answer(given, found.model_dump(mode="json"), lambda _: text(found))


def compare(given: argparse.Namespace) -> None:
    """Train several ways on the same demonstrations."""
    config = _configured(given)
    from flows.settings.checks import check_run

    check_run(config)
    _prefect_starts()
    from flows.compare import compare
    from tasks.report.comparison import text

    found = compare("none", config=_changes(config), variants=list(given.variants))
    _answer(given, found.model_dump(mode="json"), lambda _: text(found.rows))


def promote(given: argparse.Namespace) -> None:
    """Put a policy into use."""
    from flows.cli.promoting import promoted_by_hand, text

    _answer(given, promoted_by_hand(_store(given), given.artefact), text)


def up(given: argparse.Namespace) -> None:
    """Prefect's server, the deployments and a worker, until Ctrl-C."""
    from flows.server.up import up

    up(given.port)


def deploy(given: argparse.Namespace) -> None:
    """What `up` deploys, on a server that runs already: a team's."""
    import tempfile
    from contextlib import suppress

    from flows.server.processes import heartbeat
    from tasks.errors import ConfigurationError

    url = os.environ.get("PREFECT_API_URL")
    if not url:
        raise ConfigurationError(
            "PREFECT_API_URL is not set: give it the address of a running server, such as "
            "http://127.0.0.1:4200/api. To start one here: pivotrl up"
        )
    environment = {**os.environ, **heartbeat()}  # before Prefect's import, which ends in a traceback where it is wrong
    from flows.server.deploying import deploy

    log = Path(tempfile.mkdtemp(prefix="pivotrl-deploy-")) / "deploy.log"
    try:
        deploy(environment, log)
        log.unlink()
    finally:
        with suppress(OSError):  # the log of what failed stays: the error names it
            log.parent.rmdir()
    print(f"Deployed prefect.yaml to {url}")


def ls(given: argparse.Namespace) -> None:
    """List the store."""
    from tasks.report.listing import listed, text

    _answer(given, {"artefacts": listed(_store(given), given.stage)}, lambda found: text(found["artefacts"]))


def show(given: argparse.Namespace) -> None:
    """Show an artefact and some of its rows."""
    from tasks.report.showing import shown, text

    store = _store(given)
    _answer(given, shown(store, store.resolve(given.artefact), given.rows, given.table), text)


def tag(given: argparse.Namespace) -> None:
    """Name an artefact."""
    from tasks.report.tagging import tagged, text

    store = _store(given)
    _answer(given, tagged(store, store.resolve(given.artefact), given.tag), text)


def diff(given: argparse.Namespace) -> None:
    """What changed between two versions."""
    from tasks.report.difference import difference, text

    store = _store(given)
    _answer(given, difference(store, store.resolve(given.a), store.resolve(given.b)), text)


def export(given: argparse.Namespace) -> None:
    """Write pivots for other software."""
    from tasks.exchange.export import export, text

    store, output = _store(given), _output(given.output)
    _answer(given, export(store, store.resolve(given.artefact), given.format, output), text)


def import_(given: argparse.Namespace) -> None:
    """Take NeMo Gym rows."""
    from flows.cli.importing import import_rows, rows_config, text
    from flows.settings.checks import check_source

    store = _store(given)
    check_source(rows_config(given.source))
    made = list(import_rows(given.source, store))
    _answer(given, {"stages": [artefact.model_dump() for artefact in made]}, lambda _: text(made))


def report(given: argparse.Namespace) -> None:
    """Write the pivot browser."""
    from tasks.report.browser import text, write

    store = _store(given)
    ref = store.resolve(given.artefact)
    output = _output(given.output or f"{ref.stage}-{ref.version}.html")
    _answer(given, write(store, ref, output, given.detail), text)


def verify(given: argparse.Namespace) -> None:
    """Try a verifier on a file of cases."""
    from flows.cli.verifying import verify

    counts = verify(given.verifier, given.cases, given.parser)
    if not given.json:
        print(", ".join(f"{n} {reason}" for reason, n in counts.most_common()) or "no cases", file=sys.stderr)


def _configured(given: argparse.Namespace) -> PipelineConfig:
    from flows.settings.configuration import load_config

    return load_config(given.config, given.settings, given.store)


def _changes(config: PipelineConfig) -> dict[str, Any]:
    """What a flow takes: the settings that were given, whatever file they came from."""
    return config.model_dump(mode="json", exclude_unset=True)


def _store(given: argparse.Namespace) -> Store:
    from flows.settings.configuration import default_store
    from schemas.locations import DEFAULT_STORE
    from tasks.errors import ConfigurationError
    from tasks.store.store import Store

    if given.store == "":
        raise ConfigurationError("--store is empty: give a path or an fsspec URL, or leave it out")
    return Store(given.store or default_store() or DEFAULT_STORE)


def _output(name: str) -> Path:
    """Where a file is to be written.

    Raises:
        ConfigurationError: in a folder that is not there, or a folder itself.
    """
    from tasks.errors import ConfigurationError

    path = Path(name)
    if not path.parent.is_dir():
        raise ConfigurationError(f"--output {name}: there is no folder {path.parent}")
    if path.is_dir():
        raise ConfigurationError(f"--output {name} is a folder: name a file in it")
    return path


def _prefect_starts() -> None:
    """One line before half a minute of silence.

    A server for one run registers no block types, which nothing here uses: of two that begin a new PREFECT_HOME at
    once, one would fail to, and print a hundred lines.
    """
    os.environ.setdefault("PREFECT_SERVER_REGISTER_BLOCKS_ON_START", "false")
    server = os.environ.get("PREFECT_API_URL")
    where = f"on {server}" if server else "with a server for this run (one that stays: `pivotrl up`)"
    print(f"Starting Prefect {where}", file=sys.stderr, flush=True)


def _answer(given: argparse.Namespace, found: dict[str, Any], text: Callable[[dict[str, Any]], str]) -> None:
    """One JSON object, or the same for a person."""
    if given.json:
        print(json.dumps(found, ensure_ascii=False, default=str))
    else:
        print(text(found))
