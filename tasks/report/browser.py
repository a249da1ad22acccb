"""The pivot browser: every profiled state of a set of pivots in one HTML file that loads nothing from elsewhere.

The page is browser.html beside this file, with its data as JSON scripts:

    "data"   the columns of all states, and what is said of the artefact
    "t-17"   the trajectory whose id is the 18th of the page: its messages, and what was sampled at its states

A bounded number of states has a conversation, the pivots first. States of one trajectory share its messages, and the
browser parses a trajectory's script only when the reader opens one of its states.

What was sampled at a state groups equal samples, the best reward first:

    [{"count": 5, "reward": 1.0, "reason": "equivalent", "detail": "", "action": {"content": "", "calls": [...]}},
     {"count": 3, "reward": 0.0, "reason": "parse_failure", "detail": "...", "text": "<tool_call>{..."}]
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from schemas.columns import SAMPLE_KEY, STATE_KEY
from schemas.pivots import Unselected, Why
from tasks.errors import InputError
from tasks.states.example import StateKey
from tasks.states.reader import reasoning_dropped, without_reasoning
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
_LONGEST_COMPLETION = 4_000
"""Characters of a completion that did not parse."""
_LONGEST_SCRIPTS = 64_000_000
"""Characters of all trajectories' scripts, about: the one that goes over it is the last."""
_CODED = ("trajectory_id", "domain", "kind", "tool", "verdict")
_NUMBERS = ("turn_index", "n", "successes", "mean", "variance", "distinct_actions", "parse_failures")


class Page(NamedTuple):
    """The page, how many states it lists, and how many of them can be read whole."""

    html: str
    states: int
    whole_states: int


def write(store: Store, ref: Ref, output: Path, detail: int) -> dict[str, Any]:
    """Write the page: {"artefact", "output", "states", "detailed", "bytes"}.

    Raises:
        InputError: the file cannot be written there.
        ConfigurationError, NotInStore: as `page`.
    """
    browser = page(store, ref, detail)
    try:
        size = output.write_bytes(browser.html.encode())
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written: {error.strerror}") from error
    about = {"artefact": str(ref), "output": str(output)}
    return {**about, "states": browser.states, "detailed": browser.whole_states, "bytes": size}


def text(written: Mapping[str, Any]) -> str:
    """The same for a person."""
    states = f"{written['states']:,} states of {written['artefact']}, {written['detailed']:,} of them whole"
    return f"{written['output']}: {states}"


def page(store: Store, ref: Ref, detail: int) -> Page:
    """The page of a pivots artefact.

    Args:
        detail: states at most whose conversation and samples are in the page, as far as 64 MB hold them.

    Raises:
        ConfigurationError: not an artefact of `pivots`.
        NotInStore: it or what it was made from is gone.
    """
    manifests = pivots_lineage(store, ref)
    states = states_with_verdicts(store, ref)
    keys = {StateKey(*key) for key in states.head(max(detail, 0)).select(STATE_KEY).iter_rows()}
    scripts, whole_states, size = [], 0, 0
    for number, trajectory in _trajectories(store, ref, manifests, states, keys):
        if size > _LONGEST_SCRIPTS:
            break
        scripts.append(_script(f"t-{number}", trajectory))
        whole_states += len(trajectory["states"])
        size += len(scripts[-1])
    scripts.append(_script("data", {"columns": columns(states), **_about(manifests, ref, whole_states)}))
    template = resources.files("tasks.report").joinpath("browser.html").read_text(encoding="utf-8")
    return Page(template.replace("<!-- data -->", "\n".join(scripts), 1), states.height, whole_states)


def states_with_verdicts(store: Store, ref: Ref) -> pl.DataFrame:
    """Every profiled state with its `verdict`: the pivots by rank, then the others by falling variance."""
    pivots = store.read(ref).sort("rank").rename({"why": "verdict"}).drop("rank")
    others = store.read(ref, "unselected").rename({"reason": "verdict"})
    return pl.concat([pivots, others.sort("variance", descending=True, maintain_order=True)])


def columns(states: pl.DataFrame) -> dict[str, Any]:
    """Columns of equal length. A text is a code, its place in the column's `values`: 100,000 states name few domains
    and tools."""
    by_name: dict[str, Any] = {name: _rounded(states[name]) for name in _NUMBERS}
    for name in _CODED:
        values = states[name].unique().sort()
        codes = states[name].cast(pl.Enum(values)).to_physical().to_list()
        by_name[name] = {"values": values.to_list(), "codes": codes}
    return by_name


def _rounded(numbers: pl.Series) -> list[float]:
    return numbers.round(4).to_list() if numbers.dtype == pl.Float64 else numbers.to_list()


