"""Where else a run's metrics go: TensorBoard, Weights & Biases, MLflow, by accelerate's trackers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration

from tasks.stages.train.metrics import OnStep, StepMetrics
from tasks.stages.train.stage import TrainSpec

PROJECT = "pivotrl"

log = logging.getLogger(__name__)


@contextmanager
def tracking(spec: TrainSpec, folder: Path) -> Iterator[OnStep]:
    """What sends a step's metrics to the trackers of `train.trackers`, from rank 0 only.

    Args:
        folder: of trackers that write files; each run has one of its own in it.
    """
    names = spec.config.trackers
    if not names:
        yield lambda measured: None
        return
    project = ProjectConfiguration(project_dir=str(folder), logging_dir=str(folder))
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), log_with=list(names), project_config=project)
    run_names = {"wandb": {"name": spec.target.version}, "mlflow": {"run_name": spec.target.version}}
    accelerator.init_trackers(PROJECT, _settings(spec), {n: run_names[n] for n in names if n in run_names})

    refused: set[str] = set()

    def send(measured: StepMetrics) -> None:
        values = {name: value for name, value in measured.items() if value is not None and name != "step"}
        for tracker in accelerator.trackers:
            try:
                tracker.log(values, step=measured["step"])
            except Exception as error:  # each service has its own kinds, and no outage is worth the training
                if tracker.name not in refused:
                    log.warning("train: %s does not take the metrics (told once): %s", tracker.name, error)
                refused.add(tracker.name)

    try:
        yield send
    finally:
        # Not accelerator.end_training(): after an error here it would wait for ranks that still compute.
        for tracker in accelerator.trackers:
            try:
                tracker.finish()
            except Exception as error:
                log.warning("train: %s could not be closed: %s", tracker.name, error)


def _settings(spec: TrainSpec) -> dict[str, str | int | float | bool]:
    """The run's settings as flat names and plain values, which is all that TensorBoard takes."""
    settings = {name: value for name, value in spec.config.model_dump().items() if not isinstance(value, dict | tuple)}
    return {"artefact": str(spec.target), "policy": spec.policy.version, "seed": spec.seed, **settings}
