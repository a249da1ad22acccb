"""What a training step of the demo spends its time on: sampling, verifying, updating, syncing weights, validating.

    python -m tests.bench.bench_training_step [--steps 8] [--set KEY=VALUE ...]

The desk preset as `make demo` runs it, up to the policy, with fewer steps; the seconds are those of its metrics table.

Measured on 2026-11-22, one thread of two Intel Xeon cores that other jobs shared (load average 6 to 9), with
`--set "ingest.source=world://desk?episodes=100&seed=0"`, medians and range over 8 steps of 4.3 s (3.0 to 7.9):

    sampling 42% (34 to 51)   updating 57% (49 to 64)   verifying 0.2% (0.1 to 1.0)   syncing 0.8% (0.5 to 2.3)

90,990 distinct tokens stood for 758,335 repeated ones.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import polars as pl

PHASES = ("sample_s", "verify_s", "update_s", "sync_s", "validate_s")


def trained(steps: int, settings: list[str], store: str) -> pl.DataFrame:
    """The metrics of a run of so many steps."""
    line = [sys.executable, "-m", "flows.cli", "run", "desk", "--until", "policies", "--store", store, "--json"]
    for setting in (f"train.steps={steps}", *settings):
        line += ["--set", setting]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    made = json.loads(done.stdout)["stages"][-1]
    return pl.read_parquet(f"{made['uri']}/policies-*.parquet").sort("step")


def main() -> None:
    """Print a row a phase: its share of a step and its seconds, median and range over the steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as store:
        metrics = trained(arguments.steps, arguments.settings, store)
    whole = metrics.select(pl.sum_horizontal(PHASES)).to_series()
    tokens = metrics["distinct_tokens"].sum()
    print(f"{metrics.height} steps, load average {os.getloadavg()[0]:.1f}; a step takes {_range(whole)} s")
    print(f"{tokens:,} distinct tokens for {metrics['repeated_tokens'].sum():,} repeated ones")
    for phase in PHASES:
        shares = 100 * metrics[phase] / whole
        print(f"{phase.removesuffix('_s'):>10} {_range(shares):>24} %   {_range(metrics[phase])} s")


def _range(values: pl.Series) -> str:
    return f"{statistics.median(values):.2f} ({values.min():.2f} to {values.max():.2f})"


if __name__ == "__main__":
    main()
