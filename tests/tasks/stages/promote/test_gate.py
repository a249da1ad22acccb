from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.config import EvaluateConfig, GateConfig, SplitConfig
from schemas.decisions import DECISIONS
from tasks.artefact.table import frame, validate
from tasks.errors import ConfigurationError, InputError
from tasks.report.improvement import Improvement
from tasks.stages.promote.gate import check_gate, check_held_out, checks, rows
from tasks.store.store import Store
from tests.builders import commit_states, commit_trajectories, trajectory

RATES = st.integers(0, 100).map(lambda hundredths: hundredths / 100)


def improvement(candidate: float, base: float, error: float = 0.02, scope: str = "in_domain", domain: str = "desk"):
    return Improvement("states" if scope == "in_domain" else "skill", domain, scope, 0.0, candidate, base, error)


def holds(improvements: list[Improvement], config: GateConfig | None = None) -> bool:
    return all(check.holds for check in checks(improvements, config or GateConfig()))


@st.composite
def measured(draw: st.DrawFn) -> list[Improvement]:
    scopes = ["in_domain", *draw(st.lists(st.sampled_from(["in_domain", "ood"]), max_size=5))]
    errors = st.floats(0, 0.1, allow_subnormal=False)
    return [improvement(draw(RATES), draw(RATES), draw(errors), scope, f"suite {i}") for i, scope in enumerate(scopes)]


@pytest.mark.parametrize(
    ("gain", "ood", "promoted"),
    [(0.021, 0.0, True), (0.02, 0.0, False), (-0.1, 0.0, False), (0.1, -0.02, True), (0.1, -0.021, False)],
)
def test_better_by_more_than_its_error_and_not_worse_than_the_bound(gain: float, ood: float, promoted: bool) -> None:
    assert holds([improvement(0.8 + gain, 0.8), improvement(1.0 + ood, 1.0, scope="ood")]) is promoted


def test_cases_decided_for_one_policy_alone_count_against_the_candidate() -> None:
    better = improvement(0.9, 0.8)
    assert holds([replace(better, n=100, base_n=100)])
    for n, base_n in ((80, 100), (100, 60)):
        assert not holds([replace(better, n=n, base_n=base_n)])
    (fewer,), (more,) = (checks([replace(better, n=n, base_n=100 - n)], GateConfig(min_gain=-10)) for n in (20, 80))
    assert (fewer.improvement.candidate, fewer.improvement.base) == pytest.approx((0.9 / 4, 0.8))
    assert (more.improvement.candidate, more.improvement.base) == pytest.approx((0.9, (0.8 + 3) / 4))


def test_a_loss_of_one_suite_may_be_made_good_by_another() -> None:
    suites = [
        improvement(0.9, 0.8),
        improvement(0.95, 1.0, scope="ood", domain="sums"),
        improvement(0.52, 0.5, scope="ood", domain="recall"),
    ]
    assert holds(suites), "the mean OOD change is -0.015"
    assert not holds(suites[:2])


def test_no_difference_without_an_error_is_not_better() -> None:
    assert not holds([improvement(1.0, 1.0, error=0.0)])
    assert holds([improvement(1.0, 1.0, error=0.0)], GateConfig(min_gain=0)) is False
    assert holds([improvement(0.79, 0.8)], GateConfig(min_gain=-1)), "a setting below 0 tolerates a loss"


def test_nothing_measured_in_domain_is_no_decision() -> None:
    with pytest.raises(InputError, match="no in-domain measurement"):
        checks([improvement(1.0, 1.0, scope="ood")], GateConfig())


@given(measured(), st.floats(0, 3), st.floats(0, 1))
def test_a_policy_is_never_promoted_over_its_equal(
    improvements: list[Improvement], min_gain: float, max_ood_loss: float
) -> None:
    equal = [improvement(i.base, i.base, i.standard_error, i.scope, i.domain) for i in improvements]
    assert not holds(equal, GateConfig(min_gain=min_gain, max_ood_loss=max_ood_loss))


@given(measured(), st.data())
def test_a_better_number_never_costs_a_promotion(improvements: list[Improvement], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(improvements) - 1))
    worse = improvements[place]
    raised = data.draw(RATES.filter(lambda rate: rate >= worse.candidate))
    better = [*improvements]
    better[place] = improvement(raised, worse.base, worse.standard_error, worse.scope, worse.domain)
    assert holds(better) >= holds(improvements)


@given(measured(), st.floats(-10, 10), st.floats(0, 1), st.floats(0, 1))
def test_a_stricter_gate_promotes_no_more(
    improvements: list[Improvement], min_gain: float, max_ood_loss: float, less: float
) -> None:
    gate = GateConfig(min_gain=min_gain, max_ood_loss=max_ood_loss)
    stricter = GateConfig(min_gain=min(10, min_gain + less), max_ood_loss=max_ood_loss * less)
    assert holds(improvements, stricter) <= holds(improvements, gate)


@given(measured(), st.randoms())
def test_the_order_of_measurements_does_not_matter(improvements: list[Improvement], random) -> None:
    shuffled = random.sample(improvements, len(improvements))
    assert [check.improvement.difference for check in checks(shuffled, GateConfig())] == pytest.approx(
        [check.improvement.difference for check in checks(improvements, GateConfig())]
    )


@given(measured())
def test_the_rows_are_a_valid_table_with_what_decides_first(improvements: list[Improvement]) -> None:
    decisive = checks(improvements, GateConfig())
    table = frame(DECISIONS, rows(decisive, improvements))
    validate(DECISIONS, table, "test")
    assert table["suite"].to_list()[: len(decisive)] == ["all"] * len(decisive)
    assert table["holds"].drop_nulls().len() == table["bound"].drop_nulls().len() == len(decisive)
    assert table.height == len(improvements) + len(decisive)


@pytest.mark.parametrize(
    ("gate", "evaluate", "split", "problem"),
    [
        ({}, {"states": 0, "skills": ("all",)}, {}, "compares in domain"),
        ({}, {"skills": ("all",)}, {"validation_fraction": 0}, "raise split.validation_fraction"),
        ({}, {}, {}, "set evaluate.skills to"),
        ({"max_ood_loss": 1}, {}, {}, ""),
        ({}, {"skills": ("addition",)}, {}, ""),
        ({}, {"states": 0, "worlds": ("desk",), "ood_worlds": ("library",)}, {}, ""),
        ({"max_ood_loss": 1}, {"worlds": ("desk",)}, {"validation_fraction": 0}, ""),
    ],
)
def test_a_gate_that_the_evaluation_could_not_answer_is_refused(
    gate: dict, evaluate: dict, split: dict, problem: str
) -> None:
    settings = (GateConfig(**gate), EvaluateConfig(**evaluate), SplitConfig(**split))
    if not problem:
        check_gate(*settings)
        return
    with pytest.raises(ConfigurationError, match=problem):
        check_gate(*settings)


def test_data_of_which_nothing_is_held_out_are_refused(store: Store) -> None:
    trajectories = commit_trajectories(store, [[trajectory(0)], [trajectory(number) for number in range(1, 9)]])
    none = commit_states(store, trajectories)
    with pytest.raises(InputError, match=f"nothing to compare in domain in {none.ref}: no states are held out"):
        check_held_out(store, none.ref, EvaluateConfig())
    check_held_out(store, none.ref, EvaluateConfig(worlds=("desk",)))
    most = commit_states(store, trajectories, SplitConfig(validation_fraction=0.9))
    check_held_out(store, most.ref, EvaluateConfig())
