"""The `pivotrl` command. Answers go to standard output, everything else to standard error.

Exit status: 0; 1 for a stage that failed; 2 for a mistake in the command or the configuration; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from flows.cli import commands
from schemas.stages import ARTEFACTS, MADE_BY_RUN

VARIANTS = ("pivotrl", "random_turns", "strict_match", "sft")
EXPORT_FORMATS = ("nemo-gym", "openai", "trl", "verl")
_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "VLLM_NO_USAGE_STATS": "1",
}
_JSON_LINES = "nothing but the verdicts, one JSON object a line; without it, the counts by reason at the end as well"
_CASES = """\
A case is one line of JSON: the demonstrated action, the one to judge, and what the verifier may look at.

  {"expected": {"type": "function_call", "name": "get_order", "arguments": "{\\"order_id\\": 17}"},
   "actual": {"type": "message", "content": "Which order?"},
   "tools": [{"type": "function", "name": "get_order", "parameters": {}}], "domain": "retail"}

Actions are written as in a NeMo Gym row: a function_call, a message, or a function_call_batch with its "calls".
"actual" may also be the text of a completion, which --parser reads, or null: no action at all. For the kind world_state
a case names "world", "task_id" and the "messages" so far. A kind that needs settings is named by a YAML file of them.
"""


class _Grammar:
    """The commands as they are added: each with its function, and most with --store and --json."""

    def __init__(self) -> None:
        self.top = argparse.ArgumentParser(
            prog="pivotrl", description="From SFT trajectories to a better policy (PivotRL)."
        )
        self._commands = self.top.add_subparsers(dest="command", required=True)

    def add(
        self,
        name: str,
        function: Callable[[argparse.Namespace], None],
        what: str,
        *,
        store: bool = True,
        json: str = "one JSON object on standard output",
        epilog: str | None = None,
    ) -> argparse.ArgumentParser:
        command = self._commands.add_parser(
            name, help=what, description=what, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.set_defaults(function=function)
        if store:
            command.add_argument(
                "--store",
                metavar="URL",
                help="the artefacts' root (default PIVOTRL_STORE, or .pivotrl/store)",
            )
        if json:
            command.add_argument("--json", action="store_true", help=json)
        return command


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    grammar = _Grammar()
    _running(grammar)
    _reading(grammar)
    _reuse(grammar)
    return grammar.top


def _count(text: str) -> int:
    """A number of rows or states."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return number


def _configured(command: argparse.ArgumentParser) -> None:
    command.add_argument("config", metavar="PRESET|FILE.yaml")
    command.add_argument(
        "--set", dest="settings", metavar="KEY=VALUE", action="append", default=[], help="change one key"
    )


def _running(grammar: _Grammar) -> None:
    run = grammar.add("run", commands.run, "run the pipeline of a preset or a YAML file")
    _configured(run)
    run.add_argument("--until", choices=MADE_BY_RUN, default=MADE_BY_RUN[-1], help="the last artefact to make")
    run.add_argument(
        "--from",
        dest="start",
        metavar="STAGE@VERSION",
        default="",
        help=f"start from an artefact: {MADE_BY_RUN[0]} to {MADE_BY_RUN[-2]}",
    )
    retrain = grammar.add("retrain", commands.retrain, "train on old and new trajectories, promote what is better")
    _configured(retrain)
    retrain.add_argument("--min-gain", metavar="SE", type=float, help="gain in domain, in standard errors (default 1)")
    retrain.add_argument("--max-ood-loss", metavar="RATE", type=float, help="loss out of domain (default 0.02)")
    compare = grammar.add("compare", commands.compare, "PivotRL, its ablations and SFT on the same demonstrations")
    _configured(compare)
    compare.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS, help="(default: all)")
    up = grammar.add("up", commands.up, "start Prefect's server, UI and a worker", store=False, json="")
    up.add_argument("--port", type=int, default=4200, help="the server's port on loopback (default 4200)")
    grammar.add("deploy", commands.deploy, "deploy to the server of PREFECT_API_URL", store=False, json="")


def _reading(grammar: _Grammar) -> None:
    listing = grammar.add("ls", commands.ls, "list artefacts")
    listing.add_argument("stage", nargs="?", choices=ARTEFACTS)
    show = grammar.add("show", commands.show, "show an artefact and some of its rows")
    show.add_argument("artefact", metavar="STAGE[@VERSION|TAG]")
    show.add_argument("-n", dest="rows", metavar="N", type=_count, default=5, help="rows to show (default 5)")
    show.add_argument(
        "--table", metavar="TABLE", default="", help="another of its tables: rejects, toolsets, unselected"
    )
    diff = grammar.add("diff", commands.diff, "what changed between two versions of a stage")
    diff.add_argument("a", metavar="STAGE@VERSION|TAG")
    diff.add_argument("b", metavar="STAGE@VERSION|TAG")
    report = grammar.add("report", commands.report, "write the pivot browser, one HTML file")
    report.add_argument("artefact", metavar="pivots[@VERSION|TAG]", nargs="?", default="pivots")
    report.add_argument("--output", metavar="FILE.html", help="(default pivots-VERSION.html)")
    report.add_argument("--detail", metavar="N", type=_count, default=2000, help="states to show whole (default 2000)")


def _reuse(grammar: _Grammar) -> None:
    tag = grammar.add("tag", commands.tag, "name an artefact")
    tag.add_argument("artefact", metavar="STAGE@VERSION")
    tag.add_argument("tag", metavar="TAG")
    promote = grammar.add("promote", commands.promote, "put a policy into use, or back into use")
    promote.add_argument("artefact", metavar="policies@VERSION|TAG")
    export = grammar.add("export", commands.export, "write pivots for other software")
    export.add_argument("artefact", metavar="pivots[@VERSION|TAG]")
    export.add_argument("--format", choices=EXPORT_FORMATS, required=True)
    export.add_argument("--output", metavar="FILE.jsonl|FILE.parquet", required=True)
    import_ = grammar.add("import", commands.import_, "take NeMo Gym pivot rows or rollouts, with what was measured")
    import_.add_argument("source", metavar="FILE", help="a file, folder, glob or fsspec URL")
    verify = grammar.add(
        "verify", commands.verify, "try a verifier on a file of cases", store=False, json=_JSON_LINES, epilog=_CASES
    )
    verify.add_argument("verifier", metavar="KIND|PRESET|FILE.yaml")
    verify.add_argument("--cases", metavar="FILE.jsonl", required=True, help="one case a line; - for standard input")
    verify.add_argument("--parser", default="hermes", help="format of completions given as text (default hermes)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = parser().parse_args(arguments)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    _find_modules_of_the_working_folder()
    from tasks.errors import ConfigurationError, NotInStore, PivotRLError

    try:
        given.function(given)
        sys.stdout.flush()
    except PivotRLError as error:
        print(f"pivotrl: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError | NotInStore) else 1
    except KeyboardInterrupt:
        print("pivotrl: stopped; what was finished is kept, and the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # `pivotrl ls | head`: nothing more to say
    return 0


def _find_modules_of_the_working_folder() -> None:
    """A reader, verifier or world of one's own, which an installed command would not find. Last in the order, so that
    nothing installed is hidden by a folder of the same name."""
    with suppress(FileNotFoundError):  # the folder was removed
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.append(here)


if __name__ == "__main__":
    sys.exit(main())
