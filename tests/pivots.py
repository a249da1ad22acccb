"""A set of pivots with all that it was made from: real profiles and a real selection of scripted samples."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from schemas.chat import Message, Role, message
from schemas.config import ProfileConfig, SelectConfig, SplitConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.artefact.table import frame
from tasks.stages.profile.stage import STAGE as PROFILES
from tasks.stages.profile.stage import write_profiles
from tasks.stages.rollout.stage import STAGE as ROLLOUTS
from tasks.stages.score.stage import STAGE as SCORES
from tasks.stages.select.stage import STAGE as PIVOTS
from tasks.stages.select.stage import write_pivots
from tasks.store.store import Store
from tests.builders import NoSettings, call, commit_states, commit_trajectories

HALF = (1.0, 0.0, 1.0, 0.0)
_committed: dict[tuple[str, Callable[..., Any]], tuple[tempfile.TemporaryDirectory[str], Artefact]] = {}
"""What was committed with some arguments, to be copied into the next empty store."""


def conversation(number: int = 0) -> list[Message]:
    """Five actions: text, a call with reasoning, two calls at once with text, a call without arguments, a message."""
    status = call(f'{{"order_id": {number}}}', id="a")
    return [
        message(Role.SYSTEM, "Be brief. </script><b>Ünïcode</b>"),
        message(Role.USER, f"Where is order {number}?"),
        message(Role.ASSISTANT, "Which one?"),
        message(Role.USER, "The last."),
        message(Role.ASSISTANT, reasoning="They want a status.", tool_calls=[status]),
        message(Role.TOOL, "shipped", tool_call_id="a", name="get_order"),
        message(Role.ASSISTANT, "Both.", tool_calls=[call(id="b"), call('{"order_id": 18}', id="c")]),
        message(Role.TOOL, "", tool_call_id="b", name="get_order"),
        message(Role.TOOL, "lost\n" * 300, tool_call_id="c", name="get_order"),
        message(Role.ASSISTANT, tool_calls=[call("{}", id="d")]),
        message(Role.TOOL, "nothing", tool_call_id="d", name="get_order"),
        message(Role.ASSISTANT, "One is lost.", reasoning="The second has no status."),
    ]


def commit_pivots(
    store: Store,
    parts: Sequence[Sequence[dict[str, Any]]],
    rewards: Mapping[tuple[int, int], Sequence[float]],
    select: SelectConfig | None = None,
    *,
    allow_empty: bool = False,
    reasoning: Literal["keep", "drop", "require"] = "keep",
) -> Artefact:
    """The pivots of these trajectories, one list per part.

    Args:
        rewards: of each sampled state, by the trajectory's number in the whole and the turn; a sample without reward
            did not parse, one with reward says something else than the demonstration.
        reasoning: as `split.reasoning`.
    """
    split = SplitConfig(validation_fraction=0, reasoning=reasoning)
    arguments = (parts, rewards, split, select or SelectConfig(), allow_empty)
    if not store.objects.local or Path(store.root).exists():
        return _commit_all(store, *arguments)
    # Some hundred tests begin with such a store, and pandera takes half a second to check the rows of one.
    key = repr(arguments), _sample  # which a test may replace
    if key not in _committed:
        first = tempfile.TemporaryDirectory(prefix="pivotrl-pivots-")
        _committed[key] = first, _commit_all(Store(first.name), *arguments)
    folder, artefact = _committed[key]
    shutil.copytree(folder.name, store.root)
    return artefact.model_copy(update={"uri": store.objects.url(f"{artefact.stage}/{artefact.version}")})


def _commit_all(
    store: Store,
    parts: Sequence[Sequence[dict[str, Any]]],
    rewards: Mapping[tuple[int, int], Sequence[float]],
    split: SplitConfig,
    select: SelectConfig,
    allow_empty: bool,
) -> Artefact:
    trajectories = commit_trajectories(store, parts)
    states = commit_states(store, trajectories, split)
    order = [row["trajectory_id"] for rows in parts for row in rows]
    samples = [_samples({row["trajectory_id"] for row in rows}, order, rewards) for rows in parts]
    data = {"states": str(states.ref), "trajectories": str(trajectories.ref)}
    seed = hashlib.sha256(repr(rewards).encode()).hexdigest()
    rollouts = _commit(store, ROLLOUTS, [[rollout for rollout, _ in part] for part in samples], data, seed)
    inputs = {"rollouts": str(rollouts.ref), **data}
    scores = _commit(store, SCORES, [[score for _, score in part] for part in samples], inputs, seed)
    profiles = obtain(
        PROFILES,
        ProfileConfig(),
        {"scores": str(scores.ref), "states": str(states.ref)},
        store,
        lambda writer: write_profiles(writer, store, scores.ref, states.ref, ProfileConfig()),
    )
    return obtain(
        PIVOTS,
        select,
        {"profiles": str(profiles.ref), "seed": "0"},
        store,
        lambda writer: write_pivots(writer, store, profiles.ref, select, 0),
        allow_empty=allow_empty,
    )


def _commit(store: Store, stage: Any, parts: list[list[dict[str, Any]]], inputs: dict[str, str], seed: str) -> Artefact:
    table = stage.tables[stage.artefact]

    def produce(writer: Any) -> None:
        for index, rows in enumerate(parts):
            writer.write(index, {stage.artefact: frame(table, rows)})

    return obtain(stage, NoSettings(), {**inputs, "seed": seed}, store, produce)


def _samples(
    part: set[str], order: Sequence[str], rewards: Mapping[tuple[int, int], Sequence[float]]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The rollouts and scores of the trajectories of one part."""
    return [
        _sample(order[number], turn, index, reward)
        for (number, turn), values in rewards.items()
        if order[number] in part
        for index, reward in enumerate(values)
    ]


def _sample(trajectory_id: str, turn: int, index: int, reward: float) -> tuple[dict[str, Any], dict[str, Any]]:
    key = {"trajectory_id": trajectory_id, "turn_index": turn, "sample_index": index}
    parsed = reward > 0
    text = "It has <b>shipped</b>." if parsed else "<tool_call>{"
    rollout = {**key, "prompt_tokens": 3, "token_ids": [1, 2], "logprobs": [-0.1, -0.2], "text": text, "finished": True}
    action = json.dumps({"content": text, "calls": []}) if parsed else ""
    reason = "equivalent" if parsed else "parse_failure"
    return rollout, {**key, "reward": reward, "reason": reason, "detail": "" if parsed else "cut", "action": action}
