"""Checkpoints to resume from, and the model folder at the end. Either is visible only when complete.

A checkpoint holds the weights, the optimiser and the metrics of the steps so far. Their number is the next step's, and
every seed follows from it and the run's seed. From the metrics follow which step was validated as the best,
and whether training has stalled.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from transformers import AutoConfig

from tasks.stages.train.compute.adapters import merged_state
from tasks.stages.train.compute.learner import Learner
from tasks.stages.train.compute.sharding import full_tensor, shard_like
from tasks.stages.train.metrics import StepMetrics, best_step

LAST = "last"
"""Folder of the last step's model, inside the best one's."""

_PREFIX = "step_"
_BEST = "best_"
_FILE = "state.pt"
_WEIGHTS = (".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth", ".gguf", ".h5")


def _flush(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def _publish(partial: Path, final: Path) -> None:
    """Flush a finished folder to disk and give it its name in one operation."""
    _flush(partial)
    partial.rename(final)


def save(folder: Path, learner: Learner, metrics: list[StepMetrics]) -> None:
    """The state after `len(metrics)` steps as `folder/step_00010`; earlier checkpoints are removed once it is complete.

    All ranks must call, and rank 0 writes. It writes full tensors, so that any number of ranks can resume.
    """
    state = {"model": learner.model.state_dict(), "optimiser": learner.optimiser.state_dict(), "metrics": metrics}
    state = _full_state(state, keep=learner.ranks.is_main)
    if not learner.ranks.is_main:
        return
    final = folder / f"{_PREFIX}{len(metrics):05d}"
    partial = folder / f".{final.name}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    torch.save(state, partial / _FILE)
    _publish(partial, final)
    kept = final, _best_folder(folder, metrics)
    for old in [*folder.glob(f"{_PREFIX}*"), *folder.glob(f"{_BEST}*")]:
        if old not in kept:
            shutil.rmtree(old)


def _full_state(value: Any, keep: bool) -> Any:
    """The same with every sharded tensor in full and in main memory; None in its place unless `keep`."""
    if isinstance(value, dict):
        return {key: _full_state(inner, keep) for key, inner in value.items()}
    if isinstance(value, DTensor):
        full = full_tensor(value)
        return full.cpu() if keep else None
    return value


def _best_folder(folder: Path, metrics: list[StepMetrics]) -> Path | None:
    step = best_step(metrics)
    return None if step is None else folder / f"{_BEST}{step + 1:05d}"


def save_best(folder: Path, learner: Learner, metrics: list[StepMetrics], source: Path) -> None:
    """The state after a step that is the best so far, and its model beside it."""
    best = _best_folder(folder, metrics)
    assert best is not None
    folder.mkdir(parents=True, exist_ok=True)
    # The model first: a kill in between leaves a model that no checkpoint's metrics call the best.
    save_model(learner, source, best)
    save(folder, learner, metrics)


def _steps(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix(_PREFIX))


def resume(folder: Path, learner: Learner) -> list[StepMetrics]:
    """Put the newest checkpoint into the learner and give the metrics of its steps; without one, an empty list."""
    newest = learner.ranks.broadcast(max(folder.glob(f"{_PREFIX}*"), key=_steps, default=None))
    if newest is None:
        return []
    state = torch.load(newest / _FILE, map_location="cpu", mmap=True, weights_only=True)
    with torch.no_grad():
        for name, value in learner.model.state_dict().items():
            value.copy_(shard_like(state["model"][name], value))
    parameters = [p for group in learner.optimiser.param_groups for p in group["params"]]
    for index, moments in state["optimiser"]["state"].items():
        for name, value in moments.items():
            # A copy: the optimiser would keep the file mapped, and a network disk cannot remove one that is.
            moments[name] = value.clone()
            if value.shape == parameters[index].shape:  # AdamW's step counter has a shape of its own
                moments[name] = shard_like(moments[name], parameters[index])
    learner.optimiser.load_state_dict(state["optimiser"])
    metrics: list[StepMetrics] = state["metrics"]
    return metrics


def save_result(folder: Path, learner: Learner, metrics: list[StepMetrics], source: Path, output: Path) -> None:
    """The run's model folder: the last step's. Where an earlier one was validated as better, it is that one, with the
    last step's inside it."""
    best = _best_folder(folder, metrics)
    if best is None or best_step(metrics) == len(metrics) - 1:
        save_model(learner, source, output)
        return
    partial = output.with_name(f".{output.name}.both")
    if learner.ranks.is_main:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(best, partial)
    save_model(learner, source, partial / LAST)
    if learner.ranks.is_main:
        shutil.rmtree(output, ignore_errors=True)
        _publish(partial, output)


def save_model(learner: Learner, source: Path, output: Path) -> None:
    """A model folder: the weights as safetensors in the source's precision, every other file as the source has it.

    Adapters are merged into the weights. All ranks must call, and rank 0 writes.
    """
    dtype = AutoConfig.from_pretrained(source).dtype or torch.float32  # the model's own says what it was loaded as
    weights = {}
    for name, value in merged_state(learner.model):  # to the end, on every rank: it gathers
        if learner.ranks.is_main:
            weights[name] = value.detach().to("cpu", dtype)
    if not learner.ranks.is_main:
        return
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    written = partial / "written"
    written.mkdir(parents=True)
    learner.model.save_pretrained(written, state_dict=weights)
    for path in written.glob("*.safetensors*"):
        path.rename(partial / path.name)
    shutil.rmtree(written)
    # Copied and not written anew: transformers writes its own version into a configuration, and equal weights shall
    # give equal folders, whatever wrote them.
    for path in source.iterdir():
        if path.is_file() and not path.name.endswith(_WEIGHTS):
            shutil.copyfile(path, partial / path.name)
    if output.exists():
        shutil.rmtree(output)
    _publish(partial, output)
