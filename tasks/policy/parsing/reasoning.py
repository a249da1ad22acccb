"""The reasoning of a completion: what stands between two marks at its beginning."""

from __future__ import annotations

import re

from tasks.policy.parsing.completion import Malformed, Marks, ParseReason, quoted


def prefill(prompt: str, marks: tuple[Marks, ...]) -> str:
    """What a prompt already holds of the action: reasoning that it opens, or that it opens and closes; "" for neither.

    Templates of thinking models end a prompt with `<think>`, or with an empty block where thinking is switched off.
    """
    for opened, closed in marks:
        begun, ended = re.escape(opened.strip()), re.escape(closed.strip())
        found = re.search(rf"(?:{begun}|(?:{begun}\s*)?{ended})\s*\Z", prompt[-200:])
        if found:
            return found[0]
    return ""


def split_reasoning(text: str, marks: tuple[Marks, ...], prompt: str | None = None) -> tuple[str, str]:
    """(reasoning, rest) of a completion.

    Args:
        prompt: the prompt, or its end. Without it, a closing mark alone is taken as one whose partner the prompt has.

    Raises:
        Malformed: unclosed_reasoning. Inside open reasoning nothing is an action.
    """
    whole = prefill(prompt or "", marks) + text
    for opened, closed in marks:
        begun = whole.lstrip()
        if begun.startswith(opened.strip()):
            reasoning, mark, rest = begun.removeprefix(opened.strip()).partition(closed)
            if not mark:
                raise Malformed(ParseReason.UNCLOSED_REASONING, quoted(begun))
        else:
            reasoning, mark, rest = whole.partition(closed)
            if not mark:
                reasoning, rest = "", whole
            elif reasoning.strip() and prompt is not None:
                raise Malformed(ParseReason.UNCLOSED_REASONING, f"{closed} closes what nothing opened: {quoted(whole)}")
        if opened in rest or opened in reasoning or (mark and closed in rest):
            raise Malformed(ParseReason.UNCLOSED_REASONING, quoted(whole))
        if mark:
            return reasoning.strip(), rest
    return "", whole
