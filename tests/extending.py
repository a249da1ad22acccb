"""A copy of this software to which a test adds something, as its README says how: a file, and a line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers import ROOT


class Copy:
    """The code below a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for package in ("flows", "tasks", "schemas", "infra"):
            ignored = shutil.ignore_patterns("__pycache__", "*.png", "*.safetensors")
            shutil.copytree(ROOT / package, folder / package, ignore=ignored)

    def add(self, path: str, text: str) -> None:
        """Write a new file."""
        assert not (self.folder / path).exists()
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_text(text)

    def change(self, path: str, before: str, after: str) -> None:
        """Change one place of a file."""
        text = (self.folder / path).read_text()
        assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times in {path}"
        (self.folder / path).write_text(text.replace(before, after))

    def python(self, *arguments: str, input: str = "") -> str:
        """What `python ARGUMENTS` prints there; it must succeed."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONSAFEPATH": "1"}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            input=input,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout
