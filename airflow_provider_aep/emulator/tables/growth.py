"""New rows by the clock: each table gains one every eight hours, the first after four, always the same one.

So a second run of a daily dataflow finds three rows that the first did not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from random import Random

from airflow_provider_aep.emulator.settings import PAYPAL_SPEC
from airflow_provider_aep.emulator.tables import generic, paypal
from airflow_provider_aep.emulator.tables.table import Row, Table

EVERY_SECONDS = 8 * 3600
FIRST_SECONDS = 4 * 3600  # far from where daily windows meet, for flows that start with the emulator


def live(spec_id: str, name: str, born: float, at: float) -> Table | None:
    """A source's table as it is at a moment; None when the source has none of that name."""
    table = _tables(spec_id).get(name)
    if table is None:
        return None
    first = born + FIRST_SECONDS
    count = max(0, int((at - first) // EVERY_SECONDS) + 1)
    new = tuple(_row(spec_id, name, n, first + n * EVERY_SECONDS) for n in range(count))
    return Table(table.name, table.kinds, (*table.rows, *new))


def _tables(spec_id: str) -> dict[str, Table]:
    return paypal.tables() if spec_id == PAYPAL_SPEC else generic.tables()


@lru_cache(maxsize=20_000)  # each of the runs of a leap in time reads the whole table anew
def _row(spec_id: str, name: str, n: int, at: float) -> Row:
    """Like an old row, but with an id of its own and its date-times at the moment it appeared."""
    table = _tables(spec_id)[name]
    dice = Random(f"{table.name} {n}")  # noqa: S311 - the same row every time is the point
    moment = datetime.fromtimestamp(at, timezone.utc)
    row = dict(dice.choice(table.rows))
    for column, kind in table.kinds.items():
        if kind == "date-time":
            row[column] = (moment - timedelta(microseconds=moment.microsecond)).strftime("%Y-%m-%dT%H:%M:%SZ")
    key = next(iter(table.kinds))
    prefix, make = _KEYS.get(table.name, ("N", _numbered))
    row[key] = make(prefix, n, dice)
    return row


def _numbered(prefix: str, n: int, _dice: Random) -> str:
    return f"{prefix}{n:05}"


def _lettered(prefix: str, _n: int, dice: Random) -> str:
    return prefix + "".join(dice.choices("0123456789ABCDEFGHJKLMNPRSTUVWXY", k=17))


_KEYS: dict[str, tuple[str, Callable[[str, int, Random], str]]] = {
    "PayPal.Billing_Plans": ("P-", _lettered),
    "PayPal.Billing_Plans_Payment_Definition": ("PD-", _lettered),
    "PayPal.Billing_Plans_Payment_Definition_Charge_Models": ("CHM-", _lettered),
    "PayPal.Catalog_Products": ("PROD-", _lettered),
    "Accounts": ("NA", _numbered),
    "Orders": ("NO", _numbered),
}
