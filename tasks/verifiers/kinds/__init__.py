"""The kinds of verifiers, one file each: settings, VERSION, `make`, and the junk controls that are no junk for it.

The union is the list of kinds. Configuration, `pivotrl verify`, the form and build.py take theirs from it. How to add a
kind is in tasks/verifiers/README.md.
"""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from tasks.verifiers.kinds.code_edit import CodeEditSettings
from tasks.verifiers.kinds.combinations import (
    AllOfSettings,
    AnyOfSettings,
    ByDomainSettings,
    ByToolSettings,
    CascadeSettings,
)
from tasks.verifiers.kinds.exact import ExactSettings
from tasks.verifiers.kinds.judge.settings import JudgeSettings
from tasks.verifiers.kinds.mathematics import MathSettings
from tasks.verifiers.kinds.message import MessageSettings
from tasks.verifiers.kinds.nemo_gym import NemoGymSettings
from tasks.verifiers.kinds.search import SearchSettings
from tasks.verifiers.kinds.sql import SqlSettings
from tasks.verifiers.kinds.terminal import TerminalSettings
from tasks.verifiers.kinds.tool_call import ToolCallSettings
from tasks.verifiers.kinds.tool_calls import ToolCallsSettings
from tasks.verifiers.kinds.tool_name import ToolNameSettings
from tasks.verifiers.kinds.users_function import PythonSettings
from tasks.verifiers.kinds.world_state import WorldStateSettings
from tasks.verifiers.verdict import VerifierSection

VerifierSettings = Annotated[
    ExactSettings
    | ToolNameSettings
    | ToolCallSettings
    | ToolCallsSettings
    | NemoGymSettings
    | MessageSettings
    | TerminalSettings
    | CodeEditSettings
    | SearchSettings
    | SqlSettings
    | MathSettings
    | WorldStateSettings
    | JudgeSettings
    | PythonSettings
    | AllOfSettings
    | AnyOfSettings
    | CascadeSettings
    | ByDomainSettings
    | ByToolSettings,
    Field(discriminator="kind"),
]

KINDS: dict[str, type[VerifierSection]] = {
    settings.model_fields["kind"].default: settings for settings in get_args(get_args(VerifierSettings)[0])
}
"""The settings by the name of the kind, in the order of the union."""

for _settings in KINDS.values():  # a combination names this union, which names the combination
    _settings.model_rebuild(_types_namespace={"VerifierSettings": VerifierSettings})
