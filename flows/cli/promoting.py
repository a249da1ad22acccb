"""`pivotrl promote`: put a policy into use by hand, one that was before (roll-back) or one that no gate has judged."""

from __future__ import annotations

from typing import Any

from tasks.store.promotion import promote
from tasks.store.store import Store


def promoted_by_hand(store: Store, artefact: str) -> dict[str, Any]:
    """Move the tag `promoted` and tell a running Prefect server, for its automations; `before` is None the first time.

    Args:
        artefact: policies@VERSION, or a tag of one, such as policies@promoted-2.

    Raises:
        ConfigurationError: not a policy.
        NotInStore: no such policy.
    """
    ref = store.resolve(artefact)
    before = promote(store, ref)
    found = {"candidate": str(ref), "before": str(before) if before else None}
    _announce(found, ref.version)
    return found


def text(found: dict[str, Any]) -> str:
    """The same for a person."""
    before = found["before"]
    if before == found["candidate"]:
        return f"{before} was promoted already"
    return f"{found['candidate']} is promoted{f'; before, {before} was' if before else ''}"


def _announce(found: dict[str, Any], version: str) -> None:
    from prefect.events import emit_event
    from prefect.settings import PREFECT_API_URL

    if PREFECT_API_URL.value():  # without a server there is nothing to tell, and Prefect would start one
        emit_event(
            "pivotrl.policy.promoted",
            resource={"prefect.resource.id": f"pivotrl.policies.{version}"},
            payload={**found, "promoted": True, "by": "hand"},
        )
