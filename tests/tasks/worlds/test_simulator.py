"""Both built-in worlds keep the protocol's promises, and the scripted expert keeps the world's."""

from random import Random

import pytest

from schemas.chat import Role, as_action
from tasks.errors import InputError
from tasks.worlds import expert
from tasks.worlds.simulator import LONGEST, SHORTEST, ServiceWorld

TASKS = 300


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_expert_succeeds_in_6_to_14_turns(service_world: ServiceWorld, split: str) -> None:
    lengths = set()
    for task_id in service_world.task_ids(split, TASKS, seed=0):
        messages = service_world.demonstrate(task_id, seed=1)
        lengths.add(sum(said["role"] == Role.ASSISTANT for said in messages))
        assert service_world.replay(task_id, messages).success()
    assert min(lengths) >= SHORTEST
    assert max(lengths) <= LONGEST
    assert len(lengths) > 5


def test_everything_is_a_function_of_task_and_seed(service_world: ServiceWorld) -> None:
    again = ServiceWorld(service_world._service)
    task_ids = service_world.task_ids("train", 20, seed=3)
    assert task_ids == again.task_ids("train", 20, seed=3) != again.task_ids("train", 20, seed=4)
    for task_id in task_ids:
        assert service_world.demonstrate(task_id, 0) == again.demonstrate(task_id, 0)
    assert any(service_world.demonstrate(task_id, 0) != service_world.demonstrate(task_id, 1) for task_id in task_ids)


def test_replay_of_every_history_equals_the_original(service_world: ServiceWorld) -> None:
    for task_id in service_world.task_ids("train", 20, seed=5):
        episode = service_world.start(task_id)
        rng = Random(task_id)
        while not episode.done:
            copy = service_world.replay(task_id, episode.messages)
            assert (copy.messages, copy.digest(), copy.done) == (episode.messages, episode.digest(), episode.done)
            episode.step(rng.choice(expert.turn(episode).right).action(rng))


def test_train_and_test_share_no_caller(service_world: ServiceWorld) -> None:
    callers = {
        split: {service_world.start(task_id).task.caller_id for task_id in service_world.task_ids(split, TASKS, 0)}
        for split in ("train", "test")
    }
    assert callers["train"]
    assert callers["test"]
    assert not callers["train"] & callers["test"]


@pytest.mark.parametrize("task_id", ["elsewhere/train/000001", "{name}/validation/000001", "{name}/train/one", ""])
def test_a_foreign_task_id_is_an_input_error(service_world: ServiceWorld, task_id: str) -> None:
    with pytest.raises(InputError, match="is not of world"):
        service_world.start(task_id.format(name=service_world.name))


def test_recorded_actions_are_the_ones_replayed(service_world: ServiceWorld) -> None:
    task_id = service_world.task_ids("train", 1, seed=0)[0]
    messages = service_world.demonstrate(task_id, 0)
    episode = service_world.start(task_id)
    for said in messages:
        if said["role"] == Role.ASSISTANT:
            episode.step(as_action(said))
    assert episode.messages == messages
