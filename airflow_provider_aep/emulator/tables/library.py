"""The tables and REST resources of a source: its own in `data/tables.json`, else its category's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache, lru_cache
from random import Random
from typing import Any

from airflow_provider_aep.emulator import payloads
from airflow_provider_aep.emulator.settings import PAYPAL_SPEC
from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.tables import paypal
from airflow_provider_aep.emulator.tables.table import Row, Table, numbered

START = datetime(2025, 1, 1, 8, 0, tzinfo=timezone.utc)
FIRST_NAMES = ("Ada", "Bruno", "Chidi", "Dana", "Emeka", "Farah", "Goro", "Hanna", "Ines", "Jonas", "Mei")
LAST_NAMES = ("Abe", "Berg", "Costa", "Diaz", "Eriksen", "Fofana", "Gupta", "Haas", "Ito", "Kaya", "Lund")
COMPANIES = ("Northwind", "Contoso", "Fabrikam", "Litware", "Tailspin", "Proseware", "Adatum")
CITIES = ("Lisbon", "Leeds", "Lagos", "Lyon", "Lima", "Linz", "Lahore")
GOODS = ("Desk lamp", "Running shoes", "Tea selection", "Rain jacket", "Notebook", "Headphones")
Make = Callable[[int, Random], Any]
# The field that contains the record, if a tutorial shows one.
WRAPPERS = {"Stripe": "data", "Zendesk": "result"}
# The words of `_COLUMNS` that make values of a kind, for columns that are added or get another type.
VALUES = {
    "string": "text",
    "integer": "number",
    "double": "amount",
    "boolean": "flag",
    "date-time": "time",
    "epoch": "epoch",
}
JSON_TYPES = {"date-time": "string", "epoch": "integer", "double": "number"}


def tables(source: Source) -> Mapping[str, Table]:
    """Return the source's tables by path, in the order of lists. The rows are always the same."""
    changed = {name: tuple(columns.items()) for name, columns in source.changed.items()}
    return {
        name: _with_columns(table, changed[name]) if name in changed else table
        for name, table in _own_tables(source).items()
    }


@lru_cache(maxsize=100)  # the same instance each time: caches use its identity
def _with_columns(table: Table, changed: tuple[tuple[str, str | None], ...]) -> Table:
    """Return a table whose columns were changed. A column of a new type has new values."""
    rng = Random(table.name)  # noqa: S311 - the same rows every time is the point
    kinds: dict[str, str | None] = {**table.kinds, **dict(changed)}
    makes = {name: _COLUMNS[VALUES[kind]][1] for name, kind in changed if kind is not None}
    rows = []
    for n, row in enumerate(table.rows):
        whole = {**row, **{name: make(n, rng) for name, make in makes.items()}}
        rows.append({name: value for name, value in whole.items() if kinds[name] is not None})
    return replace(
        table, kinds={name: kind for name, kind in kinds.items() if kind is not None}, rows=tuple(rows)
    )


def _own_tables(source: Source) -> Mapping[str, Table]:
    if source.id == PAYPAL_SPEC:
        return paypal.tables()
    described = _described()
    if source.name in described:
        return _made(source.name)
    streamed = source.family == "stream" and source.category == "cloud-storage"
    kind = "events" if streamed or source.category in ("analytics", "streaming") else source.category
    return _made(kind if kind in described else "databases")


@cache
def _described() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = payloads.data_file("tables.json")
    return found


@cache
def _made(kind: str) -> Mapping[str, Table]:
    return {entry["name"]: _table(**entry) for entry in _described()[kind]}


def _table(name: str, prefix: str, columns: Mapping[str, str], count: int = 200) -> Table:
    """Build a table; the first column is the key: C00000, C00001 and so on."""
    rng = Random(name)  # noqa: S311 - the same rows every time is the point
    made = {column: _column(words) for column, words in columns.items()}
    kinds = {column: kind for column, (kind, _) in made.items()}
    key, *_ = columns
    rows: list[Row] = []
    for n in range(count):
        row = {column: make(n, rng) for column, (_, make) in made.items()}
        rows.append({**row, key: f"{prefix}{n:05}"})
    return Table(name, kinds, tuple(rows), numbered(f"N{prefix}"))


def _column(words: str) -> tuple[str, Make]:
    """Read a column: `of C` is a key of the table with that prefix, `a|b` a choice, else see `_COLUMNS`."""
    if words.startswith("of "):
        return "string", lambda _, rng: f"{words.removeprefix('of ')}{rng.randrange(150):05}"
    return ("string", _one_of(*words.split("|"))) if "|" in words else _COLUMNS[words]


def _one_of(*words: str) -> Make:
    return lambda _, rng: rng.choice(words)


def _time(n: int) -> datetime:
    return START + timedelta(hours=31 * n)


_COLUMNS: dict[str, tuple[str, Make]] = {
    "key": ("string", lambda n, _: str(n)),
    "number": ("integer", lambda _, rng: rng.randint(0, 500)),
    "amount": ("double", lambda _, rng: rng.randint(500, 50000) / 100),
    "cents": ("integer", lambda _, rng: rng.randint(500, 50000)),
    "flag": ("boolean", lambda _, rng: rng.random() < 0.7),
    "time": ("date-time", lambda n, _: _time(n).strftime("%Y-%m-%dT%H:%M:%SZ")),
    "epoch": ("epoch", lambda n, _: int(_time(n).timestamp())),
    "first name": ("string", _one_of(*FIRST_NAMES)),
    "last name": ("string", _one_of(*LAST_NAMES)),
    "full name": ("string", lambda _, rng: f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"),
    "company": ("string", _one_of(*COMPANIES)),
    "city": ("string", _one_of(*CITIES)),
    "good": ("string", _one_of(*GOODS)),
    "currency": ("string", _one_of("USD", "EUR", "GBP")),
    "email": ("string", lambda n, _: f"person{n}@example.com"),
    "phone": ("string", lambda n, _: f"+1 555 01{n % 100:02}"),
    "text": ("string", lambda n, rng: f"{rng.choice(GOODS)}, note {n}"),
}


def find_resource(source: Source, params: Mapping[str, Any]) -> Table | None:
    """Return the resource that `resourcePath` names, or the first: most sources have only one."""
    found = tables(source)
    path = params.get("resourcePath")
    return next(iter(found.values())) if path is None else found.get(str(path).strip("/"))


def wrapped(source: Source, row: Row) -> Row:
    """Return a record as the source sends it."""
    wrapper = WRAPPERS.get(source.name)
    return {wrapper: dict(row)} if wrapper else dict(row)


def resource_schema(source: Source, table: Table) -> dict[str, Any]:
    """Return the JSON Schema of a record."""
    properties = {name: {"type": JSON_TYPES.get(kind, kind)} for name, kind in table.kinds.items()}
    record = {"type": "object", "properties": properties}
    wrapper = WRAPPERS.get(source.name)
    return {"type": "object", "properties": {wrapper: record}} if wrapper else record
