"""What several ranks do in the tests: `torchrun -m tests.tasks.stages.train.together ACT POLICY FOLDER`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import torch
from torch.distributed.tensor import DTensor

from schemas.training import TrainConfig
from tasks.errors import StageFailed
from tasks.stages.train.batch import Batch, grpo_batch
from tasks.stages.train.compute.adapters import merged_parameters
from tasks.stages.train.compute.experts import with_file_names
from tasks.stages.train.compute.learner import Learner
from tasks.stages.train.compute.model import load_for_sharding
from tasks.stages.train.compute.ranks import Ranks, join
from tasks.stages.train.compute.sharding import full_tensor, shard
from tasks.stages.train.loop import TrainingRun, train
from tasks.verifiers.section import ScoreConfig
from tests.tasks.stages.train.conftest import RecordedSampler, conversation_states, letter_verifier

ROOT = Path(__file__).parents[4]
TIGHT = {"tokens_per_batch": 64}
"""Several passes, and not as many on each rank."""
UPDATES = {
    "grpo": {},
    "packs": TIGHT,
    "one-tree": {"states_per_step": 1},
    "leave-one-out": {"advantage": "leave_one_out", "aggregation": "sequence_mean", **TIGHT},
    "dr-grpo": {"advantage": "dr_grpo", "importance_cap": 0.0},
    "sequences": {"importance_level": "sequence", "kl_coefficient": 0.1, **TIGHT},
    "checkpointing": {"gradient_checkpointing": True, **TIGHT},
    "sft": {"method": "sft", "aggregation": "sequence_mean", **TIGHT},
    "lora": {"lora_rank": 4, **TIGHT},
    "lora-kl": {"lora_rank": 4, "kl_coefficient": 0.1, **TIGHT},
    "lora-kl-checkpointing": {"lora_rank": 4, "kl_coefficient": 0.1, "gradient_checkpointing": True},
    "bfloat16": {"precision": "bfloat16", **TIGHT},
}
SETTINGS = {
    "steps": 4,
    "states_per_step": 5,
    "samples": 4,
    "learning_rate": 1e-2,
    "temperature": 0.8,
    "refill": True,
    "validate_every": 2,
}


def step_batch(policy: Path, config: TrainConfig) -> Batch:
    """The samples of a step: of nine states in three trajectories, unequal lengths, rewards that mostly vary."""
    states = conversation_states(policy)
    groups = RecordedSampler(policy).groups([s.prompt for s in states], n=4, key="update")
    rewards_KG = torch.tensor([[float((k * 3 + g * g) % 4 < 2) for g in range(4)] for k in range(len(states))])
    batch = grpo_batch(config, states, groups, rewards_KG)
    if config.method == "sft":
        return Batch(batch.branches, batch.weights_M, torch.ones_like(batch.weights_M), None)
    if config.states_per_step == 1:  # one sample, so that a rank has none
        length = len(batch.branches[0].completion)
        tensors = (batch.weights_M, batch.advantages_M, batch.sampler_logprobs_M)
        return Batch(batch.branches[:1], *(tensor[:length] for tensor in tensors))
    return batch


def local(value: torch.Tensor) -> torch.Tensor:
    return value.to_local() if isinstance(value, DTensor) else value


def update(policy: Path, changes: dict[str, object], ranks: Ranks) -> dict[str, object]:
    """Two updates of the policy: what each gives, the gradients of the first, the weights after both, and how many
    numbers the rank holds of them."""
    config = TrainConfig(learning_rate=1e-2, temperature=0.7, **changes)
    learner = Learner(policy, config, 100, seed=1, ranks=ranks)
    batch = step_batch(policy, config)
    both = [learner.update(batch, 0)]
    gradients = {n: full_tensor(p.grad).clone() for n, p in learner.model.named_parameters() if p.grad is not None}
    both.append(learner.update(batch, 1))
    weights = {name: value.clone() for name, value in learner.weights()}
    held = sum(local(p).numel() for p in learner.model.parameters())
    return {
        "held": held,
        "updates": [{name: value for name, value in one.items() if value is not None} for one in both],
        "gradients": gradients,
        "weights": weights,
    }


def a_run(policy: Path, folder: Path, ranks: Ranks, **changes: object) -> TrainingRun:
    config, score = TrainConfig(**(SETTINGS | changes)), ScoreConfig(max_undecided=1.0)
    folders = policy, folder / "model", folder / "checkpoints"
    return TrainingRun(*folders, config, score, seed=3, checkpoint_every=2, ranks=ranks)


def train_recorded(policy: Path, folder: Path, ranks: Ranks, kill_at: int | None = None, fault: bool = False) -> list:
    """A run with recorded samples, which ends by a kill where that is asked for, or a fault of rank 1."""

    def on_step(measured: dict[str, object]) -> None:
        if measured["step"] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault and ranks.rank == 1:
            raise StageFailed("only here")

    states = conversation_states(policy)
    sampler = RecordedSampler(policy, seeded=False)
    metrics, _ = train(a_run(policy, folder, ranks), states, sampler, letter_verifier, on_step, held_out=states[:3])
    return metrics


def logits(model: torch.nn.Module) -> torch.Tensor:
    return model(torch.arange(1, 21)[None], use_cache=False).logits.detach()


def load(folder: Path, ranks: Ranks) -> dict[str, object]:
    """Where the model of a folder lies before it is sharded; then what it computes, and how its weights are named."""
    model = load_for_sharding(folder, ranks)
    devices = {parameter.device.type for parameter in model.parameters()}
    shard(model, "float32", torch.device("cpu"))
    names = [name for name, _ in with_file_names(model, merged_parameters(model))]
    return {"devices": devices, "logits": logits(model), "names": names}


def torchrun(act: str, policy: Path, folder: Path, count: int = 2) -> subprocess.CompletedProcess[str]:
    """This module on so many ranks."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    return subprocess.run(
        [sys.executable, *launcher, "-m", "tests.tasks.stages.train.together", act, str(policy), str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )


def main() -> None:
    act, policy, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    ranks = join(120)
    if act == "updates":
        result = {name: update(policy, changes, ranks) for name, changes in UPDATES.items()}
    elif act == "load":
        result = {path.name: load(path, ranks) for path in sorted(policy.iterdir())}
    elif act == "fault":
        result = train_recorded(policy, folder, ranks, fault=True)
    else:
        result = train_recorded(policy, folder, ranks, kill_at=int(act))  # a step beyond the last kills nothing
    torch.save(result, folder / f"{act}-{ranks.rank}.pt")


if __name__ == "__main__":
    main()
