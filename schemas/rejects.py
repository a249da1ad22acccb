"""`rejects`: one input record per row that did not become a trajectory, and why.

An example row:

    {"source_uri": "file:///data/runs/a.jsonl", "source_record": 17, "reason": "invalid_json",
     "detail": "line 18: not JSON: Expecting ',' delimiter, column 204", "raw": '{"messages": [{"role": "user" ...'}

`source_record` counts the records of its file from 0; `raw` holds at most RAW_LIMIT characters of the record.
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema

RAW_LIMIT = 2000
"""Characters of a record that `raw` holds."""


class RejectReason(StrEnum):
    """Why a record was not taken."""

    EMPTY_FILE = "empty_file"
    """The file has no bytes, or only white space."""
    NOT_DATA = "not_data"
    """Text that is neither JSON nor JSON lines: a README, a licence."""
    BINARY = "binary"
    """Neither text nor Parquet: an image, an archive, a damaged gzip or Parquet file."""
    INVALID_UTF8 = "invalid_utf8"
    """Bytes that are not UTF-8; the detail says at which byte."""
    INVALID_JSON = "invalid_json"
    """Text that is not JSON."""
    TRUNCATED = "truncated"
    """JSON or compressed data that ends in the middle."""
    RECORD_TOO_LARGE = "record_too_large"
    """A line, or a document that cannot be streamed, above `max_record_mb`."""
    UNKNOWN_FORMAT = "unknown_format"
    """JSON that no format recognises, or that is not of the named format."""
    READER_FAILED = "reader_failed"
    """The reader raised an exception, which the detail names, or returned no record."""
    MALFORMED_MESSAGE = "malformed_message"
    """A message that is not an object, or lacks what its kind needs."""
    UNKNOWN_ROLE = "unknown_role"
    """A message whose author has no known name for system, user, assistant or tool."""
    UNSUPPORTED_CONTENT = "unsupported_content"
    """Content that is not text (an image, a built-in tool): the state could not be rendered as the agent saw it."""
    MALFORMED_CALL = "malformed_call"
    """A tool call that is not an object, or has no name."""
    MALFORMED_TOOLS = "malformed_tools"
    """Tool schemas that are not a list of named functions."""
    NO_ASSISTANT_ACTION = "no_assistant_action"
    """An episode in which the assistant never acts."""
    PREFIX_OF_ANOTHER = "prefix_of_another"
    """The beginning of a longer trajectory of the same file."""
    DUPLICATE = "duplicate"
    """The same content as an earlier trajectory, which the detail names."""
    NOT_SUCCESSFUL = "not_successful"
    """Recorded as failed, where `ingest.successful_only` is set."""
    BELOW_MIN_REWARD = "below_min_reward"
    """A reward below `ingest.min_reward`, or none."""


REJECTS = DataFrameSchema(
    {
        "source_uri": Column(pl.String),
        "source_record": Column(pl.Int64, Check.ge(0)),
        "reason": Column(pl.String, Check.isin([reason.value for reason in RejectReason])),
        "detail": Column(pl.String),
        "raw": Column(pl.String, Check.str_length(max_value=RAW_LIMIT)),
    },
    strict=True,
    unique=["source_uri", "source_record"],
    name="rejects",
)
"""Key: (source_uri, source_record)."""
