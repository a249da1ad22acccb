"""Both built-in worlds keep the protocol's promises, and the scripted expert keeps the world's."""

import json
from random import Random

import pytest

from schemas.chat import Action, Role, ToolCall, as_action
from tasks.errors import InputError
from tasks.worlds import expert
from tasks.worlds.episode import TURN_LIMIT, ServiceEpisode
from tasks.worlds.simulator import LONGEST, SHORTEST, ServiceWorld

TASKS = 300


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


def test_equivalent_moves_give_equal_digests(service_world: ServiceWorld) -> None:
    several = 0
    for task_id in service_world.task_ids("train", 60, seed=2):
        episode = service_world.start(task_id)
        while not episode.done:
            turn, digests = expert.turn(episode), set()
            for seed, move in enumerate(turn.right * 4):
                copy = service_world.replay(task_id, episode.messages)
                copy.step(move.action(Random(seed)))
                digests.add(copy.digest())
            assert len(digests) == 1
            several += len(turn.right) > 1
            episode.step(turn.right[0].action(Random(0)))
    assert several > 10


def test_wrong_moves_give_other_digests(service_world: ServiceWorld) -> None:
    seen = set()
    for task_id in service_world.task_ids("train", 60, seed=2):
        episode = service_world.start(task_id)
        while not episode.done:
            turn = expert.turn(episode)
            right = service_world.replay(task_id, episode.messages)
            right.step(turn.right[0].action(Random(0)))
            for move in turn.wrong:
                wrong = service_world.replay(task_id, episode.messages)
                wrong.step(move.action(Random(0)))
                assert wrong.digest() != right.digest()
                seen.add(turn.kind)
            episode.step(turn.right[0].action(Random(0)))
    assert len(seen) > 5


def test_a_wrong_decision_fails_the_episode(service_world: ServiceWorld) -> None:
    wrong = 0
    for task_id in service_world.task_ids("test", 60, seed=2):
        episode = service_world.start(task_id)
        turn = play(episode, seed=0, until="decide")
        if turn.wrong:
            episode.step(turn.wrong[0].action(Random(0)))
            play(episode, seed=0)
            assert episode.done
            assert not episode.success()
            wrong += 1
    assert wrong > 30


def test_a_needless_question_does_not_fail_the_episode(service_world: ServiceWorld) -> None:
    asked = 0
    for task_id in service_world.task_ids("test", 60, seed=2):
        episode = service_world.start(task_id)
        turn = play(episode, seed=0, until="look_up_object")
        if turn.kind == "look_up_object:at_once":
            episode.step(turn.wrong[0].action(Random(0)))
            assert expert.turn(episode).kind == "look_up_object:when_asked"
            play(episode, seed=0)
            assert episode.success()
            asked += 1
    assert asked > 10


def test_an_asked_fact_must_be_told(service_world: ServiceWorld) -> None:
    for task_id in service_world.task_ids("train", TASKS, seed=2):
        episode = service_world.start(task_id)
        turn = play(episode, seed=0, until="decide")
        request = episode.caller.request
        if request and request.rule.fact and turn.kind.startswith("decide"):
            episode.step(Action("I do not know. Anything else?"))
            play(episode, seed=0)
            assert episode.done
            assert not episode.success()
            return
    pytest.fail("no task asks for a fact")


def test_a_refused_call_is_an_observation(service_world: ServiceWorld) -> None:
    episode = service_world.start(service_world.task_ids("train", 1, seed=0)[0])
    before = episode.digest()
    for action in (call("no_such_tool"), call(service_world._service.opener), call("get_user", user_id="nobody")):
        episode.step(action)
        assert "error" in json.loads(episode.messages[-1]["content"])
    assert episode.digest() == before
    play(episode, seed=0)
    assert episode.success()


def test_several_calls_in_one_action_are_all_answered(service_world: ServiceWorld) -> None:
    episode = service_world.start(service_world.task_ids("train", 1, seed=0)[0])
    calls = call("first").tool_calls + call("second").tool_calls
    episode.step(Action(tool_calls=calls))
    sent = [made["id"] for made in episode.messages[-3]["tool_calls"]]
    assert len(set(sent)) == 2
    assert [said["tool_call_id"] for said in episode.messages[-2:]] == sent


def test_an_episode_ends_at_the_turn_limit(service_world: ServiceWorld) -> None:
    episode = service_world.start(service_world.task_ids("train", 1, seed=0)[0])
    for _ in range(TURN_LIMIT):
        assert not episode.done
        episode.step(Action(""))
    assert episode.done
    assert not episode.success()
    length = len(episode.messages)
    episode.step(Action("more"))
    assert len(episode.messages) == length


def test_recorded_actions_are_the_ones_replayed(service_world: ServiceWorld) -> None:
    task_id = service_world.task_ids("train", 1, seed=0)[0]
    messages = service_world.demonstrate(task_id, 0)
    episode = service_world.start(task_id)
    for said in messages:
        if said["role"] == Role.ASSISTANT:
            episode.step(as_action(said))
    assert episode.messages == messages
