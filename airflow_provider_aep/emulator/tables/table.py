"""A source's table: columns as `/explore` shows them, rows, and the rows that come with time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import lru_cache
from random import Random
from typing import Any

Row = dict[str, Any]
Key = Callable[[int, Random], str]
TIMES = frozenset(("date-time", "epoch"))
GROWTH_SECONDS = 8 * 3600
FIRST_GROWTH_SECONDS = 4 * 3600  # far from where daily windows meet, for flows that start with the emulator


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


def table_at(table: Table, born: float, at: float) -> Table:
    """A source's table as it is at a moment."""
    new = (new_row(table, n, moment) for n, moment in enumerate(growth_times(born, at)))
    return replace(table, rows=(*table.rows, *new))


def growth_times(born: float, at: float) -> list[float]:
    """When something new came, up to a moment."""
    first = born + FIRST_GROWTH_SECONDS
    count = max(0, int((at - first) // GROWTH_SECONDS) + 1)
    return [first + n * GROWTH_SECONDS for n in range(count)]


@lru_cache(maxsize=20_000)  # each of the runs of a leap in time reads the whole table anew
def new_row(table: Table, n: int, at: float) -> Row:
    """Like an old row, but with an id of its own and its times at the moment it appeared."""
    dice = Random(f"{table.name} {n}")  # noqa: S311 - the same row every time is the point
    row = dict(dice.choice(table.rows))
    for column, kind in table.kinds.items():
        if kind == "date-time":
            row[column] = datetime.fromtimestamp(int(at), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        elif kind == "epoch":
            row[column] = int(at)
    row[next(iter(table.kinds))] = table.new_key(n, dice)
    return row
