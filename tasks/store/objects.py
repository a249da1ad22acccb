"""Bytes on any fsspec file system. An object is visible whole or not at all, and can be created exactly once.

On a local disk a file is written under a hidden name, synced, and renamed (`put`) or linked (`create`) into place,
because fsspec's own `mode="create"` is not atomic there. On an object store one PUT is atomic, and `If-None-Match: *`
makes it create only.
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from schemas.locations import REFUSAL, holds_credentials
from tasks.errors import ConfigurationError, StoreError


class Objects:
    """The objects below one root, addressed by relative keys such as `states/5be1.../manifest.json`."""

    def __init__(self, root: str) -> None:
        if holds_credentials(root):
            raise ConfigurationError(f"store: {REFUSAL}")
        options: dict[str, Any] = {"use_listings_cache": False} if root.startswith("s3://") else {}
        try:
            self.fs, self.path = fsspec.url_to_fs(root, **options)
        except (ValueError, ImportError) as error:
            raise ConfigurationError(
                f"store {root!r}: {error}; give a path or a URL such as s3://bucket/folder"
            ) from error
        self.path = self.path.rstrip("/")
        self.local = isinstance(self.fs, LocalFileSystem)
        if self.local and Path(self.path).is_file():
            raise ConfigurationError(
                f"store {root!r} is a file: give a folder or a URL by --store, PIVOTRL_STORE or the key `store`"
            )

    def full(self, key: str) -> str:
        """The file system's own path of a key."""
        return f"{self.path}/{key}"

    def url(self, key: str) -> str:
        """The key with its protocol, as Polars, pandas or DuckDB open it; a local path stays a path."""
        return self.full(key) if self.local else str(self.fs.unstrip_protocol(self.full(key)))

    def get(self, key: str) -> bytes:
        """The bytes of an object.

        Raises:
            FileNotFoundError: there is none.
            StoreError: it cannot be read (no such root, no access, no answer).
        """
        with self._faults_in_words("read", key, FileNotFoundError):
            data: bytes = self.fs.cat_file(self.full(key))
            return data

    def exists(self, key: str) -> bool:
        """Whether the object is there now."""
        with self._faults_in_words("look for", key):
            return bool(self.fs.exists(self.full(key)))

    def put(self, key: str, data: bytes) -> None:
        """Write an object whole, replacing one of the same key.

        Raises:
            StoreError: it cannot be written (no space, no such bucket, no access, no answer).
        """
        with self._faults_in_words("write", key):
            if self.local:
                os.replace(self._write_aside(key, data), self.full(key))
            else:
                self.fs.pipe_file(self.full(key), data)

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless one of that key exists; True if this call made it.

        Raises:
            StoreError: as `put`.
        """
        # A refusal does not tell who made the object: a client that lost the answer sends its request again, and is
        # then refused because of itself. So the object is read back. Servers also refuse in several ways: s3fs raises
        # FileExistsError, or OSError (EINVAL) for a 412.
        try:
            with self._faults_in_words("write", key, FileExistsError):
                if self.local:
                    self._link(key, data)
                else:
                    self.fs.pipe_file(self.full(key), data, mode="create")
        except FileExistsError:
            return not self.local and self.get(key) == data
        except StoreError:
            if not self.exists(key):
                raise
            return self.get(key) == data
        return True

    def _link(self, key: str, data: bytes) -> None:
        aside = self._write_aside(key, data)
        try:
            os.link(aside, self.full(key))
        finally:
            os.unlink(aside)

    def _write_aside(self, key: str, data: bytes) -> str:
        target = Path(self.full(key))
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.parent / f".{target.name}.{uuid.uuid4().hex}"
        try:
            with aside.open("xb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        return str(aside)

    def names(self, key: str, *, hidden: bool = False) -> list[str]:
        """Names directly below a key, sorted; empty where nothing is.

        Args:
            hidden: also the files that are being written, or were when their process was killed.
        """
        try:
            with self._faults_in_words("list", key, FileNotFoundError):
                paths = self.fs.ls(self.full(key), detail=False)
        except FileNotFoundError:
            return []
        # Some file systems list the folder itself among its contents.
        below = [path for path in (str(path).rstrip("/") for path in paths) if path != self.full(key)]
        names = {path.rsplit("/", 1)[-1] for path in below}
        return sorted(name for name in names if hidden or not name.startswith("."))

    def remove(self, key: str) -> None:
        """Remove an object, or everything below a key; nothing there is fine."""
        with self._faults_in_words("remove", key):
            try:
                self.fs.rm(self.full(key), recursive=True)
            except FileNotFoundError:
                return
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:  # another run has just written there, and will remove it itself
                    raise

    @contextmanager
    def _faults_in_words(self, doing: str, key: str, *expected: type[OSError]) -> Iterator[None]:
        """Raise faults of a disk or a server as a StoreError with a sentence; the expected ones as they are."""
        try:
            yield
        except expected:
            raise
        except Exception as error:
            # Not all of botocore's are OSErrors. They are known by their module: to import botocore takes longer than
            # `pivotrl ls`.
            if not isinstance(error, OSError) and not type(error).__module__.startswith("botocore."):
                raise
            reason = getattr(error, "strerror", None) or error
            raise StoreError(f"the store cannot {doing} {self.url(key)}: {reason}") from error
