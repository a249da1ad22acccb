"""Right moves are equivalent, wrong ones are not, and a move has many forms."""

import json
from random import Random

from tasks.worlds import expert
from tasks.worlds.expert import Move
from tasks.worlds.simulator import ServiceWorld


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


def test_a_move_is_said_in_any_wording_and_order() -> None:
    move = Move("cancel_order", {"order_id": "W1", "reason": "late"})
    texts = {move.action(Random(seed)).tool_calls[0]["arguments"] for seed in range(20)}
    assert len(texts) == 2 and {tuple(sorted(json.loads(text).items())) for text in texts} == {
        (("order_id", "W1"), ("reason", "late"))
    }
    assert {Move(wordings=("a", "b")).action(Random(seed)).content for seed in range(20)} == {"a", "b"}
    assert move.action(Random(0)) == move.action(Random(0))


def test_an_episode_runs_from_finding_the_caller_to_the_close(service_world: ServiceWorld) -> None:
    for task_id in service_world.task_ids("train", 30, seed=1):
        episode, kinds = service_world.start(task_id), []
        while not episode.done:
            turn = expert.turn(episode)
            kinds.append(turn.kind.partition(":")[0])
            episode.step(turn.right[0].action(Random(0)))
        first = kinds.index("look_up_caller")
        assert kinds[:first] == ["ask_identity"] * (not episode.task.identifies_at_once)
        assert kinds[-1] == "close" and kinds.count("decide") == len(episode.task.requests)
