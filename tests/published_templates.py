"""Chat templates that packages publish: TRL's own, and llama.cpp's in the source archive of llama-cpp-python.

They are fetched once into the virtual environment, and are never part of this repository.
"""

from __future__ import annotations

import fcntl
import sys
import tarfile
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tests.packages import CACHE, NotAvailable, download

TRL, LLAMA_CPP = "trl", "llama.cpp"
_ARCHIVE = "llama-cpp-python==0.3.36"
_INSIDE = "/vendor/llama.cpp/models/templates/"


def templates(package: str) -> Path:
    """The folder of a package's templates.

    Raises:
        NotAvailable: TRL is not installed, or pip cannot fetch the archive.
    """
    found = _trl() if package == TRL else _llama_cpp()
    if isinstance(found, NotAvailable):
        raise found
    return found


def _trl() -> Path | NotAvailable:
    found = find_spec("trl")
    if found is None or found.origin is None:
        return NotAvailable("trl is not installed: pip install -r infra/test.txt")
    return Path(found.origin).parent / "chat_templates"


@cache
def _llama_cpp() -> Path | NotAvailable:
    """The folder, or why there is none: pip is asked once per process."""
    folder = CACHE / _ARCHIVE.replace("==", "-")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent) as workspace:
                try:
                    _download(Path(workspace)).rename(folder)
                except NotAvailable as error:
                    return error
    return folder


def _download(workspace: Path) -> Path:
    """A folder in `workspace` with the templates. pip asks the package for its metadata too, and builds nothing."""
    name = _ARCHIVE.partition("==")[0]
    archive = download(_ARCHIVE, workspace, "--no-binary", name)
    folder = workspace / "templates"
    folder.mkdir()
    with tarfile.open(archive) as members:
        for member in members:
            content = members.extractfile(member) if _INSIDE in member.name and member.isfile() else None
            if content and member.name.endswith(".jinja"):
                (folder / Path(member.name).name).write_bytes(content.read())
    return folder


if __name__ == "__main__":
    try:
        templates(LLAMA_CPP)
    except NotAvailable as error:
        sys.exit(f"{error}\nTests of published chat templates will be skipped.")
