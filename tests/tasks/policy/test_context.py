import json
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigurationError
from tasks.policy.context import require_context
from tasks.policy.files import DESK
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store

SETTINGS = json.loads((DESK / "config.json").read_text())


def folder(path: Path, **changes: Any) -> str:
    """A model's folder with nothing but its settings; None removes one."""
    path.mkdir(exist_ok=True)
    settings = {key: value for key, value in {**SETTINGS, **changes}.items() if value is not None}
    (path / "config.json").write_text(json.dumps(settings))
    return str(path)


def test_each_engine_that_is_told_too_much_is_named(store: Store) -> None:
    require_context("mine", "desk", {"rollout": 2048, "train": 2048, "evaluate": 2048}, store)
    with pytest.raises(ConfigurationError) as caught:
        require_context("mine", "desk", {"rollout": 2049, "train": 2048, "evaluate": 32768}, store)
    assert str(caught.value) == (
        "model 'mine' reads 2,048 tokens at most, fewer than rollout.engine.max_model_len and "
        "evaluate.engine.max_model_len: set them to 2048 or less, or take a model with a longer context"
    )


def test_without_an_engine_nothing_is_read(store: Store) -> None:
    require_context("mine", "policies@gone", {}, store)


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
    require_context("mine", location, {"rollout": longest}, store)
    with pytest.raises(ConfigurationError, match=f"reads {longest:,} tokens at most"):
        require_context("mine", location, {"rollout": longest + 1}, store)


def test_of_a_model_with_several_parts_the_text_part_counts(store: Store, tmp_path: Path) -> None:
    linear = {"rope_type": "linear", "factor": 8.0, "rope_theta": 10000.0}
    text = {"max_position_embeddings": 4096, "rope_parameters": {"full_attention": linear, "sliding_attention": linear}}
    several = {"model_type": "gemma3", "text_config": text, "max_position_embeddings": None, "rope_parameters": None}
    location = folder(tmp_path / "several", **several)
    require_context("mine", location, {"rollout": 4096}, store)
    with pytest.raises(ConfigurationError, match="reads 4,096 tokens"):  # the length after scaling, with Gemma 3
        require_context("mine", location, {"rollout": 4097}, store)


def test_a_length_that_the_file_leaves_out_is_the_architectures_own(store: Store, tmp_path: Path) -> None:
    location = folder(tmp_path / "short", max_position_embeddings=None)
    require_context("mine", location, {"rollout": 32768}, store)
    with pytest.raises(ConfigurationError, match="reads 32,768 tokens"):
        require_context("mine", location, {"rollout": 32769}, store)


@pytest.mark.parametrize("unknown", [{"model_type": "of-next-year"}, {"model_type": None}])
def test_what_transformers_does_not_know_is_left_to_vllm(
    store: Store, tmp_path: Path, unknown: dict[str, str | None]
) -> None:
    require_context("mine", folder(tmp_path / "new", **unknown), {"rollout": 99999}, store)
    require_context("mine", "org/name@0123", {"rollout": 99999}, store)


def test_a_trained_policy_has_its_settings_in_the_store(store: Store) -> None:
    ref = Ref(stage="policies", version="0" * 16)
    file = store.write_file(ref, "config.json", json.dumps(SETTINGS).encode())
    store.commit(
        Manifest(stage="policies", version=ref.version, stage_version=1, config={}, inputs={}, parts=(), files=(file,))
    )
    require_context("mine", str(ref), {"train": 2048}, store)
    with pytest.raises(ConfigurationError, match="reads 2,048 tokens"):
        require_context("mine", str(ref), {"train": 4096}, store)
