import json
from itertools import islice
from random import Random

from schemas.chat import Role
from tasks.worlds import expert
from tasks.worlds.desk.rules import SERVICE
from tasks.worlds.pretraining.legs import ASKS, DOUBTS
from tasks.worlds.pretraining.mixture import Conversation, episodes, sources
from tasks.worlds.simulator import ServiceWorld
from tasks.worlds.skills import SKILLS
from tasks.worlds.world import load


def drawn(part: str, n: int, leg: str = "rules", seed: int = 0) -> list[Conversation]:
    return list(islice(sources(leg, seed, DOUBTS)[part], n))


def test_every_part_is_a_stream_of_its_own_for_every_leg_and_seed() -> None:
    for name in sources("rules", 0, DOUBTS):
        first = drawn(name, 30)
        assert first == drawn(name, 30)
        assert first != drawn(name, 30, seed=1)
        assert first != drawn(name, 30, leg="doubts")
        assert all(conversation.messages[-1]["role"] == Role.ASSISTANT for conversation in first)


def test_copying_repeats_the_line() -> None:
    for conversation in drawn("copying", 20):
        asked, answered = conversation.messages[:2]
        assert asked["content"] == f"Repeat: {answered['content']}"


def test_skills_are_of_the_training_split() -> None:
    held_out = {item.question for skill in SKILLS.values() for item in skill.items("test", 500, seed=0)}
    for conversation in drawn("skills", 500):
        assert not held_out & {said["content"] for said in conversation.messages}


def test_every_uncertain_kind_is_a_turn_of_the_desk_with_a_wrong_move() -> None:
    world, kinds = ServiceWorld(SERVICE), set()
    for task_id in world.task_ids("train", 200, seed=0):
        episode = world.start(task_id)
        while not episode.done:
            turn = expert.turn(episode)
            kinds |= {turn.kind} if turn.wrong else set()
            episode.step(turn.right[0].action(Random(0)))
    assert set(ASKS) <= set(DOUBTS) <= kinds


def test_an_expert_without_confidence_asks_needlessly() -> None:
    def messages(confidence: dict[str, float]) -> int:
        return sum(len(one.messages) for one in islice(episodes(SERVICE, confidence, Random(0)), 40))

    assert messages({"look_up_object:at_once": 0.0}) > messages({})


def test_decisive_messages_are_those_that_settle_a_request_by_a_call_or_by_words() -> None:
    calls = words = 0
    for conversation in drawn("desk", 40):
        for position in conversation.decisive:
            said = conversation.messages[position]
            assert said["role"] == Role.ASSISTANT
            if said["tool_calls"]:
                assert said["tool_calls"][0]["name"] in {"cancel_order", "refund_order", "exchange_item"}
                calls += 1
            else:
                assert "cannot" in said["content"]
                words += 1
    assert calls > 10
    assert words > 10


def test_a_decision_by_itself_shows_the_caller_and_the_object_and_follows_the_callers_attribute() -> None:
    seen = set()
    for conversation in drawn("decisions", 120):
        wish, caller, item, move = conversation.messages
        record = json.loads(caller["content"])
        attribute, allows = ("tier", "gold") if "tier" in record else ("kind", "student")
        assert wish["role"] == Role.USER
        assert set(record.get("orders", record.get("loans"))) & set(json.loads(item["content"]).values())
        assert bool(move["tool_calls"]) == (record[attribute] == allows)
        assert conversation.decisive == (3,)
        seen.add(record[attribute])
    assert seen == {"gold", "basic", "student", "adult"}


def test_the_shipped_worlds_callers_are_not_in_the_text() -> None:
    world = load("desk")
    shown = [said["content"] for task in world.task_ids("test", 30, 0) for said in world.demonstrate(task, 0)]
    users = {text for text in shown if text.startswith('{"user_id"')}
    assert len(users) > 10
    for conversation in drawn("desk", 300):
        assert not users & {said["content"] for said in conversation.messages}
