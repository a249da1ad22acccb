"""The formats in which `pivotrl export` writes pivots; tasks/exchange/export.py says how each is written."""

from __future__ import annotations

from typing import Literal

ExportFormat = Literal["nemo-gym", "openai", "trl", "verl"]
