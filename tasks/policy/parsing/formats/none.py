"""No calls: every completion is a message, whatever it looks like."""

from __future__ import annotations

from schemas.chat import ToolCall, ToolSchema


def read(text: str, _: tuple[ToolSchema, ...]) -> tuple[str, list[ToolCall]]:
    """The text, and no call."""
    return text, []
