"""One message per model call, unique call ids, and every result at its call."""

from schemas.chat import Message, ToolCall, message
from tasks.stages.ingest.linkage import linked, merged


def acts(*calls: str, text: str = "", reasoning: str = "") -> Message:
    """An assistant message with calls written as `id:name`."""
    tool_calls = [ToolCall(id=call.partition(":")[0], name=call.partition(":")[2], arguments="{}") for call in calls]
    return message("assistant", text, reasoning=reasoning, tool_calls=tool_calls)


def result(call_id: str = "", name: str = "", content: str = "") -> Message:
    return message("tool", content, tool_call_id=call_id, name=name)


def links(*messages: Message) -> tuple[list[str], dict[str, int]]:
    """The ids that the tool messages end up with, and the warnings."""
    relinked, warnings = linked(messages)
    return [item["tool_call_id"] for item in relinked if item["role"] == "tool"], warnings


def test_consecutive_assistant_items_are_one_action() -> None:
    items = [acts(reasoning="They want a status."), acts(text="Let me see."), acts("c1:look"), acts("c2:look")]
    [action] = merged(items)
    assert (action["reasoning"], action["content"]) == ("They want a status.", "Let me see.")
    assert [call["id"] for call in action["tool_calls"]] == ["c1", "c2"]


def test_a_result_between_calls_separates_actions() -> None:
    assert len(merged([acts("c1:look"), result("c1"), acts("c2:look")])) == 3


def test_by_id_in_any_order_and_named_after_the_call() -> None:
    relinked, warnings = linked([acts("c1:look", "c2:buy"), result("c2"), result("c1")])
    assert [(item["tool_call_id"], item["name"]) for item in relinked[1:]] == [("c2", "buy"), ("c1", "look")]
    assert not warnings


def test_by_name() -> None:
    assert links(acts(":look", ":buy"), result(name="buy"), result(name="look")) == (["call-1", "call-0"], {})


def test_by_position() -> None:
    assert links(acts(":look", ":look"), result(), result()) == (["call-0", "call-1"], {})


def test_a_reused_id_belongs_to_the_nearest_earlier_call() -> None:
    ids, warnings = links(acts("c1:look"), result("c1"), acts("c1:buy"), result("c1"))
    assert ids == ["c1", "c1-2"]
    assert warnings == {"reused_call_ids": 1}


def test_an_id_reused_within_a_turn_is_answered_in_order() -> None:
    ids, _ = links(acts("c1:look", "c1:look"), result("c1"), result("c1"))
    assert ids == ["c1", "c1-2"]


def test_renaming_never_takes_an_id_in_use() -> None:
    relinked, _ = linked([acts("c1:look", "c1-2:look", "c1:look", ":look")])
    ids = [call["id"] for call in relinked[0]["tool_calls"]]
    assert len(set(ids)) == 4
    assert ids[:2] == ["c1", "c1-2"]


def test_dangling_calls_and_results_stay_and_are_counted() -> None:
    ids, warnings = links(result("c0"), acts("c1:look"), result("c9"), result("c1"), result("c1"), acts("c2:buy"))
    assert ids == ["c0", "c9", "c1", "c1"]
    assert warnings == {"results_without_call": 2, "repeated_results": 1, "calls_without_result": 1}


def test_a_result_without_id_does_not_reach_back_over_a_turn() -> None:
    ids, warnings = links(acts(":look"), acts(":buy"), result(), result())
    assert ids == ["call-1", ""]
    assert warnings == {"results_without_call": 1, "calls_without_result": 1}
