"""A model that rank 0 loads, as shards on all ranks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import GPTNeoConfig, Qwen3Config

from tasks.stages.train.compute.adapters import merged_parameters
from tasks.stages.train.compute.experts import with_file_names
from tasks.stages.train.compute.model import load_model
from tasks.stages.train.compute.sharding import full_tensor, shard_like
from tests.tasks.stages.train import together
from tests.tasks.stages.train.compute.test_forward import FAMILIES, HYBRID, make_model


def write_families(folder: Path) -> None:
    """A model of each family; one with state spaces; one that its configuration calls tied and its files do not; and
    one with masks for buffers."""
    tied = FAMILIES["qwen3"].to_dict()
    untied = Qwen3Config(**{**tied, "tie_word_embeddings": False})
    kinds = [[["global", "local"], 1]]
    masks = GPTNeoConfig(vocab_size=97, hidden_size=32, num_layers=2, attention_types=kinds, num_heads=4)
    for name, config in {**FAMILIES, "hybrid": HYBRID, "untied": untied, "masks": masks}.items():
        make_model(config).save_pretrained(folder / name)
    FAMILIES["qwen3"].save_pretrained(folder / "untied")


@pytest.mark.slow
def test_rank_0_alone_loads_a_model_and_all_compute_with_it(tmp_path):
    folder = tmp_path / "families"
    write_families(folder)
    done = together.torchrun("load", folder, tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    ranks = [torch.load(tmp_path / f"load-{rank}.pt") for rank in (0, 1)]
    assert ranks[0].keys() == {*FAMILIES, "hybrid", "untied", "masks"}
    for name in ranks[0]:
        alone = load_model(folder / name)
        expected = together.logits(alone)
        assert [rank[name]["devices"] for rank in ranks] == [{"cpu"}, {"meta"}]
        names = [key for key, _ in with_file_names(alone, merged_parameters(alone))]
        for rank in ranks:
            assert rank[name]["names"] == names
            torch.testing.assert_close(rank[name]["logits"], expected, rtol=1e-5, atol=1e-5)


def test_a_tensor_that_is_not_sharded_stays_itself():
    value = torch.arange(3)
    assert full_tensor(value) is value and shard_like(value, torch.zeros(3)) is value
