"""The `pivotrl` command. Answers go to standard output, everything else to standard error.

A command is one function: its signature is the grammar, its docstring is the help. To add one, write it in the file of
its group and name it in COMMANDS. Import heavy modules in the function, so that `pivotrl --help` answers at once.

Exit status: 0; 1 for a stage that failed; 2 for a mistake in the command or the configuration; 130 after Ctrl-C.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cyclopts import App, CycloptsError, Group, Parameter

from flows.cli import exchange, look, run, server, tags, verify

COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Train": (run.run, run.retrain, run.compare),
    "Serve": (server.up, server.deploy),
    "Look": (look.ls, look.show, look.diff, look.report),
    "Reuse": (tags.tag, tags.promote, exchange.export, exchange.import_),
    "Try": (verify.verify,),
}
_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "VLLM_NO_USAGE_STATS": "1",
}


def app() -> App:
    """The command line."""
    # No --no-json; no JSON in place of several values; of an option that is given twice, the last one counts.
    parameter = Parameter(negative="", show_default=False, allow_repeating=True, json_list=False)
    pivotrl = App(
        name="pivotrl",
        help="From SFT trajectories to a better policy (PivotRL).",
        help_format="plaintext",
        version_flags=(),
        default_parameter=parameter,
    )
    for title, functions in COMMANDS.items():
        group = Group.create_ordered(title)
        for number, function in enumerate(functions):
            pivotrl.command(function, group=group, sort_key=number)
    pivotrl["--help"].show = False  # who reads the help knows it
    return pivotrl


def parse(arguments: Sequence[str]) -> tuple[Callable[..., Any], inspect.BoundArguments]:
    """The function that a command line names, and its arguments; nothing is called.

    Raises:
        CycloptsError: a mistake in the command line; its text says which.
    """
    if not arguments:
        names = ", ".join(function.__name__.strip("_") for functions in COMMANDS.values() for function in functions)
        raise CycloptsError(msg=f"name a command: {names}")
    function, bound, _ = app().parse_args(arguments, print_error=False, exit_on_error=False)
    return function, bound


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    try:
        function, bound = parse(sys.argv[1:] if arguments is None else arguments)
    except CycloptsError as error:
        print(f"pivotrl: {error}", file=sys.stderr)
        return 2
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    _find_modules_of_the_working_folder()
    from tasks.errors import ConfigurationError, NotInStore, PivotRLError

    try:
        function(*bound.args, **bound.kwargs)
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
    """Let a command find a reader, verifier or world of one's own, installed or not."""
    with suppress(FileNotFoundError):  # the folder was removed
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.append(here)  # last, so that it hides nothing installed
