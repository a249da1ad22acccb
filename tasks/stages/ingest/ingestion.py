"""Records in, trajectories and rejects out: the whole of ingest as one stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypedDict, cast

from schemas.config import IngestConfig
from schemas.rejects import RejectReason
from tasks.stages.ingest.episode import Episode, Rejected
from tasks.stages.ingest.formats import FORMATS, read, users_reader
from tasks.stages.ingest.records import RawRecord, Reject, records, shown
from tasks.stages.ingest.trajectory import Trajectory, action_counts, trajectory

READER_ERRORS = (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What code that meets a value it did not expect raises; a user's reader may do so on one record of a million."""

LISTED = 200
"""Files whose counts a summary gives one by one: some 40 kB."""

_SAID = 5
"""Rejects that a refusal tells, one of a reason."""
WITHOUT_TOOLS = "without_tools"
"""Beside the reasons: trajectories taken that call tools and bring no tool schemas, so that no policy sees them."""


class SourceCounts(TypedDict):
    """What one file held: taken + rejected = records. Trajectories and actions count duplicates and filtered episodes
    too; `untooled` are those taken that call tools and bring no tool schemas."""

    records: int
    taken: int
    trajectories: int
    actions: int
    tool_actions: int
    duplicates: int
    untooled: int
    rejected: int


class Counts:
    """Counts by file, kept up by `add` as outcomes stream by. A source may have a hundred thousand files, and whoever
    looks for an artefact reads its summary: that has the LISTED files with the most rejects, then records.
    """

    def __init__(self) -> None:
        self.by_source: dict[str, SourceCounts] = {}
        self._first: dict[RejectReason, Reject] = {}

    def summary(self) -> dict[str, Any]:
        """`by_source`, in the order of the source; where that is not all, the others in one under `other_sources`."""
        ranked = sorted(self.by_source.items(), key=lambda item: (-item[1]["rejected"], -item[1]["records"]))
        others = dict(ranked[LISTED:])
        found: dict[str, Any] = {"by_source": {uri: of for uri, of in self.by_source.items() if uri not in others}}
        if others:
            sums = Counter[str]()
            for of in others.values():
                sums.update(cast(dict[str, int], of))
            found["other_sources"] = {"files": len(others), **sums}
        if not any(of["taken"] for of in self.by_source.values()):
            found["refusal"] = self._refusal()
        return found

    def reasons(self) -> Counter[str]:
        """What is to be known of those taken."""
        return Counter({WITHOUT_TOOLS: sum(of["untooled"] for of in self.by_source.values())})

    def _refusal(self) -> str:
        """Why nothing was taken: the first reject of each reason, and what can be done."""
        firsts = "; ".join(f"{of.source_uri}: {of.detail}" for of in list(self._first.values())[:_SAID])
        return (
            f"the first of each: {firsts}. A reader of yours (ingest.reader=module:function) takes other records; "
            "ingest.successful_only and ingest.min_reward filter"
        )

    def add(self, outcome: Trajectory | Reject) -> None:
        """Count one outcome."""
        counts = self.by_source.setdefault(
            outcome.source_uri,
            SourceCounts(
                records=0, taken=0, trajectories=0, actions=0, tool_actions=0, duplicates=0, untooled=0, rejected=0
            ),
        )
        counts["records"] += 1
        if isinstance(outcome, Reject):
            self._first.setdefault(outcome.reason, outcome)
            counts["rejected"] += 1
            counts["duplicates"] += outcome.reason is RejectReason.DUPLICATE
            actions, tool_actions = outcome.actions, outcome.tool_actions
        else:
            actions, tool_actions = action_counts(outcome.messages)
            counts["taken"] += 1
            counts["untooled"] += tool_actions > 0 and not outcome.tools_json
        counts["trajectories"] += actions > 0
        counts["actions"] += actions
        counts["tool_actions"] += tool_actions


def ingest(config: IngestConfig) -> Iterator[Trajectory | Reject]:
    """Every record of `config.source` as a trajectory or a reject, in order; it stops at `config.limit` trajectories.

    Raises:
        InputError: the source names nothing.
        ConfigurationError: the reader or a world's URL is wrong.
        OSError: a file that is there cannot be read.
    """
    raw = records(config.source, config.max_record_mb * 1_000_000, containers=config.reader is None)
    yield from ingest_records(raw, config)


def ingest_records(raw: Iterable[RawRecord | Reject], config: IngestConfig) -> Iterator[Trajectory | Reject]:
    """As `ingest`, from records.

    Memory grows by about 200 bytes a trajectory: the ids already taken, and where. Filters come before the search for
    duplicates, so that a copy without a reward does not displace one with it.
    """
    reader = _reader(config)
    first: dict[int, str] = {}
    taken = 0
    for record in raw:
        if isinstance(record, Reject):
            yield record
            continue
        outcome = _outcome(record, reader, config)
        if isinstance(outcome, Trajectory):
            key = int(outcome.trajectory_id, 16)
            place = f"record {record.source_record} of {record.source_uri}"
            if key in first:
                outcome = _reject(record, RejectReason.DUPLICATE, f"the same content as {first[key]}", outcome)
            else:
                first[key] = place
                taken += 1
        yield outcome
        if taken == config.limit:
            return


def _reader(config: IngestConfig) -> Callable[[Any], tuple[str, Episode]]:
    if config.reader is None:
        return lambda value: read(value, config.format)
    name, function = config.reader, users_reader(config.reader)

    def read_with(value: Any) -> tuple[str, Episode]:
        record = function(value)
        if not FORMATS["openai"].recognises(record):
            raise Rejected(RejectReason.READER_FAILED, f"{name} gave no record in the OpenAI form")
        return name, FORMATS["openai"].read(record)

    return read_with


def _outcome(
    record: RawRecord, reader: Callable[[Any], tuple[str, Episode]], config: IngestConfig
) -> Trajectory | Reject:
    try:
        name, episode = reader(record.value)
        found = trajectory(episode, name, record.source_uri, record.source_record, config.domain)
    except Rejected as rejected:
        return _reject(record, rejected.reason, rejected.detail)
    except READER_ERRORS as error:
        return _reject(record, RejectReason.READER_FAILED, f"{type(error).__name__}: {error}")
    if config.successful_only and found.success is False:
        return _reject(record, RejectReason.NOT_SUCCESSFUL, "recorded as failed", found)
    if config.min_reward is not None and (found.reward is None or found.reward < config.min_reward):
        return _reject(
            record, RejectReason.BELOW_MIN_REWARD, f"reward {found.reward}, asked for {config.min_reward}", found
        )
    return found


def _reject(record: RawRecord, reason: RejectReason, detail: str, found: Trajectory | None = None) -> Reject:
    actions, tool_actions = action_counts(found.messages) if found else (0, 0)
    where = f"{record.where}: {detail}" if record.where else detail
    return Reject(record.source_uri, record.source_record, reason, where, shown(record.value), actions, tool_actions)
