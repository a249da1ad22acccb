from __future__ import annotations

import re
import subprocess
import sys

import pytest
from pydantic import ValidationError

from tasks.policy.parsing import FORMATS
from tasks.verifiers.kinds import WorldStateSettings
from tasks.verifiers.section import ScoreConfig


def test_every_format_of_completions_can_be_named_and_no_other() -> None:
    for name in ("auto", "my.module:read", *FORMATS):
        assert ScoreConfig(parser=name).parser == name
    with pytest.raises(ValidationError, match="no such format; there are auto, hermes"):
        ScoreConfig(parser="hermse")


def test_the_form_takes_the_same_names() -> None:
    pattern = ScoreConfig.model_json_schema()["properties"]["parser"]["pattern"]
    assert all(re.match(pattern, name) for name in ("auto", "my.module:read", *FORMATS))
    assert not re.match(pattern, "hermse")


def test_a_verifier_is_told_by_its_kind() -> None:
    nested = {"kind": "by_domain", "domains": {"a": {"kind": "cascade", "verifiers": [{"kind": "exact"}]}}}
    config = ScoreConfig.model_validate({"verifier": nested})
    assert config.verifier.model_dump(exclude_unset=True) == {
        "kind": "by_domain",
        "domains": {"a": {"kind": "cascade", "verifiers": ({"kind": "exact"},)}},
    }
    assert ScoreConfig().verifier == WorldStateSettings()


def test_reading_a_configuration_imports_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "vllm", "pandera", "polars", "httpx", "math_verify", "sympy", "prefect")
    code = f"import sys, tasks.verifiers.section; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
