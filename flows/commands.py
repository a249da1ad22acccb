"""What each command of `pivotrl` does. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.store.store import Store

DEFAULT_STORE = ".pivotrl/store"


def run(given: argparse.Namespace) -> None:
    """Run the pipeline."""
    from flows.configuration import load

    config = load(given.config, given.settings, given.store)
    from flows.pivotrl import pivotrl
    from tasks.report.run import evaluation_rows, stage_rows, text, write_report
    from tasks.store.store import Store

    artefacts = pivotrl("none", config.model_dump(mode="json", exclude_unset=True), given.start, given.until)
    store = Store(config.store)
    evaluation = evaluation_rows(store, artefacts)
    report = write_report(store, config, artefacts)
    if given.json:
        _print_json({"stages": stage_rows(artefacts), "evaluation": evaluation, "report": report})
    else:
        print(text(artefacts, evaluation, report))


def ls(given: argparse.Namespace) -> None:
    """List the store."""
    from tasks.report.listing import listed, text

    _answer(given, {"artefacts": listed(_store(given), given.stage)}, lambda found: text(found["artefacts"]))


def show(given: argparse.Namespace) -> None:
    """Show an artefact and some of its rows."""
    from tasks.report.showing import shown, text

    store = _store(given)
    _answer(given, shown(store, store.resolve(given.artefact), given.rows), text)


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

    store = _store(given)
    _answer(given, export(store, store.resolve(given.artefact), given.format, Path(given.output)), text)


def import_(given: argparse.Namespace) -> None:
    """Take NeMo Gym rows."""
    from flows.importing import import_rows, text

    made = list(import_rows(given.source, _store(given)))
    _answer(given, {"stages": [artefact.model_dump() for artefact in made]}, lambda _: text(made))


def report(given: argparse.Namespace) -> None:
    """Write the pivot browser."""
    from tasks.report.browser import text, write

    store = _store(given)
    ref = store.resolve(given.artefact)
    output = Path(given.output or f"{ref.stage}-{ref.version}.html")
    _answer(given, write(store, ref, output, given.detail), text)


def verify(given: argparse.Namespace) -> None:
    """Try a verifier on a file of cases."""
    from flows.verify import verify

    counts = verify(given.verifier, given.cases, given.parser)
    if not given.json:
        print(", ".join(f"{n} {reason}" for reason, n in counts.most_common()) or "no cases", file=sys.stderr)


def _store(given: argparse.Namespace) -> Store:
    from tasks.store.store import Store

    return Store(given.store or DEFAULT_STORE)


def _answer(given: argparse.Namespace, found: dict[str, Any], text: Callable[[dict[str, Any]], str]) -> None:
    """One JSON object, or the same for a person."""
    if given.json:
        _print_json(found)
    else:
        print(text(found))


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False, default=str))
