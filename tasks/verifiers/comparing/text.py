"""How similar two texts are. Words are counted and never aligned, so that time grows with the length only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

LONGEST = 20_000
"""Characters. Longer texts are similar only where they are equal."""
_IDEOGRAPH = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_IDEOGRAPH}]|[^\W{_IDEOGRAPH}]+")
"""A word, or one character of a script that puts no spaces between words."""
_TOKEN = re.compile(r"\w+|[^\w\s]")
_LITERAL = re.compile(r"[\d_@/\\#=+%$&^~|]|n't$")
_NEGATIONS = frozenset({"no", "not", "never", "none", "nor", "without", "cannot"})
_EDGES = ".,;:!?()[]{}<>\"'`*"


def normalised(text: str) -> str:
    """Case folded, white space collapsed."""
    return " ".join(text.casefold().split())


def token_similarity(a: str, b: str) -> float:
    """Jaccard similarity of the multisets of words: |A & B| / |A | B|; 1.0 for identical texts, 0.0 for disjoint ones.

    Texts without a word, and texts over LONGEST characters, are compared as normalised strings.
    """
    if a == b or normalised(a) == normalised(b):
        return 1.0
    if max(len(a), len(b)) > LONGEST:
        return 0.0
    return _jaccard(_WORD.findall(a.casefold()), _WORD.findall(b.casefold()))


def ordered_similarity(a: str, b: str) -> float:
    """Jaccard similarity of the multisets of neighbouring tokens, punctuation included: `a - b` is not `b - a`."""
    tokens_a, tokens_b = _TOKEN.findall(a[:LONGEST]), _TOKEN.findall(b[:LONGEST])
    if (tokens_a == tokens_b and max(len(a), len(b)) <= LONGEST) or a == b:
        return 1.0
    if max(len(a), len(b)) > LONGEST:
        return 0.0
    return _jaccard(_pairs(tokens_a), _pairs(tokens_b))


def literals(text: str) -> Counter[str]:
    """The words that another wording must keep: numbers, identifiers, addresses, paths, and negations."""
    words = [word.strip(_EDGES) for word in text.split()]
    negations = [word.casefold() for word in words if word.casefold() in _NEGATIONS]
    return Counter([word for word in words if _LITERAL.search(word)] + negations)


def _pairs(tokens: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(["", *tokens], [*tokens, ""], strict=True))


def _jaccard(a: Sequence[object], b: Sequence[object]) -> float:
    count_a, count_b = Counter(a), Counter(b)
    union = (count_a | count_b).total()
    return (count_a & count_b).total() / union if count_a and count_b else 0.0
