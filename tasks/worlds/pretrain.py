"""Train the shipped base policy from nothing: `python -m tasks.worlds.pretrain --output DIR [--seed 0] [--tokens N]`.

It runs the legs of pretraining/legs.py in order; `--start DIR --legs rules,doubts` goes on from another policy. It
writes a folder that transformers and vLLM load: config, weights, tokenizer, chat template. It computes in float32,
since bfloat16 is slower on processors without instructions for it.
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from tasks.worlds.pretraining import model as policy
from tasks.worlds.pretraining import tokenizer as vocabulary
from tasks.worlds.pretraining.legs import LEGS, Leg
from tasks.worlds.pretraining.rows import ROW, Rows, sample_texts

BATCH = 4
"""Rows per step."""
LOG = logging.getLogger(__name__)
TOKENIZER_SAMPLE = 1500
"""Conversations of each part of the mixture that the tokenizer is trained on."""
REPORT_EVERY = 50
"""Steps between two lines of progress."""


def pretrain(
    output: Path, seed: int, tokens: int, minutes: float, start: Path | None = None, legs: Sequence[Leg] = LEGS
) -> None:
    """Train on `tokens` tokens, or for `minutes` if that ends first, and save to `output`.

    Each leg gets its share of both, and its schedule follows the one that is nearer its end. If time does not run out,
    the same seed gives the same policy up to rounding, which depends on threads and memory alignment.

    Args:
        start: a policy to go on from; None trains a new one.
    """
    torch.manual_seed(seed)
    if start is None:
        tokenizer = vocabulary.train(sample_texts(seed, TOKENIZER_SAMPLE))
        model = policy.build(tokenizer)
    else:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(start)
        model = Qwen3ForCausalLM.from_pretrained(start, dtype=torch.float32)
    whole = sum(leg.length for leg in legs)
    for leg in legs:
        share = leg.length / whole
        _train(model, Rows(tokenizer, seed, leg), leg, round(tokens * share), minutes * share)
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)


def _train(model: Qwen3ForCausalLM, rows: Rows, leg: Leg, tokens: int, minutes: float) -> None:
    optimisers = policy.optimisers(model)
    full_rates = [leg.rate * optimiser.param_groups[0]["lr"] for optimiser in optimisers]
    steps = max(1, tokens // (BATCH * ROW))
    started, recent = time.monotonic(), 0.0
    for step in range(steps):
        progress = max(step / steps, (time.monotonic() - started) / (60 * minutes))
        if progress >= 1.0:
            break
        loss = policy.loss(model, *rows.batch(BATCH, progress))
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser, full in zip(optimisers, full_rates, strict=True):
            optimiser.param_groups[0]["lr"] = full * policy.rate(progress, leg.cool_down)
            optimiser.step()
            optimiser.zero_grad()
        recent += loss.item()
        if (step + 1) % REPORT_EVERY == 0:
            speed = (step + 1) * BATCH * ROW / (time.monotonic() - started)
            mean = recent / REPORT_EVERY
            LOG.info("%s: step %d of %d: loss %.3f, %.0f tokens/s", leg.name, step + 1, steps, mean, speed)
            recent = 0.0


def main() -> None:
    """The command line."""
    names = [leg.name for leg in LEGS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=16_000_000)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--start", type=Path, help="folder of an earlier policy to go on from")
    parser.add_argument("--legs", default=",".join(names), help="which legs to run (default: %(default)s)")
    options = parser.parse_args()
    wanted = options.legs.split(",")
    if unknown := sorted(set(wanted) - set(names)):
        parser.error(f"no leg {unknown[0]!r}: there are {', '.join(names)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    legs = [leg for leg in LEGS if leg.name in wanted]
    pretrain(options.output, options.seed, options.tokens, options.minutes, options.start, legs)


if __name__ == "__main__":
    main()
