"""The simulator of `desk` and `library`: a caller, an agent and tools. The final state decides success."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from schemas.chat import Message, Role, ToolSchema, as_action
from tasks.errors import InputError
from tasks.worlds import expert
from tasks.worlds.episode import ServiceEpisode
from tasks.worlds.service import Request, Rule, Service, Task

SHORTEST, LONGEST = 6, 14
"""Assistant turns that the expert needs for a task."""
SPLITS = ("train", "test")
TEST_EVERY = 4
"""Every fourth caller belongs to the tasks of the split "test"."""


class ServiceWorld:
    """A service with one drawn data set (`tasks.worlds.world.World`)."""

    def __init__(self, service: Service, seed: int = 0) -> None:
        self.name = service.name
        self.tools: tuple[ToolSchema, ...] = tuple(tool.schema() for tool in service.tools)
        self._service = service
        self._tables = service.tables(Random(f"{service.name} tables {seed}"))

    def task_ids(self, split: str, n: int, seed: int) -> Sequence[str]:
        """See `World.task_ids`. Ids look like `desk/train/123456`; the splits have no caller in common."""
        rng = Random(f"{self.name} {split} {seed}")
        return [f"{self.name}/{split}/{number:06d}" for number in rng.sample(range(1_000_000), n)]

    def start(self, task_id: str) -> ServiceEpisode:
        """See `World.start`.

        Raises:
            InputError: the id is not of this world.
        """
        return ServiceEpisode(self._service, self._tables, self._task(task_id))

    def replay(self, task_id: str, messages: Sequence[Message]) -> ServiceEpisode:
        """See `World.replay`."""
        episode = self.start(task_id)
        for said in messages:
            if said["role"] == Role.ASSISTANT:
                episode.step(as_action(said))
        return episode

    def demonstrate(self, task_id: str, seed: int) -> list[Message]:
        """See `World.demonstrate`."""
        episode = self.start(task_id)
        rng = Random(f"{task_id} {seed}")
        while not episode.done:
            episode.step(rng.choice(expert.turn(episode).right).action(rng))
        assert episode.success(), f"the expert failed {task_id}"
        return episode.messages

    def _task(self, task_id: str) -> Task:
        name, _, rest = task_id.partition("/")
        split, _, number = rest.partition("/")
        if name != self.name or split not in SPLITS or not number.isdigit():
            raise InputError(f"task id {task_id!r} is not of world {self.name!r}: expected {self.name}/train/NUMBER")
        rng = Random(task_id)
        while True:
            task = self._draw(task_id, split, rng)
            if SHORTEST <= self._length(task) <= LONGEST:
                return task

    def _draw(self, task_id: str, split: str, rng: Random) -> Task:
        service = self._service
        callers = sorted(self._tables[service.callers])
        held_out = callers[::TEST_EVERY]
        caller_id = rng.choice(held_out if split == "test" else sorted(set(callers) - set(held_out)))
        owned = self._tables[service.callers][caller_id][service.objects]
        wanted = rng.sample(owned, min(len(owned), rng.choice((1, 2, 2, 3))))
        fields = tuple(service.identities)
        identity = rng.choice(((fields[0],), (fields[1],), fields))
        weights = [rule.weight for rule in service.rules]
        rules = rng.choices(service.rules, weights, k=len(wanted))
        requests = tuple(self._request(rule, row_id, rng) for rule, row_id in zip(rules, wanted, strict=True))
        return Task(task_id, caller_id, identity, rng.random() < 0.5, requests)

    def _request(self, rule: Rule, object_id: str, rng: Random) -> Request:
        now = self._tables[self._service.objects][object_id].values()
        detail = rng.choice([choice for choice in rule.details if choice not in now])
        return Request(rule, object_id, detail, rng.choice(rule.requests), rng.random() < 0.6)

    def _length(self, task: Task) -> int:
        """Assistant turns that the expert takes: identify; find, decide and tell per request; close."""
        episode = ServiceEpisode(self._service, self._tables, task)
        calls = sum(bool(episode.right_outcome(request).tool) for request in task.requests)
        questions = sum(not request.names_object for request in task.requests) + (not task.identifies_at_once)
        return 2 + 2 * len(task.requests) + calls + questions
