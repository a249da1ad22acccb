"""A kind is added as tasks/verifiers/README.md says: its example as one file, and one entry of the union."""

from __future__ import annotations

import json
import re

import pytest

from tests.extending import Copy
from tests.servers import ROOT

README = (ROOT / "tasks" / "verifiers" / "README.md").read_text()
UNION = {
    "    | PythonSettings\n": "    | PythonSettings\n    | SameLengthSettings\n",
    "from tasks.verifiers.kinds.search": (
        "from tasks.verifiers.kinds.same_length import SameLengthSettings\nfrom tasks.verifiers.kinds.search"
    ),
}
FORM = """
import json
from flows.settings.form import changes_schema
from flows.settings.pipeline import PipelineConfig
from schemas.chat import Action, State
from tasks.verifiers.build import build, fingerprint, not_junk
parts = [{"kind": "exact"}, {"kind": "same_length", "tolerance": 1}]
score = {"verifier": {"kind": "any_of", "verifiers": parts}}
config = PipelineConfig.model_validate({"model": "desk", "ingest": {"source": "x"}, "score": score})
verifier = config.score.verifier
form = changes_schema(PipelineConfig)["properties"]["score"]["properties"]["verifier"]["properties"]["kind"]["enum"]
reward = build(verifier)(State("t", 0, (), ()), Action("abc"), Action("wxyz")).reward
print(json.dumps([fingerprint(verifier), form, reward, len(not_junk(verifier, State("t", 0, (), ()), Action("abc")))]))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The code with the README's example as a kind."""
    copy = Copy(tmp_path_factory.mktemp("code"))
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    copy.add("tasks/verifiers/kinds/same_length.py", example)
    for line, lines in UNION.items():
        copy.change("tasks/verifiers/kinds/__init__.py", line, lines)
    return copy


def test_the_command_knows_the_kind(copy: Copy) -> None:
    said = {"type": "message", "content": "Hello"}
    actuals = [{**said, "content": "World"}, {**said, "content": "Worlds"}, {"type": "function_call", "name": "f"}]
    cases = "\n".join(json.dumps({"expected": said, "actual": actual}) for actual in actuals)
    out = copy.python("-m", "flows.cli", "verify", "same_length", "--cases", "-", input=cases)
    verdicts = [json.loads(line) for line in out.splitlines()]
    assert [(verdict["reward"], verdict["reason"]) for verdict in verdicts] == [
        (1.0, "equivalent"),
        (0.0, "wrong_text"),
        (0.0, "wrong_kind"),
    ]


def test_the_configuration_the_form_and_the_versions_know_the_kind(copy: Copy) -> None:
    fingerprint, form, reward, free = json.loads(copy.python("-c", FORM))
    assert fingerprint.startswith("any_of/1(exact/2, same_length/1) ") and '"tolerance": 1' in fingerprint
    assert "same_length" in form
    assert (reward, free) == (1.0, 0)
