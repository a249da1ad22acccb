"""What ends an episode, what fails it, and what a copy shares."""

import json
from random import Random

import pytest

from schemas.chat import Action
from tasks.worlds import expert
from tasks.worlds.episode import TURN_LIMIT
from tasks.worlds.simulator import ServiceWorld
from tests.tasks.worlds.playing import call, play

TASKS = 300


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


def test_a_copy_goes_on_by_itself(service_world: ServiceWorld) -> None:
    episode = service_world.start(service_world.task_ids("train", 1, seed=0)[0])
    play(episode, seed=0, until="decide")
    digest, messages = episode.digest(), list(episode.messages)
    other = episode.copy()
    assert (other.digest(), other.messages) == (digest, messages)
    play(other, seed=0)
    assert other.success() and other.digest() != digest
    assert (episode.digest(), episode.messages, episode.done) == (digest, messages, False)
