"""The states of a training run with their prompts, read from the store and rendered. Needs no accelerator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from schemas.columns import STATE_KEY
from schemas.states import Split
from schemas.training import TrainConfig
from tasks.errors import InputError, NotInStore, StageFailed
from tasks.policy.chat import ChatFormat
from tasks.policy.rendering import render_examples
from tasks.stages.train.stage import TrainSpec
from tasks.stages.train.states import Dropped, DropReason, admit
from tasks.stages.train.validation import draw_held_out
from tasks.states.example import Example, StateKey
from tasks.states.reader import StateReader
from tasks.store.lineage import lineage
from tasks.store.manifest import Ref
from tasks.store.store import Store


def held_out_states(spec: TrainSpec, store: Store, chat: ChatFormat) -> list[Example]:
    """The states of every validation; none where `train.validate_every` is 0."""
    if spec.config.validate_every == 0:
        return []
    examples = list(StateReader(store, spec.states, spec.trajectories).all(split=Split.VALIDATION))
    rendered, _ = _rendered(chat, examples)
    return draw_held_out(rendered, spec.config, spec.seed)


def training_states(spec: TrainSpec, store: Store, chat: ChatFormat) -> tuple[list[Example], Dropped, str]:
    """The pivots (or, for SFT without pivots, all training states) with their prompts.

    Returns:
        The states; why others are not among them; and what the chat template said of the first that it refused, ""
        where it refused none.

    Raises:
        StageFailed: there is no pivot (the text counts what select rejected), none can be rendered, or they were
            profiled with another tokenizer or chat template.
    """
    keep = set(_pivots(store, spec.pivots)) if spec.pivots is not None else None
    examples = list(StateReader(store, spec.states, spec.trajectories).all(split=Split.TRAIN, keep=keep))
    rendered, refusal = _rendered(chat, examples)
    if examples and not rendered:
        raise StageFailed(f"train: the chat template refuses all {len(examples)} states; it says: {refusal}")
    if spec.pivots is not None:
        _require_the_sampled_prompts(store, spec.pivots, rendered, chat)
    keys = {example.key for example in rendered}
    return rendered, {e.key: DropReason.NOT_RENDERED for e in examples if e.key not in keys}, refusal


def demonstrations(
    chat: ChatFormat, examples: Sequence[Example], config: TrainConfig
) -> tuple[dict[StateKey, list[int]], Dropped]:
    """By state key the tokens of the demonstration, for SFT; and why states are dropped: for too long a prompt, for a
    demonstration that the chat template does not render, or for both together being too long."""
    short, dropped = admit(examples, config.max_state_tokens)
    completions: dict[StateKey, list[int]] = {}
    for example in short:
        try:
            ids = chat.completion(example.state.messages, example.state.tools, example.demonstration)
        except InputError:
            ids = None
        if ids is not None:
            completions[example.key] = ids
    dropped |= {e.key: DropReason.NOT_RENDERED for e in short if e.key not in completions}
    room = config.max_state_tokens + config.max_tokens + config.max_thinking_tokens
    dropped |= {
        e.key: DropReason.TOO_LONG
        for e in short
        if e.key in completions and len(e.prompt) + len(completions[e.key]) > room
    }
    return completions, dropped


def _pivots(store: Store, pivots: Ref) -> list[StateKey]:
    keys = [StateKey(*key) for key in store.read(pivots, columns=STATE_KEY).iter_rows()]
    if not keys:
        rejected = ", ".join(f"{n:,} {reason}" for reason, n in store.manifest(pivots).reasons.items())
        raise StageFailed(f"train: {pivots} holds no pivot; select rejected {rejected or 'nothing'}")
    return keys


def _rendered(chat: ChatFormat, examples: list[Example]) -> tuple[list[Example], str]:
    """Those with a prompt, and what the chat template said of the first that it refused."""
    rendered, refusal = render_examples(chat, examples)
    return [example for example in rendered if example.prompt], refusal


def _require_the_sampled_prompts(store: Store, pivots: Ref, examples: list[Example], chat: ChatFormat) -> None:
    """Refuse another tokenizer or chat template than the rollouts': with other prompts, other states are pivots.

    Rollouts keep the length of a prompt, and the tokens and text of a sample. So another vocabulary shows in what it
    makes of a sample, and another template in the lengths of its prompts. A change that keeps both is not seen.
    """
    try:
        rollouts = lineage(store, pivots).get("rollouts")
    except NotInStore:  # deleted since; the pivots can be trained on without
        return
    if rollouts is None:
        return
    samples = _first_samples(store, rollouts.ref)
    differences = [_difference(chat, e, samples[e.key]) for e in examples if e.key in samples]
    differences = [difference for difference in differences if difference]
    if differences:
        raise StageFailed(
            f"train: at {len(differences)} of {len(examples)} pivots the policy's tokenizer and chat template are not "
            f"those that {rollouts.ref} was sampled with (the first, {differences[0]}); profile again with the model "
            "that you train"
        )


def _first_samples(store: Store, rollouts: Ref) -> dict[StateKey, dict[str, Any]]:
    """The first sample of each state, by the state's key."""
    columns = ["trajectory_id", "turn_index", "sample_index", "prompt_tokens", "token_ids", "text", "finished"]
    return {
        StateKey(row["trajectory_id"], row["turn_index"]): row
        for _, rows in store.parts(rollouts, columns=columns)
        for row in rows.filter(pl.col("sample_index") == 0).iter_rows(named=True)
    }


def _difference(chat: ChatFormat, example: Example, sample: dict[str, Any]) -> str:
    """What differs from what was sampled; "" for nothing."""
    if len(example.prompt) != sample["prompt_tokens"]:
        return f"{example.key}: a prompt of {len(example.prompt)} tokens, sampled from were {sample['prompt_tokens']}"
    text, recorded = chat.decode(sample["token_ids"], finished=sample["finished"]), sample["text"]
    if text != recorded:
        return f"{example.key}: its first sample reads {text[:80]!r}, recorded is {recorded[:80]!r}"
    return ""
