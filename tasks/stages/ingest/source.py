"""Which files a source names, and what their content is: a file, a folder, a glob, any fsspec URL, or a built-in world.

/data/runs            every file below, sorted; names that begin with a dot are left out
s3://bucket/runs/*.jsonl.gz
world://desk?episodes=200&seed=0
"""

from __future__ import annotations

import hashlib
import importlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import fsspec
import orjson

from schemas.locations import REFUSAL, holds_credentials
from tasks.errors import ConfigurationError, InputError

_ETAGS = ("ETag", "etag", "md5Hash", "crc32c")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: where it is, and the URI by which tables name it."""

    filesystem: Any
    path: str
    uri: str


@dataclass(frozen=True, slots=True)
class WorldSource:
    """Demonstrations that a built-in world generates."""

    world: str
    episodes: int
    seed: int


def world_source(source: str) -> WorldSource | None:
    """The parts of a world:// URL, None for any other source.

    Raises:
        ConfigurationError: a parameter that is unknown or not a whole number.
    """
    if not source.startswith("world://"):
        return None
    url = urlsplit(source)
    given = {key: values[-1] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
    unknown = given.keys() - {"episodes", "seed"}
    if unknown or not all(value.isdecimal() for value in given.values()):
        raise ConfigurationError(
            f"ingest.source {source!r}: write world://NAME?episodes=200&seed=0, with whole numbers"
        )
    return WorldSource(url.netloc, int(given.get("episodes", "200")), int(given.get("seed", "0")))


def files(source: str) -> list[SourceFile]:
    """The files that a source names, sorted by path.

    Raises:
        InputError: nothing is there, or no file system serves such a URL.
        ConfigurationError: the URL holds a credential.
    """
    if holds_credentials(source):
        raise ConfigurationError(f"ingest.source: {REFUSAL}")
    try:
        filesystem, path = fsspec.core.url_to_fs(source)
    except (ValueError, ImportError) as error:
        raise InputError(f"ingest.source {source!r}: no file system for this URL: {error}") from error
    # A long-lived process must see what was added since it last looked.
    filesystem.invalidate_cache()
    fixed = path if filesystem.exists(path) else re.split(r"[*?[]", path)[0].rpartition("/")[0]
    matches = [path] if fixed == path else filesystem.glob(path)
    names = {name for match in matches for name in _below(filesystem, match)}
    found = sorted(name for name in names if "/." not in name.removeprefix(fixed.rstrip("/")))
    if not found:
        raise InputError(f"ingest.source {source!r}: no such file or folder, or nothing in it")
    return [SourceFile(filesystem, name, filesystem.unstrip_protocol(name)) for name in found]


def source_digest(source: str) -> dict[str, str]:
    """What the content of each file is, by URI: never its date.

    The SHA-256 of the bytes, or the store's own content tag where it has one (object stores). A world is asked for
    its demonstrations: its code may have changed.

    Raises:
        InputError: as `files`.
    """
    world = world_source(source)
    if world:
        digest = hashlib.sha256()
        # Imported here: only a world source needs the worlds.
        demonstrations = importlib.import_module("tasks.worlds.demonstrations")
        for record in demonstrations.records(world.world, world.episodes, world.seed):
            digest.update(orjson.dumps(record))
        return {source: digest.hexdigest()}
    return {file.uri: _digest(file) for file in files(source)}


def _digest(file: SourceFile) -> str:
    info = file.filesystem.info(file.path)
    tag = next((info[key] for key in _ETAGS if info.get(key)), None)
    if tag is not None:
        return f"{info.get('size')}:{tag}"
    digest = hashlib.sha256()
    with file.filesystem.open(file.path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _below(filesystem: Any, path: str) -> list[str]:
    if filesystem.isfile(path):
        return [path]
    names: list[str] = filesystem.find(path)
    return names
