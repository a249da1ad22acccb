import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli.tags import promote_by_hand, promotion_text
from tasks.errors import ConfigurationError
from tasks.store.manifest import Manifest, Ref
from tasks.store.promotion import policy_in_use, promote
from tasks.store.store import Store
from tests.flows.cli.conftest import run
from tests.servers import ROOT


def commit(store: Store, number: int, stage: str = "policies") -> Ref:
    ref = Ref(stage=stage, version=f"{number:016x}")
    store.commit(Manifest(stage=stage, version=ref.version, stage_version=1, config={}, inputs={}, parts=()))
    return ref


def by_hand(store: Store, artefact: str, home: Path, *options: str) -> str:
    environment = {**os.environ, "PREFECT_HOME": str(home)}
    environment.pop("PREFECT_API_URL", None)
    line = [sys.executable, "-m", "flows.cli", "promote", artefact, "--store", store.root, *options]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_roll_back_needs_no_server(store: Store, tmp_path: Path) -> None:
    first, second = commit(store, 1), commit(store, 2)
    promote(store, first)
    promote(store, second)
    home = tmp_path / "home"
    assert by_hand(store, "policies@promoted-1", home) == f"{first} is promoted; before, {second} was\n"
    assert policy_in_use(store) == first
    assert json.loads(by_hand(store, str(first), home, "--json")) == {"candidate": str(first), "before": str(first)}
    assert not list(home.glob("*.db")), "Prefect's server was started for nothing"


def test_what_is_no_policy_is_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigurationError, match="is no policy"):
        promote_by_hand(store, commit(store, 1, stage="pivots"))
    status, out, err = run(capsys, "promote", "policies@promoted-1", "--store", store.root)
    assert (status, out) == (2, "") and "no version or tag 'promoted-1' of policies" in err


def test_the_sentence_says_what_was_before() -> None:
    assert promotion_text({"candidate": "policies@a", "before": None}) == "policies@a is promoted"
    assert promotion_text({"candidate": "policies@a", "before": "policies@a"}) == "policies@a was promoted already"
