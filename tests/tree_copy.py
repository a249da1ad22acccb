"""A copy of the code in a folder of its own, to be changed as a README says and then used."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def copy_tree(folder: Path) -> Path:
    """The packages that the project is made of, without tests."""
    for package in ("flows", "tasks", "schemas", "infra"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def replace_once(path: Path, old: str, new: str) -> None:
    """One edit, at the one place that it can be meant for."""
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new))


def run_in(folder: Path, code: str) -> str:
    """What a Python program prints there."""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()
