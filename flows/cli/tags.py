"""Commands that name versions: tag, promote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from flows.cli.options import AsJSON, StoreURL, answer, open_store

if TYPE_CHECKING:
    from tasks.store.manifest import Ref
    from tasks.store.store import Store


def tag(
    artefact: Annotated[str, Parameter(help="STAGE@VERSION")],
    name: Annotated[str, Parameter(name="TAG")],
    /,
    *,
    store: StoreURL = None,
    as_json: AsJSON = False,
) -> None:
    """Name an artefact."""
    from tasks.store.tags import set_tag, text

    opened = open_store(store)
    answer(set_tag(opened, opened.resolve(artefact), name), text, as_json=as_json)


def promote(
    artefact: Annotated[str, Parameter(help="policies@VERSION|TAG")],
    /,
    *,
    store: StoreURL = None,
    as_json: AsJSON = False,
) -> None:
    """Put a policy into use, or back into use."""
    opened = open_store(store)
    answer(promote_by_hand(opened, opened.resolve(artefact)), promotion_text, as_json=as_json)


def promote_by_hand(store: Store, candidate: Ref) -> dict[str, Any]:
    """Move the tag `promoted`, and tell a running Prefect server, for its automations.

    Returns:
        {"candidate", "before"}; before is the policy that was promoted until now, None the first time.

    Raises:
        ConfigurationError: not a policy.
    """
    from prefect.events import emit_event
    from prefect.settings import PREFECT_API_URL

    from tasks.store.promotion import promote

    base = promote(store, candidate)
    result = {"candidate": str(candidate), "before": str(base) if base else None}
    if PREFECT_API_URL.value():  # without a server there is nothing to tell, and Prefect would start one
        emit_event(
            "pivotrl.policy.promoted",
            resource={"prefect.resource.id": f"pivotrl.policies.{candidate.version}"},
            payload={**result, "promoted": True, "by": "hand"},
        )
    return result


def promotion_text(result: dict[str, Any]) -> str:
    """The sentence for a person."""
    candidate, base = result["candidate"], result["before"]
    if base == candidate:
        return f"{base} was promoted already"
    return f"{candidate} is promoted{f'; before, {base} was' if base else ''}"
