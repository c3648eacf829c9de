"""New rows by the clock: each table gains one every eight hours, the first after four, always the same one.

So a second run of a daily dataflow finds three rows that the first did not.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from functools import lru_cache
from random import Random

from airflow_provider_aep.emulator.tables.table import Row, Table

EVERY_SECONDS = 8 * 3600
FIRST_SECONDS = 4 * 3600  # far from where daily windows meet, for flows that start with the emulator


def live(table: Table, born: float, at: float) -> Table:
    """A source's table as it is at a moment."""
    new = (new_row(table, n, moment) for n, moment in enumerate(moments(born, at)))
    return replace(table, rows=(*table.rows, *new))


def moments(born: float, at: float) -> list[float]:
    """When something new came, up to a moment."""
    first = born + FIRST_SECONDS
    count = max(0, int((at - first) // EVERY_SECONDS) + 1)
    return [first + n * EVERY_SECONDS for n in range(count)]


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
