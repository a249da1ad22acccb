import pytest

from tasks.worlds.pretraining.legs import LEGS, Leg
from tasks.worlds.pretraining.mixture import sources


@pytest.mark.parametrize("leg", LEGS, ids=lambda leg: leg.name)
def test_the_shares_of_a_leg_add_up_at_every_time(leg: Leg) -> None:
    assert set(leg.shares) <= set(sources(leg.name, 0, leg.confidence))
    for progress in (0.0, 0.3, 1.0):
        assert sum(leg.share(part, progress) for part in leg.shares) == pytest.approx(1.0)


def test_a_share_goes_from_its_first_value_to_its_last() -> None:
    words = LEGS[0]
    assert words.share("copying", 0.0) == 0.45
    assert words.share("copying", 1.0) == pytest.approx(0.08)


def test_the_lengths_are_shares_of_the_training() -> None:
    assert sum(leg.length for leg in LEGS) == pytest.approx(1.0)


def test_doubts_come_last_and_until_then_decisions_are_right() -> None:
    assert [leg.name for leg in LEGS] == ["words", "rules", "doubts"]
    unsure = [any(kind.startswith("decide:") for kind in leg.confidence) for leg in LEGS]
    assert unsure == [False, False, True]
