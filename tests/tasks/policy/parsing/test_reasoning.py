"""Where reasoning ends, and where it is empty."""

from __future__ import annotations

import pytest

from tasks.policy.parsing import REASONING_MARKS, answer_start, closes_empty_thought, prefill

HARMONY = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes."


@pytest.mark.parametrize(
    ("prompt", "text", "answer"),
    [
        ("assistant\n", "Yes.", "Yes."),
        ("assistant\n", "<think>Hm.</think>\n\nYes.", "\n\nYes."),
        ("assistant\n", "\n<think>Hm.</think>Yes. </think>", "Yes. </think>"),
        ("assistant\n", "<think>Hm.", None),
        ("assistant\n", "Yes, <think> opens a thought.", "Yes, <think> opens a thought."),
        ("assistant\n<think>\n", "Hm.</think>Yes.", "Yes."),
        ("assistant\n<think>\n", "</think>Yes.", "Yes."),
        ("assistant\n<think>\n", "Hm.", None),
        ("assistant\n<think>\n", "", None),
        ("assistant\n<think>\n\n</think>\n\n", "Yes.", "Yes."),
        ("<｜Assistant｜></think>", "Yes.", "Yes."),
        ("[THINK]", "Hm.[/THINK]Yes.", "Yes."),
        ("<|start|>assistant", HARMONY, HARMONY.partition("<|end|>")[2]),
        ("<|start|>assistant", HARMONY.partition("<|end|>")[0], None),
        ("<|start|>assistant", "<|channel|>final<|message|>Yes.", "<|channel|>final<|message|>Yes."),
    ],
)
def test_the_answer_begins_after_the_reasoning(prompt: str, text: str, answer: str | None) -> None:
    start = answer_start(text, REASONING_MARKS, prompt)
    assert (None if start is None else text[start:]) == answer


@pytest.mark.parametrize(
    ("prompt", "text", "empty"),
    [
        ("assistant\n<think>\n", "</think>Yes.", True),
        ("assistant\n<think>\n", "\n</think>\n\nYes.", True),
        ("assistant\n<think>\n", "Hm.</think>Yes.", False),
        ("assistant\n<think>\n", "Yes.", False),
        ("assistant\n", "<think>\n\n</think>\n\nYes.", True),
        ("assistant\n", "<think>Hm.</think>Yes.", False),
        ("assistant\n", "Yes.", False),
        ("assistant\n<think>\n\n</think>\n\n", "Yes.", False),
        ("<|start|>assistant", HARMONY.replace("Hm.", ""), True),
        ("<|start|>assistant", HARMONY, False),
    ],
)
def test_an_empty_thought_is_one_that_the_completion_closes(prompt: str, text: str, empty: bool) -> None:
    assert closes_empty_thought(text, REASONING_MARKS, prompt) is empty


def test_a_closed_thought_in_a_prompt_may_say_something() -> None:
    marks = (("<seed:think>", "</seed:think>"),)
    said = "<seed:think>\n<seed:cot_budget_reflect>No budget.</seed:cot_budget_reflect>\n</seed:think>"
    assert prefill(f"<seed:bos>assistant\n{said}", marks) == said
    assert prefill("<seed:think> <|im_end|> a</seed:think>", marks) == "</seed:think>", "the user said the first"
