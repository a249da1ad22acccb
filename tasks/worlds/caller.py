"""The scripted user. It says what it wants, says who it is and which object it means when asked, and leaves at the end.

It understands a message by a few words only. A question that names an identity ("e-mail", "user id") asks who is
calling. A question that names the object ("which order", "order number") asks which one it is. Anything else ends the
request at hand. So the agent may word its messages freely; what it asks for counts.
"""

from __future__ import annotations

from typing import Any

from tasks.worlds.records import Record
from tasks.worlds.service import Request, Service, Task


class Caller:
    """One scripted user in one episode."""

    def __init__(self, service: Service, task: Task, record: Record) -> None:
        self._service = service
        self._task = task
        self._record = record
        self._index = 0
        self.identified = task.identifies_at_once
        """Whether the caller has said who they are."""
        self.named_object = task.requests[0].names_object
        """Whether the caller has said which object the request at hand is about."""
        self.asked_identity = False
        self.asked_object = False
        """Whether the agent has asked for it. It need not ask for what was said at once."""

    @property
    def request(self) -> Request | None:
        """The request at hand; None when the caller has nothing more to ask."""
        requests = self._task.requests
        return requests[self._index] if self._index < len(requests) else None

    @property
    def state(self) -> list[Any]:
        """Where the script stands, JSON-ready."""
        return [self._index, self.identified, self.named_object]

    def opening(self) -> str:
        """The first message."""
        parts = ["Hello!", self._wish()]
        if self.identified:
            parts.append(self._identity())
        return " ".join(parts)

    def reply(self, text: str) -> str:
        """The answer to a message of the agent; the script moves on accordingly."""
        asked = text.lower() if "?" in text else ""
        if any(words in asked for words in self._service.identities.values()):
            self.identified = self.asked_identity = True
            return self._identity()
        noun = self._service.object_noun
        if self.request and (f"which {noun}" in asked or f"{noun} number" in asked):
            self.named_object = self.asked_object = True
            return f"It is {self.request.object_id}."
        if not text.strip():
            return "Are you there?"
        self._index += 1
        if self.request is None:
            return "No, that is all. Thank you."
        self.named_object, self.asked_object = self.request.names_object, False
        return f"Yes. {self._wish()}"

    def _identity(self) -> str:
        names = self._service.identities
        return " ".join(f"My {names[field]} is {self._record[field]}." for field in self._task.identity)

    def _wish(self) -> str:
        assert self.request is not None
        noun = self._service.object_noun
        which = f"{noun} {self.request.object_id}" if self.request.names_object else f"my {noun}"
        return self.request.wording.format(object=which, detail=self.request.detail)
