import polars as pl
import pytest
from pandera.polars import DataFrameSchema

from schemas import (
    decisions,
    evaluations,
    pivots,
    policies,
    profiles,
    rejects,
    rollouts,
    scores,
    states,
    toolsets,
    trajectories,
)
from tasks.artefact.table import frame, validate
from tasks.errors import InputError
from tests.builders import trajectory

TABLES = {
    schema.name: schema
    for module in (
        decisions,
        evaluations,
        pivots,
        policies,
        profiles,
        rejects,
        rollouts,
        scores,
        states,
        toolsets,
        trajectories,
    )
    for schema in vars(module).values()
    if isinstance(schema, DataFrameSchema)
}


def test_every_table_has_its_name() -> None:
    assert set(TABLES) == {
        *("decisions", "evaluations", "pivots", "unselected", "policies", "profiles"),
        *("rejects", "rollouts", "scores", "states", "toolsets", "trajectories"),
    }


@pytest.mark.parametrize("name", TABLES)
def test_no_rows_are_valid_and_survive_parquet(name: str, tmp_path) -> None:
    empty = frame(TABLES[name], [])
    validate(TABLES[name], empty, "test")
    empty.write_parquet(tmp_path / "x.parquet")
    assert pl.read_parquet(tmp_path / "x.parquet").schema == empty.schema


@pytest.mark.parametrize("name", TABLES)
def test_a_column_too_many_or_too_few_is_refused(name: str) -> None:
    empty = frame(TABLES[name], [])
    with pytest.raises(InputError, match=rf"'{name}'.*surplus"):
        validate(TABLES[name], empty.with_columns(surplus=1), "test")
    with pytest.raises(InputError, match=rf"'{name}'"):
        validate(TABLES[name], empty.drop(empty.columns[0]), "test")


def test_a_missing_value_is_refused() -> None:
    rows = frame(trajectories.TRAJECTORIES, [trajectory(0)])
    validate(trajectories.TRAJECTORIES, rows, "test")
    validate(trajectories.TRAJECTORIES, rows.with_columns(reward=pl.lit(None, pl.Float64)), "test")
    with pytest.raises(InputError, match=r"task_id"):
        validate(trajectories.TRAJECTORIES, rows.with_columns(task_id=pl.lit(None, pl.String)), "test")


def test_a_key_stands_once() -> None:
    rows = frame(trajectories.TRAJECTORIES, [trajectory(0), trajectory(0)])
    with pytest.raises(InputError, match=r"trajectory_id"):
        validate(trajectories.TRAJECTORIES, rows, "test")


def test_reward_bounds_are_checked_by_value() -> None:
    row = {
        "trajectory_id": "a",
        "turn_index": 0,
        "sample_index": 0,
        "reward": 1.5,
        "reason": "equal",
        "detail": "",
        "action": "",
    }
    with pytest.raises(InputError, match=r"reward.*1\.5|1\.5.*reward"):
        validate(scores.SCORES, frame(scores.SCORES, [row]), "test")
