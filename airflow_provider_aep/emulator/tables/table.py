"""A source's table: columns as `/explore` shows them, and rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

Row = dict[str, Any]
Key = Callable[[int, Random], str]
TIMES = frozenset(("date-time", "epoch"))


def numbered(prefix: str) -> Key:
    """`C00007`."""
    return lambda n, _dice: f"{prefix}{n:05}"


@dataclass(frozen=True, eq=False)  # there is one of each: its identity will do for caches
class Table:
    """`kinds` maps a column to string, date-time, integer, double, boolean or epoch; the first is the key."""

    name: str
    kinds: dict[str, str]
    rows: tuple[Row, ...]
    new_key: Key  # of the rows that come with time

    def columns(self) -> list[dict[str, Any]]:
        """In the words of the explore tutorials: a date-time is a string with a second name."""
        return [_column(name, kind) for name, kind in self.kinds.items()]

    @property
    def time(self) -> str | None:
        """The column that says when a row came or changed: the last of those that could."""
        return next((name for name in reversed(self.kinds) if self.kinds[name] in TIMES), None)


def _column(name: str, kind: str) -> dict[str, Any]:
    if kind == "date-time":
        xdm = {"type": "string", "format": "date-time"}
        return {"name": name, "type": "string", "meta:xdmType": "date-time", "xdm": xdm}
    kind = "integer" if kind == "epoch" else kind
    return {"name": name, "type": kind, "xdm": {"type": "number" if kind == "double" else kind}}
