"""The three suites: held-out states, episodes and skills. Each gives its cases."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from schemas.chat import Action, State
from tasks.children.progress import alive
from tasks.stages.evaluate.actor import Actor, Answer
from tasks.states.example import Example
from tasks.verifiers.concurrency import in_order
from tasks.verifiers.reading import verdict_on
from tasks.verifiers.verdict import Verify
from tasks.worlds.skills import SKILLS
from tasks.worlds.world import World

Case = tuple[str, float]
"""A task (trajectory, episode or item), and a number in [0, 1]. Cases of one task are not independent."""


def held_out_states(actor: Actor, states: Sequence[Example], verify: Verify, concurrency: int = 1) -> list[Case]:
    """One case per state: its mean reward over the actor's samples, without those that the verifier could not decide.

    Args:
        concurrency: states that are verified at once.
    """
    answers = actor.act([s.state for s in states])
    groups = list(zip(states, answers, strict=True))
    rewards = in_order(lambda group: _rewards(*group, verify), groups, concurrency)
    decided = [[reward for reward in group if reward is not None] for group in rewards]
    return [(s.state.trajectory_id, fmean(group)) for s, group in zip(states, decided, strict=True) if group]


def _rewards(state: Example, group: Sequence[Answer], verify: Verify) -> list[float | None]:
    alive()  # a judge may be silent for longer than engine.timeout_s
    return [verdict_on(verify, state, a.text, a.finished, a.completion).reward for a in group]


def episodes(actor: Actor, world: World, task_ids: Sequence[str], max_turns: int) -> list[Case]:
    """One case per task: 1.0 where the episode ends in success. All are played side by side, one engine call per turn.

    A completion that does not parse ends its episode: there is no action to execute.
    """
    playing = {task_id: world.start(task_id) for task_id in task_ids}
    active = [task_id for task_id in task_ids if not playing[task_id].done]
    unparsed: set[str] = set()
    for turn in range(max_turns):
        if not active:
            break
        states = [
            State(task_id, turn, tuple(playing[task_id].messages), world.tools, world.name, task_id, world.name)
            for task_id in active
        ]
        for task_id, (answer,) in zip(active, actor.act(states, turn=turn), strict=True):
            if isinstance(answer.completion, Action):
                playing[task_id].step(answer.completion)
            else:
                unparsed.add(task_id)
        active = [task_id for task_id in active if task_id not in unparsed and not playing[task_id].done]
    failed = unparsed | set(active)
    return [(task_id, float(task_id not in failed and playing[task_id].success())) for task_id in task_ids]


def skill(actor: Actor, name: str, items: int, seed: int) -> list[Case]:
    """One case per item: 1.0 where it is answered right, with nothing beside the answer."""
    questions = SKILLS[name].items("test", items, seed)
    states = [State(f"{name}/{i}", 0, tuple(item.messages), ()) for i, item in enumerate(questions)]
    answers = [answer.completion for (answer,) in actor.act(states)]
    return [
        (
            state.trajectory_id,
            float(isinstance(answer, Action) and not answer.tool_calls and item.check(answer.content)),
        )
        for state, item, answer in zip(states, questions, answers, strict=True)
    ]
