"""`search`: an equivalent query, or the same page; any other argument is compared as by `tool_call`.

Queries are equal by their words, whatever the order, as long as quoted phrases, operators (`site:`, `-word`), numbers
and identifiers are the same. A list of queries is a multiset. Addresses are equal but for the scheme, `www.`, a
fragment and a last slash.
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
from tasks.verifiers.verdict import EQUAL, Reason, Verdict, VerifierSection, Verify, no, shown

VERSION = 1
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
        0.6, gt=0, le=1, description="Token-set similarity of queries, given the same phrases, operators and numbers."
    )


def make(settings: SearchSettings) -> Verify:
    """The verifier."""
    return calls.verifier(lambda wanted, given, state: _compare(wanted, given, state, settings))


def _compare(wanted: ToolCall, given: ToolCall, state: State, settings: SearchSettings) -> Verdict:
    if wanted["name"] != given["name"]:
        return wrong_tool(wanted, given)
    if wanted["arguments"] == given["arguments"]:
        return EQUAL
    read = both_arguments(wanted, given)
    if isinstance(read, Verdict):
        return read
    expected, actual = read
    for name in sorted(expected.keys() & actual.keys()):
        if not _searched(name, settings):
            continue
        if not _same(expected[name], actual[name], name in settings.target_arguments, settings.min_similarity):
            return no(Reason.WRONG_ARGUMENT, f"{name} is {shown(actual[name])}, expected {shown(expected[name])}")
        expected = {**expected, name: actual[name]}  # settled here; what is left is compared strictly
    parameters = parameters_by_tool(state.tools).get(wanted["name"], UNKNOWN)
    difference = differing_argument(expected, actual, parameters, Comparer())
    return no(*difference) if difference else Verdict(1.0, Reason.EQUIVALENT, "the same search")


def _searched(name: str, settings: SearchSettings) -> bool:
    return name in settings.query_arguments or name in settings.target_arguments


def _same(wanted: Any, given: Any, is_address: bool, min_similarity: float) -> bool:
    if isinstance(wanted, list) and isinstance(given, list):
        if len(wanted) != len(given) or len(wanted) > MOST_CALLS:
            return bool(wanted == given)
        fits = [[_same(a, b, is_address, min_similarity) for b in given] for a in wanted]
        return maximum_matching(fits) == len(wanted)
    if not isinstance(wanted, str) or not isinstance(given, str):
        return type(wanted) is type(given) and bool(wanted == given)
    if wanted == given:
        return True
    if is_address:
        return _address(wanted) == _address(given)
    return _same_query(wanted, given, min_similarity)


def _same_query(wanted: str, given: str, min_similarity: float) -> bool:
    operators = [sorted(found.casefold() for found in _OPERATOR.findall(text)) for text in (wanted, given)]
    if operators[0] != operators[1] or literals(wanted.casefold()) != literals(given.casefold()):
        return False
    return token_similarity(wanted, given) >= min_similarity


def _address(text: str) -> tuple[str, str, str]:
    """(host, path, query) of an address; what cannot be split is a path."""
    try:
        parts = urlsplit(text.strip() if "://" in text else f"//{text.strip()}")
    except ValueError:
        return "", text, ""
    return parts.netloc.casefold().removeprefix("www."), parts.path.rstrip("/"), parts.query
