"""The child process of `rollout`: every part that is not done yet is sampled here, or by processes that this one
starts."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from tasks.artefact.writer import Writer
from tasks.children.child import enter
from tasks.children.pool import run_pool
from tasks.children.progress import Update, report
from tasks.policy.files import fetch
from tasks.stages.rollout.sampling import PartResult, part_sampler
from tasks.stages.rollout.stage import STAGE, RolloutSpec
from tasks.store.store import Store


class Reporter:
    """Tells the parent after each part how many are done, by whichever process."""

    def __init__(self, done: int, total: int, samples: int) -> None:
        self._done, self._total, self._samples = done, total, samples
        self._sampled = self._sampled_before = 0

    def __call__(self, part: PartResult) -> None:
        """Count one more part."""
        self._done += 1
        self._sampled += part.sampled
        self._sampled_before += part.sampled_before
        note = f"{self._sampled:,} states x {self._samples}"
        if self._sampled_before:
            note += f", {self._sampled_before:,} states sampled before"
        report(Update("rollout", self._done, self._total, note))


def work(spec: RolloutSpec) -> None:
    """Sample the parts that are not done yet."""
    store = Store(spec.store)
    writer = Writer(store, spec.target, STAGE.tables)
    parts = [part.index for part in store.manifest(spec.states).table("states")]
    open_parts = [index for index in parts if not writer.done(index)]
    if not open_parts:  # a run was stopped between its last part and its commit
        return
    reporter = Reporter(len(parts) - len(open_parts), len(parts), spec.config.samples)
    with tempfile.TemporaryDirectory(prefix="pivotrl-policy-") as workspace:
        folder = fetch(spec.policy, store, Path(workspace))
        run_pool(
            open_parts,
            partial(part_sampler, spec, folder),
            spec.config.processes,
            reporter,
            accelerators_each=spec.config.engine.tensor_parallel,
        )


if __name__ == "__main__":
    enter(RolloutSpec, work)
