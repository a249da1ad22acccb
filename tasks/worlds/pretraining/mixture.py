"""The text that the base policy learns from: copy exercises, skills, the library, desks, and decisions by themselves.

The desk's expert can be unsure: at some kinds of turns it takes the right move only with some probability, its
confidence. That leaves something to gain; legs.py says where, and when in the training. No demonstration is in this
text: tables and tasks are drawn anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from schemas.chat import Action, Message, Role, ToolSchema, message
from tasks.worlds import expert
from tasks.worlds.desk.rules import SERVICE as DESK
from tasks.worlds.library.rules import SERVICE as LIBRARY
from tasks.worlds.people import person
from tasks.worlds.service import Service
from tasks.worlds.simulator import ServiceWorld
from tasks.worlds.skills import SKILLS
from tasks.worlds.wordlists import THINGS

ADDITIONS = 0.5
"""Share of additions among the skills' questions: they are the hardest skill and need the most examples."""
EPISODES_PER_TABLES = 20
"""Episodes before a world's tables are drawn anew, so that nothing in them can be learnt by heart."""


@dataclass(frozen=True)
class Conversation:
    """One training document."""

    messages: list[Message]
    tools: tuple[ToolSchema, ...] = ()
    decisive: tuple[int, ...] = ()
    """Positions of the messages whose first token decides something: a call, or words."""


def copying(rng: Random) -> Iterator[Conversation]:
    """Repeat a line of identifiers, names, e-mail addresses and made-up words."""
    while True:
        turns: list[Message] = []
        for _ in range(rng.randrange(1, 4)):
            line = " ".join(_item(rng) for _ in range(rng.randrange(2, 16)))
            turns += [message(Role.USER, f"Repeat: {line}"), message(Role.ASSISTANT, line)]
        yield Conversation(turns)


def skills(rng: Random) -> Iterator[Conversation]:
    """One to eight questions of the skills' training split."""
    others = [name for name in SKILLS if name != "addition"]
    while True:
        turns: list[Message] = []
        for _ in range(rng.choice((1, 2, 4, 8))):
            name = "addition" if rng.random() < ADDITIONS else rng.choice(others)
            item = SKILLS[name].item("train", rng)
            turns += [*item.messages, message(Role.ASSISTANT, item.answer)]
        yield Conversation(turns)


def episodes(service: Service, confidence: Mapping[str, float], rng: Random) -> Iterator[Conversation]:
    """Episodes of a world whose tables are drawn anew every few, by an expert with this confidence."""
    while True:
        world = ServiceWorld(service, seed=rng.randrange(1, 2**31))
        for task_id in world.task_ids("train", EPISODES_PER_TABLES, rng.randrange(2**31)):
            episode = world.start(task_id)
            decisive: list[int] = []
            while not episode.done:
                turn = expert.turn(episode)
                if _decides(turn):
                    decisive.append(len(episode.messages))
                episode.step(_unsure(turn, confidence, rng))
            yield Conversation(episode.messages, world.tools, tuple(decisive))


def decisions(rng: Random) -> Iterator[Conversation]:
    """A request, the caller's record, the object's, and the right move, where an attribute of the caller decides."""
    # In an episode the caller's record lies furthest back, and its rules are learnt last. Here it stands close.
    while True:
        service = rng.choice((DESK, DESK, DESK, LIBRARY))
        world = ServiceWorld(service, seed=rng.randrange(1, 2**31))
        for task_id in world.task_ids("train", EPISODES_PER_TABLES, rng.randrange(2**31)):
            episode = world.start(task_id)
            while not episode.done:
                turn, request, before = expert.turn(episode), episode.caller.request, list(episode.messages)
                episode.step(rng.choice(turn.right).action(rng))
                caller = episode.records.read(service.callers, episode.task.caller_id)
                if request and request.rule.attribute in caller and _decides(turn):
                    shown = [_wish(before), *_records(before), episode.messages[len(before)]]
                    yield Conversation(shown, decisive=(len(shown) - 1,))


def sources(leg: str, seed: int, confidence: Mapping[str, float]) -> dict[str, Iterator[Conversation]]:
    """The parts of the mixture by name, each an endless stream. Every leg and seed has other text."""

    def rng(part: str) -> Random:
        return Random(f"{part} {leg} {seed}")

    return {
        "copying": copying(rng("copying")),
        "skills": skills(rng("skills")),
        "library": episodes(LIBRARY, {}, rng("library")),
        "desk": episodes(DESK, confidence, rng("desk")),
        "decisions": decisions(rng("decisions")),
    }


def _decides(turn: expert.Turn) -> bool:
    """Whether the turn's first token decides a request: one verdict is a call, the other is words."""
    verdicts = {bool(move.tool) for move in (*turn.right, *turn.wrong)}
    return turn.kind.startswith("decide:") and len(verdicts) > 1


def _wish(messages: list[Message]) -> Message:
    """The caller's last message that asks for something rather than answers a question."""
    wishes = [said for said in messages if said["role"] == Role.USER and said["content"].startswith(("Hello!", "Yes."))]
    return wishes[-1]


def _records(messages: list[Message]) -> list[Message]:
    """The first tool result, which shows the caller, and the last, which shows the object."""
    results = [said for said in messages if said["role"] == Role.TOOL]
    return [results[0], results[-1]]


def _unsure(turn: expert.Turn, confidence: Mapping[str, float], rng: Random) -> Action:
    right = rng.random() < confidence.get(turn.kind, 1.0)
    return rng.choice(turn.right if right else turn.wrong).action(rng)


def _item(rng: Random) -> str:
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice("UWML") + str(rng.randrange(100, 10_000))
    if kind == 1:
        return person(rng)["email"]
    if kind == 2:
        return rng.choice(THINGS)
    if kind == 3:
        return person(rng)["name"]
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randrange(1, 4)))
