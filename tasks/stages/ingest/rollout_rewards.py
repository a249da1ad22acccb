"""Rewards of NeMo Gym rollouts.

Such a row has a pivot's state and `expected_action`, and in addition a model's answer and its reward. The rows of one
state are its samples.

    {"responses_create_params": {...}, "expected_action": {...}, "reward": 1.0,
     "response": {"output": [{"type": "function_call", "name": "get_order", "arguments": "{\\"id\\": 17}", ...}]}}

`ingest` makes the trajectories from the same rows; to it, the second row of a state is a duplicate of the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from schemas.config import IngestConfig
from tasks.stages.ingest.episode import Rejected
from tasks.stages.ingest.formats import responses
from tasks.stages.ingest.ingestion import READER_ERRORS
from tasks.stages.ingest.linkage import merged
from tasks.stages.ingest.records import Reject, records
from tasks.stages.ingest.trajectory import trajectory

Rewarded = tuple[float, str]
"""The recorded reward of a sample, and its action as text. Equal actions have equal text."""


def rollout_rewards(config: IngestConfig) -> dict[str, list[Rewarded]]:
    """The samples of each state, by the id of its trajectory, in the order of the source.

    A row that is no rollout, or cannot be read, is left to `ingest`. A rollout without a reward is left out. Memory
    grows by some 100 bytes per row whose action differs from all others.

    Raises:
        InputError: the source names nothing.
    """
    samples: dict[str, list[Rewarded]] = {}
    texts: dict[str, str] = {}  # equal actions share one text in memory
    for record in records(config.source, config.max_record_mb * 1_000_000):
        if isinstance(record, Reject) or not is_rollout(record.value):
            continue
        try:
            state = trajectory(responses.read(record.value), "responses", record.source_uri, record.source_record, "")
        except (Rejected, *READER_ERRORS):
            continue
        action = _action(record.value["response"]["output"])
        rewarded = (float(record.value["reward"]), texts.setdefault(action, action))
        samples.setdefault(state.trajectory_id, []).append(rewarded)
    return samples


def is_rollout(value: Any) -> bool:
    """Whether a record is a rewarded answer at a state with a demonstration."""
    if not isinstance(value, Mapping) or not isinstance(value.get("expected_action"), Mapping):
        return False
    response, reward = value.get("response"), value.get("reward")
    answered = isinstance(response, Mapping) and isinstance(response.get("output"), list)
    return answered and isinstance(reward, int | float) and not isinstance(reward, bool)


def _action(output: list[Any]) -> str:
    """The first action of an answer, without its reasoning. An answer without an action was rewarded too: it stands for
    itself."""
    try:
        first = merged(responses.messages(output))[0]
    except (Rejected, *READER_ERRORS):
        return orjson.dumps(output).decode()
    calls = [(call["name"], _sorted(call["arguments"])) for call in first["tool_calls"]]
    return orjson.dumps([first["content"].strip(), calls]).decode()


def _sorted(arguments: str) -> str:
    try:
        return orjson.dumps(orjson.loads(arguments), option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONDecodeError:
        return arguments
