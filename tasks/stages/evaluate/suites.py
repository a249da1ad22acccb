"""The three suites. Each gives its cases: a number in [0, 1], and the task that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from schemas.chat import Action, State
from tasks.children.progress import alive
from tasks.policy.parsing import Completion
from tasks.stages.evaluate.actor import Actor
from tasks.states.example import Example
from tasks.verifiers.concurrency import in_order
from tasks.verifiers.verdict import Verify
from tasks.worlds.skills import SKILLS
from tasks.worlds.world import World

Case = tuple[str, float]
"""The task (trajectory, episode, item) and the number. Cases of one task are not independent of each other."""


def held_out_states(actor: Actor, states: Sequence[Example], verify: Verify, concurrency: int = 1) -> list[Case]:
    """Each state's mean reward over the actor's samples, `concurrency` states verified at once; what the verifier could
    not decide is left out."""
    completions = actor.act([s.state for s in states])
    groups = list(zip(states, completions, strict=True))
    rewards = in_order(lambda group: _rewards(*group, verify), groups, concurrency)
    decided = [[reward for reward in group if reward is not None] for group in rewards]
    return [(s.state.trajectory_id, fmean(group)) for s, group in zip(states, decided, strict=True) if group]


def _rewards(state: Example, group: Sequence[Completion], verify: Verify) -> list[float | None]:
    alive()  # a judge takes its time
    return [verify(state.state, state.demonstration, completion).reward for completion in group]


def episodes(actor: Actor, world: World, task_ids: Sequence[str], max_turns: int) -> list[Case]:
    """1.0 for each task whose episode ends in success. All are played side by side, one engine call a turn.

    A completion that does not parse ends its episode: there is no action to execute.
    """
    playing = {task_id: world.start(task_id) for task_id in task_ids}
    open_ids = [task_id for task_id in task_ids if not playing[task_id].done]
    broken: set[str] = set()
    for turn in range(max_turns):
        if not open_ids:
            break
        states = [
            State(task_id, turn, tuple(playing[task_id].messages), world.tools, world.name, task_id, world.name)
            for task_id in open_ids
        ]
        for task_id, (completion,) in zip(open_ids, actor.act(states, salt=turn + 1), strict=True):
            if isinstance(completion, Action):
                playing[task_id].step(completion)
            else:
                broken.add(task_id)
        open_ids = [task_id for task_id in open_ids if task_id not in broken and not playing[task_id].done]
    failed = broken | set(open_ids)
    return [(task_id, float(task_id not in failed and playing[task_id].success())) for task_id in task_ids]


def skill(actor: Actor, name: str, items: int, seed: int) -> list[Case]:
    """1.0 for each item answered right, with nothing beside the answer."""
    drawn = SKILLS[name].items("test", items, seed)
    states = [State(f"{name}/{i}", 0, tuple(item.messages), ()) for i, item in enumerate(drawn)]
    answers = [completion for (completion,) in actor.act(states)]
    return [
        (
            state.trajectory_id,
            float(isinstance(answer, Action) and not answer.tool_calls and item.check(answer.content)),
        )
        for state, item, answer in zip(states, drawn, answers, strict=True)
    ]
