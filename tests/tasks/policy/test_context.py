import json
from pathlib import Path
from typing import Any

import pytest

from flows.settings.checks import check_context
from flows.settings.pipeline import PipelineConfig
from tasks.errors import ConfigurationError
from tasks.policy.files import DESK
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store

SETTINGS = json.loads((DESK / "config.json").read_text())


def config(rollout: int = 2048, train: int = 2048, evaluate: int = 2048, method: str = "grpo") -> PipelineConfig:
    lengths = {"rollout": rollout, "train": train, "evaluate": evaluate}
    values: dict[str, Any] = {name: {"engine": {"max_model_len": length}} for name, length in lengths.items()}
    values["train"]["method"] = method
    return PipelineConfig.model_validate({"model": "mine", "ingest": {"source": "a"}, **values})


def folder(path: Path, **changes: Any) -> str:
    """A model's folder with nothing but its settings; None removes one."""
    path.mkdir(exist_ok=True)
    settings = {key: value for key, value in {**SETTINGS, **changes}.items() if value is not None}
    (path / "config.json").write_text(json.dumps(settings))
    return str(path)


def test_each_engine_that_is_told_too_much_is_named(store: Store) -> None:
    check_context(config(), "desk", store)
    with pytest.raises(ConfigurationError) as caught:
        check_context(config(rollout=2049, evaluate=32768), "desk", store)
    assert str(caught.value) == (
        "model 'mine' reads 2,048 tokens at most, fewer than rollout.engine.max_model_len and "
        "evaluate.engine.max_model_len: set them to 2048 or less, or take a model with a longer context"
    )


def test_sft_samples_nothing_but_the_evaluation(store: Store) -> None:
    check_context(config(rollout=4096, train=4096, method="sft"), "desk", store)
    with pytest.raises(ConfigurationError, match=r"fewer than evaluate\.engine"):
        check_context(config(evaluate=4096, method="sft"), "desk", store)


@pytest.mark.parametrize(
    ("rope", "longest"),
    [
        ({"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}, 8192),
        ({"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}, 4096),
        (
            {
                "rope_type": "yarn",
                "factor": 4.0,
                "rope_theta": 10000.0,
                "original_max_position_embeddings": 512,
            },
            2048,
        ),
    ],
)
def test_rope_scaling_counts(store: Store, tmp_path: Path, rope: dict[str, Any], longest: int) -> None:
    location = folder(tmp_path / "scaled", rope_parameters=rope)
    check_context(config(rollout=longest), location, store)
    with pytest.raises(ConfigurationError, match=f"reads {longest:,} tokens at most"):
        check_context(config(rollout=longest + 1), location, store)


def test_a_length_that_the_file_leaves_out_is_the_architectures_own(store: Store, tmp_path: Path) -> None:
    location = folder(tmp_path / "short", max_position_embeddings=None)
    check_context(config(rollout=32768), location, store)
    with pytest.raises(ConfigurationError, match="reads 32,768 tokens"):
        check_context(config(rollout=32769), location, store)


@pytest.mark.parametrize("unknown", [{"model_type": "of-next-year"}, {"model_type": None}])
def test_what_transformers_does_not_know_is_left_to_vllm(
    store: Store, tmp_path: Path, unknown: dict[str, str | None]
) -> None:
    check_context(config(rollout=99999), folder(tmp_path / "new", **unknown), store)
    check_context(config(rollout=99999), "org/name@0123", store)


def test_a_trained_policy_has_its_settings_in_the_store(store: Store) -> None:
    ref = Ref(stage="policies", version="0" * 16)
    file = store.write_file(ref, "config.json", json.dumps(SETTINGS).encode())
    store.commit(
        Manifest(stage="policies", version=ref.version, stage_version=1, config={}, inputs={}, parts=(), files=(file,))
    )
    check_context(config(), str(ref), store)
    with pytest.raises(ConfigurationError, match="reads 2,048 tokens"):
        check_context(config(train=4096), str(ref), store)
