"""The command that tries a verifier on cases: verify."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from tasks.verifiers.kinds import VerifierSettings


def verify(
    verifier: Annotated[str, Parameter(help="KIND|PRESET|FILE.yaml")],
    /,
    *,
    cases: Annotated[
        str, Parameter(metavar="FILE.jsonl", allow_leading_hyphen=True, help="one case per line; - for standard input")
    ],
    parser: Annotated[
        str, Parameter(metavar="PARSER", help="format of completions given as text (default hermes)")
    ] = "hermes",
    as_json: Annotated[
        bool,
        Parameter(
            name="--json",
            help="nothing but the verdicts, one JSON object per line; without it, the counts by reason at the end as "
            "well",
        ),
    ] = False,
) -> None:
    r"""Try a verifier on a file of cases.

    A case is one line of JSON: the demonstrated action, the one to judge, and
    what the verifier may look at.

      {"expected": {"type": "function_call", "name": "get_order",
                    "arguments": "{\"order_id\": 17}"},
       "actual": {"type": "message", "content": "Which order?"},
       "tools": [{"type": "function", "name": "get_order", "parameters": {}}],
       "domain": "retail"}

    Actions are written as in a NeMo Gym row: a function_call, a message, or a
    function_call_batch with its "calls". "actual" may also be the text of a
    completion, which --parser reads, or null: no action at all. For the kind
    world_state a case names "world", "task_id" and the "messages" so far. A kind
    that needs settings is named by a YAML file of them.
    """
    counts = print_verdicts(verifier_settings(verifier), cases, parser)
    if not as_json:
        print(", ".join(f"{n} {reason}" for reason, n in counts.most_common()) or "no cases", file=sys.stderr)


def verifier_settings(name: str) -> VerifierSettings:
    """The settings of a kind with its defaults, of a preset (infra/presets/verifiers), or of a YAML file.

    The file is a mapping with `kind`, or a whole configuration with `score.verifier`.

    Raises:
        ConfigurationError: no such kind, preset or file, or settings that it does not know; every problem with its key.
    """
    from pydantic import TypeAdapter, ValidationError

    from flows.settings.configuration import PRESETS
    from flows.settings.problems import nearest, problems
    from tasks.errors import ConfigurationError
    from tasks.verifiers.kinds import KINDS, VerifierSettings

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
    adapter: TypeAdapter[VerifierSettings] = TypeAdapter(VerifierSettings)
    try:
        return adapter.validate_python(values)
    except ValidationError as error:
        raise ConfigurationError(f"{name}:\n{problems(VerifierSettings, error, 'verifier')}") from error


def print_verdicts(settings: VerifierSettings, cases: str, parser: str) -> Counter[str]:
    """Print the verdict on each case as one line of JSON.

    Args:
        cases: a JSONL file, or "-" for standard input.
        parser: the format of completions that are given as text.

    Returns:
        How often each reason was given.

    Raises:
        ConfigurationError: the verifier lacks something, the file of cases is not there or not UTF-8, or a line of it
            is no case.
    """
    from tasks.errors import ConfigurationError, InputError
    from tasks.policy.parsing import parser_for
    from tasks.verifiers.build import build
    from tasks.verifiers.cases import verdicts

    decide, parse = build(settings), parser_for(parser)
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
    import yaml

    from tasks.errors import ConfigurationError
    from tasks.verifiers.section import ScoreConfig

    try:
        values = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    if isinstance(values, dict) and isinstance(values.get("score"), dict):
        return values["score"].get("verifier", ScoreConfig().verifier)
    return values
