from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from flows.cli.verify import verifier_settings
from flows.settings.configuration import PRESETS
from tasks.errors import ConfigurationError
from tasks.verifiers.kinds import NemoGymSettings, ToolCallSettings, WorldStateSettings
from tests.servers import ROOT

CALL = {"type": "function_call", "name": "get", "arguments": '{"a": 1}'}
COMPLETION = '<tool_call>\n{"name": "get", "arguments": {"a": 1}}\n</tool_call>'
TOOL = {"name": "get", "parameters": {"properties": {"a": {}, "n": {"default": 3}}, "required": ["a"]}}
DATA = Path(__file__).parents[3].parent / "shared" / "data" / "nemo_gym"


def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, *cases: Any) -> list[dict[str, Any]]:
    """The verdicts of `pivotrl verify`; a case that is a text is a line as it is."""
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(case if isinstance(case, str) else json.dumps(case) for case in cases) + "\n")
    assert main(["verify", kind, "--cases", str(path), "--json"]) == 0
    out = capsys.readouterr()
    assert not out.err
    return [json.loads(line) for line in out.out.splitlines()]


@pytest.mark.parametrize(
    ("case", "reward", "reason"),
    [
        ({"expected": CALL, "actual": CALL}, 1.0, "equal"),
        ({"expected": CALL, "actual": COMPLETION}, 1.0, "equal"),
        ({"expected": CALL, "actual": {**CALL, "arguments": {"a": 1.0}}}, 1.0, "equivalent"),
        ({"expected": CALL, "actual": COMPLETION[:-3]}, 0.0, "parse_failure"),
        ({"expected": CALL, "actual": {**CALL, "arguments": '{"a": '}}, 0.0, "parse_failure"),
        ({"expected": CALL, "actual": {**CALL, "arguments": '{"a": 1, "n": 3}'}}, 0.0, "extra_argument"),
        (
            {
                "expected": CALL,
                "actual": {**CALL, "arguments": '{"a": 1, "n": 3}'},
                "tools": [{"type": "function", **TOOL}],
            },
            1.0,
            "equivalent",
        ),
        (
            {
                "expected": CALL,
                "actual": {**CALL, "arguments": '{"a": 1, "n": 3}'},
                "tools": [{"type": "function", "function": TOOL}],
            },
            1.0,
            "equivalent",
        ),
        ({"expected": CALL, "actual": None}, 0.0, "empty"),
        ({"expected": CALL, "actual": "get with a = 1"}, 0.0, "wrong_kind"),
        ({"expected": {"type": "message", "content": "Hi."}, "actual": "Hello!"}, 1.0, "equivalent"),
        ({"expected": {"type": "message", "content": "Hi."}, "actual": CALL}, 0.0, "wrong_kind"),
        (
            {
                "expected": {"type": "function_call_batch", "calls": [CALL, {**CALL, "name": "b"}]},
                "actual": {"type": "function_call_batch", "calls": [{**CALL, "name": "b"}, CALL]},
            },
            1.0,
            "equivalent",
        ),
        ({"expected": {"type": "call"}, "actual": CALL}, 0.0, "bad_demonstration"),
        ({"expected": CALL, "actual": {"type": "function_call"}}, 0.0, "parse_failure"),
        ({"expected": CALL, "actual": 3, "tools": 3, "messages": 3}, 0.0, "parse_failure"),
        ('{"expected": 1, "actual": NaN}', 0.0, "parse_failure"),
        ('{"expected": 1, "expected": 2, "actual": 3}', 0.0, "parse_failure"),
    ],
)
def test_one_verdict_per_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: Any, reward: float, reason: str
) -> None:
    (verdict,) = run(tmp_path, capsys, "tool_call", case)
    assert set(verdict) == {"reward", "reason", "detail"}
    assert (verdict["reward"], verdict["reason"]) == (reward, reason), verdict


