"""Where a training run keeps its checkpoints: a folder of its own on this machine, found again after a kill."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.stages.train.compute.ranks import Processes
from tasks.store.manifest import Ref
from tasks.store.store import Store


def beside(store: Store, name: str) -> Path:
    """A folder on this machine: in a store on disk, else in the user's cache."""
    return Path(store.objects.full(name)) if store.objects.local else Path.home() / ".cache" / "pivotrl" / name


@contextmanager
def shared_scratch(store: Store, target: Ref, processes: Processes) -> Iterator[Path]:
    """`scratch` of the first process, in all of them."""
    if not processes.is_first:
        yield processes.firsts(Path())
        return
    with scratch(store, target) as folder:
        yield processes.firsts(folder)


@contextmanager
def scratch(store: Store, target: Ref) -> Iterator[Path]:
    """A folder that belongs to this run while it runs. Removed when the block ends well, kept for a resume when it
    does not.

    A second run of the same artefact on this machine gets a temporary one, so that neither reads the other's
    checkpoints.
    """
    folder = beside(store, "_scratch") / target.stage / target.version
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with tempfile.TemporaryDirectory(prefix="pivotrl-train-") as private:
                yield Path(private)
            return
        yield folder
        shutil.rmtree(folder)
