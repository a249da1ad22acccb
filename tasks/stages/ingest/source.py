"""The files that a source names, and a digest of their content.

A source is a file, a folder, a glob, any fsspec URL, or a built-in world:

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
    """The parts of a world:// URL; None for any other source.

    Raises:
        ConfigurationError: a parameter that is unknown or not a whole number.
    """
    if not source.startswith("world://"):
        return None
    url = urlsplit(source)
    parameters = {key: values[-1] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
    unknown = parameters.keys() - {"episodes", "seed"}
    if unknown or not all(value.isdecimal() for value in parameters.values()):
        raise ConfigurationError(
            f"ingest.source {source!r}: write world://NAME?episodes=200&seed=0, with whole numbers"
        )
    return WorldSource(url.netloc, int(parameters.get("episodes", "200")), int(parameters.get("seed", "0")))


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
    # fsspec caches listings, and a worker lives long: it must see the files that were added since its last look.
    filesystem.invalidate_cache()
    # A name that exists is no glob, even where it looks like one: `x[1].json`.
    fixed = path if filesystem.exists(path) else re.split(r"[*?[]", path)[0].rpartition("/")[0]
    matches = [path] if fixed == path else filesystem.glob(path)
    names = {name for match in matches for name in _below(filesystem, match)}
    # Hidden names below the source are left out; the source itself may lie in a hidden folder.
    visible = sorted(name for name in names if "/." not in name.removeprefix(fixed.rstrip("/")))
    if not visible:
        raise InputError(f"ingest.source {source!r}: no such file or folder, or nothing in it")
    return [SourceFile(filesystem, name, filesystem.unstrip_protocol(name)) for name in visible]


def source_digest(source: str) -> dict[str, str]:
    """A digest of each file's content, by URI. The date of a file does not count.

    It is the tag that an object store keeps of the content, or else the SHA-256 of the bytes. That of a world is made
    from its demonstrations, since the world's code may have changed.

    Raises:
        InputError: as `files`.
    """
    world = world_source(source)
    if world:
        digest = hashlib.sha256()
        # Imported here, by name: only a world source needs the worlds.
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
