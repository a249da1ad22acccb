"""One JSON value of a file, taken apart into the candidate episodes that it holds.

    [{"messages": ...}, {"messages": ...}]                a list of records: each
    [{"role": "user", ...}, {"role": "assistant", ...}]   a list of messages (or items, or events): one episode
    {"splits": {"train": [...], "test": [...]}}           records by split: each, with its `split`
    {"info": ..., "tasks": ..., "simulations": [...]}     tau^2 results: each simulation, with `info`
    {"answer_generation": {"train_messages": [...]}}      ToolBench: each list of messages, and which one it begins

Anything else is one candidate episode, which a format recognises or ingest rejects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.stages.ingest.formats.openhands import is_event
from tasks.stages.ingest.formats.responses import is_item
from tasks.stages.ingest.messages import is_message


def is_turn(value: Any) -> bool:
    """Whether a value is only a piece of an episode: a message, an item or an event."""
    return is_message(value) or is_item(value) or is_event(value)


def elements(value: Any) -> list[Any]:
    """The records in a list of records; any other value is one record."""
    return value if isinstance(value, list) and value and not is_turn(value[0]) else [value]


def episodes(value: Any) -> Iterator[Any]:
    """The candidate episodes in a value, in order. A value that contains none is one itself."""
    for element in elements(value):
        if element is not value:
            yield from episodes(element)
        else:
            yield from (_contained(element) if isinstance(element, Mapping) else []) or [element]


def _contained(value: Mapping[str, Any]) -> list[Any]:
    splits, simulations, answer = value.get("splits"), value.get("simulations"), value.get("answer_generation")
    if isinstance(splits, Mapping):
        return [
            {**record, "split": name} if isinstance(record, Mapping) else record
            for name, records in splits.items()
            if isinstance(records, list)
            for record in records
        ]
    if isinstance(simulations, list):
        shared = {"info": value["info"]} if "info" in value else {}
        return [{**record, **shared} if isinstance(record, Mapping) else record for record in simulations]
    if isinstance(answer, Mapping) and isinstance(answer.get("train_messages"), list):
        return _prefixes(value, answer, answer["train_messages"])
    return []


def _prefixes(value: Mapping[str, Any], answer: Mapping[str, Any], lists: list[Any]) -> list[Any]:
    return [
        {
            "win": value.get("win"),
            "prefix_of": next((index for index, other in enumerate(lists) if _begins(messages, other)), None),
            "answer_generation": {**answer, "train_messages": messages},
        }
        for messages in lists
    ]


def _begins(shorter: Any, longer: Any) -> bool:
    if not isinstance(shorter, list) or not isinstance(longer, list):
        return False
    return len(shorter) < len(longer) and longer[: len(shorter)] == shorter
