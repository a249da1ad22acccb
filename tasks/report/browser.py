"""The pivot browser: every profiled state of a set of pivots in one HTML file that loads nothing.

The page holds the summaries of all states as one JSON object of columns, and for a bounded number of states, the pivots
first, what the reader sees on opening one: a JSON script a trajectory, which the browser parses only then. States of
one trajectory share its messages. The page itself is browser.html beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from schemas.columns import STATE_KEY
from schemas.pivots import Unselected, Why
from tasks.errors import InputError
from tasks.report.samples import samples_of
from tasks.states.example import StateKey
from tasks.store.lineage import parent, pivots_lineage
from tasks.store.manifest import Manifest, Ref
from tasks.store.store import Store

MEANINGS: Mapping[str, str] = {
    Why.PIVOT: "Selected: its rewards vary and their mean is below max_mean.",
    Why.RANDOM: "Selected: drawn without looking at its profile.",
    Unselected.ALWAYS_RIGHT: "Not selected: every sample got the reward 1, so there is no gradient.",
    Unselected.NEVER_RIGHT: "Not selected: every sample got the reward 0, so there is no gradient.",
    Unselected.NO_VARIANCE: "Not selected: every sample got the same reward between 0 and 1, so there is no gradient.",
    Unselected.TOO_EASY: "Not selected: its rewards vary and their mean is not below max_mean.",
    Unselected.OVER_BUDGET: "Not selected: it qualifies, and the budget went to others.",
    Unselected.NOT_DRAWN: "Not selected: the random draw took others.",
}
"""What the page says of each verdict of the selection."""
_LONGEST_TEXT = 10_000
"""Characters of one text in the page."""
_LONGEST_DETAILS = 64_000_000
"""Characters of all conversations and samples, about: what is begun is finished."""
_CODED = ("trajectory_id", "domain", "kind", "tool", "verdict")
_NUMBERS = ("turn_index", "n", "successes", "mean", "variance", "distinct_actions", "parse_failures")


class Page(NamedTuple):
    """The page, how many states it lists, and how many of them can be read whole."""

    html: str
    states: int
    detailed: int


def write(store: Store, ref: Ref, output: Path, detail: int) -> dict[str, Any]:
    """Write the page: {"artefact", "output", "states", "detailed", "bytes"}.

    Raises:
        InputError: the file cannot be written there.
        ConfigurationError, NotInStore: as `page`.
    """
    found = page(store, ref, detail)
    try:
        size = output.write_bytes(found.html.encode())
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written: {error.strerror}") from error
    about = {"artefact": str(ref), "output": str(output)}
    return {**about, "states": found.states, "detailed": found.detailed, "bytes": size}


def text(found: Mapping[str, Any]) -> str:
    """The same for a person."""
    return f"{found['output']}: {found['states']:,} states of {found['artefact']}, {found['detailed']:,} of them whole"


def page(store: Store, ref: Ref, detail: int) -> Page:
    """The page of a pivots artefact.

    Args:
        detail: states at most whose conversation and samples are in the page, as far as 64 MB hold them.

    Raises:
        ConfigurationError: not an artefact of `pivots`.
        NotInStore: it or what it was made from is gone.
    """
    made_from = pivots_lineage(store, ref)
    states = judged(store, ref)
    wanted = {StateKey(*key) for key in states.head(max(detail, 0)).select(STATE_KEY).iter_rows()}
    scripts, detailed, size = [], 0, 0
    for number, found in _details(store, ref, made_from, states, wanted):
        if size > _LONGEST_DETAILS:
            break
        scripts.append(_script(f"t-{number}", found))
        detailed += len(found["states"])
        size += len(scripts[-1])
    scripts.append(_script("data", {"columns": columns(states), **_about(made_from, ref, detailed)}))
    template = resources.files("tasks.report").joinpath("browser.html").read_text(encoding="utf-8")
    return Page(template.replace("<!-- data -->", "\n".join(scripts), 1), states.height, detailed)


def judged(store: Store, ref: Ref) -> pl.DataFrame:
    """Every profiled state with its `verdict`: the pivots by rank, then the others by falling variance."""
    pivots = store.read(ref).sort("rank").rename({"why": "verdict"}).drop("rank")
    others = store.read(ref, "unselected").rename({"reason": "verdict"})
    return pl.concat([pivots, others.sort("variance", descending=True, maintain_order=True)])


def columns(states: pl.DataFrame) -> dict[str, Any]:
    """Columns of equal length; a text is a number, its place in `values`."""
    found: dict[str, Any] = {name: _short(states[name]) for name in _NUMBERS}
    for name in _CODED:
        values = states[name].unique().sort()
        found[name] = {"values": values.to_list(), "codes": states[name].cast(pl.Enum(values)).to_physical().to_list()}
    return found


def _short(numbers: pl.Series) -> list[float]:
    return numbers.round(4).to_list() if numbers.dtype == pl.Float64 else numbers.to_list()


def _about(made_from: Mapping[str, Manifest], ref: Ref, detailed: int) -> dict[str, Any]:
    recorded = "profiles" in made_from and "profiled_by" in made_from["profiles"].summary
    return {
        "artefact": str(ref),
        "config": made_from["pivots"].config,
        "lineage": [str(manifest.ref) for manifest in made_from.values()],
        "detailed": detailed,
        "recorded": recorded,
        "meanings": {str(name): _with_bound(meaning, made_from["pivots"].config) for name, meaning in MEANINGS.items()},
    }


def _with_bound(meaning: str, config: Mapping[str, Any]) -> str:
    return meaning.replace("max_mean", f"max_mean ({config['max_mean']:g})")


def _details(
    store: Store, ref: Ref, made_from: Mapping[str, Manifest], states: pl.DataFrame, wanted: set[StateKey]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each trajectory's place among the ids of the page, and what opening one of its states shows."""
    place = {name: number for number, name in enumerate(states["trajectory_id"].unique().sort())}
    trajectories = parent(made_from, "trajectories", ref)
    toolsets = dict(store.read(trajectories, "toolsets").iter_rows())
    parts = {part.index: part for part in store.manifest(trajectories).table("trajectories")}
    for index, part in store.parts(parent(made_from, "states", ref)):
        rows = [row for row in part.iter_rows(named=True) if _key(row) in wanted]
        if not rows:
            continue
        samples = samples_of(store, made_from, index, {_key(row) for row in rows})
        by_id = {row["trajectory_id"]: row for row in store.read_part(trajectories, parts[index]).iter_rows(named=True)}
        for trajectory_id in dict.fromkeys(row["trajectory_id"] for row in rows):
            own = [row for row in rows if row["trajectory_id"] == trajectory_id]
            yield place[trajectory_id], _trajectory(by_id[trajectory_id], own, toolsets, samples)


