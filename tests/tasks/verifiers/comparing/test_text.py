from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.verifiers.comparing.text import LONGEST, literals, normalised, ordered_similarity, token_similarity


@pytest.mark.parametrize(
    ("a", "b", "similarity"),
    [
        ("a b c", "a b c", 1.0),
        ("a b c", "C  b A", 1.0),
        ("a b", "c d", 0.0),
        ("a b c", "a b d", 2 / 4),
        ("a a b", "a b b", 2 / 4),
        ("!?", "?!", 0.0),
        ("", "a", 0.0),
        ("我要退款", "我要退款吗", 4 / 5),
    ],
)
def test_words_as_multisets(a: str, b: str, similarity: float) -> None:
    assert token_similarity(a, b) == pytest.approx(similarity)


@pytest.mark.parametrize(
    ("a", "b", "similarity"),
    [
        ("a - b", "a - b", 1.0),
        ("a - b", "a  -  b", 1.0),
        ("a - b", "b - a", 0.0),
        ("a b c", "a b d", 2 / 6),
        ("A", "a", 0.0),
        ("", "a", 0.0),
    ],
)
def test_the_order_of_tokens(a: str, b: str, similarity: float) -> None:
    assert ordered_similarity(a, b) == pytest.approx(similarity)


@pytest.mark.parametrize("similarity", [token_similarity, ordered_similarity])
def test_longer_texts_are_similar_only_where_they_are_equal(similarity: object) -> None:
    assert callable(similarity)
    text = "word " * (LONGEST // 5 + 1)
    assert similarity(text, text) == 1.0
    assert similarity(text, f"{text}more") == 0.0


@given(st.text(max_size=30), st.text(max_size=30))
def test_similarity_is_symmetric_and_bounded(a: str, b: str) -> None:
    for similarity in (token_similarity, ordered_similarity):
        assert 0.0 <= similarity(a, b) == similarity(b, a) <= 1.0
        assert similarity(a, a) == 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Refund order 17, please.", ["17"]),
        ("ask jane_doe (a@b.c) about /tmp/x", ["jane_doe", "a@b.c", "/tmp/x"]),
        ("Do NOT pay", ["not"]),
        ("they don't pay without C++", ["don't", "without", "C++"]),
        ("nothing special here", []),
    ],
)
def test_the_words_that_another_wording_must_keep(text: str, words: list[str]) -> None:
    assert literals(text) == Counter(words)


def test_normalised() -> None:
    assert normalised("  Große\n\tSTRASSE ") == "grosse strasse"
