"""The reasoning of a completion: what stands between two marks at its beginning."""

from __future__ import annotations

import re

from tasks.policy.parsing.completion import Malformed, Marks, ParseReason, quoted


def prefill(prompt: str, marks: tuple[Marks, ...]) -> str:
    """What a prompt already holds of the action: reasoning that it opens, or that it opens and closes; "" for neither.

    Templates of thinking models end a prompt with `<think>`, or with an empty block where thinking is switched off.
    """
    held = [""]
    for opened, closed in marks:
        begun, ended = re.escape(opened.strip()), re.escape(closed.strip())
        # A thought that stands closed in a prompt may say that there is none to be (Seed-OSS). No role's mark is in it.
        thought = rf"(?:(?!{ended}|<\||<｜)[\s\S])*"
        found = re.search(rf"(?:{begun}|(?:{begun}{thought})?{ended})\s*\Z", prompt[-500:])
        held += [found[0]] if found else []
    return max(held, key=len)  # several formats may close reasoning alike


def answer_start(text: str, marks: tuple[Marks, ...], prompt: str) -> int | None:
    """Where the answer begins in a completion: 0 where it has no reasoning, None where its reasoning is not closed."""
    begun = prefill(prompt, marks)
    whole = begun + text
    for opened, closed in marks:
        if whole.lstrip().startswith(opened.strip()):
            end = whole.find(closed)
            return None if end < 0 else max(0, end + len(closed) - len(begun))
    return 0


def closes_empty_thought(text: str, marks: tuple[Marks, ...], prompt: str) -> bool:
    """Whether a completion closes reasoning in which nothing stands."""
    try:
        reasoning, rest = split_reasoning(text, marks, prompt)
    except Malformed:
        return False
    return not reasoning and len(rest) < len(text)


def split_reasoning(text: str, marks: tuple[Marks, ...], prompt: str | None = None) -> tuple[str, str]:
    """(reasoning, rest) of a completion.

    Args:
        prompt: the prompt, or its end. Without it, a closing mark alone is taken as one whose partner the prompt has.

    Raises:
        Malformed: unclosed_reasoning. Inside open reasoning nothing is an action.
    """
    whole = prefill(prompt or "", marks) + text
    begun = whole.lstrip()
    # Two formats close reasoning alike, so what opens it is looked at first.
    for opened, closed in sorted(marks, key=lambda pair: not begun.startswith(pair[0].strip())):
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
