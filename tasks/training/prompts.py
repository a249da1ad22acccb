"""The states of a training run with their prompts, read from the store and rendered. Needs no accelerator."""

from __future__ import annotations

from collections import Counter

from schemas.states import Split
from tasks.errors import NotInStore, StageFailed
from tasks.policy.chat import ChatFormat
from tasks.policy.rendering import render
from tasks.stage.states import Demonstrated, StateReader
from tasks.store.lineage import lineage
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tasks.training.spec import TrainSpec
from tasks.training.states import DropReason, TrainingState
from tasks.training.validation import held_out


def held_out_states(spec: TrainSpec, store: Store, chat: ChatFormat) -> list[TrainingState]:
    """The states of every validation; none where `train.validate_every` is 0."""
    if spec.config.validate_every == 0:
        return []
    states = list(StateReader(store, spec.states, spec.trajectories).all(split=Split.VALIDATION))
    return held_out(_rendered(chat, states), spec.config, spec.seed)


def training_states(spec: TrainSpec, store: Store, chat: ChatFormat) -> tuple[list[TrainingState], Counter[str]]:
    """The pivots (or, for SFT without pivots, all training states) with their prompts, and how many cannot be
    rendered.

    Raises:
        StageFailed: there is no pivot (the text counts what select rejected), or their prompts are not those that were
            sampled from when they were profiled.
    """
    keep = set(_pivots(store, spec.pivots)) if spec.pivots is not None else None
    states = list(StateReader(store, spec.states, spec.trajectories).all(split=Split.TRAIN, keep=keep))
    found = _rendered(chat, states)
    if spec.pivots is not None:
        _check_sampled(store, spec.pivots, found)
    refused = len(states) - len(found)
    return found, Counter({DropReason.NOT_RENDERED.value: refused} if refused else {})


def _pivots(store: Store, pivots: Ref) -> list[tuple[str, int]]:
    keys = list(store.read(pivots, columns=["trajectory_id", "turn_index"]).iter_rows())
    if not keys:
        rejected = ", ".join(f"{n:,} {reason}" for reason, n in store.manifest(pivots).reasons.items())
        raise StageFailed(f"train: {pivots} holds no pivot; select rejected {rejected or 'nothing'}")
    return keys


def _rendered(chat: ChatFormat, states: list[Demonstrated]) -> list[TrainingState]:
    """The states whose prompt the chat template renders."""
    prompts = render(chat, [s.state for s in states]).prompts
    return [
        TrainingState(s.state, s.demonstration, prompt)
        for s, prompt in zip(states, prompts, strict=True)
        if prompt is not None
    ]


def _check_sampled(store: Store, pivots: Ref, states: list[TrainingState]) -> None:
    """Another tokenizer or chat template than the rollouts' makes other prompts: what select found does not hold there.

    Rollouts keep only the length of a prompt. Other renderings nearly always differ in some pivot's; one that keeps all
    lengths (a word of the template exchanged for another of as many tokens) is not seen.
    """
    try:
        rollouts = lineage(store, pivots).get("rollouts")
    except NotInStore:  # deleted since; the pivots can be trained on without
        return
    if rollouts is None:
        return
    columns = ["trajectory_id", "turn_index", "prompt_tokens"]
    sampled = {(t, turn): n for t, turn, n in store.read(rollouts.ref, columns=columns).unique().iter_rows()}
    lengths = {(s.state.trajectory_id, s.state.turn_index): len(s.prompt) for s in states}
    other = [key for key, length in lengths.items() if sampled.get(key, length) != length]
    if other:
        trajectory, turn = other[0]
        raise StageFailed(
            f"train: the policy's tokenizer and chat template make other prompts of {len(other)} of {len(lengths)} "
            f"pivots than {rollouts.ref} was sampled from (the first, {trajectory}:{turn}: {lengths[other[0]]} tokens, "
            f"sampled were {sampled[other[0]]}); profile again with the model that you train"
        )
