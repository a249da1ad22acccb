"""The trainer's forward and backward pass against TRL's GRPO and against repeated prompts.

    python -m tests.bench.bench_trainer [--repeats 3]    on a GPU, where there is one, the large case instead
    PYTHONPATH=folder/of/trl python -m tests.bench.bench_trainer    TRL is left out, and named, where not installed

Every measurement is a process of its own: one pass over one batch after a small one to warm up. Its memory is the peak
less what the process held before the pass. Same weights, same samples, same loss (printed: it must be the same). TRL
pads nothing here and keeps its activations, as all do. `repeated` is this trainer with a tree for every sample, the
baseline where TRL is absent; `per state` has a tree for every state, so that samples of a state share its prompt, and
states of a trajectory share nothing.

Measured on 2026-11-22, one run each, two cores (Intel Xeon) that other jobs used at the same time, torch 2.13,
TRL 1.16:

    one state               tree  10.7 s   865 MiB    TRL 138.6 s (13.0)  5,778 MiB (6.7)    repeated 74.8 s (7.0)
    8 pivots, one history   tree 144.1 s 5,960 MiB    per state 243.9 s (1.7)  10,557 MiB (1.8)

The case `large` has not been run: there was no GPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

SETTINGS = {"importance_cap": 0.0, "aggregation": "token_mean", "clip_high": 0.28}
"""Clipped ratio against recorded log-probabilities: both trainers have it, and it needs no pass beforehand."""

SMALL = {
    "vocab_size": 4096,
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 64,
}
QWEN3_1_7B = {
    "vocab_size": 151936,
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
}


@dataclass(frozen=True)
class Case:
    """One batch: pivots of one trajectory with prompts of these lengths, C = `actions` tokens, G = `group` samples."""

    title: str
    shape: dict[str, int]
    prompts: tuple[int, ...]
    actions: int
    group: int
    rivals: tuple[str, ...]
    precision: str = "float32"
    tokens_per_batch: int = 65536


CASES = {
    "state": Case(
        "one state: P=2,048, C=64, G=16; 6M parameters, float32",
        SMALL,
        (2048,),
        64,
        16,
        ("tree", "trl", "repeated"),
    ),
    "trajectory": Case(
        "8 pivots of one trajectory of 8,192 tokens, C=64, G=8; 6M parameters, float32",
        SMALL,
        tuple(range(1024, 8193, 1024)),
        64,
        8,
        ("tree", "per state"),
    ),
    "large": Case(
        "one state: P=8,192, C=256, G=16; shape of Qwen3-1.7B, random weights, bfloat16 on the accelerator",
        QWEN3_1_7B,
        (8192,),
        256,
        16,
        ("blocks", "tree", "repeated"),
        precision="bfloat16",
        tokens_per_batch=16384,
    ),
}


def make_policy(folder: Path, shape: dict[str, int]) -> None:
    """A Qwen3 of this shape with random weights, and the tokenizer of the built-in policy."""
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    from tasks.policy.files import DESK

    torch.manual_seed(0)
    Qwen3ForCausalLM(Qwen3Config(**shape, tie_word_embeddings=True)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(DESK).save_pretrained(folder)


def make_batch(case: Case, apart: bool) -> Any:
    """The trainer's own batch of the case: random tokens, half of a state's samples right.

    `apart` gives every state a trajectory of its own, so that only samples of a state share their prompt.
    """
    import torch

    from schemas.chat import Action, State
    from schemas.training import TrainConfig
    from tasks.sampler.sampler import Sample
    from tasks.training.grpo import grpo_batch
    from tasks.training.states import TrainingState

    rng = random.Random(0)
    history = [rng.randrange(700) for _ in range(max(case.prompts))]
    states = [
        TrainingState(State(f"t{i if apart else 0}", i, (), ()), Action("x"), history[:length])
        for i, length in enumerate(case.prompts)
    ]
    samples = [
        [
            Sample([rng.randrange(700) for _ in range(case.actions)], [-8.3] * case.actions, True)
            for _ in range(case.group)
        ]
        for _ in states
    ]
    rewards_KG = (torch.arange(case.group) % 2).float().expand(len(states), -1)
    return grpo_batch(TrainConfig(**SETTINGS), states, samples, rewards_KG)  # type: ignore[arg-type]


def ours(case: Case, rival: str, folder: Path) -> Callable[[Any], float]:
    """Forward and backward of this trainer; gives the loss."""
    from schemas.training import TrainConfig
    from tasks.training.learner import Learner

    settings: dict[str, Any] = SETTINGS | {
        "precision": case.precision,
        "tokens_per_batch": case.tokens_per_batch,
        "tree_attention": "blocks" if rival == "blocks" else "dense",
    }
    learner = Learner(folder, TrainConfig(**settings), max(case.prompts) + case.actions)
    learner.shares_prefixes = rival != "repeated"

    def one_pass(batch: Any) -> float:
        learner.optimiser.zero_grad(set_to_none=True)
        return float(learner._accumulate(batch)["loss"])

    return one_pass


def trls(case: Case, folder: Path) -> Callable[[Any], float]:
    """Forward and backward of TRL's trainer, by its own log-probability and loss code; gives the loss."""
    import datasets
    import torch
    import trl
    from transformers import AutoModelForCausalLM, AutoTokenizer

    arguments = trl.GRPOConfig(
        output_dir=str(folder / "trl"),
        loss_type="bnpo",  # the mean over tokens
        beta=0.0,
        epsilon=0.2,
        epsilon_high=SETTINGS["clip_high"],
        num_generations=case.group,
        per_device_train_batch_size=case.group,
        gradient_checkpointing=False,
        use_cpu=True,
        bf16=False,
        report_to=[],
    )
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    data = datasets.Dataset.from_dict({"prompt": ["x"] * case.group})
    tokenizer = AutoTokenizer.from_pretrained(folder)
    trainer = trl.GRPOTrainer(model, lambda completions, **_: [0.0], arguments, data, processing_class=tokenizer)
    trainer.current_gradient_accumulation_steps = 1

    def one_pass(batch: Any) -> float:
        prompts = torch.tensor([list(branch.prompt) for branch in batch.branches])
        completions = torch.tensor([list(branch.completion) for branch in batch.branches])
        inputs = {
            "prompt_ids": prompts,
            "prompt_mask": torch.ones_like(prompts),
            "completion_ids": completions,
            "completion_mask": torch.ones_like(completions),
            "advantages": batch.advantages_M.view_as(completions)[:, 0],
            "old_per_token_logps": batch.sampler_logprobs_M.view_as(completions),
        }
        trainer.model.zero_grad(set_to_none=True)
        loss = trainer._compute_loss(trainer.model, inputs)
        loss.backward()
        return float(loss.detach())

    return one_pass


