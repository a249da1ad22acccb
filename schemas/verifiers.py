"""Settings of the verifiers, one model a kind. Together with the kind's version they enter the cache key of `scores`.

The four kinds with a room of their own have their settings in schemas/domain_verifiers.py; combinations stand at the
end, since they hold the others.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.domain_verifiers import (
    CodeEditSettings,
    MathSettings,
    SearchSettings,
    SqlSettings,
    TerminalSettings,
    VerifierSection,
)
from schemas.locations import Location
from schemas.section import RUNTIME


class ExactSettings(VerifierSection):
    """The same calls with the same arguments in the same order and the same text: the strict-match ablation."""

    kind: Literal["exact"] = "exact"


class ToolNameSettings(VerifierSection):
    """The same tools, whatever their arguments: the paper's coarse verifier for software engineering."""

    kind: Literal["tool_name"] = "tool_name"


class Comparer(VerifierSection):
    """How the values of an argument are compared. Enums are always exact; so are identifiers among texts: a value
    without white space, and every word with a digit."""

    text: Literal["exact", "normalised", "similar", "any"] = Field(
        "exact",
        description="exact: the same text; normalised: but for case and white space; similar: min_similarity; "
        "any: whatever was given, as long as something was.",
    )
    min_similarity: float = Field(
        0.6, gt=0, le=1, description="Token-set similarity that similar texts must reach; 1 = the same words."
    )
    number_tolerance: float = Field(
        1e-6, ge=0, description="Largest difference between equal numbers, relative to the larger (absolute under 1)."
    )
    unordered: bool = Field(
        False, description="Whether the order of a list of up to 64 items does not matter (that of lists within does)."
    )


class ToolCallSettings(VerifierSection):
    """The same calls up to what the tool's JSON schema calls equal; where a message is expected, any message."""

    kind: Literal["tool_call"] = "tool_call"
    values: Comparer = Field(Comparer(), description="How arguments are compared that `arguments` does not name.")
    arguments: dict[str, Comparer] = Field(
        default_factory=dict, description="Comparers of single arguments, by `argument` or `tool.argument`."
    )


class ToolCallsSettings(VerifierSection):
    """As tool_call, with credit for some of several calls. Calls are matched whatever their order."""

    kind: Literal["tool_calls"] = "tool_calls"
    call: ToolCallSettings = ToolCallSettings()
    credit: Literal["binary", "fractional", "f1"] = Field(
        "binary", description="1 or 0; matched / the larger count; 2 matched / (expected + given)."
    )


class NemoGymSettings(VerifierSection):
    """As NeMo Gym's single_step_tool_use_with_argument_comparison, with its names. It is looser than tool_call."""

    kind: Literal["nemo_gym"] = "nemo_gym"
    word_count_similarity_threshold: float = Field(
        0.1, ge=0, description="Common words / words of both; 0.5 for identical texts, so that more refuses all."
    )
    floating_point_comparison_threshold: float = Field(1e-6, ge=0, description="Floats differ by less than this.")
    parallel_tool_call_rewarding: bool = Field(False, description="Whether the number of calls counts.")
    allow_subset: bool = Field(False, description="Whether fewer calls than expected may be rewarded.")
    allow_superset: bool = Field(False, description="Whether more calls than expected may be rewarded.")
    parallel_tool_call_reward_mode: Literal["binary_strict", "fractional", "f1"] = "binary_strict"


class MessageSettings(VerifierSection):
    """A message where a message is expected, as similar as asked; where a call is expected, only the same call."""

    kind: Literal["message"] = "message"
    min_similarity: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Token-set similarity with the demonstrated text that a message must reach; 0 = any message.",
    )


class WorldStateSettings(VerifierSection):
    """Both actions executed in copies of the trajectory's world: the same state and, with `observation`, the same
    results."""

    kind: Literal["world_state"] = "world_state"
    observation: bool = Field(True, description="Whether the tools' results must be equal too.")
    message_similarity: float = Field(
        0.0, ge=0, le=1, description="As `min_similarity` of `message`, for the turns whose demonstration is a message."
    )


class JudgeSettings(VerifierSection):
    """A language model decides whether two actions are equivalent. A judge that fails gives no reward at all.

    How long, how often and how many requests at once are asked enters no version: a stage that failed for one of them
    goes on where it stopped once that was changed.
    """

    kind: Literal["judge"] = "judge"
    url: Location = Field(description="Root of an OpenAI-compatible API, such as http://localhost:8000/v1.")
    model: str = Field(description="Name of the model at that address.")
    api_key_variable: Annotated[str, RUNTIME] = Field(
        "OPENAI_API_KEY", description="Environment variable that holds the key, if any."
    )
    votes: int = Field(2, ge=1, le=15, description="Answers asked for; every other one sees the actions swapped.")
    temperature: float = Field(0.0, ge=0, le=2)
    max_tokens: int = Field(512, ge=16, description="Tokens of one answer at most.")
    timeout_s: Annotated[float, RUNTIME] = Field(60.0, gt=0, description="Seconds to wait for one answer.")
    retries: Annotated[int, RUNTIME] = Field(2, ge=0, description="Further attempts after a failed request.")
    max_requests: Annotated[int, RUNTIME] = Field(
        10_000, ge=1, description="Budget: requests of one stage's run at most, failures included."
    )
    concurrency: Annotated[int, RUNTIME] = Field(8, ge=1, le=256, description="Requests under way at once.")
    history_messages: int = Field(6, ge=0, description="Last messages of the state that the judge sees.")
    ledger: Annotated[str | None, RUNTIME] = Field(
        None, description="SQLite file of answers and costs, kept between runs; none given = in memory."
    )


class PythonSettings(VerifierSection):
    """Your own verifier."""

    kind: Literal["python"] = "python"
    function: str = Field(
        pattern=r"^[\w.]+:\w+$",
        description="module:function; called as verify(state, demonstration, action), gives a number in [0, 1].",
    )
    version: int = Field(1, ge=1, description="Raise it when the function decides differently: it enters the version.")


class AllOfSettings(VerifierSection):
    """The lowest reward of several verifiers: all must pass."""

    kind: Literal["all_of"] = "all_of"
    verifiers: tuple[VerifierSettings, ...] = Field(min_length=1)


class AnyOfSettings(VerifierSection):
    """The highest reward of several verifiers: one must pass."""

    kind: Literal["any_of"] = "any_of"
    verifiers: tuple[VerifierSettings, ...] = Field(min_length=1)


class CascadeSettings(VerifierSection):
    """Verifiers from cheap to dear. The first full reward ends it; what is no action at all, or of another sort, never
    reaches the second."""

    kind: Literal["cascade"] = "cascade"
    verifiers: tuple[VerifierSettings, ...] = Field(min_length=1)


class ByDomainSettings(VerifierSection):
    """A verifier a domain."""

    kind: Literal["by_domain"] = "by_domain"
    domains: dict[str, VerifierSettings] = Field(min_length=1)
    otherwise: VerifierSettings = Field(default_factory=ToolCallSettings, description="For every other domain.")


class ByToolSettings(VerifierSection):
    """A verifier a demonstrated tool; a turn with several tools, or with none, takes `otherwise`."""

    kind: Literal["by_tool"] = "by_tool"
    tools: dict[str, VerifierSettings] = Field(min_length=1)
    otherwise: VerifierSettings = Field(default_factory=ToolCallSettings, description="For every other turn.")


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

for _combination in (AllOfSettings, AnyOfSettings, CascadeSettings, ByDomainSettings, ByToolSettings):
    _combination.model_rebuild()
