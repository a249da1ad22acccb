"""States and actions as token ids, by the policy's own chat template.

A trajectory is tokenised once, and the prompt of each of its states is a prefix of that. Whether it is one depends on
the template: thinking models rewrite history. So each state is also rendered by itself, and one whose text is no prefix
is tokenised alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from schemas.chat import Action, Message, ToolSchema, as_message
from tasks.errors import InputError
from tasks.policy.call_ids import demands_nine_characters, with_nine_characters
from tasks.policy.parsing import Parser, parser_for, strict_json


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of a trajectory's states, in the order asked for. `rewritten` counts those that are no prefix."""

    token_ids: list[list[int]]
    rewritten: int


def template_message(message: Message) -> dict[str, Any]:
    """A message as chat templates expect it: without empty keys, and with arguments as an object where they parse."""
    out: dict[str, Any] = {"role": message["role"], "content": message["content"]}
    if message["reasoning"]:
        out["reasoning_content"] = message["reasoning"]
    if message["tool_calls"]:
        out["tool_calls"] = [
            {
                "id": c["id"],
                "type": "function",
                "function": {"name": c["name"], "arguments": _arguments(c["arguments"])},
            }
            for c in message["tool_calls"]
        ]
    out.update({key: message[key] for key in ("tool_call_id", "name") if message[key]})
    return out


def _arguments(text: str) -> object:
    try:
        return strict_json(text)
    except ValueError:
        return text


class ChatFormat:
    """A tokenizer with its chat template. `parser` names the format of completions; "auto" takes the template's.

    Raises:
        InputError: the folder has no tokenizer, or the tokenizer no chat template or end-of-turn token.
    """

    def __init__(self, folder: str | Path, parser: str = "auto") -> None:
        self._parser = parser
        try:
            self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(str(folder))
        except (OSError, ValueError) as error:
            raise InputError(f"model {str(folder)!r}: no tokenizer could be loaded: {error}") from error
        if not self.tokenizer.chat_template:
            raise InputError(
                f"model {str(folder)!r}: its tokenizer has no chat template, so no state can be rendered; "
                "put the template that the policy was trained with into chat_template.jinja in that folder"
            )
        if self.tokenizer.eos_token_id is None:
            raise InputError(f"model {str(folder)!r}: its tokenizer names no eos_token, so no action could end")

    @cached_property
    def parser(self) -> Parser:
        """How a completion of this policy is read.

        Raises:
            ConfigurationError: the template shows no known format of tool calls.
        """
        return parser_for(self.template if self._parser == "auto" else self._parser)

    @property
    def template(self) -> str:
        """The chat template's source."""
        return str(self.tokenizer.chat_template)

    @cached_property
    def eos_token_id(self) -> int:
        """The token that ends an action."""
        return int(self.tokenizer.eos_token_id)

    def text(self, messages: Sequence[Message], tools: Sequence[ToolSchema], *, prompt: bool = True) -> str:
        """The template's rendering. With `prompt` it ends where the next action begins.

        Raises:
            InputError: the template refuses these messages.
        """
        return self._text(
            [with_nine_characters(m) for m in messages] if self._demands_nine_characters else messages, tools, prompt
        )

    def _text(self, messages: Sequence[Message], tools: Sequence[ToolSchema], prompt: bool) -> str:
        try:
            rendered = self.tokenizer.apply_chat_template(
                [template_message(m) for m in messages],
                tools=[dict(t) for t in tools] or None,
                add_generation_prompt=prompt,
                tokenize=False,
            )
        except Exception as error:  # a template is a program of the model's author: it may raise anything
            raise InputError(f"the chat template refuses these {len(messages)} messages: {error}") from error
        return str(rendered)

    @cached_property
    def _demands_nine_characters(self) -> bool:
        """Whether the template wants tool-call ids of nine characters."""
        return demands_nine_characters(self._takes)

    def _takes(self, messages: Sequence[Message]) -> bool:
        try:
            self._text(messages, (), prompt=True)
        except InputError:
            return False
        return True

    def encode(self, text: str) -> list[int]:
        """Token ids of rendered text. None are added: the template has put the special tokens where they belong."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def prompts(self, messages: Sequence[Message], tools: Sequence[ToolSchema], cuts: Sequence[int]) -> Prompts:
        """The prompt of each state `messages[:cut]`: the longest is tokenised, and the others are cut from it."""
        texts = [self.text(messages[:cut], tools) for cut in cuts]
        if not texts:
            return Prompts([], 0)
        longest = max(texts, key=len)
        encoded = self.tokenizer(longest, add_special_tokens=False, return_offsets_mapping=True)
        ids: list[int] = list(encoded["input_ids"])
        boundary = {end: index + 1 for index, (_, end) in enumerate(encoded["offset_mapping"])}
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
        return Prompts(prompts, rewritten)

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
        """
        prompt = self.text(messages, tools)
        continued = self.text([*messages, as_message(action)], tools, prompt=False)
        if not continued.startswith(prompt):
            return None
        ids = self.encode(continued[len(prompt) :])
        if self.eos_token_id not in ids:
            return None
        return ids[: ids.index(self.eos_token_id) + 1]

    def decode(self, token_ids: Sequence[int], *, finished: bool) -> str:
        """The text of sampled tokens, with call tags and without the end of turn.

        Args:
            finished: `Sample.finished`: the last token is the end of turn.
        """
        # The last token is not compared with eos_token_id: a model's generation_config may name several end tokens.
        action_ids = list(token_ids[:-1] if finished else token_ids)
        return str(self.tokenizer.decode(action_ids, skip_special_tokens=False))
