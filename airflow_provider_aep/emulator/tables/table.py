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
FIRST_GROWTH_SECONDS = 4 * 3600  # not at the bounds of daily windows, for flows that start with the emulator


def numbered(prefix: str) -> Key:
    """Return keys like `C00007`."""
    return lambda n, _rng: f"{prefix}{n:05}"


@dataclass(frozen=True, eq=False)  # one instance of each: caches use its identity
class Table:
    """`kinds` maps a column to string, date-time, integer, double, boolean or epoch; the first is the key."""

    name: str
    kinds: dict[str, str]
    rows: tuple[Row, ...]
    new_key: Key  # of the rows that are added over time

    def columns(self) -> list[dict[str, Any]]:
        """Return the columns as in the explore tutorials: a date-time is a string with a second type."""
        return [_column(name, kind) for name, kind in self.kinds.items()]

    @property
    def time(self) -> str | None:
        """Return the column with the time of a row's change: the last one with a time."""
        return next((name for name in reversed(self.kinds) if self.kinds[name] in TIMES), None)


def _column(name: str, kind: str) -> dict[str, Any]:
    if kind == "date-time":
        xdm = {"type": "string", "format": "date-time"}
        return {"name": name, "type": "string", "meta:xdmType": "date-time", "xdm": xdm}
    kind = "integer" if kind == "epoch" else kind
    return {"name": name, "type": kind, "xdm": {"type": "number" if kind == "double" else kind}}


def table_at(table: Table, started_at: float, at: float) -> Table:
    """Return a source's table as it is at a time."""
    new = (new_row(table, n, time) for n, time in enumerate(growth_times(started_at, at)))
    return replace(table, rows=(*table.rows, *new))


def growth_times(started_at: float, at: float) -> list[float]:
    """Return the times of all new rows up to a time: every eight hours, the first after four."""
    first = started_at + FIRST_GROWTH_SECONDS
    count = max(0, int((at - first) // GROWTH_SECONDS) + 1)
    return [first + n * GROWTH_SECONDS for n in range(count)]


@lru_cache(maxsize=20_000)  # after a leap of the clock each run reads the whole table
def new_row(table: Table, n: int, at: float) -> Row:
    """Return a copy of an old row with its own key, and with its times set to `at`."""
    rng = Random(f"{table.name} {n}")  # noqa: S311 - the same row every time is the point
    row = dict(rng.choice(table.rows))
    for column, kind in table.kinds.items():
        if kind == "date-time":
            row[column] = datetime.fromtimestamp(int(at), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        elif kind == "epoch":
            row[column] = int(at)
    row[next(iter(table.kinds))] = table.new_key(n, rng)
    return row
