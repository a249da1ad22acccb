"""The settings of `judge`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.locations import Location
from schemas.section import RUNTIME
from tasks.verifiers.verdict import VerifierSection


class JudgeSettings(VerifierSection):
    """A language model decides whether two actions are equivalent. A judge that fails gives no reward at all.

    What is marked RUNTIME enters no version. A stage that failed for a timeout or a budget goes on where it
    stopped once that is changed.
    """

    kind: Literal["judge"] = "judge"
    url: Location = Field(description="Root of an OpenAI-compatible API, such as http://localhost:8000/v1.")
    model: str = Field(description="Name of the model at that address.")
    api_key_variable: Annotated[str, RUNTIME] = Field(
        "OPENAI_API_KEY", description="Environment variable that holds the key, if any."
    )
    votes: int = Field(
        2, ge=1, le=15, description="Answers per pair of actions at most; every other one sees the actions swapped."
    )
    temperature: float = Field(0.0, ge=0, le=2)
    max_tokens: int = Field(512, ge=16, description="Largest number of tokens of one answer.")
    timeout_s: Annotated[float, RUNTIME] = Field(60.0, gt=0, description="Seconds to wait for one answer.")
    retries: Annotated[int, RUNTIME] = Field(2, ge=0, description="Further attempts after a failed request.")
    max_requests: Annotated[int, RUNTIME] = Field(
        10_000, ge=1, description="Budget: largest number of requests in one run of a stage, failures included."
    )
    concurrency: Annotated[int, RUNTIME] = Field(8, ge=1, le=256, description="Requests under way at once.")
    history_messages: int = Field(6, ge=0, description="Last messages of the state that the judge sees.")
    ledger: Annotated[str | None, RUNTIME] = Field(
        None, description="SQLite file that keeps answers and costs between runs; without it they are in memory."
    )
