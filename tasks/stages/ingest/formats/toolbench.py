r"""ToolBench answers. A file lists growing prefixes of one trajectory, and containers.py makes each a record.

    {"win": true, "prefix_of": null, "answer_generation": {
        "query": "Find customs agencies.", "function": [{"name": "list_agencies", "parameters": {...}}],
        "train_messages": [{"role": "system", "content": "You are ..."}, {"role": "user", "content": "Find ..."},
                           {"role": "assistant", "function_call": {"name": "list_agencies", "arguments": "{}"}},
                           {"role": "function", "name": "list_agencies", "content": "[...]"}]}}

A file without `train_messages` is an episode without an action. The query names the task: the branches of one search
are several trajectories of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.rejects import RejectReason
from tasks.stages.ingest.episode import Episode, Rejected, as_list, content_id, small_fields
from tasks.stages.ingest.messages import chat_messages
from tasks.stages.ingest.reward import outcome


def recognises(value: Any) -> bool:
    """Whether the value has ToolBench's `answer_generation`."""
    return isinstance(value, Mapping) and isinstance(value.get("answer_generation"), Mapping)


def read(value: Any) -> Episode:
    """One episode.

    Raises:
        Rejected: prefix_of_another, or a message that cannot be taken.
    """
    if isinstance(value.get("prefix_of"), int):
        raise Rejected(
            RejectReason.PREFIX_OF_ANOTHER, f"the beginning of trajectory {value['prefix_of']} of train_messages"
        )
    answer = value["answer_generation"]
    query = answer.get("query")
    reward, success = outcome(value)
    return Episode(
        chat_messages(as_list(answer.get("train_messages")) or []),
        tools=answer.get("function"),
        task_id=f"query-{content_id(query.encode())}" if isinstance(query, str) and query else "",
        reward=reward,
        success=success,
        metadata=small_fields(answer),
    )
