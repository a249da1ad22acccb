"""States and actions as token ids, by the policy's own chat template.

A trajectory is tokenised once, and the prompt of each of its states is a prefix of that. Whether it is one depends on
the template: thinking models rewrite history. So each state is also rendered by itself, and one whose text is no prefix
is tokenised alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from schemas.chat import Action, Message, ToolSchema
from tasks.policy.parsing import REASONING_MARKS, Parser, answer_start, prefill
from tasks.policy.probe import find_parser
from tasks.policy.template import ChatTemplate
from tasks.policy.tokenizer import load_tokenizer, stop_token_ids

_PROMPT_END = 256
"""Tokens of a prompt that show whether it opens a thought."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of a trajectory's states, in the order asked for. `rewritten` counts those that are no prefix."""

    token_ids: list[list[int]]
    prefills: list[str]
    """What each prompt already holds of the action: reasoning that it opens, say."""
    rewritten: int


class ChatFormat:
    """A tokenizer with its chat template.

    Args:
        parser: names the format of completions; "auto" takes the template's.
        options: variables of the template.
        max_thinking_tokens: limit of an action's thought; 0 where thought and answer share one.

    Raises:
        InputError: the folder has no tokenizer, or the tokenizer no chat template or end-of-turn token.
    """

    def __init__(
        self,
        folder: str | Path,
        parser: str = "auto",
        options: Mapping[str, Any] | None = None,
        max_thinking_tokens: int = 0,
    ) -> None:
        self._parser = parser
        self.max_thinking_tokens = max_thinking_tokens
        self.tokenizer = load_tokenizer(folder)
        self.stop_token_ids = stop_token_ids(folder, self.tokenizer)
        stops = [str(self.tokenizer.decode([i], skip_special_tokens=False)) for i in self.stop_token_ids]
        # generation_config.json may name a token that the tokenizer does not have: it is no text.
        self.template = ChatTemplate(self.tokenizer, [stop for stop in stops if stop], options)

    @cached_property
    def parser(self) -> Parser:
        """How a completion of this policy is read.

        Raises:
            ConfigurationError: the format named is not the template's; or none was named, and none is known.
        """
        return replace(find_parser(self.template, self._parser), reasoning_limited=self.max_thinking_tokens > 0)

    def text(self, messages: Sequence[Message], tools: Sequence[ToolSchema], *, prompt: bool = True) -> str:
        """The template's rendering. With `prompt` it ends where the next action begins.

        Raises:
            InputError: the template refuses these messages.
        """
        return self.template.text(messages, tools, prompt=prompt)

    def prefill(self, messages: Sequence[Message], tools: Sequence[ToolSchema]) -> str:
        """What the state's prompt already holds of the action: reasoning that it opens, say.

        Raises:
            InputError: the template refuses these messages.
        """
        return prefill(self.text(messages, tools), REASONING_MARKS)

    def encode(self, text: str) -> list[int]:
        """Token ids of rendered text. None are added: the template has put the special tokens where they belong."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def prompts(self, messages: Sequence[Message], tools: Sequence[ToolSchema], cuts: Sequence[int]) -> Prompts:
        """The prompt of each state `messages[:cut]`: the longest is tokenised, and the others are cut from it.

        Raises:
            InputError: the template refuses one of them.
        """
        texts = [self.text(messages[:cut], tools) for cut in cuts]
        if not texts:
            return Prompts([], [], 0)
        longest = max(texts, key=len)
        ids, boundary = self._encode_with_boundaries(longest)
        prompts: list[list[int]] = []
        rewritten = 0
        for text in texts:
            cut = boundary.get(len(text)) if longest.startswith(text) else None
            shared = None if cut is None else ids[:cut]
            if shared is None or not self._ends_alike(shared, text):
                rewritten += text is not longest
                prompts.append(self.encode(text))
            else:
                prompts.append(shared)
        return Prompts(prompts, [prefill(text, REASONING_MARKS) for text in texts], rewritten)

    def _encode_with_boundaries(self, text: str) -> tuple[list[int], dict[int, int]]:
        """Token ids, and by the number of characters how many tokens make them up, where a token ends there."""
        if not getattr(self.tokenizer, "is_fast", False):  # it does not say which characters a token is
            return self.encode(text), {}
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return list(encoded["input_ids"]), {end: i + 1 for i, (_, end) in enumerate(encoded["offset_mapping"])}

    def _ends_alike(self, ids: list[int], text: str) -> bool:
        """Whether `text` alone would be tokenised as `ids`."""
        # A tokenizer splits the text at special tokens first. So only what follows the last of them can differ.
        last = next((i for i in reversed(range(len(ids))) if ids[i] in self._special), None)
        if last is None:
            return self.encode(text) == ids
        tail = str(self.tokenizer.decode(ids[last:], skip_special_tokens=False))
        return text.endswith(tail) and self.encode(tail) == ids[last:]

    @cached_property
    def _special(self) -> frozenset[int]:
        return frozenset(self.tokenizer.all_special_ids)

    def completion(self, messages: Sequence[Message], tools: Sequence[ToolSchema], action: Action) -> list[int] | None:
        """The token ids of `action` after the state's prompt, with its end-of-turn token.

        None where the template does not render the action as a continuation of the prompt.

        Raises:
            InputError: the template refuses these messages.
        """
        written = self.template.action_text(messages, tools, action)
        return None if written.problem else self.encode(written.text + written.end)

    def thinking_tokens(self, token_ids: Sequence[int], prompt: Sequence[int]) -> int | None:
        """With how many of its tokens a sampled action has closed its thought: 0 where it has none, None where it has
        not closed it."""
        prompt_end = self.decode(prompt[-_PROMPT_END:], finished=False)

        def start_after(count: int) -> int | None:
            return answer_start(self.decode(token_ids[:count], finished=False), REASONING_MARKS, prompt_end)

        start = start_after(len(token_ids))
        if not start:
            return start
        counts = range(1, len(token_ids) + 1)
        return counts[bisect_left(counts, True, key=lambda count: start_after(count) == start)]

    def decode(self, token_ids: Sequence[int], *, finished: bool) -> str:
        """The text of sampled tokens, with call tags and without the end of turn.

        Args:
            finished: `Sample.finished`: the last token is the end of turn.
        """
        # The last token is not compared with the tokenizer's eos_token: a model may stop at several.
        action_ids = list(token_ids[:-1] if finished else token_ids)
        return str(self.tokenizer.decode(action_ids, skip_special_tokens=False))
