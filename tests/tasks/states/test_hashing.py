import pytest

from tasks.states.hashing import derive_seed, hash64, hash_fraction


@pytest.mark.parametrize(
    ("name", "expected"),
    [("", 0xE3B0C44298FC1C14), ("task 17", 0x57B6D48592DD06A6), ("ü", 0x607474CA475A9724)],
)
def test_the_hash_of_a_name_is_the_same_for_ever(name: str, expected: int) -> None:
    """Splits, segments and seeds hang on these values: a change would move states to the other side of a split."""
    assert hash64(name) == expected
    assert hash_fraction(name) == expected / 2**64


def test_fractions_are_spread_evenly() -> None:
    fractions = [hash_fraction(f"name {i}") for i in range(10_000)]
    assert all(0 <= fraction < 1 for fraction in fractions)
    tenths = [sum(tenth <= 10 * fraction < tenth + 1 for fraction in fractions) for tenth in range(10)]
    assert min(tenths) > 880 and max(tenths) < 1120, "four standard deviations of 30 from 1,000"


def test_seeds_of_runs_purposes_and_counters_differ() -> None:
    purposes = [("sample", step) for step in range(1000)] + [("rank", rank) for rank in range(64)] + [("round", 1)]
    seeds = [derive_seed(seed, *names) for seed in range(20) for names in purposes]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_a_seed_is_the_same_for_ever() -> None:
    """What is sampled with it is stored under a version that names the run's seed alone."""
    assert derive_seed(0, "sample", 1) == 2190199133
