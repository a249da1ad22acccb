"""Rewards of NeMo Gym rollouts: rows that have, beside a pivot's state and `expected_action`, what a model answered and
what it was rewarded with. Several rows of one state are its samples.

    {"responses_create_params": {...}, "expected_action": {...}, "reward": 1.0,
     "response": {"output": [{"type": "function_call", "name": "get_order", "arguments": "{\\"id\\": 17}", ...}]}}

The trajectories are what `ingest` makes of the same rows; there the second row of a state is a duplicate of the first.
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
"""The reward of a sample, as recorded, and its action as text: equal actions have equal text."""


def rollout_rewards(config: IngestConfig) -> dict[str, list[Rewarded]]:
    """The samples of each state, by the id of its trajectory, in the order of the source. What is no rollout, or cannot
    be read, is left to `ingest`; a rollout without a reward is left out.

    Memory grows by some 100 bytes a row, as far as actions differ.

    Raises:
        InputError: the source names nothing.
    """
    found: dict[str, list[Rewarded]] = {}
    texts: dict[str, str] = {}
    for record in records(config.source, config.max_record_mb * 1_000_000):
        if isinstance(record, Reject) or not is_rollout(record.value):
            continue
        try:
            state = trajectory(responses.read(record.value), "responses", record.source_uri, record.source_record, "")
        except (Rejected, *READER_ERRORS):
            continue
        action = _action(record.value["response"]["output"])
        rewarded = (float(record.value["reward"]), texts.setdefault(action, action))
        found.setdefault(state.trajectory_id, []).append(rewarded)
    return found


def is_rollout(value: Any) -> bool:
    """Whether a record is a rewarded answer at a state with a demonstration."""
    if not isinstance(value, Mapping) or not isinstance(value.get("expected_action"), Mapping):
        return False
    response, reward = value.get("response"), value.get("reward")
    answered = isinstance(response, Mapping) and isinstance(response.get("output"), list)
    return answered and isinstance(reward, int | float) and not isinstance(reward, bool)


def _action(output: list[Any]) -> str:
    """The first action of an answer, without its reasoning; what is none counts as it stands: it was rewarded too."""
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
