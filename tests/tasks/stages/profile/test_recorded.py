import json
from typing import Any

import pytest

from schemas.config import ProfileConfig, SplitConfig
from schemas.profiles import PROFILES, Unrecorded
from schemas.trajectories import TRAJECTORIES
from tasks.artefact.table import frame, validate
from tasks.stages.profile.recorded import counts, recorded_part
from tasks.stages.split.cut import split_part
from tests.builders import trajectory

ALL = {"pass_rate": 0.25, "pass_rate_total": 8, "pass_rate_passed": 2}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (ALL, (8, 2)),
        ({"pass_rate": 0.25, "pass_rate_total": 8}, (8, 2)),
        ({"pass_rate_total": 8, "pass_rate_passed": 0}, (8, 0)),
        ({"pass_rate": 0.33, "pass_rate_total": 3, "pass_rate_passed": 1}, (3, 1)),
        ({"pass_rate": 1.0, "pass_rate_total": 4.0, "pass_rate_passed": 4.0}, (4, 4)),
        ({}, Unrecorded.NO_PASS_RATE),
        ({"pass_rate_total": 8}, Unrecorded.NO_PASS_RATE),
        ({"pass_rate": 0.5}, Unrecorded.NO_TOTAL),
        ({**ALL, "pass_rate": 0.9}, Unrecorded.IMPOSSIBLE),
        ({**ALL, "pass_rate_passed": 9}, Unrecorded.IMPOSSIBLE),
        ({**ALL, "pass_rate_total": 0}, Unrecorded.IMPOSSIBLE),
        ({"pass_rate": -0.5, "pass_rate_total": 8}, Unrecorded.IMPOSSIBLE),
        ({**ALL, "pass_rate_total": "eight"}, Unrecorded.IMPOSSIBLE),
        ({**ALL, "pass_rate_passed": True}, Unrecorded.IMPOSSIBLE),
    ],
)
def test_counts_of_a_row(metadata: dict[str, Any], expected: object) -> None:
    assert counts(metadata) == expected


def test_each_training_state_is_profiled_once() -> None:
    def row(number: int, **metadata: Any) -> dict[str, Any]:
        return trajectory(number, metadata=json.dumps({"only_last_action": True, **metadata}))

    rows = [row(0, **ALL), row(1, **{**ALL, "pass_rate": 1.0, "pass_rate_passed": 8}), row(2), row(3, pass_rate=0.5)]
    trajectories = frame(TRAJECTORIES, rows)
    states, _ = split_part(trajectories, SplitConfig(validation_fraction=0))
    profiles, reasons = recorded_part(states, trajectories, ProfileConfig(), {})
    validate(PROFILES, profiles, "test")
    columns = ("turn_index", "n", "successes", "mean", "variance", "min", "max")
    assert profiles.select(columns).rows() == [(1, 8, 2, 0.25, 0.1875, 0.0, 1.0), (1, 8, 8, 1.0, 0.0, 1.0, 1.0)]
    assert profiles["low"][0] == pytest.approx(0.0715, abs=1e-4) and profiles["high"][1] == pytest.approx(1)
    assert reasons == {"no_pass_rate": 1, "no_total": 1}


def test_held_out_states_are_never_profiled() -> None:
    trajectories = frame(TRAJECTORIES, [trajectory(number, metadata=json.dumps(ALL)) for number in range(20)])
    states, _ = split_part(trajectories, SplitConfig(validation_fraction=0.5))
    profiles, _ = recorded_part(states, trajectories, ProfileConfig(), {})
    assert 0 < profiles.height < states.height
    held_out = set(states.filter(split="validation")["trajectory_id"])
    assert not held_out & set(profiles["trajectory_id"])


def test_rewards_of_rollouts_go_before_a_pass_rate_and_are_profiled_like_ours() -> None:
    metadata = json.dumps({"only_last_action": True, **ALL})
    trajectories = frame(TRAJECTORIES, [trajectory(number, metadata=metadata) for number in range(4)])
    states, _ = split_part(trajectories, SplitConfig(validation_fraction=0))
    names = trajectories["trajectory_id"].to_list()
    rewarded = {
        names[0]: [(1.0, "a"), (0.5, "b"), (0.0, "a")],
        names[1]: [(0.0, "a")],
        names[2]: [(1.0, "a"), (1.5, "a")],
    }
    profiles, reasons = recorded_part(states, trajectories, ProfileConfig(), rewarded)
    validate(PROFILES, profiles, "test")
    columns = ("n", "successes", "mean", "variance", "min", "max", "distinct_actions")
    assert profiles.select(columns).rows() == [
        (3, 1, 0.5, pytest.approx(1 / 6), 0.0, 1.0, 2),
        (1, 0, 0.0, 0.0, 0.0, 0.0, 1),
        (8, 2, 0.25, 0.1875, 0.0, 1.0, 0),
    ]
    assert reasons == {"impossible_reward": 1}
    assert profiles["low"][0] < 0.5 < profiles["high"][0]
