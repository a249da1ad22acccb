from schemas.chat import Message, Role, message
from schemas.trajectories import opening

SYSTEM, GREETING = message(Role.SYSTEM, "Be brief."), message(Role.ASSISTANT, "Hi! How can I help?")
USER, ANSWER = message(Role.USER, "Where is it?"), message(Role.ASSISTANT, "There.")


def same(first: list[Message], second: list[Message]) -> bool:
    return opening(first) == opening(second)


def test_an_opening_ends_with_the_users_first_message() -> None:
    assert same([SYSTEM, USER, ANSWER], [SYSTEM, USER, GREETING, USER, ANSWER])
    assert same([SYSTEM, GREETING, USER, ANSWER], [SYSTEM, GREETING, USER, GREETING])
    assert not same([SYSTEM, USER, ANSWER], [USER, ANSWER])
    assert not same([SYSTEM, USER, ANSWER], [SYSTEM, message(Role.USER, "And now?"), ANSWER])
    assert not same([message(Role.SYSTEM, "a"), message(Role.USER, "b")], [message(Role.SYSTEM, 'a", "b')])


def test_where_the_user_never_speaks_it_ends_before_the_first_action() -> None:
    result = message(Role.TOOL, "shipped", tool_call_id="c1")
    assert same([SYSTEM, ANSWER], [SYSTEM, GREETING, result, ANSWER])
    assert not same([SYSTEM, ANSWER], [message(Role.SYSTEM, "Report."), ANSWER])
    assert same([ANSWER], [ANSWER, result, GREETING]) and not same([ANSWER], [GREETING])


def test_the_name_is_the_same_tomorrow() -> None:
    assert opening([SYSTEM, USER, ANSWER]) == "opening-c8e6480d23318c50"