def resident() -> float:
    """MiB that this process holds, or has allocated on the accelerator where there is one."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 2**20
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def peak() -> float:
    """The most MiB that it ever held."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(case: Case, rival: str) -> tuple[float, float, float]:
    """Seconds, MiB and loss of one pass, in this process."""
    apart = rival == "per state"
    with tempfile.TemporaryDirectory() as name:
        make_policy(Path(name), case.shape)
        one_pass = trls(case, Path(name)) if rival == "trl" else ours(case, rival, Path(name))
        one_pass(make_batch(replace(case, prompts=(64,), actions=8), apart))
        batch = make_batch(case, apart)
        before = resident()
        began = time.perf_counter()
        loss = one_pass(batch)
        after = peak()  # waits for an accelerator to finish
        seconds = time.perf_counter() - began
    return seconds, after - before, loss


def in_its_own_process(name: str, rival: str) -> tuple[float, float, float]:
    """`measure`, where nothing else has warmed caches or taken memory."""
    line = [sys.executable, "-m", "tests.bench.bench_trainer", "--one", name, rival]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    seconds, mebibytes, loss = map(float, done.stdout.splitlines()[-1].split())
    return seconds, mebibytes, loss


def table(name: str, repeats: int) -> None:
    """A row a rival: median and range, and how often the tree's median goes into it."""
    case = CASES[name]
    print(f"\n{case.title}")
    print(f"{'':>10} {'seconds':>24} {'ratio':>6} {'MiB of the pass':>24} {'ratio':>6} {'loss':>14}")
    medians: list[float] = []
    for rival in case.rivals:
        if rival == "trl" and importlib.util.find_spec("trl") is None:
            print(f"{'trl':>10}   not installed: pip install trl datasets, or name its folder in PYTHONPATH")
            continue
        runs = [in_its_own_process(name, rival) for _ in range(repeats)]
        seconds, mebibytes, losses = zip(*runs, strict=True)
        found = [statistics.median(seconds), statistics.median(mebibytes)]
        medians = medians or found
        cells = []
        for values, median, least in zip((seconds, mebibytes), found, medians, strict=True):
            cells += [f"{median:.1f} ({min(values):.1f} to {max(values):.1f})", f"{median / least:.1f}"]
        print(f"{rival:>10} {cells[0]:>24} {cells[1]:>6} {cells[2]:>24} {cells[3]:>6} {losses[0]:>14.6e}", flush=True)


def main() -> None:
    """Print the tables, or measure one rival."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("CASE", "RIVAL"))
    arguments = parser.parse_args()
    if arguments.one:
        print(*measure(CASES[arguments.one[0]], arguments.one[1]))
        return
    import torch

    for name in ("large",) if torch.cuda.is_available() else ("state", "trajectory"):
        table(name, arguments.repeats)


if __name__ == "__main__":
    main()
