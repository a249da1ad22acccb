import pytest

torch = pytest.importorskip("torch")

from tasks.worlds.pretraining import tokenizer as vocabulary  # noqa: E402
from tasks.worlds.pretraining.legs import LEGS  # noqa: E402
from tasks.worlds.pretraining.rows import ROW, Rows, learnt, sample_texts  # noqa: E402

WORDS, RULES, _ = LEGS


@pytest.fixture(scope="module")
def tokenizer():
    return vocabulary.train(sample_texts(seed=0, n=100))


def test_learnt_is_what_follows_the_opening_up_to_its_end() -> None:
    opening, end = [7, 8], 9
    ids = [1, 9, 7, 8, 2, 3, 9, 4, 7, 8, 9, 5]
    assert [token for token, mark in zip(ids, learnt(ids, opening, end), strict=True) if mark] == [2, 3, 9, 9]


def test_targets_are_the_next_tokens_and_the_assistants_have_a_weight(tokenizer) -> None:
    ids, targets, weights = Rows(tokenizer, 0, WORDS).batch(2, progress=0.5)
    assert ids.shape == targets.shape == weights.shape == (2, ROW)
    assert torch.equal(targets[:, :-1], ids[:, 1:])
    for row_targets, row_weights in zip(targets.tolist(), weights.tolist(), strict=True):
        wanted = [i for i in range(ROW) if row_weights[i]]
        assert 0.1 < len(wanted) / ROW < 0.7
        assert "user" not in tokenizer.decode([row_targets[i] for i in wanted[:3]])


def test_what_weighs_more_is_the_first_token_of_a_decision(tokenizer) -> None:
    _, targets, weights = Rows(tokenizer, 0, RULES).batch(8, progress=0.5)
    first = targets[weights == RULES.emphasis].tolist()
    assert set(weights.flatten().tolist()) == {0.0, 1.0, RULES.emphasis}
    assert tokenizer.convert_tokens_to_ids("<tool_call>") in first
    assert {tokenizer.decode([token]) for token in first} <= {"<tool_call>", "S", "Sorry", "Order", "Loan", "The"}


def test_a_row_starts_with_a_conversation(tokenizer) -> None:
    ids, _, _ = Rows(tokenizer, 1, WORDS).batch(4, progress=1.0)
    start = tokenizer.convert_tokens_to_ids(vocabulary.START_OF_TURN)
    assert set(ids[:, 0].tolist()) == {start}


def test_batches_are_seeded(tokenizer) -> None:
    first, again, other = (Rows(tokenizer, seed, WORDS).batch(1, 0.0)[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
