"""`pivotrl tag`: a name for an artefact that stays where it is put."""

from __future__ import annotations

from typing import Any

from tasks.errors import ConfigurationError
from tasks.store.manifest import Ref
from tasks.store.promotion import only_promote_moves
from tasks.store.store import Store

_MOVED_BY_RUNS = "latest"


def tagged(store: Store, ref: Ref, tag: str) -> dict[str, Any]:
    """Point a tag at an artefact; `before` is the version that it pointed at, None for a new tag.

    Raises:
        ConfigurationError: not a tag's form, a tag that runs or `pivotrl promote` move, or another artefact's version.
        NotInStore: no such artefact.
    """
    manifest = store.manifest(ref)
    if tag == _MOVED_BY_RUNS:
        raise ConfigurationError(f"the tag {tag!r} is moved by every run; choose another name")
    if only_promote_moves(ref.stage, tag):
        raise ConfigurationError(f"the tag {tag!r} of policies is moved by `pivotrl promote {ref}`; use that")
    if store.objects.exists(f"{ref.stage}/{tag}/manifest.json"):
        raise ConfigurationError(f"{tag!r} is a version of {ref.stage}, and a tag would hide it; choose another name")
    before = store.tags(ref.stage).get(tag)
    store.tag(manifest.ref, tag)
    return {"stage": ref.stage, "version": ref.version, "tag": tag, "before": before}


def text(found: dict[str, Any]) -> str:
    """The same for a person."""
    moved = f", before at {found['before']}" if found["before"] not in (None, found["version"]) else ""
    return f"{found['stage']}@{found['tag']} is {found['stage']}@{found['version']}{moved}"