def _about(manifests: Mapping[str, Manifest], ref: Ref, whole_states: int) -> dict[str, Any]:
    config = manifests["pivots"].config
    recorded = "profiles" in manifests and "profiled_by" in manifests["profiles"].summary
    bound = f"max_mean ({config['max_mean']:g})"
    return {
        "artefact": str(ref),
        "config": config,
        "lineage": [str(manifest.ref) for manifest in manifests.values()],
        "detailed": whole_states,
        "recorded": recorded,
        "meanings": {str(verdict): meaning.replace("max_mean", bound) for verdict, meaning in MEANINGS.items()},
    }


def _trajectories(
    store: Store, ref: Ref, manifests: Mapping[str, Manifest], states: pl.DataFrame, keys: set[StateKey]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The trajectories of these states, each with its number: its place among the sorted ids of the page."""
    numbers = {name: number for number, name in enumerate(states["trajectory_id"].unique().sort())}
    trajectories = parent(manifests, "trajectories", ref)
    toolsets = dict(store.read(trajectories, "toolsets").iter_rows())
    parts = {part.index: part for part in store.manifest(trajectories).table("trajectories")}
    states_ref = parent(manifests, "states", ref)
    dropped = reasoning_dropped(store.manifest(states_ref))
    for index, part in store.parts(states_ref):
        rows = [row for row in part.iter_rows(named=True) if _key(row) in keys]
        if not rows:
            continue
        samples = samples_by_state(store, manifests, index, {_key(row) for row in rows})
        by_id = {row["trajectory_id"]: row for row in store.read_part(trajectories, parts[index]).iter_rows(named=True)}
        for trajectory_id in dict.fromkeys(row["trajectory_id"] for row in rows):
            its_states = [row for row in rows if row["trajectory_id"] == trajectory_id]
            trajectory = by_id[trajectory_id]
            seen = without_reasoning(trajectory) if dropped else trajectory
            yield numbers[trajectory_id], _trajectory(seen, its_states, toolsets, samples)


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


def samples_by_state(
    store: Store, manifests: Mapping[str, Manifest], index: int, keys: set[StateKey]
) -> dict[StateKey, list[dict[str, Any]]]:
    """What was sampled at these states of one part; nothing where the profiles were recorded elsewhere."""
    if not keys or not {"scores", "rollouts"} <= manifests.keys():
        return {}
    of_keys = pl.DataFrame(sorted(keys), schema={"trajectory_id": pl.String, "turn_index": pl.Int32}, orient="row")
    scores = _part(store, manifests["scores"], index).join(of_keys, on=STATE_KEY, how="semi")
    texts = _part(store, manifests["rollouts"], index).select(*SAMPLE_KEY, "text")
    # Without the text of those that parsed: samples of one action may differ in their text, and count as equal.
    completion = pl.col("text").str.slice(0, _LONGEST_COMPLETION)
    unparsed = pl.when(pl.col("action") == "").then(completion).otherwise(pl.lit(""))
    groups = (
        scores.join(texts, on=SAMPLE_KEY, how="left")
        .with_columns(unparsed=unparsed)
        .group_by(*STATE_KEY, "reward", "reason", "detail", "action", "unparsed", maintain_order=True)
        .len("count")
        .sort("reward", "count", descending=True, nulls_last=True, maintain_order=True)
    )
    samples: dict[StateKey, list[dict[str, Any]]] = {}
    for row in groups.iter_rows(named=True):
        said = {"action": json.loads(row["action"])} if row["action"] else {"text": row["unparsed"] or ""}
        verdict = {name: row[name] for name in ("count", "reward", "reason", "detail")}
        samples.setdefault(_key(row), []).append({**verdict, **said})
    return samples


def _part(store: Store, manifest: Manifest, index: int) -> pl.DataFrame:
    part = next(part for part in manifest.table(manifest.stage) if part.index == index)
    return store.read_part(manifest.ref, part)


def _key(row: Mapping[str, Any]) -> StateKey:
    return StateKey(row["trajectory_id"], row["turn_index"])


def _compact(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message without its empty fields, its texts cut."""
    calls = [{"name": call["name"], "arguments": cut(call["arguments"])} for call in message["tool_calls"]]
    fields = {
        "role": message["role"],
        "content": cut(message["content"]),
        "reasoning": cut(message["reasoning"]),
        "calls": calls,
        "name": message["name"],
    }
    return {name: value for name, value in fields.items() if value}


def cut(text: str) -> str:
    """A text of at most 10,000 characters, and how many were left out."""
    more = len(text) - _LONGEST_TEXT
    return text if more <= 0 else f"{text[:_LONGEST_TEXT]}\n[{more:,} more characters are not in this page]"


def _script(name: str, value: Any) -> str:
    # Within a script element only "<" could end it or begin a comment.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'
