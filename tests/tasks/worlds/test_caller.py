from schemas.chat import Action
from tasks.worlds.simulator import ServiceWorld
from tasks.worlds.world import load


def episode_where(names_object: bool, identifies: bool):
    world = load("desk")
    assert isinstance(world, ServiceWorld)
    for task_id in world.task_ids("train", 100, seed=0):
        episode = world.start(task_id)
        task = episode.task
        if (task.requests[0].names_object, task.identifies_at_once) == (names_object, identifies):
            return episode
    raise AssertionError("no such task")


def test_the_opening_says_what_the_task_lets_it_say() -> None:
    silent = episode_where(names_object=False, identifies=False)
    opening = silent.messages[1]["content"]
    assert silent.task.requests[0].object_id not in opening
    assert "My " not in opening
    open_one = episode_where(names_object=True, identifies=True)
    opening = open_one.messages[1]["content"]
    assert open_one.task.requests[0].object_id in opening
    assert "My " in opening


def test_questions_are_answered_and_change_the_state_once() -> None:
    episode = episode_where(names_object=False, identifies=False)
    start = episode.digest()
    episode.step(Action("Could you give me your e-mail, please?"))
    identified = episode.digest()
    assert "My " in episode.messages[-1]["content"]
    assert identified != start
    episode.step(Action("And which order was it?"))
    assert episode.messages[-1]["content"] == f"It is {episode.task.requests[0].object_id}."
    named = episode.digest()
    episode.step(Action("Which order?"))
    assert episode.digest() == named != identified


def test_any_other_message_ends_the_request() -> None:
    episode = episode_where(names_object=True, identifies=True)
    for left in reversed(range(len(episode.task.requests))):
        episode.step(Action("I cannot do that."))
        assert (episode.caller.request is None) == (left == 0)
    assert "that is all" in episode.messages[-1]["content"]
    episode.step(Action("Goodbye."))
    assert episode.done


def test_an_empty_message_ends_nothing() -> None:
    episode = episode_where(names_object=True, identifies=True)
    before = episode.digest()
    episode.step(Action("  "))
    assert episode.messages[-1]["content"] == "Are you there?"
    assert episode.digest() == before
