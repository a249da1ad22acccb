"""Conversations to training rows: rendered with the chat template, packed, with weights where the assistant speaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from transformers import PreTrainedTokenizerFast

from schemas.chat import Role
from tasks.worlds.pretraining.legs import Leg
from tasks.worlds.pretraining.mixture import Conversation, sources
from tasks.worlds.pretraining.tokenizer import END_OF_TURN, START_OF_TURN

ROW = 1024
"""Tokens per row: enough for a whole desk episode. With short rows a policy never learns to look far back."""


def text(tokenizer: PreTrainedTokenizerFast, conversation: Conversation) -> str:
    """The conversation as the chat template renders it."""
    messages = cast("list[dict[str, str]]", conversation.messages)
    tools = cast("list[dict[Any, Any] | Callable[..., Any]]", list(conversation.tools))
    rendered = tokenizer.apply_chat_template(messages, tools=tools or None, tokenize=False)
    assert isinstance(rendered, str)
    return rendered


def learnt(ids: list[int], opening: list[int], end: int) -> list[bool]:
    """Which tokens the assistant wrote: those after `opening`, up to `end` and with it."""
    marks = [False] * len(ids)
    inside = False
    for position, token in enumerate(ids):
        marks[position] = inside
        inside = token != end if inside else ids[max(0, position + 1 - len(opening)) : position + 1] == opening
    return marks


def weights(conversation: Conversation, ids: list[int], opening: list[int], end: int, emphasis: float) -> list[float]:
    """Per token: 0 if the assistant did not write it, `emphasis` if it starts a decisive message, else 1."""
    marks = learnt(ids, opening, end)
    weighted = [float(mark) for mark in marks]
    starts = [here for here, mark in enumerate(marks) if mark and not marks[here - 1]]
    turns = [index for index, said in enumerate(conversation.messages) if said["role"] == Role.ASSISTANT]
    for index, start in zip(turns, starts, strict=True):
        if index in conversation.decisive:
            weighted[start] = emphasis
    return weighted


class Rows:
    """An endless, seeded stream of rows.

    A row starts with a conversation, as a prompt does in use, and holds as many as fit; the last is cut. There is no
    mask between them.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seed: int, leg: Leg) -> None:
        self._tokenizer = tokenizer
        self._leg = leg
        self._sources = sources(leg.name, seed, leg.confidence)
        self._owed = dict.fromkeys(leg.shares, 0.0)
        """Tokens by which each part is below its share."""
        self._opening: list[int] = tokenizer.encode(f"{START_OF_TURN}assistant\n")
        self._end: int = tokenizer.encode(END_OF_TURN)[0]

    def batch(self, rows: int, progress: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(token ids, tokens to predict, their weights), all [rows, ROW], at this point of the leg."""
        drawn = [self._row(progress) for _ in range(rows)]
        ids_B_T1 = torch.tensor([ids for ids, _ in drawn])
        weights_B_T1 = torch.tensor([weighted for _, weighted in drawn])
        return ids_B_T1[:, :-1], ids_B_T1[:, 1:], weights_B_T1[:, 1:]

    def _row(self, progress: float) -> tuple[list[int], list[float]]:
        ids: list[int] = []
        weighted: list[float] = []
        while len(ids) <= ROW:
            conversation, more = self._conversation(progress)
            ids += more
            weighted += weights(conversation, more, self._opening, self._end, self._leg.emphasis)
        return ids[: ROW + 1], weighted[: ROW + 1]

    def _conversation(self, progress: float) -> tuple[Conversation, list[int]]:
        """The next conversation of the part that is furthest below its share, and its tokens."""
        name = max(self._owed, key=lambda part: self._owed[part])
        conversation = next(self._sources[name])
        ids: list[int] = self._tokenizer.encode(text(self._tokenizer, conversation))
        for part in self._owed:
            self._owed[part] += self._leg.share(part, progress) * len(ids)
        self._owed[name] -= len(ids)
        return conversation, ids


def sample_texts(seed: int, n: int) -> Iterator[str]:
    """Plain text to train the tokenizer on: `n` conversations of each part. Copying is left out since it is random
    words, and decisions since the worlds have them."""
    for name, stream in sources("tokenizer", seed, {}).items():
        for _ in range(0 if name in ("copying", "decisions") else n):
            yield "\n".join(_plain(next(stream)))


def _plain(conversation: Conversation) -> Iterator[str]:
    for said in conversation.messages:
        yield said["role"]
        yield said["content"]
        for call in said["tool_calls"]:
            yield f'{{"name": "{call["name"]}", "arguments": {call["arguments"]}}}'
    for tool in conversation.tools:
        function = tool["function"]
        yield f"{function['name']}({', '.join(function['parameters']['properties'])}): {function['description']}"