def test_a_world_state_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tasks.worlds.world import load

    desk = load("desk")
    task = desk.task_ids("train", 1, 0)[0]
    messages = desk.demonstrate(task, 0)
    index = next(i for i, said in enumerate(messages) if said["tool_calls"])
    made = messages[index]["tool_calls"][0]
    expected = {"type": "function_call", "name": made["name"], "arguments": made["arguments"]}
    case = {"expected": expected, "world": "desk", "task_id": task, "messages": messages[:index]}
    same, other = run(
        tmp_path,
        capsys,
        "world_state",
        {**case, "actual": {**expected, "arguments": json.dumps(json.loads(made["arguments"]), indent=1)}},
        {**case, "actual": {**expected, "arguments": "{}"}},
    )
    assert (same["reward"], other["reward"]) == (1.0, 0.0)


def test_a_line_that_is_no_case_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cases.jsonl"
    for text, said in (("\n{", "line 2"), ("[]", "line 1"), ('{"expected": 1}', "`actual`"), ("\x80", "line 1")):
        path.write_text(text)
        assert main(["verify", "exact", "--cases", str(path)]) == 2
        assert said in capsys.readouterr().err
    path.write_bytes(b"\xff\xfe")
    assert main(["verify", "exact", "--cases", str(path)]) == 2
    assert "UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tool_cal", "did you mean 'tool_call'?"),
        ("judge", "url: must be given. Root of an OpenAI"),
        ("by_tool", "tools"),
        ("missing.yaml", "no verifier"),
    ],
)
def test_a_verifier_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    (tmp_path / "cases.jsonl").write_text("")
    assert main(["verify", name, "--cases", str(tmp_path / "cases.jsonl")]) == 2
    assert said in capsys.readouterr().err
    assert main(["verify", "exact", "--cases", str(tmp_path)]) == 2


def test_settings_come_from_a_file_or_a_whole_configuration(tmp_path: Path) -> None:
    path = tmp_path / "v.yaml"
    path.write_text("kind: nemo_gym\nword_count_similarity_threshold: 0.4\n")
    assert verifier_settings(str(path)) == NemoGymSettings(word_count_similarity_threshold=0.4)
    path.write_text("ingest: {source: x}\nscore: {verifier: {kind: tool_call}}\n")
    assert verifier_settings(str(path)) == ToolCallSettings()
    path.write_text("kind: nemo_gym\nthreshold: 1\n")
    with pytest.raises(ConfigurationError, match="threshold"):
        verifier_settings(str(path))
    path.write_text(": [")
    with pytest.raises(ConfigurationError, match="not YAML"):
        verifier_settings(str(path))
    assert isinstance(verifier_settings(str(PRESETS / "desk.yaml")), WorldStateSettings)


@pytest.mark.parametrize("path", sorted((PRESETS / "verifiers").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_preset_loads(path: Path) -> None:
    assert verifier_settings(str(path)).kind


def test_standard_input_and_the_counts(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"expected": CALL, "actual": CALL}) * 1))
    assert main(["verify", "exact", "--cases", "-"]) == 0
    assert capsys.readouterr().err == "1 equal\n"


def test_the_command_loads_no_model_code(tmp_path: Path) -> None:
    code = """
import sys
from flows.cli import main
assert main(["verify", "tool_call", "--cases", sys.argv[1]]) == 0
print(sorted({"torch", "transformers", "vllm", "prefect"} & set(sys.modules)))
"""
    cases = tmp_path / "cases.jsonl"
    cases.write_text(json.dumps({"expected": CALL, "actual": COMPLETION}))
    line = [sys.executable, "-c", code, str(cases)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert json.loads(done.stdout.splitlines()[0])["reason"] == "equal"


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/nemo_gym")
def test_nemo_gym_gives_the_recorded_rewards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "single_step_tool_use_with_argument_comparison__example_rollouts.jsonl"
    rows = [json.loads(line) for line in (DATA / name).read_text().splitlines()]
    cases = []
    for row in rows:
        calls = [item for item in row["response"]["output"] if item["type"] == "function_call"]
        said = [item for item in row["response"]["output"] if item["type"] == "message"]
        actual = {"type": "function_call_batch", "calls": calls} if calls else said[-1]
        cases.append(
            {"expected": row["expected_action"], "actual": actual, "tools": row["responses_create_params"]["tools"]}
        )
    assert [verdict["reward"] for verdict in run(tmp_path, capsys, "nemo_gym", *cases)] == [
        row["reward"] for row in rows
    ]
