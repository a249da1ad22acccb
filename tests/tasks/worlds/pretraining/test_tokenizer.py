import pytest

pytest.importorskip("transformers")

from tasks.worlds.pretraining import tokenizer as vocabulary
from tasks.worlds.pretraining.rows import sample_texts


@pytest.fixture(scope="module")
def tokenizer():
    return vocabulary.train(sample_texts(seed=0, n=100))


def test_marks_and_special_tokens_are_one_token_each(tokenizer) -> None:
    assert len(tokenizer) == vocabulary.VOCABULARY
    for mark in (*vocabulary.SPECIAL, *vocabulary.MARKS):
        assert len(tokenizer.encode(mark)) == 1


def test_only_special_tokens_are_left_out_of_text(tokenizer) -> None:
    ids = tokenizer.encode("<tool_call>{}</tool_call><|im_end|>")
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<tool_call>{}</tool_call>"


@pytest.mark.parametrize("text", ["Order W4821, café?\n\t{}", "  two  spaces ", "注文 17"])
def test_any_text_survives(tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_every_digit_is_a_token(tokenizer) -> None:
    assert len(tokenizer.encode("4821")) == 4
