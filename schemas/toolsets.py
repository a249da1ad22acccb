"""`toolsets`, a side table of `trajectories`: one distinct list of tool schemas per row.

An example row:

    {"toolset_id": "9a0364b9e99bb480",
     "tools": '[{"type":"function","function":{"name":"get_order","parameters":{"type":"object","properties":{...}}}}]'}

Trajectories without tools have the `toolset_id` "", which has no row here. `tools` keeps the order of tools and keys,
since the policy sees it.
"""

from __future__ import annotations

import polars as pl
from pandera.polars import Check, Column, DataFrameSchema

TOOLSETS = DataFrameSchema(
    {
        "toolset_id": Column(pl.String, Check.str_length(16, 16), unique=True),
        "tools": Column(pl.String, Check.str_startswith("[")),
    },
    strict=True,
    name="toolsets",
)
"""Key: toolset_id, a hash of `tools`."""
