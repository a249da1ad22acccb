"""The child process of `check`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tasks.artefact.writer import Writer
from tasks.children.child import enter
from tasks.policy.chat import ChatFormat
from tasks.policy.files import fetch_tokenizer
from tasks.stages.check.checking import write_checks
from tasks.stages.check.stage import STAGE, CheckSpec
from tasks.store.store import Store


def work(spec: CheckSpec) -> None:
    """Check the demonstrations of every part."""
    store = Store(spec.store)
    writer = Writer(store, spec.target, STAGE.tables)
    with tempfile.TemporaryDirectory(prefix="pivotrl-policy-") as workspace:
        folder = fetch_tokenizer(spec.policy.location, store, Path(workspace))
        chat = ChatFormat(folder, spec.config.parser, spec.policy.options)
        write_checks(writer, store, spec.states, spec.trajectories, spec.config, chat)


if __name__ == "__main__":
    enter(CheckSpec, work)
