"""One task under way in a service: the caller, the records, and how it ends."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from schemas.chat import Action, Message, Role, ToolCall, as_message, message
from tasks.worlds.caller import Caller
from tasks.worlds.records import Records, Tables, compact, digest
from tasks.worlds.service import Outcome, Request, Service, Task

TURN_LIMIT = 20
"""Assistant turns after which an episode ends in any case."""


class ServiceEpisode:
    """One task under way (`tasks.worlds.world.Episode`)."""

    def __init__(self, service: Service, tables: Tables, task: Task) -> None:
        self.service = service
        self.task = task
        self.records = Records(tables)
        self._tables = tables
        self.caller = Caller(service, task, self.records.read(service.callers, task.caller_id))
        self.last_write = ""
        """The tool that last changed a record for the request at hand; "" if none has."""
        self.done = False
        self._turns = 0
        self._told: set[str] = set()
        self.messages: list[Message] = [
            message(Role.SYSTEM, service.instructions),
            message(Role.USER, self.caller.opening()),
        ]

    def step(self, action: Action) -> None:
        """See `Episode.step`. A call without an id gets one; a step after the end changes nothing."""
        if self.done:
            return
        self._turns += 1
        calls = tuple(
            ToolCall(id=call["id"] or f"call_{self._turns}_{position}", name=call["name"], arguments=call["arguments"])
            for position, call in enumerate(action.tool_calls)
        )
        self.messages.append(as_message(replace(action, tool_calls=calls)))
        for call in calls:
            answer = self._call(call["name"], call["arguments"])
            self.messages.append(message(Role.TOOL, answer, tool_call_id=call["id"], name=call["name"]))
        if not calls:
            self._say(action.content)
        self.done = self.done or self._turns >= TURN_LIMIT

    def digest(self) -> str:
        """See `Episode.digest`: changed and opened records, where the caller's script stands, and the facts told."""
        return digest([self.records.state(), self.caller.state, self.last_write, sorted(self._told), self.done])

    def copy(self) -> ServiceEpisode:
        """See `Episode.copy`. Both episodes share the tables, which neither changes."""
        other = copy.copy(self)
        other.records, other.caller = self.records.copy(), copy.copy(self.caller)
        other.messages, other._told = list(self.messages), set(self._told)
        return other

    def success(self) -> bool:
        """Whether the caller has nothing more to ask, knows every asked fact, and the records are as the task wants."""
        finished = self.done and self.caller.request is None
        facts = {request.object_id for request in self.task.requests if request.rule.fact}
        return finished and facts <= self._told and self.records.changes == self._target()

    def values(self, request: Request) -> dict[str, Any]:
        """The fields that the wordings and arguments of the request's outcomes may name."""
        item = self.records.read(self.service.objects, request.object_id)
        return {**item, "object": request.object_id, "detail": request.detail}

    def right_outcome(self, request: Request) -> Outcome:
        """What the rules say about the request, judged by the records at the start of the episode."""
        caller = self._tables[self.service.callers][self.task.caller_id]
        return request.rule.outcome(caller, self._tables[self.service.objects][request.object_id])

    def _call(self, name: str, arguments: str) -> str:
        tool = self.service.tool(name)
        if tool is None:
            return compact({"error": f"no tool called {name}"})
        before = self.records.state()
        answer = tool.run(self.records, arguments)
        if tool.sets and self.records.state() != before:
            self.last_write = tool.name
        return answer

    def _say(self, text: str) -> None:
        request = self.caller.request
        if request is None:
            self.done = True
            return
        if request.rule.fact and str(self.values(request)[request.rule.fact]) in text:
            self._told.add(request.object_id)
        reply = self.caller.reply(text)
        if self.caller.request is not request:
            self.last_write = ""
        self.messages.append(message(Role.USER, reply))

    def _target(self) -> dict[tuple[str, str], dict[str, str]]:
        records = Records(self._tables)
        for request in self.task.requests:
            outcome = self.right_outcome(request)
            tool = self.service.tool(outcome.tool)
            if tool:
                values = self.values(request)
                arguments = {name: text.format(**values) for name, text in outcome.arguments.items()}
                tool.run(records, compact(arguments))
        return records.changes
