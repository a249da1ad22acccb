"""Which numbers of accelerators can share a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigurationError
from tasks.policy.files import DESK
from tasks.policy.parallel import require_divisible
from tasks.store.store import Store

SETTINGS = json.loads((DESK / "config.json").read_text())


def folder(path: Path, **changes: Any) -> str:
    """A model's folder with nothing but its settings."""
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps({**SETTINGS, **changes}))
    return str(path)


@pytest.mark.parametrize("accelerators", [1, 2, 4])
def test_a_divisor_of_the_heads_will_do(store: Store, accelerators: int) -> None:
    require_divisible("mine", "desk", {"rollout": accelerators, "evaluate": accelerators}, store)


def test_what_is_not_divided_is_named(store: Store) -> None:
    with pytest.raises(ConfigurationError) as caught:
        require_divisible("mine", "desk", {"rollout": 2, "evaluate": 8}, store)
    assert str(caught.value) == (
        "evaluate.engine.tensor_parallel is 8, which does not divide the 4 attention heads of model 'mine': set it to "
        "a divisor"
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"num_attention_heads": 12, "num_key_value_heads": 3}, "the 3 key-value heads"),
        ({"intermediate_size": 386}, "the 386 units of a feed-forward layer"),
        ({"model_type": "qwen3_moe", "moe_intermediate_size": 30}, "the 30 units of an expert"),
    ],
)
def test_every_part_of_a_model_must_be_divided(
    store: Store, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        require_divisible("mine", folder(tmp_path, **changes), {"rollout": 4}, store)


def test_key_value_heads_are_copied_to_more_accelerators(store: Store, tmp_path: Path) -> None:
    require_divisible("mine", folder(tmp_path, num_key_value_heads=2), {"rollout": 4}, store)


def test_a_model_that_is_not_known_here_is_left_to_the_engine(store: Store, tmp_path: Path) -> None:
    require_divisible("mine", folder(tmp_path, model_type="newer"), {"rollout": 3}, store)
    require_divisible("mine", "org/name@main", {"rollout": 3}, store)
