"""Which trained policy is in use: the one that the tag `policies@promoted` names.

Every policy that ever was keeps a tag of its own, promoted-1, promoted-2 and so on: what to go back to, and how a
policy that was in use is told from one that never was.
"""

from __future__ import annotations

import re

from tasks.errors import ConfigurationError, NotInStore
from tasks.store.manifest import Ref
from tasks.store.store import Store

PROMOTED = "promoted"
_PAST = re.compile(rf"{PROMOTED}-(\d+)")


def promoted(store: Store) -> Ref | None:
    """The policy in use, None before the first promotion.

    Raises:
        NotInStore: the tag names a policy that is gone.
    """
    try:
        ref = store.resolve(f"policies@{PROMOTED}")
    except NotInStore:
        return None
    if store.find(ref) is None:
        raise NotInStore(f"the promoted policy, {ref}, is gone from the store {store.root}; promote another one")
    return ref


def promote(store: Store, ref: Ref) -> Ref | None:
    """Put a policy into use; the one that was until now.

    Raises:
        ConfigurationError: not a policy.
        NotInStore: no such policy.
    """
    if ref.stage != "policies":
        raise ConfigurationError(f"{ref} is no policy; only one of `pivotrl ls policies` can be promoted")
    store.manifest(ref)
    version = store.tags("policies").get(PROMOTED)
    before = Ref(stage="policies", version=version) if version else None
    if before is not None:
        _remember(store, before)  # a run that was killed between the two lines below did not
    store.tag(ref, PROMOTED)
    _remember(store, ref)
    return before


def retired(store: Store) -> set[str]:
    """The versions of the policies that were in use once and are not now: replaced by a better one, or by a person."""
    tags = store.tags("policies")
    return _past(tags) - {tags.get(PROMOTED, "")}


def only_promote_moves(stage: str, tag: str) -> bool:
    """Whether that tag of a stage is moved by `promote` alone."""
    return stage == "policies" and (tag == PROMOTED or _PAST.fullmatch(tag) is not None)


def _remember(store: Store, ref: Ref) -> None:
    """The next free number, whoever else promotes at the same time."""
    while ref.version not in _past(tags := store.tags("policies")):
        last = max((int(found[1]) for tag in tags if (found := _PAST.fullmatch(tag))), default=0)
        store.tag(ref, f"{PROMOTED}-{last + 1}", replace=False)


def _past(tags: dict[str, str]) -> set[str]:
    return {version for tag, version in tags.items() if _PAST.fullmatch(tag)}
