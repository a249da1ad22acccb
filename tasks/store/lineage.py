"""What an artefact was made from, back to its trajectories."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from schemas.stages import ARTEFACTS
from tasks.errors import ConfigurationError, NotInStore
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store


def ancestors(manifest: Manifest) -> list[Ref]:
    """The artefacts that this one was made from."""
    # Without the policy that it was sampled with: that is an artefact too, and of an earlier round.
    inputs = [text.partition("@") for name, text in manifest.inputs.items() if name != "policy"]
    return [Ref(stage=stage, version=version) for stage, at, version in inputs if at and stage in ARTEFACTS]


def lineage(store: Store, ref: Ref) -> dict[str, Manifest]:
    """The manifests of the artefact and of everything that it was made from, by stage; of each stage the nearest.

    Raises:
        NotInStore: it, or an ancestor of it, is gone.
    """
    manifests: dict[str, Manifest] = {}
    waiting = deque([ref])
    while waiting:
        manifest = store.manifest(waiting.popleft())
        manifests.setdefault(manifest.stage, manifest)
        waiting += ancestors(manifest)
    return manifests


def pivots_lineage(store: Store, ref: Ref) -> dict[str, Manifest]:
    """The lineage of a set of pivots, for commands that take nothing else.

    Raises:
        ConfigurationError: not an artefact of `pivots`.
        NotInStore: as `lineage`.
    """
    if ref.stage != "pivots":
        raise ConfigurationError(f"{ref} is no set of pivots; name one as pivots@VERSION")
    return lineage(store, ref)


def parent(manifests: Mapping[str, Manifest], stage: str, of: Ref) -> Ref:
    """The artefact of a stage in the lineage of `of`, which must hold one.

    Raises:
        NotInStore: it holds none.
    """
    if stage not in manifests:
        raise NotInStore(f"{of} was not made from any {stage}, so its rows cannot be shown in their trajectories")
    return manifests[stage].ref
