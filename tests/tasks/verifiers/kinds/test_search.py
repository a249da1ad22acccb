from __future__ import annotations

import pytest

from tasks.verifiers.kinds import SearchSettings
from tests.tasks.verifiers.asking import call, verdict


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("capital of France population", "population capital of france", True),
        ("world cup 1998 winner", "world cup 2002 winner", False),
        ("jaguar speed -car", "jaguar speed car", False),
        ("jaguar site:bbc.com", "jaguar site:cnn.com", False),
        ('"to be or not" author', '"not to be or" author', False),
        ("a b c", "d e f", False),
        ("a b c", "", False),
        (["x one", "y two"], ["two y", "one x"], True),
        (["x one", "y two"], ["x one", "x one"], False),
        (["x one"], "x one", False),
    ],
)
def test_queries(expected: object, actual: object, same: bool) -> None:
    assert verdict(SearchSettings(), call("search", query=expected), call("search", query=actual)).reward == float(same)


@pytest.mark.parametrize(
    ("actual", "same"),
    [
        ("http://example.org/a/", True),
        ("https://www.example.org/a#part", True),
        ("https://example.org/b", False),
        ("https://example.org/a?page=2", False),
        ("https://[bad", False),
    ],
)
def test_addresses(actual: str, same: bool) -> None:
    expected = call("open", url="https://example.org/a")
    assert verdict(SearchSettings(), expected, call("open", url=actual)).reward == float(same)


def test_other_arguments_are_strict() -> None:
    assert verdict(SearchSettings(), call("find", query="a b", page=1), call("find", query="b a", page=2)).reward == 0.0
    assert verdict(SearchSettings(), call("find", query="a b", page=1), call("find", query="b a")).reward == 0.0
    assert verdict(SearchSettings(), call("find", query="a b"), call("open", query="a b")).reward == 0.0
