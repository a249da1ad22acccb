"""`pivotrl verify`: a verifier on a file of cases, one verdict a line."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from flows.settings.configuration import PRESETS
from flows.settings.problems import nearest, problems
from tasks.errors import ConfigurationError, InputError
from tasks.policy.parsing import parser_for
from tasks.verifiers.build import build
from tasks.verifiers.cases import verdicts
from tasks.verifiers.kinds import KINDS, VerifierSettings

_ADAPTER: TypeAdapter[VerifierSettings] = TypeAdapter(VerifierSettings)


def verifier(name: str) -> VerifierSettings:
    """The settings of a kind with its defaults, of a preset (infra/presets/verifiers), or of a YAML file, which is a
    mapping with `kind`, or a whole configuration with `score.verifier`.

    Raises:
        ConfigurationError: no such kind, preset or file, or settings that it does not know; every problem with its key.
    """
    presets = sorted(path.stem for path in (PRESETS / "verifiers").glob("*.yaml"))
    path = PRESETS / "verifiers" / f"{name}.yaml" if name in presets and name not in KINDS else Path(name)
    if name in KINDS:
        values: Any = {"kind": name}
    elif path.is_file():
        values = _read(path)
    else:
        hint = nearest(name, [*KINDS, *presets]) or "."
        raise ConfigurationError(
            f"no verifier {name!r}{hint} Name a kind ({', '.join(KINDS)}), a preset ({', '.join(presets)}), or a YAML "
            "file"
        )
    try:
        return _ADAPTER.validate_python(values)
    except ValidationError as error:
        raise ConfigurationError(f"{name}:\n{problems(VerifierSettings, error, 'verifier')}") from error


def verify(name: str, cases: str, parser: str) -> Counter[str]:
    """Print the verdict on each case as a line of JSON; the counts by reason.

    Args:
        cases: a JSONL file, or "-" for standard input.
        parser: the format of completions that are given as text.

    Raises:
        ConfigurationError: as `verifier`; the file of cases is not there or not UTF-8, or a line of it is no case.
    """
    decide, parse = build(verifier(name)), parser_for(parser)
    counts: Counter[str] = Counter()
    try:
        with Path(cases).open(encoding="utf-8") if cases != "-" else sys.stdin as lines:
            for verdict in verdicts(lines, decide, parse):
                counts[verdict.reason.value] += 1
                line = {"reward": verdict.reward, "reason": verdict.reason.value, "detail": verdict.detail}
                print(json.dumps(line, ensure_ascii=False))
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"--cases {cases} is not UTF-8: {error}") from error
    except InputError as error:
        raise ConfigurationError(f"--cases {cases}: {error}") from error
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise ConfigurationError(f"--cases {cases}: {error.strerror}") from error
    return counts


def _read(path: Path) -> Any:
    try:
        values = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    if isinstance(values, dict) and isinstance(values.get("score"), dict):
        return values["score"].get("verifier", {"kind": "world_state"})
    return values
