"""Where a training run keeps its checkpoints: a folder of its own on this machine, found again after a kill."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.stages.train.compute.ranks import Ranks
from tasks.store.manifest import Ref
from tasks.store.store import Store


def local_folder(store: Store, name: str) -> Path:
    """A folder on this machine: in a store on disk, else in the user's cache."""
    return Path(store.objects.full(name)) if store.objects.local else Path.home() / ".cache" / "pivotrl" / name


@contextmanager
def shared_scratch(store: Store, target: Ref, ranks: Ranks) -> Iterator[Path]:
    """The `scratch` of rank 0, on all ranks."""
    if not ranks.is_main:
        yield ranks.broadcast(Path())
        return
    with scratch(store, target) as folder:
        yield ranks.broadcast(folder)


@contextmanager
def scratch(store: Store, target: Ref) -> Iterator[Path]:
    """A folder that belongs to this run while it runs. It is removed when the block ends well, and kept for a resume
    when it does not.

    A second run of the same artefact on this machine gets a temporary one, so that neither reads the other's
    checkpoints.
    """
    folder = local_folder(store, "_scratch") / target.stage / target.version
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
