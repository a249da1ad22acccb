"""Bytes on any fsspec file system: put whole, create only once, never half visible.

Local disks: fsspec's `mode="create"` is not atomic, so a file is written aside, synced, and linked or renamed into
place. Object stores: one PUT is atomic; create-only is `If-None-Match: *` on a plain PUT.
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
            StoreError: it cannot be read: no such root, no access, no answer.
        """
        with self._explained("read", key, FileNotFoundError):
            data: bytes = self.fs.cat_file(self.full(key))
            return data

    def exists(self, key: str) -> bool:
        """Whether the object is there now."""
        with self._explained("look for", key):
            return bool(self.fs.exists(self.full(key)))

    def put(self, key: str, data: bytes) -> None:
        """Write an object whole, replacing one of the same key.

        Raises:
            StoreError: it cannot be written: no space, no such bucket, no access, no answer.
        """
        with self._explained("write", key):
            if self.local:
                os.replace(self._write_aside(key, data), self.full(key))
            else:
                self.fs.pipe_file(self.full(key), data)

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless one of that key exists; True if this call made it.

        Servers refuse in several ways (s3fs: FileExistsError, or EINVAL on a 412), and a request that is sent again
        after its answer was lost is refused because of itself: so a refusal is settled by reading back.

        Raises:
            StoreError: as `put`.
        """
        try:
            with self._explained("write", key, FileExistsError):
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
        """Names directly below a key, sorted; empty where nothing is. Hidden ones are files that are being written, or
        were when their process was killed."""
        try:
            with self._explained("list", key, FileNotFoundError):
                found = self.fs.ls(self.full(key), detail=False)
        except FileNotFoundError:
            return []
        names = {str(path).rstrip("/").rsplit("/", 1)[-1] for path in found if str(path).rstrip("/") != self.full(key)}
        return sorted(name for name in names if hidden or not name.startswith("."))

    def remove(self, key: str) -> None:
        """Remove an object, or everything below a key. Nothing there is fine, and so is another run that still writes
        there: it removes that itself."""
        with self._explained("remove", key):
            try:
                self.fs.rm(self.full(key), recursive=True)
            except FileNotFoundError:
                return
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise

    @contextmanager
    def _explained(self, doing: str, key: str, *expected: type[OSError]) -> Iterator[None]:
        """Faults of a disk or a server as a sentence, the fault itself as its cause; the expected ones as they are.

        botocore's are known by their module: not all are OSErrors, and importing it takes longer than `pivotrl ls`.
        """
        try:
            yield
        except expected:
            raise
        except Exception as error:
            if not isinstance(error, OSError) and not type(error).__module__.startswith("botocore."):
                raise
            reason = getattr(error, "strerror", None) or error
            raise StoreError(f"the store cannot {doing} {self.url(key)}: {reason}") from error
