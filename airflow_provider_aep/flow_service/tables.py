"""What exploring a source tells: what there is, columns, rows (Adobe's explore tutorials)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError


def read_tables(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``{"name", "path", "type", "can_preview", "can_fetch_schema"}`` of each entry of the root."""
    return [
        {
            "name": str(item.get("name") or item.get("path")),
            "path": str(item.get("path") or item.get("name")),
            "type": str(item.get("type") or "table").lower(),
            "can_preview": bool(item.get("canPreview", False)),
            "can_fetch_schema": bool(item.get("canFetchSchema", False)),
        }
        for item in items
        if item.get("name") or item.get("path")
    ]


def table_path(table: object) -> str:
    """A table's path, given as such or as an entry of the list of tables."""
    path = table.get("path") or table.get("name") if isinstance(table, Mapping) else table
    if isinstance(path, str) and path.strip() not in {"", "None"} and path.isprintable():
        return path
    raise AepConfigError(
        "`table` is neither a table's path, such as 'PayPal.Catalog_Products', nor one of the dicts that "
        "ListTablesOperator returns.",
        parameter="table",
    )


def read_columns(document: object, path: str) -> list[dict[str, Any]]:
    """``{"name", "type", "xdm"}`` of each column; a field of a record in JSON is one by its dotted path.

    (One explore tutorial prints a file's columns as a bare array.)
    """
    schema = document.get("schema") if isinstance(document, dict) else {"columns": document}
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        columns: object = list(_fields(schema["properties"]))
    else:
        columns = schema.get("columns") if isinstance(schema, dict) else schema
    if not isinstance(columns, list) or not all(isinstance(one, dict) and one.get("name") for one in columns):
        raise AepReplyError.with_advice(f"Exploring {path!r} was answered without its columns.")
    return [{"name": one["name"], "type": one.get("type"), "xdm": one.get("xdm")} for one in columns]


def _fields(properties: Mapping[str, Any], above: str = "") -> Iterator[dict[str, Any]]:
    """What holds a value in a JSON Schema; an array counts as one."""
    for name, node in properties.items():
        inner = node.get("properties") if isinstance(node, Mapping) else None
        if isinstance(inner, Mapping):
            yield from _fields(inner, f"{above}{name}.")
        else:
            xdm = node if isinstance(node, Mapping) else None
            yield {"name": f"{above}{name}", "type": xdm and xdm.get("type"), "xdm": xdm}


def check_columns(columns: object) -> list[dict[str, Any]]:
    """Columns as ``InspectTableOperator`` returns them, given by a user."""
    if isinstance(columns, list | tuple) and columns:
        checked = [dict(one) for one in columns if isinstance(one, Mapping) and one.get("name")]
        if len(checked) == len(columns):
            return checked
    raise AepConfigError(
        "`columns` is no list of columns. Each is a dict with a name, a type and xdm, as "
        "InspectTableOperator returns them.",
        parameter="columns",
    )


def read_rows(document: object, path: str) -> list[dict[str, Any]]:
    """The rows of a preview."""
    rows = document.get("data") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise AepReplyError.with_advice(f"Previewing {path!r} was answered without rows.")
    return rows
