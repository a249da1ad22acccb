"""`pivotrl tag`: a name for an artefact. Runs do not move it."""

from __future__ import annotations

from typing import Any

from tasks.errors import ConfigurationError
from tasks.store.manifest import Ref
from tasks.store.promotion import only_promote_moves
from tasks.store.store import Store

_MOVED_BY_RUNS = "latest"


def set_tag(store: Store, ref: Ref, tag: str) -> dict[str, Any]:
    """Point a tag at an artefact; `before` is the version that it pointed at until now, None for a new tag.

    Raises:
        ConfigurationError: no form of a tag, a tag that runs or `pivotrl promote` move, or a version of an artefact.
        NotInStore: no such artefact.
    """
    manifest = store.manifest(ref)
    if tag == _MOVED_BY_RUNS:
        raise ConfigurationError(f"the tag {tag!r} is moved by every run; choose another name")
    if only_promote_moves(ref.stage, tag):
        raise ConfigurationError(f"the tag {tag!r} of policies is moved by `pivotrl promote {ref}`; use that")
    if store.objects.exists(f"{ref.stage}/{tag}/manifest.json"):
        raise ConfigurationError(f"{tag!r} is a version of {ref.stage}, and a tag would hide it; choose another name")
    previous = store.tags(ref.stage).get(tag)
    store.tag(manifest.ref, tag)
    return {"stage": ref.stage, "version": ref.version, "tag": tag, "before": previous}


def text(change: dict[str, Any]) -> str:
    """The same for a person."""
    stage, version, previous = change["stage"], change["version"], change["before"]
    moved = f", before at {previous}" if previous not in (None, version) else ""
    return f"{stage}@{change['tag']} is {stage}@{version}{moved}"
