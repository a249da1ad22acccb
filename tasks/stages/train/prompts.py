"""The states of a training run with their prompts, read from the store and rendered. Needs no accelerator."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from schemas.columns import STATE_KEY
from schemas.states import Split
from tasks.errors import NotInStore, StageFailed
from tasks.policy.chat import ChatFormat
from tasks.policy.rendering import render
from tasks.stages.train.stage import TrainSpec
from tasks.stages.train.states import DropReason
from tasks.stages.train.validation import held_out
from tasks.states.example import Example, StateKey
from tasks.states.reader import StateReader
from tasks.store.lineage import lineage
from tasks.store.manifest import Ref
from tasks.store.store import Store


@dataclass(frozen=True, slots=True)
class Rendered:
    """States with their prompts; how many the chat template refused, and what it said of the first."""

    states: list[Example]
    refused: int = 0
    refusal: str = ""

    @property
    def reasons(self) -> Counter[str]:
        """Why states are not here."""
        return Counter({DropReason.NOT_RENDERED.value: self.refused} if self.refused else {})

    @property
    def summary(self) -> dict[str, str]:
        """For the manifest."""
        return {"refusal": self.refusal} if self.refusal else {}


def held_out_states(spec: TrainSpec, store: Store, chat: ChatFormat) -> list[Example]:
    """The states of every validation; none where `train.validate_every` is 0."""
    if spec.config.validate_every == 0:
        return []
    states = list(StateReader(store, spec.states, spec.trajectories).all(split=Split.VALIDATION))
    return held_out(_rendered(chat, states).states, spec.config, spec.seed)


def training_states(spec: TrainSpec, store: Store, chat: ChatFormat) -> Rendered:
    """The pivots (or, for SFT without pivots, all training states) with their prompts.

    Raises:
        StageFailed: there is no pivot (the text counts what select rejected), none can be rendered, or they were
            profiled with another tokenizer or chat template.
    """
    keep = set(_pivots(store, spec.pivots)) if spec.pivots is not None else None
    states = list(StateReader(store, spec.states, spec.trajectories).all(split=Split.TRAIN, keep=keep))
    found = _rendered(chat, states)
    if states and not found.states:
        raise StageFailed(f"train: the chat template refuses all {len(states)} states; it says: {found.refusal}")
    if spec.pivots is not None:
        _check_sampled(store, spec.pivots, found.states, chat)
    return found


def _pivots(store: Store, pivots: Ref) -> list[StateKey]:
    keys = [StateKey(*key) for key in store.read(pivots, columns=STATE_KEY).iter_rows()]
    if not keys:
        rejected = ", ".join(f"{n:,} {reason}" for reason, n in store.manifest(pivots).reasons.items())
        raise StageFailed(f"train: {pivots} holds no pivot; select rejected {rejected or 'nothing'}")
    return keys


def _rendered(chat: ChatFormat, states: list[Example]) -> Rendered:
    rendered = render(chat, [s.state for s in states])
    found = [
        replace(s, prompt=prompt) for s, prompt in zip(states, rendered.prompts, strict=True) if prompt is not None
    ]
    return Rendered(found, len(states) - len(found), rendered.refusal)


def _check_sampled(store: Store, pivots: Ref, states: list[Example], chat: ChatFormat) -> None:
    """Another tokenizer or chat template than the rollouts' makes other prompts: what select found does not hold there.

    Rollouts keep of a prompt its length alone, and of a sample its tokens and their text. So another vocabulary is seen
    by what it makes of a sample, and another template by the lengths of its prompts; what keeps them all (a word
    exchanged for another of as many tokens) is not seen.
    """
    try:
        rollouts = lineage(store, pivots).get("rollouts")
    except NotInStore:  # deleted since; the pivots can be trained on without
        return
    if rollouts is None:
        return
    sampled = _first_samples(store, rollouts.ref)
    differences = (_difference(chat, s, sampled[s.key]) for s in states if s.key in sampled)
    other = [found for found in differences if found is not None]
    if other:
        raise StageFailed(
            f"train: at {len(other)} of {len(states)} pivots the policy's tokenizer and chat template are not those "
            f"that {rollouts.ref} was sampled with (the first, {other[0]}); profile again with the model that you train"
        )


def _first_samples(store: Store, rollouts: Ref) -> dict[StateKey, dict[str, Any]]:
    """The first sample of each state, by the state's key."""
    columns = ["trajectory_id", "turn_index", "sample_index", "prompt_tokens", "token_ids", "text", "finished"]
    return {
        StateKey(row["trajectory_id"], row["turn_index"]): row
        for _, rows in store.parts(rollouts, columns=columns)
        for row in rows.filter(pl.col("sample_index") == 0).iter_rows(named=True)
    }


def _difference(chat: ChatFormat, state: Example, sample: dict[str, Any]) -> str | None:
    if len(state.prompt) != sample["prompt_tokens"]:
        return f"{state.key}: a prompt of {len(state.prompt)} tokens, sampled from were {sample['prompt_tokens']}"
    text, recorded = chat.decode(sample["token_ids"], finished=sample["finished"]), sample["text"]
    if text != recorded:
        return f"{state.key}: its first sample reads {text[:80]!r}, recorded is {recorded[:80]!r}"
    return None
