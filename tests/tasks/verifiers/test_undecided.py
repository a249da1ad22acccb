"""How many verdicts are undecided, why, and how many are too many."""

from __future__ import annotations

import pytest

from tasks.errors import StageFailed
from tasks.verifiers.section import ScoreConfig
from tasks.verifiers.undecided import count_undecided, require_decided


def test_counts_add_up_with_their_most_frequent_causes() -> None:
    details = [f"judge: cause {i}; vote {n}" for i in range(7) for n in range(i + 1)]
    count = count_undecided(100, details)
    assert (count.asked, count.undecided, count.last) == (100, 28, "judge: cause 6; vote 6")
    assert count.causes == {f"judge: cause {i}": i + 1 for i in range(2, 7)}
    both = count.plus(count_undecided(50, []))
    assert (both.asked, both.undecided, both.last, both.causes) == (150, 28, count.last, count.causes)


def test_the_bound_is_of_all_verdicts_that_there_will_be() -> None:
    config = ScoreConfig(max_undecided=0.1)
    require_decided(count_undecided(20, ["down"] * 10), 100, "samples", config)
    with pytest.raises(StageFailed, match=r"11 of 100 samples are undecided, after 20 .*11 times down"):
        require_decided(count_undecided(20, ["down"] * 11), 100, "samples", config)
