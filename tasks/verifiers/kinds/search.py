"""`search`: an equivalent query, or the same page. Any other argument is compared as by `tool_call`.

Queries are compared by their words in any order. Quoted phrases, operators (`site:`, `-word`), numbers and identifiers
must be the same. A list of queries is a multiset. In addresses the scheme, `www.`, the fragment and a last slash do not
matter.
"""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from schemas.chat import State, ToolCall
from tasks.policy.tool_schemas import UNKNOWN, parameters_by_tool
from tasks.verifiers.comparing import calls
from tasks.verifiers.comparing.calls import both_arguments, wrong_tool
from tasks.verifiers.comparing.matching import maximum_matching
from tasks.verifiers.comparing.screening import MOST_CALLS
from tasks.verifiers.comparing.text import literals, token_similarity
from tasks.verifiers.comparing.values import Comparer, differing_argument
from tasks.verifiers.verdict import EQUAL, Reason, Verdict, VerifierSection, Verify, excerpt, no

VERSION = 2
_OPERATOR = re.compile(r'"[^"]*"|(?<!\S)-\w+|\b\w+:\S+', re.IGNORECASE)


class SearchSettings(VerifierSection):
    """An equivalent search query, or the same page opened."""

    kind: Literal["search"] = "search"
    query_arguments: tuple[str, ...] = Field(
        ("query", "queries", "q", "keyword", "keywords", "search_query"), description="Arguments that hold a query."
    )
    target_arguments: tuple[str, ...] = Field(
        ("url", "urls", "link", "href"), description="Arguments that hold an address."
    )
    min_similarity: float = Field(
        0.6,
        gt=0,
        le=1,
        description="Similarity of words that queries must reach, beside the same phrases, operators and numbers.",
    )


def make(settings: SearchSettings) -> Verify:
    """The verifier."""
    return calls.verifier(lambda expected, actual, state: _compare(expected, actual, state, settings))


def _compare(expected: ToolCall, actual: ToolCall, state: State, settings: SearchSettings) -> Verdict:
    if expected["name"] != actual["name"]:
        return wrong_tool(expected, actual)
    if expected["arguments"] == actual["arguments"]:
        return EQUAL
    pair = both_arguments(expected, actual)
    if isinstance(pair, Verdict):
        return pair
    expected_values, actual_values = pair
    for name in sorted(expected_values.keys() & actual_values.keys()):
        is_address = name in settings.target_arguments
        if not is_address and name not in settings.query_arguments:
            continue
        if not _same(expected_values[name], actual_values[name], is_address, settings.min_similarity):
            return no(
                Reason.WRONG_ARGUMENT,
                f"{name} is {excerpt(actual_values[name])}, expected {excerpt(expected_values[name])}",
            )
        # This argument is settled: made equal, it passes the strict comparison of all that follows.
        expected_values = {**expected_values, name: actual_values[name]}
    parameters = parameters_by_tool(state.tools).get(expected["name"], UNKNOWN)
    difference = differing_argument(expected_values, actual_values, parameters, Comparer())
    return no(*difference) if difference else Verdict(1.0, Reason.EQUIVALENT, "the same search")


def _same(expected: Any, actual: Any, is_address: bool, min_similarity: float) -> bool:
    if isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual) or len(expected) > MOST_CALLS:
            return bool(expected == actual)
        fits = [[_same(a, b, is_address, min_similarity) for b in actual] for a in expected]
        return maximum_matching(fits) == len(expected)
    if not isinstance(expected, str) or not isinstance(actual, str):
        return type(expected) is type(actual) and bool(expected == actual)
    if expected == actual:
        return True
    if is_address:
        return _address(expected) == _address(actual)
    return _same_query(expected, actual, min_similarity)


def _same_query(expected: str, actual: str, min_similarity: float) -> bool:
    if _operators(expected) != _operators(actual) or literals(expected.casefold()) != literals(actual.casefold()):
        return False
    return token_similarity(expected, actual) >= min_similarity


def _operators(query: str) -> list[str]:
    return sorted(operator.casefold() for operator in _OPERATOR.findall(query))


def _address(text: str) -> tuple[str, str, str]:
    """(host, path, query) of an address; what cannot be split is a path."""
    try:
        parts = urlsplit(text.strip() if "://" in text else f"//{text.strip()}")
    except ValueError:
        return "", text, ""
    return parts.netloc.casefold().removeprefix("www."), parts.path.rstrip("/"), parts.query
