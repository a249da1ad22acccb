"""Which trained policy is in use: the one that the tag `policies@promoted` names.

Every policy that is put into use also gets a tag of its own: promoted-1, promoted-2 and so on. They name what to go
back to, and tell a policy that was in use from one that never was.
"""

from __future__ import annotations

import re

from tasks.errors import ConfigurationError, NotInStore
from tasks.store.manifest import Ref
from tasks.store.store import Store

PROMOTED = "promoted"
_NUMBERED = re.compile(rf"{PROMOTED}-(\d+)")


def policy_in_use(store: Store) -> Ref | None:
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
    """Put a policy into use, and return the one that it replaces.

    Raises:
        ConfigurationError: not a policy.
        NotInStore: no such policy.
    """
    if ref.stage != "policies":
        raise ConfigurationError(f"{ref} is no policy; only one of `pivotrl ls policies` can be promoted")
    store.manifest(ref)
    version = store.tags("policies").get(PROMOTED)
    previous = Ref(stage="policies", version=version) if version else None
    if previous is not None:
        _number(store, previous)  # the run that promoted it may have been killed between the two lines below
    store.tag(ref, PROMOTED)
    _number(store, ref)
    return previous


def replaced_policies(store: Store) -> set[str]:
    """The versions of the policies that were in use and are no longer."""
    tags = store.tags("policies")
    return _numbered(tags) - {tags.get(PROMOTED, "")}


def only_promote_moves(stage: str, tag: str) -> bool:
    """Whether that tag of a stage is moved by `promote` alone."""
    return stage == "policies" and (tag == PROMOTED or _NUMBERED.fullmatch(tag) is not None)


def _number(store: Store, ref: Ref) -> None:
    """Give a policy the next free number, unless it has one."""
    # Another run may take the number first: the tag is then left to it (replace=False), and the next number is tried.
    while ref.version not in _numbered(tags := store.tags("policies")):
        last = max((int(match[1]) for tag in tags if (match := _NUMBERED.fullmatch(tag))), default=0)
        store.tag(ref, f"{PROMOTED}-{last + 1}", replace=False)


def _numbered(tags: dict[str, str]) -> set[str]:
    """The versions that have a numbered tag."""
    return {version for tag, version in tags.items() if _NUMBERED.fullmatch(tag)}
