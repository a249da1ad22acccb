"""The list of formats, their files, detection by content, and a new format added as the README says."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from schemas.config import IngestFormat
from schemas.rejects import RejectReason
from tasks.stages.ingest import formats
from tasks.stages.ingest.formats import FORMATS, read
from tests.extending import Copy
from tests.tasks.stages.ingest.builders import (
    CALL,
    EXAMPLES,
    OPENAI,
    RESPONSES,
    SHAREGPT,
    USER,
    ingested,
    metadata,
    reasons,
    trajectory_of,
)

ROOT = Path(__file__).parents[5]
README = ROOT / "tasks" / "stages" / "ingest" / "README.md"


def test_the_list_is_the_files_and_the_readmes_table() -> None:
    files = {path.stem for path in Path(formats.__file__).parent.glob("*.py")} - {"__init__"}
    rows = re.findall(r"^\| `(\w+)` \|", README.read_text(), flags=re.MULTILINE)
    assert sorted(get_args(IngestFormat)) == sorted(files) == sorted(FORMATS) == sorted(EXAMPLES) == sorted(rows)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_format_is_found_by_content(tmp_path: Path, name: str) -> None:
    outcomes = ingested(tmp_path / "record.json", json.dumps(EXAMPLES[name]))
    assert metadata(outcomes[-1])["format"] == name


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_named(tmp_path: Path, name: str) -> None:
    by_content = ingested(tmp_path / "record.json", json.dumps(EXAMPLES[name]))
    assert ingested(tmp_path / "record.json", format=name) == by_content
    assert metadata(by_content[-1])["format"] == name


def test_the_most_telling_format_comes_first() -> None:
    """Both are also OpenAI messages, so that the order decides."""
    for name in ("tau2", "sharegpt"):
        record = {**EXAMPLES["openai"], **EXAMPLES[name]}
        assert FORMATS["openai"].recognises(record) and read(record)[0] == name
    assert list(FORMATS)[-1] == "openai"


def test_no_format_recognises_what_it_does_not_know() -> None:
    assert [name for name in FORMATS if FORMATS[name].recognises({"nothing": "known"})] == []


def test_a_named_format_refuses_others(tmp_path: Path) -> None:
    outcomes = ingested(tmp_path / "record.json", json.dumps(SHAREGPT), format="openai")
    assert reasons(outcomes) == [RejectReason.UNKNOWN_FORMAT]
    assert "not a record of format openai" in outcomes[0].detail


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": [USER, "words"]}, RejectReason.MALFORMED_MESSAGE),
        ({**RESPONSES, "expected_action": {"type": "wait"}}, RejectReason.MALFORMED_MESSAGE),
        ({"messages": [{"role": "narrator", "content": "Once"}]}, RejectReason.UNKNOWN_ROLE),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, RejectReason.UNSUPPORTED_CONTENT),
        ({"input": [{"type": "web_search_call"}], "output": []}, RejectReason.UNSUPPORTED_CONTENT),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c1"}]}]}, RejectReason.MALFORMED_CALL),
        ({"conversations": [{"from": "function_call", "value": "oops"}]}, RejectReason.MALFORMED_CALL),
        ({"conversation": [{"role": "user", "text": "", "apis": [{}]}]}, RejectReason.MALFORMED_CALL),
        ({**OPENAI, "tools": "oops"}, RejectReason.MALFORMED_TOOLS),
        ({**OPENAI, "tools": {"get_order": {}}}, RejectReason.MALFORMED_TOOLS),
        ({**OPENAI, "tools": [{"type": "web_search"}]}, RejectReason.MALFORMED_TOOLS),
        ({"messages": [USER]}, RejectReason.NO_ASSISTANT_ACTION),
        ({"messages": []}, RejectReason.NO_ASSISTANT_ACTION),
        ({"messages": {"user": CALL}}, RejectReason.UNKNOWN_FORMAT),
        ({"messages_display": "user: Hi"}, RejectReason.UNKNOWN_FORMAT),
    ],
)
def test_what_cannot_be_taken_has_a_reason(tmp_path: Path, record: Any, reason: RejectReason) -> None:
    [reject] = ingested(tmp_path / "record.json", json.dumps(record))
    assert reject.reason is reason, reject.detail
    assert json.loads(reject.raw) == record


@pytest.mark.parametrize("record", [OPENAI, SHAREGPT], ids=["openai", "sharegpt"])
def test_the_id_of_a_row_is_kept_and_is_no_task(tmp_path: Path, record: dict[str, Any]) -> None:
    trajectory = trajectory_of(tmp_path, {**record, "task_id": None, "id": "chatcmpl-1"})
    assert (trajectory.task_id, metadata(trajectory)["id"]) == ("", "chatcmpl-1")


INGEST = """
import json, sys
from schemas.config import IngestConfig
from tasks.stages.ingest.ingestion import ingest
[outcome] = ingest(IngestConfig(source=sys.argv[1], format=sys.argv[2]))
said = [(message["role"], message["content"]) for message in outcome.messages]
print(json.dumps([json.loads(outcome.metadata_json)["format"], said, outcome.success]))
"""


@pytest.mark.slow
def test_a_format_is_one_file_and_one_line(tmp_path: Path) -> None:
    """The README's own example, added to a copy of the code exactly as the README says."""
    copy = Copy(tmp_path)
    text = README.read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (record,) = re.findall(r"^For records such as `(.+)`:$", text, flags=re.MULTILINE)
    copy.add("tasks/stages/ingest/formats/dialogue.py", code)
    copy.change("schemas/config.py", '    "tooltalk",\n', '    "tooltalk",\n    "dialogue",\n')
    (tmp_path / "record.json").write_text(record)
    for name in ("auto", "dialogue"):
        said = [["user", "Where is order 17?"], ["assistant", "It has shipped."]]
        assert json.loads(copy.python("-c", INGEST, "record.json", name)) == ["dialogue", said, True]
