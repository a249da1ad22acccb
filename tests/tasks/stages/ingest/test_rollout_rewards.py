import json
from pathlib import Path
from typing import Any

import pytest

from schemas.config import IngestConfig
from tasks.errors import InputError
from tasks.stages.ingest.ingestion import ingest
from tasks.stages.ingest.rollout_rewards import is_rollout, rollout_rewards
from tasks.stages.ingest.trajectory import Trajectory


def call(arguments: str) -> dict[str, str]:
    return {"type": "function_call", "name": "get_order", "arguments": arguments, "call_id": "c"}


def rollout(question: str, output: list[Any], reward: Any, **fields: Any) -> dict[str, Any]:
    return {
        "responses_create_params": {"input": [{"role": "user", "content": question}], "tools": []},
        "expected_action": call('{"id": 17, "full": true}'),
        "response": {"output": output},
        "reward": reward,
        **fields,
    }


def written(folder: Path, *rows: Any) -> IngestConfig:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return IngestConfig(source=str(path), format="responses")


def test_the_samples_of_a_state_come_together_under_its_trajectory(tmp_path: Path) -> None:
    said = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Which?"}]}]
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    config = written(
        tmp_path,
        rollout("Where is 17?", [call('{"id": 17, "full": true}')], 1.0),
        rollout("And 18?", said, 0),
        rollout("Where is 17?", [thought, call('{"full":true,"id":17}')], 0.5),
        rollout("Where is 17?", said, 0.0),
    )
    ids = [outcome.trajectory_id for outcome in ingest(config) if isinstance(outcome, Trajectory)]
    samples = rollout_rewards(config)
    assert list(samples) == ids and len(ids) == 2
    assert [reward for reward, _ in samples[ids[0]]] == [1.0, 0.5, 0.0]
    first, second, third = (action for _, action in samples[ids[0]])
    assert first == second != third, "the order of arguments and the reasoning are no difference"
    assert samples[ids[1]] == [(0.0, third)]


def test_an_answer_that_is_no_action_was_rewarded_too(tmp_path: Path) -> None:
    answers: list[list[Any]] = [[], [{"type": "web_search_call"}], ["?"]]
    config = written(tmp_path, *(rollout("Q", answer, 0.0) for answer in answers))
    (samples,) = rollout_rewards(config).values()
    assert len(samples) == 3 and len({action for _, action in samples}) == 3


@pytest.mark.parametrize(
    "row",
    [
        rollout("Q", [], None),
        rollout("Q", [], True),
        rollout("Q", [], "1.0"),
        rollout("Q", [], 1.0, expected_action=None),
        rollout("Q", [], 1.0, response=None),
        rollout("Q", [], 1.0, response={"output": "text"}),
        [],
    ],
)
def test_other_rows_are_no_rollouts(row: Any, tmp_path: Path) -> None:
    assert not is_rollout(row)
    assert rollout_rewards(written(tmp_path, row, "not JSON")) == {}


def test_a_rollout_whose_state_cannot_be_taken_is_left_to_ingest(tmp_path: Path) -> None:
    broken = rollout("Q", [], 1.0, expected_action={"type": "dance"})
    assert is_rollout(broken) and rollout_rewards(written(tmp_path, broken)) == {}
    with pytest.raises(InputError, match="no such file"):
        rollout_rewards(IngestConfig(source=str(tmp_path / "gone")))
