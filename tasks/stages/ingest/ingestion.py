"""The whole of ingest as one stream: records in, trajectories and rejects out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypedDict, cast

from schemas.config import IngestConfig
from schemas.rejects import RejectReason
from tasks.stages.ingest.episode import Episode, Rejected
from tasks.stages.ingest.formats import FORMATS, read, users_reader
from tasks.stages.ingest.records import RawRecord, Reject, records, shown
from tasks.stages.ingest.trajectory import Trajectory, action_counts, trajectory

READER_ERRORS = (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What code raises that meets an unexpected value. A user's reader may do so at one record of a million."""
LISTED = 200
"""Files whose counts a summary lists one by one: some 40 kB."""
WITHOUT_TOOLS = "without_tools"
"""Counted beside the reasons for rejects: trajectories that call tools and have no tool schemas."""
_QUOTED_REASONS = 5
"""Reasons of which a refusal quotes the first reject."""


class SourceCounts(TypedDict):
    """What one file held: taken + rejected = records.

    `trajectories` and the actions count duplicates and filtered episodes too. `untooled` counts taken trajectories that
    call tools and have no tool schemas.
    """

    records: int
    taken: int
    trajectories: int
    actions: int
    tool_actions: int
    duplicates: int
    untooled: int
    rejected: int


class Counts:
    """Counts by file, to which `add` adds each outcome of the stream."""

    def __init__(self) -> None:
        self.by_source: dict[str, SourceCounts] = {}
        self._first_rejects: dict[RejectReason, Reject] = {}

    def summary(self) -> dict[str, Any]:
        """`by_source`, in the order of the source; the sums of the files that it leaves out as `other_sources`."""
        # Every look at an artefact reads its summary, and a source may have a hundred thousand files. So it lists the
        # LISTED files with the most rejects, then with the most records.
        ranked = sorted(self.by_source.items(), key=lambda item: (-item[1]["rejected"], -item[1]["records"]))
        others = dict(ranked[LISTED:])
        listed = {uri: counts for uri, counts in self.by_source.items() if uri not in others}
        summary: dict[str, Any] = {"by_source": listed}
        if others:
            sums = Counter[str]()
            for counts in others.values():
                sums.update(cast(dict[str, int], counts))
            summary["other_sources"] = {"files": len(others), **sums}
        if not any(counts["taken"] for counts in self.by_source.values()):
            summary["refusal"] = self._refusal()
        return summary

    def reasons(self) -> Counter[str]:
        """What a person should know of the trajectories that were taken."""
        return Counter({WITHOUT_TOOLS: sum(counts["untooled"] for counts in self.by_source.values())})

    def _refusal(self) -> str:
        """Why nothing was taken: the first reject of each reason, and what can be done."""
        rejects = list(self._first_rejects.values())[:_QUOTED_REASONS]
        quoted = "; ".join(f"{reject.source_uri}: {reject.detail}" for reject in rejects)
        return (
            f"the first of each: {quoted}. A reader of yours (ingest.reader=module:function) takes other records; "
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
            self._first_rejects.setdefault(outcome.reason, outcome)
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
    """Every record of `config.source` as a trajectory or a reject, in order, up to `config.limit` trajectories.

    Memory grows by about 200 bytes per trajectory: its id, and where it was.

    Raises:
        InputError: the source names nothing.
        ConfigurationError: the reader or a world's URL is wrong.
        OSError: a file that is there cannot be read.
    """
    reader = _reader(config)
    places: dict[int, str] = {}
    for record in records(config.source, config.max_record_mb * 1_000_000, containers=config.reader is None):
        if isinstance(record, Reject):
            yield record
            continue
        # Filters come before the search for duplicates: a copy without a reward must not displace the one with it.
        outcome = _outcome(record, reader, config)
        if isinstance(outcome, Trajectory):
            key = int(outcome.trajectory_id, 16)
            if key in places:
                outcome = _reject(record, RejectReason.DUPLICATE, f"the same content as {places[key]}", outcome)
            else:
                places[key] = f"record {record.source_record} of {record.source_uri}"
        yield outcome
        if len(places) == config.limit:
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
        candidate = trajectory(episode, name, record.source_uri, record.source_record, config.domain)
    except Rejected as rejected:
        return _reject(record, rejected.reason, rejected.detail)
    except READER_ERRORS as error:
        return _reject(record, RejectReason.READER_FAILED, f"{type(error).__name__}: {error}")
    if config.successful_only and candidate.success is False:
        return _reject(record, RejectReason.NOT_SUCCESSFUL, "recorded as failed", candidate)
    if config.min_reward is not None and (candidate.reward is None or candidate.reward < config.min_reward):
        detail = f"reward {candidate.reward}, asked for {config.min_reward}"
        return _reject(record, RejectReason.BELOW_MIN_REWARD, detail, candidate)
    return candidate


def _reject(record: RawRecord, reason: RejectReason, detail: str, recognised: Trajectory | None = None) -> Reject:
    actions, tool_actions = action_counts(recognised.messages) if recognised else (0, 0)
    where = f"{record.where}: {detail}" if record.where else detail
    return Reject(record.source_uri, record.source_record, reason, where, shown(record.value), actions, tool_actions)
