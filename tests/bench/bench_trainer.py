"""The trainer's forward and backward pass against TRL's GRPO and against repeated prompts.

    python -m tests.bench.bench_trainer [--repeats 3]    on a GPU, where there is one, the large case instead
    python -m tests.bench.bench_trainer --case state             one table; TRL is left out, and named, where missing

Every measurement is a process of its own: one pass over one batch after a small one to warm up. Its memory is the peak
less what the process held before the pass. Same weights, same samples, same loss (printed: it must be the same). TRL
pads nothing here and keeps its activations, as all do. `repeated` is this trainer with a tree for every sample, all of
one length, through SDPA's causal kernel (flash on a GPU): the fair baseline where TRL is absent. `per state` has a tree
for every state, so that samples of a state share its prompt, and states of a trajectory share nothing.

Measured on 2026-11-22, one thread of two Intel Xeon cores that six other jobs shared (load average 3 to 9), torch 2.13,
TRL 1.16; medians of processor seconds, which other jobs change less than the clock's:

    one state, 3 runs       tree  3.9 s   879 MiB   TRL 37.0 s (9.5x)  5,754 MiB (6.5x)   repeated 33.1 s (8.5x)
    8 pivots, 1 run         tree 54.2 s 5,961 MiB   per state 127.8 s (2.4x)  10,656 MiB (1.8x)

By the clock the ratios were 9.5x (TRL) and 3.1x (per state). The case `large` has not been run: no GPU was lent.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
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
from typing import Any, NamedTuple

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
        "one state: P=2,048, C=64, G=16; 6M parameters, float32", SMALL, (2048,), 64, 16, ("tree", "trl", "repeated")
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
    from tasks.stages.train.batch import grpo_batch
    from tasks.states.example import Example

    rng = random.Random(0)
    history = [rng.randrange(700) for _ in range(max(case.prompts))]
    states = [
        Example(State(f"t{i if apart else 0}", i, (), ()), Action("x"), prompt=history[:length])
        for i, length in enumerate(case.prompts)
    ]
    logprobs = [-8.3] * case.actions
    samples = [
        [Sample([rng.randrange(700) for _ in logprobs], logprobs, True) for _ in range(case.group)] for _ in states
    ]
    rewards_KG = (torch.arange(case.group) % 2).float().expand(len(states), -1)
    return grpo_batch(TrainConfig(**SETTINGS), states, samples, rewards_KG)  # type: ignore[arg-type]


def ours(case: Case, rival: str, folder: Path) -> Callable[[Any], float]:
    """Forward and backward of this trainer; gives the loss."""
    from schemas.training import TrainConfig
    from tasks.stages.train.compute.learner import Learner

    settings: dict[str, Any] = SETTINGS | {
        "precision": case.precision,
        "tokens_per_batch": case.tokens_per_batch,
        "tree_attention": "blocks" if rival == "blocks" else "dense",
    }
    learner = Learner(folder, TrainConfig(**settings), max(case.prompts) + case.actions)
    learner.shares_prefixes = rival != "repeated"

    def one_pass(batch: Any) -> float:
        learner.optimiser.zero_grad(set_to_none=True)
        return float(learner.accumulate_gradients(batch)["loss"])

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


class Run(NamedTuple):
    """One pass: seconds by the clock and of processor time (less where the machine is shared), MiB, loss."""

    seconds: float
    processor: float
    mebibytes: float
    loss: float


def measure(case: Case, rival: str) -> Run:
    """One pass, in this process; on a GPU after the batch itself: FlexAttention compiles again at its second size."""
    apart = rival == "per state"
    with tempfile.TemporaryDirectory() as name:
        make_policy(Path(name), case.shape)
        one_pass = trls(case, Path(name)) if rival == "trl" else ours(case, rival, Path(name))
        small = [replace(case, prompts=(n,), actions=8) for n in (64, 192)]
        for size in [*small, case] if "blocks" in case.rivals else small[:1]:
            one_pass(make_batch(size, apart))
        batch = make_batch(case, apart)
        before = resident()
        began, worked = time.perf_counter(), time.process_time()
        loss = one_pass(batch)
        after = peak()  # waits for an accelerator to finish
        return Run(time.perf_counter() - began, time.process_time() - worked, after - before, loss)


def in_its_own_process(name: str, rival: str) -> Run:
    """`measure`, where nothing else has warmed caches or taken memory."""
    line = [sys.executable, "-m", "tests.bench.bench_trainer", "--one", name, rival]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    return Run(*map(float, done.stdout.splitlines()[-1].split()))


def table(name: str, repeats: int) -> None:
    """A row a rival: median, range, ratio to the first's median. They take turns, so that other load falls on all."""
    case = CASES[name]
    rivals = [rival for rival in case.rivals if rival != "trl" or importlib.util.find_spec("trl") is not None]
    runs: dict[str, list[Run]] = {rival: [] for rival in rivals}
    loads = []
    for _ in range(repeats):
        for rival in rivals:
            runs[rival].append(in_its_own_process(name, rival))
            loads.append(os.getloadavg()[0])
    print(f"\n{case.title}; {repeats} runs each in turn, load average {min(loads):.1f} to {max(loads):.1f}")
    print(f"{'':>10}{'seconds':>38}{'processor seconds':>38}{'MiB of the pass':>38}{'loss':>14}")
    for rival in rivals:
        cells = [_cell([run[i] for run in runs[rival]], [run[i] for run in runs[rivals[0]]]) for i in range(3)]
        print(f"{rival:>10}{''.join(f'{cell:>38}' for cell in cells)}{runs[rival][0].loss:>14.6e}", flush=True)
    if len(rivals) < len(case.rivals):
        print("       trl   not installed (infra/test.txt has it)")


def _cell(values: list[float], least: list[float]) -> str:
    ratio = statistics.median(values) / statistics.median(least)
    return f"{statistics.median(values):,.1f} ({min(values):,.1f} to {max(values):,.1f}) {ratio:.2f}x"


def main() -> None:
    """Print the tables, or measure one rival."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--case", choices=CASES, help="one of the tables")
    parser.add_argument("--one", nargs=2, metavar=("CASE", "RIVAL"))
    arguments = parser.parse_args()
    if arguments.one:
        print(*measure(CASES[arguments.one[0]], arguments.one[1]))
        return
    import torch

    fitting = ("large",) if torch.cuda.is_available() else ("state", "trajectory")
    for name in (arguments.case,) if arguments.case else fitting:
        table(name, arguments.repeats)


if __name__ == "__main__":
    main()
