"""Prefect loads `flows/pivotrl.py:pivotrl` with flows/ first on sys.path: nothing in it may hide another module."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.machinery import PathFinder

import pytest
import yaml

from tests.servers import ROOT

FLOWS = ROOT / "flows"
NAMES = sorted(path.stem for path in FLOWS.iterdir() if not path.name.startswith("__"))
PROGRAM = """
import importlib, json, sys
from pathlib import Path
from prefect.flows import load_flow_from_entrypoint

flows = Path("flows").resolve()

def from_flows():
    origins = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    return sorted(
        name
        for name, path in origins.items()
        if path and "." not in name and name != "flows" and Path(path).is_relative_to(flows)
    )

for entrypoint in sys.argv[1:]:
    load_flow_from_entrypoint(entrypoint)
assert sys.path[0] == str(flows), sys.path
for library in ("polars", "pandera.polars", "s3fs", "fsspec", "httpx", "matplotlib.pyplot", "pyarrow.parquet"):
    importlib.import_module(library)
loaded = from_flows()
import settings
print(json.dumps([loaded, from_flows()]))
"""


@pytest.mark.slow
def test_what_a_flow_imports_is_not_taken_from_the_folder_of_flows() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    entrypoints = [deployment["entrypoint"] for deployment in deployments]
    line = [sys.executable, "-c", PROGRAM, *entrypoints]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    flows, and_settings = json.loads(done.stdout.splitlines()[-1])
    assert flows == sorted(entrypoint.partition(".py")[0].removeprefix("flows/") for entrypoint in entrypoints)
    assert and_settings == sorted([*flows, "settings"]), "a module that hides another would be seen"


def test_the_names_are_those_of_the_folder() -> None:
    assert {"cli", "settings", "server", "pivotrl", "retrain", "compare"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_installed_has_the_name_of_a_module_of_flows(name: str) -> None:
    assert name not in sys.stdlib_module_names
    installed = [path for path in sys.path if path not in ("", str(FLOWS))]
    assert PathFinder.find_spec(name, installed) is None
