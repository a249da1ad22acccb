"""The scripted expert. At every state it knows the right moves, which are equivalent, and the tempting wrong ones.

Demonstrations choose among the right moves. The base policy's training text sometimes takes a wrong one
(pretraining/legs.py). That makes the shipped policy unsure at some kinds of turns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from schemas.chat import Action, ToolCall
from tasks.worlds.episode import ServiceEpisode
from tasks.worlds.service import Outcome, Request


@dataclass(frozen=True)
class Move:
    """One way to act: a call, or one of several wordings of the same message."""

    tool: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    wordings: tuple[str, ...] = ()

    def action(self, rng: Random) -> Action:
        """The move as an action, with wording and order of arguments drawn at random."""
        if not self.tool:
            return Action(rng.choice(self.wordings))
        names = rng.sample(list(self.arguments), len(self.arguments))
        text = json.dumps({name: self.arguments[name] for name in names}, ensure_ascii=False)
        return Action(tool_calls=(ToolCall(id="", name=self.tool, arguments=text),))


@dataclass(frozen=True)
class Turn:
    """What can be done at a state."""

    kind: str
    """Which kind of turn, such as "ask_identity", "look_up_object" or "decide:cancel:refused"."""
    right: tuple[Move, ...]
    wrong: tuple[Move, ...] = ()


def turn(episode: ServiceEpisode) -> Turn:
    """The kind of turn that the episode has come to, with its right and its tempting wrong moves."""
    service, caller = episode.service, episode.caller
    if caller.request is None:
        return Turn("close", (Move(wordings=("Goodbye.", "Have a nice day.", "You are welcome. Goodbye.")),))
    if (service.callers, episode.task.caller_id) not in episode.records.opened:
        return _identify(episode)
    if (service.objects, caller.request.object_id) not in episode.records.opened:
        return _open_object(episode, caller.request)
    if episode.last_write:
        return Turn("tell", (Move(wordings=_words(episode, caller.request, episode.last_write)),))
    return _decide(episode, caller.request)


def _identify(episode: ServiceEpisode) -> Turn:
    service, task = episode.service, episode.task
    either = " or ".join(service.identities.values())
    ask = Move(wordings=(f"What is your {either}?", f"Please tell me your {either}?", f"May I have your {either}?"))
    if not episode.caller.identified:
        return Turn("ask_identity", (ask,))
    record = episode.records.read(service.callers, task.caller_id)
    looks = tuple(Move(service.lookups[name], {name: record[name]}) for name in task.identity)
    return Turn(f"look_up_caller:{_when(episode.caller.asked_identity)}", looks, (ask,))


def _open_object(episode: ServiceEpisode, request: Request) -> Turn:
    service, noun = episode.service, episode.service.object_noun
    ask = Move(wordings=(f"Which {noun} is it?", f"What is the {noun} number?", f"Which {noun} do you mean?"))
    if not episode.caller.named_object:
        return Turn("ask_object", (ask,))
    look = Move(service.opener, {f"{noun}_id": request.object_id})
    return Turn(f"look_up_object:{_when(episode.caller.asked_object)}", (look,), (ask,))


def _when(asked: bool) -> str:
    return "when_asked" if asked else "at_once"


def _decide(episode: ServiceEpisode, request: Request) -> Turn:
    rule = request.rule
    right = episode.right_outcome(request)
    verdict = "allowed" if right is rule.allowed else "refused"
    wrong = () if rule.refused is None else (rule.refused if right is rule.allowed else rule.allowed,)
    moves = tuple(_move(episode, request, outcome) for outcome in wrong)
    return Turn(f"decide:{rule.name}:{verdict}", (_move(episode, request, right),), moves)


def _move(episode: ServiceEpisode, request: Request, outcome: Outcome) -> Move:
    values = episode.values(request)
    if outcome.tool:
        return Move(outcome.tool, {name: text.format(**values) for name, text in outcome.arguments.items()})
    return Move(wordings=tuple(text.format(**values) for text in outcome.wordings))


def _words(episode: ServiceEpisode, request: Request, tool: str) -> tuple[str, ...]:
    rule = request.rule
    outcome = rule.refused if rule.refused and rule.refused.tool == tool else rule.allowed
    return tuple(text.format(**episode.values(request)) for text in outcome.wordings)
