"""What a run reads of its source: tables by their delta column, files and resources by when they came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_aep.emulator import mapping, sources
from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.tables import files, growth, library, resources
from airflow_provider_aep.emulator.tables.table import Table
from airflow_provider_aep.emulator.world import World

Item = dict[str, Any]
Window = Sequence[float | None]


class CopyError(Exception):
    """The source gives nothing; the text is the run's `errorDetail`."""


def plan(source_connection: Item) -> Item:
    """What of a source connection a run must know; its spec says which part of it counts."""
    params, data = source_connection.get("params", {}), source_connection.get("data", {})
    return {
        "spec": source_connection["connectionSpec"]["id"],
        "base": source_connection.get("baseConnectionId"),
        "params": {name: value for name, value in params.items() if name != "columns"},
        "columns": _names(params.get("columns")),
        "data": data,
    }


def _names(columns: object) -> list[str]:
    if not isinstance(columns, list):
        return []
    return [c["name"] for c in columns if isinstance(c, dict) and isinstance(c.get("name"), str)]


def rows(world: World, sandbox: str, run: Item, at: float) -> list[Item]:
    """The rows in the run's window, with the columns that were asked for."""
    plan = run.get("read")
    if plan is None:
        raise CopyError("ErrorCode=UserErrorSourceConnectionNotFound, the source connection is gone")
    if plan["base"] is not None:
        base = world.store.get("connections", sandbox, plan["base"])
        if base is None or not all(base.hidden["right"].values()):
            raise CopyError("ErrorCode=UserErrorUnauthorized, the source refused the credentials")
    source = sources.find(world, plan["spec"])
    if source is None:
        raise CopyError("ErrorCode=UserErrorConnectorNotFound, the source was withdrawn")
    found = _READERS[source.family](world, source, run, at)
    names = plan["columns"]
    return [{k: v for k, v in row.items() if k in names} if names else dict(row) for row in found]


def _table(world: World, source: Source, run: Item, at: float) -> list[Item]:
    name, delta = run["read"]["params"].get("tableName", ""), run["delta"]
    table = library.tables(source).get(str(name))
    if table is None:
        raise CopyError(f"ErrorCode=UserErrorInvalidTableName, there is no table {name}")
    if delta is not None and delta not in table.kinds:
        raise CopyError(f"ErrorCode=UserErrorInvalidColumnName, there is no column {delta}")
    return _between(growth.live(table, world.born, at), delta, run["window"])


def _files(world: World, source: Source, run: Item, at: float) -> list[Item]:
    """Whole files, if they are new or changed."""
    params = run["read"]["params"]
    wanted, recursive = str(params.get("path", "")), str(params.get("recursive")).lower() == "true"
    tree = files.tree(source, world.born, at)
    paths = files.matching(list(tree), wanted, recursive=recursive)
    if not paths and "*" not in wanted:
        raise CopyError(f"ErrorCode=UserErrorFileNotFound, there is no {wanted}")
    form = files.form_of(run["read"]["data"])
    chosen = (tree[path] for path in paths if _within(tree[path].modified, run["window"]))
    try:
        return [row for file in chosen for row in files.read(file, form).rows]
    except files.UnreadableError as error:
        raise CopyError(f"ErrorCode=UserErrorInvalidFileFormat, {error}") from None


def _resource(world: World, source: Source, run: Item, at: float) -> list[Item]:
    params = run["read"]["params"]
    table = resources.find(source, params)
    if table is None:
        raise CopyError(f"ErrorCode=UserErrorInvalidResource, there is no {params['resourcePath']}")
    found = _between(growth.live(table, world.born, at), table.time, run["window"])
    return [resources.wrapped(source, row) for row in found]


def _nothing(_world: World, _source: Source, _run: Item, _at: float) -> list[Item]:
    """Rows of a stream come by themselves."""
    return []


_READERS = {"table": _table, "file": _files, "rest": _resource, "stream": _nothing}


def _between(table: Table, column: str | None, window: Window) -> list[Item]:
    return [row for row in table.rows if column is None or _within(row[column], window)]


def _within(value: object, window: Window) -> bool:
    """From the start on, up to but without the end: windows that meet share no row."""
    moment = mapping.parse_time(value)
    if moment is None:
        return False
    start, end = window
    return (start is None or moment.timestamp() >= start) and (end is None or moment.timestamp() < end)
