"""Tool schemas in every form, and those that are none."""

from typing import Any

import pytest

from schemas.rejects import RejectReason
from tasks.stages.ingest.episode import Rejected
from tasks.stages.ingest.tools import tools_json
from tests.tasks.stages.ingest.builders import TOOL


def test_tools_in_every_form_are_one_text() -> None:
    wrapped = {"type": "function", "function": TOOL}
    forms = [[wrapped], [TOOL], [{"type": "function", "strict": True, **TOOL}]]
    texts = {tools_json(form) for form in forms}
    assert len(texts) == 1
    assert tools_json(next(iter(texts))) in texts
    assert {tools_json(none) for none in (None, [], "", "[]")} == {""}


def test_only_what_a_chat_template_reads_is_kept_and_in_its_order() -> None:
    tool = {"parameters": {"b": 1, "a": 2}, "name": "f", "description": 3, "strict": True, "cache_control": {}}
    assert tools_json([tool]) == '[{"type":"function","function":{"name":"f","parameters":{"b":1,"a":2}}}]'
    assert tools_json([{"name": "f", "input_schema": {"a": 1}}]) == tools_json([{"name": "f", "parameters": {"a": 1}}])


@pytest.mark.parametrize("tools", ["oops", {"f": {}}, 3, [{}], [{"name": ""}], ["f"], [{"function": {"name": 1}}]])
def test_what_is_no_list_of_named_functions_is_rejected(tools: Any) -> None:
    with pytest.raises(Rejected) as caught:
        tools_json(tools)
    assert caught.value.reason is RejectReason.MALFORMED_TOOLS
