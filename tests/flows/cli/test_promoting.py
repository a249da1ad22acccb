import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli.promoting import text
from tasks.errors import ConfigurationError, NotInStore
from tasks.store.manifest import Manifest, Ref
from tasks.store.promotion import promote, promoted
from tasks.store.store import Store
from tests.servers import ROOT

COMMAND = """
import sys
from flows.cli.promoting import promoted_by_hand, text
from tasks.store.store import Store
print(text(promoted_by_hand(Store(sys.argv[1]), sys.argv[2])))
"""


def policy(store: Store, number: int, stage: str = "policies") -> Ref:
    ref = Ref(stage=stage, version=f"{number:016x}")
    store.commit(Manifest(stage=stage, version=ref.version, stage_version=1, config={}, inputs={}, parts=()))
    return ref


def by_hand(store: Store, artefact: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PREFECT_HOME": str(home)}
    environment.pop("PREFECT_API_URL", None)
    line = [sys.executable, "-c", COMMAND, store.root, artefact]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_roll_back_needs_no_server(store: Store, tmp_path: Path) -> None:
    one, two = policy(store, 1), policy(store, 2)
    promote(store, one)
    promote(store, two)
    done = by_hand(store, "policies@promoted-1", tmp_path / "home")
    assert done.stdout == f"{one} is promoted; before, {two} was\n", done.stderr
    assert promoted(store) == one
    assert not list(tmp_path.glob("home/*.db")), "Prefect's server was started for nothing"


def test_what_is_no_policy_is_refused(store: Store, tmp_path: Path) -> None:
    from flows.cli.promoting import promoted_by_hand

    with pytest.raises(ConfigurationError, match="is no policy"):
        promoted_by_hand(store, str(policy(store, 1, stage="pivots")))
    with pytest.raises(NotInStore, match="no version or tag 'promoted-1' of policies"):
        promoted_by_hand(store, "policies@promoted-1")


def test_the_sentence_says_what_was_before() -> None:
    assert text({"candidate": "policies@a", "before": None}) == "policies@a is promoted"
    assert text({"candidate": "policies@a", "before": "policies@a"}) == "policies@a was promoted already"
