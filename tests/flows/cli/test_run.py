import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT


@pytest.mark.slow
def test_what_can_be_told_at_once_is_told_before_prefect_is_imported(tmp_path: Path) -> None:
    code = "import sys; from flows.cli import main; print(main(sys.argv[1:]), 'prefect' in sys.modules)"
    arguments = ["run", "desk", "--store", str(tmp_path), "--set", "ingest.source=gone.jsonl"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["2", "False"], done.stderr
    assert "Starting Prefect" not in done.stderr


@pytest.mark.slow
def test_a_run_says_that_prefect_starts_and_its_own_server_registers_nothing() -> None:
    code = """
from flows.cli.run import say_that_prefect_starts
say_that_prefect_starts()
from prefect.settings import get_current_settings
print(get_current_settings().server.register_blocks_on_start)
"""
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.stdout, len(done.stderr.splitlines())) == ("False\n", 1)
    assert done.stderr.startswith("Starting Prefect with a server for this run")
