"""The settings of `judge`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.locations import Location
from schemas.section import RUNTIME
from tasks.verifiers.verdict import VerifierSection


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
