"""The resources of self-serve REST sources, as `objectType=rest` shows them: records in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.tables import library
from airflow_provider_aep.emulator.tables.table import Row, Table

# Under which name each record stands, where a tutorial shows it.
WRAPPERS = {"Stripe": "data", "Zendesk": "result"}
TYPES = {"date-time": "string", "epoch": "integer", "double": "number"}


def find(source: Source, params: Mapping[str, Any]) -> Table | None:
    """The resource that `resourcePath` names, or the first: most sources have but one and need no name."""
    tables = library.tables(source)
    path = params.get("resourcePath")
    return next(iter(tables.values())) if path is None else tables.get(str(path).strip("/"))


def wrapped(source: Source, row: Row) -> Row:
    """A record as the source gives it."""
    wrapper = WRAPPERS.get(source.name)
    return {wrapper: dict(row)} if wrapper else dict(row)


def schema(source: Source, table: Table) -> dict[str, Any]:
    """The JSON Schema of a record."""
    properties = {name: {"type": TYPES.get(kind, kind)} for name, kind in table.kinds.items()}
    record = {"type": "object", "properties": properties}
    wrapper = WRAPPERS.get(source.name)
    return {"type": "object", "properties": {wrapper: record}} if wrapper else record
