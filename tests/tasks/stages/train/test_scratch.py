"""Where checkpoints lie: found again after a fault, removed after success, and never shared by two runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.stages.train.compute.ranks import Ranks
from tasks.stages.train.scratch import local_folder, scratch, shared_scratch
from tasks.store.manifest import Ref
from tasks.store.store import Store

TARGET = Ref(stage="policies", version="00000000000000aa")


def test_it_is_kept_after_a_fault_and_removed_after_success(store: Store) -> None:
    def train() -> None:
        with scratch(store, TARGET) as folder:
            (folder / "checkpoint").write_text("step 3")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train()
    with scratch(store, TARGET) as folder:
        assert (folder / "checkpoint").read_text() == "step 3"
    assert not folder.exists()


def test_a_second_run_of_the_same_artefact_has_a_private_one(store: Store) -> None:
    with scratch(store, TARGET) as first:
        with scratch(store, TARGET) as second:
            assert second != first and not list(second.iterdir())
        assert first.exists() and not second.exists()


def test_one_rank_shares_it_with_itself(store: Store) -> None:
    with shared_scratch(store, TARGET, Ranks()) as folder:
        assert folder == local_folder(store, "_scratch") / "policies" / TARGET.version


def test_it_lies_in_a_store_on_disk_and_else_in_the_users_cache(store: Store, monkeypatch) -> None:
    assert local_folder(store, "_scratch") == Path(store.root.removeprefix("file://")) / "_scratch"
    monkeypatch.setattr(store.objects, "local", False)
    assert local_folder(store, "_scratch") == Path.home() / ".cache" / "pivotrl" / "_scratch"
