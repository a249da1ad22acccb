"""The child process of `rollout`: one policy, and every part that is not done yet, sampled here or by processes that
this one starts."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from tasks.artefact.writer import Writer
from tasks.children.child import enter
from tasks.children.pool import deal
from tasks.children.progress import Update, report
from tasks.policy.files import fetch
from tasks.stages.rollout.parts import Finished, PartSampler
from tasks.stages.rollout.stage import STAGE, RolloutSpec
from tasks.store.store import Store


class Reporter:
    """Tells the parent after each part how many are done, by whichever process."""

    def __init__(self, done: int, total: int, samples: int) -> None:
        self._done, self._total, self._samples = done, total, samples
        self._sampled = self._known = 0

    def __call__(self, part: Finished) -> None:
        """Count one part more."""
        self._done += 1
        self._sampled, self._known = self._sampled + part.sampled, self._known + part.known
        note = f"{self._sampled:,} states x {self._samples}"
        if self._known:
            note += f", {self._known:,} states sampled before"
        report(Update("rollout", self._done, self._total, note))


def work(spec: RolloutSpec) -> None:
    """Sample what is left."""
    store = Store(spec.store)
    writer = Writer(store, spec.target, STAGE.tables)
    parts = [part.index for part in store.manifest(spec.states).table("states")]
    left = [index for index in parts if not writer.done(index)]
    if not left:  # a run was stopped between its last part and its commit
        return
    reporter = Reporter(len(parts) - len(left), len(parts), spec.config.samples)
    with tempfile.TemporaryDirectory(prefix="pivotrl-policy-") as workspace:
        folder = fetch(spec.policy, store, Path(workspace))
        deal(left, partial(PartSampler, spec, folder), spec.config.processes, reporter)


if __name__ == "__main__":
    enter(RolloutSpec, work)
