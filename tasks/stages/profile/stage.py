"""What `profile` makes, and from what: profiles, from the scores and the states that were scored."""

from __future__ import annotations

from schemas.columns import STATE_KEY
from schemas.config import ProfileConfig
from schemas.profiles import PROFILES, Unprofiled
from tasks.artefact.stage import Stage
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.stages.profile.profiles import profile_part
from tasks.store.manifest import Ref
from tasks.store.store import Store

STAGE = Stage("profiles", version=3, tables={"profiles": PROFILES})


def inputs(scores: Ref, states: Ref) -> dict[str, str]:
    """What the rows depend on beside the configuration, as in the manifest."""
    return {"scores": str(scores), "states": str(states)}


def write_profiles(writer: Writer, store: Store, scores: Ref, states: Ref, config: ProfileConfig) -> None:
    """Profile every part of the scores, in order."""
    for (index, scores_part), (_, states_part) in zip(store.parts(scores), store.parts(states), strict=True):
        if not writer.done(index):
            profiles = profile_part(scores_part, states_part, config) if scores_part.height else frame(PROFILES, [])
            scored_states = scores_part.select(STATE_KEY).unique().height
            reasons = {Unprofiled.UNDECIDED.value: scored_states - profiles.height}
            writer.write(index, {"profiles": profiles}, reasons=reasons)
