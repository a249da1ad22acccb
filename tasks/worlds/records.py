"""The tables of a simulated world, and the tools that read and change them.

A tool is data: the table, the argument that finds a record, and the fields it sets. An example of each kind:

    Tool("get_order", "Show an order.", "orders", "order_id")
    Tool("cancel_order", "Cancel an order.", "orders", "order_id", ("reason",), {"status": "cancelled"})
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.chat import ToolSchema

Record = Mapping[str, Any]
Tables = Mapping[str, Mapping[str, Record]]
"""Table name, then record id, then field."""


def compact(value: object) -> str:
    """JSON without spaces, as tools answer."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Records:
    """One episode's view of the tables: the shared ones, which it never writes, and what it has changed and opened.

    The opened records are part of the state. So two look-ups are equivalent exactly when they show the same record.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.changes: dict[tuple[str, str], dict[str, str]] = {}
        """(table, id) to the fields that now differ from the shared tables."""
        self.opened: set[tuple[str, str]] = set()

    def copy(self) -> Records:
        """A view with the same content that changes by itself."""
        other = Records(self._tables)
        other.changes, other.opened = dict(self.changes), set(self.opened)
        return other

    def find(self, table: str, key: str, value: object) -> str | None:
        """The id of the first record whose field `key` equals `value`."""
        rows = self._tables[table]
        if isinstance(value, str) and value in rows and rows[value].get(key) == value:
            return value
        return next((row_id for row_id, row in rows.items() if row.get(key) == value), None)

    def read(self, table: str, row_id: str) -> dict[str, Any]:
        """The record as it is now."""
        return {**self._tables[table][row_id], **self.changes.get((table, row_id), {})}

    def write(self, table: str, row_id: str, values: Mapping[str, str]) -> None:
        """Set fields. A field that is set back to its shared value is no change."""
        original = self._tables[table][row_id]
        merged = {**self.changes.get((table, row_id), {}), **values}
        changed = {name: value for name, value in merged.items() if original.get(name) != value}
        if changed:
            self.changes[(table, row_id)] = changed
        else:
            self.changes.pop((table, row_id), None)

    def state(self) -> list[Any]:
        """Changes and opened records in a canonical, JSON-ready order."""
        changes = sorted([*where, sorted(fields.items())] for where, fields in self.changes.items())
        return [changes, sorted(self.opened)]


def digest(state: object) -> str:
    """A short hash of a JSON-ready value."""
    return hashlib.sha256(compact(state).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Tool:
    """One tool. A tool without `sets` only shows the record."""

    name: str
    description: str
    table: str
    key: str
    """The argument that finds the record, and the field of that name that it must equal."""
    others: tuple[str, ...] = ()
    """Further arguments, all required, all strings."""
    sets: Mapping[str, str] = field(default_factory=dict)
    """Field to its new value; "{reason}" stands for the argument `reason`."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """Every argument's name, the key first."""
        return (self.key, *self.others)

    def schema(self) -> ToolSchema:
        """The OpenAI form."""
        properties = {name: {"type": "string"} for name in self.arguments}
        parameters = {"type": "object", "properties": properties, "required": list(self.arguments)}
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": parameters},
        }

    def run(self, records: Records, arguments: str) -> str:
        """Execute the call and return the tool's answer as compact JSON, with the key `error` if it is refused."""
        values = parse_arguments(arguments)
        complaint = self._complaint(values)
        if values is None or complaint:
            return compact({"error": complaint})
        row_id = records.find(self.table, self.key, values[self.key])
        if row_id is None:
            return compact({"error": f"no record with {self.key} {values[self.key]}"})
        if not self.sets:
            records.opened.add((self.table, row_id))
            return compact(records.read(self.table, row_id))
        new = {name: value.format(**values) for name, value in self.sets.items()}
        now = records.read(self.table, row_id)
        if all(now.get(name) == value for name, value in new.items()):
            return compact({"error": "already done"})
        records.write(self.table, row_id, new)
        return compact({self.key: row_id, **new})

    def _complaint(self, values: dict[str, Any] | None) -> str:
        if values is None:
            return "arguments are not a JSON object"
        for name in self.arguments:
            if not isinstance(values.get(name), str) or not values[name]:
                return f"argument {name} is missing or not a string"
        extra = sorted(values.keys() - set(self.arguments))
        return f"unknown argument {extra[0]}" if extra else ""


def parse_arguments(text: str) -> dict[str, Any] | None:
    """The arguments as an object; None if the text is no JSON object."""
    try:
        values = json.loads(text)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None
