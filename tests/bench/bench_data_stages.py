"""Peak memory and time of the data stages at 1x and 10x the data: memory should follow the part, not the data set.

    python -m tests.bench.bench_data_stages

Each measurement is a process of its own; three of each, median and range.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile

REPEATS = 3
EPISODES = (400, 4000)
PART_SIZES = (64, 640)
SCRIPT = """
import resource, sys, time
from flows.settings.configuration import load_config
from tasks.stages.ingest import stage as ingest
from tasks.stages.split import stage as splitting
from tasks.artefact.stage import obtain
from tasks.store.store import Store

source, part_size, root = sys.argv[1:]
config = load_config("desk", [f"ingest.source={source}", f"ingest.part_size={part_size}"])
store = Store(root)
began = time.perf_counter()
trajectories = obtain(
    ingest.STAGE, config.ingest, ingest.inputs(config.ingest), store,
    lambda writer: ingest.write_trajectories(writer, config.ingest))
obtain(
    splitting.STAGE, config.split, {"trajectories": str(trajectories.ref)}, store,
    lambda writer: splitting.write_states(writer, store, trajectories.ref, config.split))
seconds = time.perf_counter() - began
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def measured(episodes: int, part_size: int) -> tuple[float, float]:
    """Seconds and peak resident memory in MiB of ingest and split."""
    with tempfile.TemporaryDirectory() as root:
        source = f"world://desk?episodes={episodes}&seed=0"
        line = [sys.executable, "-c", SCRIPT, source, str(part_size), root]
        done = subprocess.run(line, capture_output=True, text=True, check=True)
    seconds, mebibytes = done.stdout.split()
    return float(seconds), float(mebibytes)


def main() -> None:
    """Print the table."""
    print(f"{'trajectories':>12} {'a part':>7} {'seconds':>20} {'peak MiB':>22}")
    for part_size in PART_SIZES:
        for episodes in EPISODES:
            runs = [measured(episodes, part_size) for _ in range(REPEATS)]
            cells = [
                f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
                for values in zip(*runs, strict=True)
            ]
            print(f"{episodes:>12} {part_size:>7} {cells[0]:>20} {cells[1]:>22}")


if __name__ == "__main__":
    main()
