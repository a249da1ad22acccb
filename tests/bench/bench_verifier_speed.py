"""Verdicts per second on one core: `tool_call` on 10,000 real pairs.

Half of the pairs are a demonstration and itself written in another way, half are two demonstrations of one tool: of
samples, too, about half are right and few are so letter by letter.

    python -m tests.bench.bench_verifier_speed

The public comparer that it replaces gives 17,000 on such pairs.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from pathlib import Path

from schemas.chat import Action, State, ToolCall
from tasks.verifiers.build import build
from tasks.verifiers.kinds import ToolCallSettings
from tests.tasks.verifiers.test_shared_data import states

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PAIRS, ROUNDS = 10_000, 5

Pair = tuple[State, Action, Action]


def rewritten(action: Action) -> Action:
    """The same calls with the keys in another order and other white space."""
    return Action(
        tool_calls=tuple(
            ToolCall(
                id="", name=call["name"], arguments=json.dumps(json.loads(call["arguments"]), sort_keys=True, indent=1)
            )
            for call in action.tool_calls
        )
    )


def pairs() -> list[Pair]:
    """10,000 pairs, drawn with a fixed seed. The eight of a state stand together, as a stage verifies them."""
    rng = random.Random(0)
    folders = ("tau2_sft", "tau_bench", "tau2_simulations", "livemcpbench")
    examples = [example for folder in folders for example in states(folder) if example.demonstration.tool_calls]
    by_tool: dict[str, list[Action]] = {}
    for example in examples:
        by_tool.setdefault(example.demonstration.tool_calls[0]["name"], []).append(example.demonstration)
    drawn: list[Pair] = []
    for example in rng.choices(examples, k=PAIRS // 8):
        same_tool = by_tool[example.demonstration.tool_calls[0]["name"]]
        for sample in range(8):
            action = rewritten(example.demonstration) if sample % 2 else rng.choice(same_tool)
            drawn.append((example.state, example.demonstration, action))
    return drawn


def main() -> None:
    """Print the rate."""
    if not DATA.is_dir():
        print(f"skipped: no {DATA}")
        return
    drawn = pairs()
    rates = []
    for _ in range(ROUNDS):
        verify = build(ToolCallSettings())  # nothing remembered from the round before
        began = time.process_time()
        for pair in drawn:
            verify(*pair)
        rates.append(len(drawn) / (time.process_time() - began))
    print(
        f"tool_call: {statistics.median(rates):,.0f} verdicts per second of processor time "
        f"({min(rates):,.0f} to {max(rates):,.0f}, {ROUNDS} rounds of {len(drawn):,} pairs)"
    )


if __name__ == "__main__":
    main()
