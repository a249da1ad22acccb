"""The expert at play, and single calls."""

import json
from random import Random

from schemas.chat import Action, ToolCall
from tasks.worlds import expert
from tasks.worlds.episode import ServiceEpisode


def call(name: str, **arguments: str) -> Action:
    return Action(tool_calls=(ToolCall(id="", name=name, arguments=json.dumps(arguments)),))


def play(episode: ServiceEpisode, seed: int, until: str = "") -> expert.Turn:
    """Let the expert act until a turn whose kind starts with `until`, or to the end."""
    rng = Random(seed)
    while True:
        turn = expert.turn(episode)
        if episode.done or (until and turn.kind.startswith(until)):
            return turn
        episode.step(rng.choice(turn.right).action(rng))
