"""A source's table: columns as `/explore` shows them, and rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """`kinds` maps a column to string, date-time, integer, double or boolean."""

    name: str
    kinds: dict[str, str]
    rows: tuple[Row, ...]

    def columns(self) -> list[dict[str, Any]]:
        """In the words of the explore tutorials: a date-time is a string with a second name."""
        return [_column(name, kind) for name, kind in self.kinds.items()]


def _column(name: str, kind: str) -> dict[str, Any]:
    if kind == "date-time":
        xdm = {"type": "string", "format": "date-time"}
        return {"name": name, "type": "string", "meta:xdmType": "date-time", "xdm": xdm}
    return {"name": name, "type": kind, "xdm": {"type": "number" if kind == "double" else kind}}