def _trajectory(
    row: Mapping[str, Any], states: list[dict[str, Any]], toolsets: Mapping[str, str], samples: Mapping[StateKey, Any]
) -> dict[str, Any]:
    last = max(state["message_index"] for state in states)
    return {
        "messages": [_compact(message) for message in row["messages"][: last + 1]],
        "tools": [tool["function"] for tool in json.loads(toolsets.get(row["toolset_id"], "[]"))],
        "task": row["task_id"],
        "source": f"{row['source_uri']}, record {row['source_record']}",
        "states": {
            state["turn_index"]: {"message": state["message_index"], "samples": samples.get(_key(state), [])}
            for state in states
        },
    }


def _key(row: Mapping[str, Any]) -> StateKey:
    return StateKey(row["trajectory_id"], row["turn_index"])


def _compact(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message without what is empty, its texts cut."""
    calls = [{"name": call["name"], "arguments": cut(call["arguments"])} for call in message["tool_calls"]]
    found = {
        "role": message["role"],
        "content": cut(message["content"]),
        "reasoning": cut(message["reasoning"]),
        "calls": calls,
        "name": message["name"],
    }
    return {key: value for key, value in found.items() if value}


def cut(text: str) -> str:
    """A text of at most 10,000 characters, and how many were left out."""
    left = len(text) - _LONGEST_TEXT
    return text if left <= 0 else f"{text[:_LONGEST_TEXT]}\n[{left:,} more characters are not in this page]"


def _script(name: str, value: Any) -> str:
    # Within a script element only "<" could end it or begin a comment.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'
