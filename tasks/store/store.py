"""The store: find, read, commit and tag artefacts.

<root>/<stage>/<version>/          an artefact: manifest.json, README.md, <table>-<part>-<hash>.parquet, files/
<root>/_tags/<stage>/<tag>.json    which version a tag points at
<root>/_staging/<stage>/<version>/ what is done of an artefact that does not exist yet
<root>/_cards/, <root>/_reports/   drawn from artefacts, for people; may be deleted
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from schemas.stages import ARTEFACTS, HOLDERS
from tasks.errors import ConfigurationError, NotInStore, StoreError
from tasks.store.manifest import File, Manifest, Part, Ref
from tasks.store.objects import Objects
from tasks.store.readme import README, readme

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Store:
    """Artefacts below one root, a path or any fsspec URL."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.objects = Objects(root)

    def find(self, ref: Ref) -> Manifest | None:
        """The manifest, or None where no such artefact exists.

        Raises:
            StoreError: there is a manifest and it cannot be read as one.
        """
        key = f"{ref.stage}/{ref.version}/manifest.json"
        try:
            return Manifest.model_validate_json(self.objects.get(key))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise StoreError(
                f"{self.objects.url(key)} is not a manifest; delete it to have {ref} made again: {error}"
            ) from error

    def manifest(self, ref: Ref) -> Manifest:
        """The manifest of an artefact that must exist.

        Raises:
            NotInStore: it does not.
        """
        manifest = self.find(ref)
        if manifest is None:
            raise NotInStore(f"no {ref} in the store {self.root}; `pivotrl ls {ref.stage}` lists what is there")
        return manifest

    def resolve(self, text: str) -> Ref:
        """The artefact that a person means by `stage@VERSION`, by the unique beginning of a version, or by `stage@TAG`.

        `stage` alone means `stage@latest`.

        Raises:
            ConfigurationError: no such stage.
            NotInStore: no such version or tag, or a beginning that fits several.
        """
        stage, at, name = text.partition("@")
        if stage in HOLDERS:
            holder = HOLDERS[stage]
            raise ConfigurationError(
                f"{stage} is a table of {holder}: `pivotrl show {holder}{at}{name} --table {stage}`"
            )
        if stage not in ARTEFACTS:
            raise ConfigurationError(f"no stage {stage!r}; the stages are {', '.join(ARTEFACTS)}")
        name = name or "latest"
        if not _NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r} is neither a version nor a tag")
        try:
            return self._tag_target(stage, name)
        except FileNotFoundError:
            versions = [version for version in self.objects.names(stage) if version.startswith(name)]
        refs = [ref for ref in (Ref(stage=stage, version=version) for version in versions) if self.find(ref)]
        if len(refs) == 1:
            return refs[0]
        problem = f"{name!r} is the beginning of {len(refs)} versions" if refs else f"no version or tag {name!r}"
        raise NotInStore(f"{problem} of {stage} in the store {self.root}; `pivotrl ls {stage}` lists what is there")

    def artefacts(self, stage: str | None = None) -> Iterator[Manifest]:
        """Every artefact, in the order of the stages, oldest first."""
        for name in (stage,) if stage else ARTEFACTS:
            manifests = (self.find(Ref(stage=name, version=version)) for version in self.objects.names(name))
            yield from sorted((m for m in manifests if m), key=lambda m: m.created_at)

    def tag(self, ref: Ref, tag: str, *, replace: bool = True) -> None:
        """Point a tag at an artefact.

        Args:
            replace: False leaves a tag that exists as it is.
        """
        if not _NAME.fullmatch(tag):
            raise ConfigurationError(
                f"tag {tag!r}: use letters, digits, '.', '_' and '-', and begin with a letter or digit"
            )
        write = self.objects.put if replace else self.objects.create
        write(f"_tags/{ref.stage}/{tag}.json", ref.model_dump_json().encode())

    def tags(self, stage: str) -> dict[str, str]:
        """Tag to version.

        Raises:
            StoreError: a tag is there and cannot be read as one.
        """
        names = [name.removesuffix(".json") for name in self.objects.names(f"_tags/{stage}")]
        return {name: self._tag_target(stage, name).version for name in names}

    def _tag_target(self, stage: str, tag: str) -> Ref:
        key = f"_tags/{stage}/{tag}.json"
        try:
            ref = Ref.model_validate_json(self.objects.get(key))
        except ValidationError as error:
            raise StoreError(
                f"{self.objects.url(key)} is not a tag; delete it, or set it again with "
                f"`pivotrl tag {stage}@VERSION {tag}`"
            ) from error
        if ref.stage != stage:
            raise StoreError(f"{self.objects.url(key)} points at {ref}, which is not of {stage}; delete it")
        return ref

    def read_part(
        self, ref: Ref, part: Part, *, verify: bool = False, columns: list[str] | None = None
    ) -> pl.DataFrame:
        """The rows of one part.

        Args:
            verify: check the hash too, which reads every byte; the size is always checked.
            columns: all, unless some are named.

        Raises:
            StoreError: the part is gone, cannot be read, or is not what the manifest says.
        """
        key = f"{ref.stage}/{ref.version}/{part.key}"
        try:
            data = self.objects.get(key)
        except FileNotFoundError as error:
            raise StoreError(
                f"{self.objects.url(key)} is named by its manifest and gone; delete the manifest to remake {ref}"
            ) from error
        changed = len(data) != part.bytes or (verify and hashlib.sha256(data).hexdigest() != part.sha256)
        if changed:
            raise StoreError(
                f"{self.objects.url(key)} is not the file that its manifest names; delete the manifest to remake {ref}"
            )
        try:
            return pl.read_parquet(io.BytesIO(data), columns=columns)
        except pl.exceptions.PolarsError as error:
            raise StoreError(
                f"{self.objects.url(key)} is not readable as Parquet ({error}); delete the manifest to remake {ref}"
            ) from error

    def parts(
        self, ref: Ref, table: str | None = None, columns: list[str] | None = None
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """Each part's index and rows, one part in memory at a time."""
        for part in self.manifest(ref).table(table or ref.stage):
            yield part.index, self.read_part(ref, part, columns=columns)

    def read(self, ref: Ref, table: str | None = None, columns: list[str] | None = None) -> pl.DataFrame:
        """A whole table, or some of its columns. For tables that fit in memory: use `parts` for the others."""
        frames = [frame for _, frame in self.parts(ref, table, columns)]
        if not frames:
            raise StoreError(f"{ref} has no table {table or ref.stage!r}")
        return pl.concat(frames)

    def urls(self, ref: Ref, table: str | None = None) -> list[str]:
        """The parts of a table as URLs, for `polars.scan_parquet` and its like."""
        return [
            self.objects.url(f"{ref.stage}/{ref.version}/{p.key}") for p in self.manifest(ref).table(table or ref.stage)
        ]

    def write_part(self, ref: Ref, table: str, index: int, frame: pl.DataFrame) -> Part:
        """Store rows as a part file."""
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="zstd")
        data = buffer.getvalue()
        digest = hashlib.sha256(data).hexdigest()
        # With its hash in the name, a part overwrites no other: a run that loses the race for an artefact leaves the
        # winner's parts whole.
        key = f"{table}-{index:05d}-{digest[:16]}.parquet"
        self.objects.put(f"{ref.stage}/{ref.version}/{key}", data)
        return Part(table=table, index=index, key=key, rows=frame.height, bytes=len(data), sha256=digest)

    def write_file(self, ref: Ref, name: str, data: bytes) -> File:
        """Store one file of a policy."""
        digest = hashlib.sha256(data).hexdigest()
        key = f"files/{digest[:16]}-{name.replace('/', '__')}"
        self.objects.put(f"{ref.stage}/{ref.version}/{key}", data)
        return File(name=name, key=key, bytes=len(data), sha256=digest)

    def fetch_files(self, ref: Ref, folder: Path, left_out: Sequence[str] = ()) -> Path:
        """Copy an artefact's files into a local folder under their own names, unless they are there already.

        Args:
            left_out: patterns of names that are not copied.
        """
        for file in self.manifest(ref).files:
            if any(fnmatch(file.name, pattern) for pattern in left_out):
                continue
            target = folder / file.name
            if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == file.sha256:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            data = self.objects.get(f"{ref.stage}/{ref.version}/{file.key}")
            if hashlib.sha256(data).hexdigest() != file.sha256:
                raise StoreError(f"{ref}: the file {file.name} is not what its manifest names")
            target.write_bytes(data)
        return folder

    def commit(self, manifest: Manifest) -> tuple[Manifest, bool]:
        """Make the artefact exist, by creating its manifest.

        Returns:
            The manifest that the store now has, and whether it is this one: another run may have been earlier.
        """
        key = f"{manifest.stage}/{manifest.version}/manifest.json"
        won = self.objects.create(key, manifest.model_dump_json(indent=1).encode())
        winner = manifest if won else self.manifest(manifest.ref)
        self.finish_commit(winner)
        return winner, won

    def finish_commit(self, manifest: Manifest) -> None:
        """Write README.md, and remove what the manifest does not name: parts of runs that lost or were killed.

        May be repeated: the next run of the stage does it where this one is killed.
        """
        folder = f"{manifest.stage}/{manifest.version}"
        try:
            self.objects.put(f"{folder}/{README}", readme(manifest).encode())
        except StoreError:
            # Another run that finishes the same commit has removed the hidden file that was being written here. Its own
            # README lies there by now.
            if not self.objects.exists(f"{folder}/{README}"):
                raise
        named = [*(part.key for part in manifest.parts), *(file.key for file in manifest.files)]
        wanted = {*named, "manifest.json", README}
        files = [f"files/{name}" for name in self.objects.names(f"{folder}/files", hidden=True)]
        for name in [*self.objects.names(folder, hidden=True), *files]:
            if name not in wanted and name != "files":
                self.objects.remove(f"{folder}/{name}")
