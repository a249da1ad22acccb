"""Completion text to action, strictly; one file per format (README.md).

A malformed call is a parse failure with a reason, never a smaller call. Public parsers repair: they close braces, drop
a parameter that they cannot read, skip a broken call. Under training a repair is an exploit: such calls grew from 1% to
29% of samples. So nothing here repairs or drops anything, and vLLM's and transformers' tool parsers are not used.
"""

from tasks.policy.parsing.completion import (
    Completion,
    Malformed,
    Marks,
    ParseFailure,
    ParseReason,
    differences,
)
from tasks.policy.parsing.formats import FORMATS, REASONING_MARKS
from tasks.policy.parsing.json_text import NotStrict, json_text, strict_json
from tasks.policy.parsing.parser import Parser, parser_for, parser_identity
from tasks.policy.parsing.reasoning import answer_start, closes_empty_thought, prefill

__all__ = [
    "FORMATS",
    "REASONING_MARKS",
    "Completion",
    "Malformed",
    "Marks",
    "NotStrict",
    "ParseFailure",
    "ParseReason",
    "Parser",
    "answer_start",
    "closes_empty_thought",
    "differences",
    "json_text",
    "parser_for",
    "parser_identity",
    "prefill",
    "strict_json",
]
