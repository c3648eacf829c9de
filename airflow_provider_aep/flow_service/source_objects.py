"""Source objects: a table, files, a REST resource or a stream; how each is explored and collected.

Follows Adobe's explore and collect tutorials, and those of single sources. A :class:`SourceObject` holds the
differences between them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError
from airflow_provider_aep.flow_service.sources import find_source
from airflow_provider_aep.flow_service.validation import can_be_sent, check_choice, check_flag, check_object

FILE_TYPES = ("delimited", "json", "parquet")

_PROPERTIES = {
    "column_delimiter": "columnDelimiter",
    "compression_type": "compressionType",
    "encoding": "encoding",
}
_LISTED = {"name", "can_preview", "can_fetch_schema"}  # what a list tells besides, and nobody needs here
_SPEC_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FILE_KEYS = {"path", "type", "file_type", "recursive", *_PROPERTIES}


@dataclass(frozen=True)
class SourceObject:
    """One table, file, folder, REST resource or stream of a source.

    :param kind: the ``objectType`` it is explored by, or ``stream``; a pattern of files counts as ``folder``
    :param path: what it is called
    :param params: what a source connection's ``params`` say of it, a table's columns apart
    :param data: a source connection's ``data``; None for files of which nobody has said how they are written
    """

    kind: str
    path: str
    params: Mapping[str, Any]
    data: Mapping[str, Any] | None

    @property
    def has_delta_column(self) -> bool:
        """Return whether a column tells new rows from old ones. Files and resources are compared by time."""
        return self.kind == "table"

    @property
    def folder(self) -> str:
        """The folder that holds a pattern's files, or that is itself meant."""
        if "*" not in self.path:
            return self.path
        return self.path.partition("*")[0].rpartition("/")[0] + "/"

    def first_file(self, entries: list[dict[str, Any]]) -> SourceObject:
        """The first of a folder's files: it stands for all of them where columns are to be told.

        :raises AepConfigError: there is none
        """
        pattern = self.path if "*" in self.path else "*"
        for entry in entries:
            if entry["type"] == "file" and fnmatchcase(entry["path"], pattern):
                return replace(self, kind="file", path=entry["path"])
        raise _wrong_file(f"{self.path!r} holds no file yet whose columns could be told")

    def question(self) -> tuple[str, str, dict[str, str]]:
        """How to explore it: ``objectType``, ``object``, and what else the query says."""
        if self.kind == "rest":
            return "rest", "json", {"fileType": "json", "sourceParams": _encoded(self.params)}
        if self.kind != "file":
            return self.kind, self.path, {}
        if self.data is None:
            return "file", self.path, {"determineProperties": "true"}
        return "file", self.path, {"fileType": self.data["format"], **self.data.get("properties", {})}

    def found_out(self, document: object) -> SourceObject:
        """The same with the form that ``determineProperties`` found out."""
        found = document.get("properties") if isinstance(document, Mapping) else None
        if not isinstance(found, Mapping) or not found.get("fileType"):
            raise AepReplyError(
                f"Flow Service did not find out how {self.path!r} is written: its name "
                "or its first bytes do not tell. Say it by `file`'s file_type."
            )
        properties = {key: found[key] for key in _PROPERTIES.values() if found.get(key)}
        return replace(self, data=_data(str(found["fileType"]).lower(), properties))


def read_source_object(given: Mapping[str, Any]) -> SourceObject:
    """Read the source object out of ``table``, ``file``, ``resource`` and ``stream``; one must be given.

    :raises AepConfigError: none is given, or several are, or the one is wrong
    """
    named = {name: value for name, value in given.items() if value not in (None, False)}
    if len(named) == 1:
        ((name, value),) = named.items()
        return _READERS[name](value)
    problem = "are given together" if named else "are all missing"
    names = list(named or given)
    raise AepConfigError(
        f"{', '.join(f'`{name}`' for name in names)} {problem}: give the one that is to be read.",
        parameter=names[-1] if named else names[0],
    )


def _table(value: object) -> SourceObject:
    """A table; or what a list calls a file, a folder or a resource."""
    kind = str(value.get("type")).lower() if isinstance(value, Mapping) else ""
    if kind in ("file", "folder"):
        return _file(value)
    path = table_path(value)
    if kind == "rest":
        return _resource(path)
    return SourceObject("table", path, {"tableName": path}, {"format": "tabular"})


def _file(value: object) -> SourceObject:
    given = {"path": value} if isinstance(value, str) else value
    path = given.get("path") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(path, str) or not _is_path(path):
        raise _wrong_file("is neither a path, such as '/orders/*.csv', nor a dict that has one as `path`")
    if unknown := sorted(map(str, set(given) - _FILE_KEYS - _LISTED)):
        raise _wrong_file(f"has unknown keys: {', '.join(unknown)}. It knows {', '.join(sorted(_FILE_KEYS))}")
    several = path.endswith("/") or "*" in path or str(given.get("type")).lower() == "folder"
    kind = "folder" if several else "file"
    params: dict[str, Any] = {"path": path, "type": kind}
    if given.get("recursive") is not None:
        params["recursive"] = check_flag(given["recursive"], "file")
    return SourceObject(kind, path, params, _form(given))


def _form(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """How files are written, as far as somebody says so: all of it, or nothing."""
    properties = {
        adobes: str(given[name]) for name, adobes in _PROPERTIES.items() if given.get(name) is not None
    }
    if given.get("file_type") is None:
        if properties:
            raise _wrong_file("says how the files are written, but not the file_type: give it too")
        return None
    return _data(check_choice(str(given["file_type"]).lower(), "file", FILE_TYPES), properties)


def _data(file_type: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"format": file_type, **({"properties": dict(properties)} if properties else {})}


def _resource(value: object) -> SourceObject:
    """A self-serve source's resource: its path, or all parameters that choose it."""
    if isinstance(value, str) and _is_path(value):
        value = {"resourcePath": value}
    params = check_object(value, "resource")
    return SourceObject("rest", str(params.get("resourcePath", "resource")), dict(params), {"format": "json"})


def _stream(value: object) -> SourceObject:
    params = {} if value is True else check_object(value, "stream")
    return SourceObject("stream", "stream", dict(params), {"format": "json"})


_READERS: dict[str, Callable[[object], SourceObject]] = {
    "table": _table,
    "file": _file,
    "resource": _resource,
    "stream": _stream,
}


def _is_path(text: str) -> bool:
    return text.strip() not in ("", "None") and text.isprintable() and can_be_sent(text)


def _encoded(params: Mapping[str, Any]) -> str:
    """``sourceParams``: base64 of JSON."""
    return base64.b64encode(json.dumps(dict(params)).encode()).decode()


def _wrong_file(problem: str) -> AepConfigError:
    return AepConfigError(f"`file` {problem}.", parameter="file")


def spec_id_of(source: object) -> str:
    """The connection spec of a source, by its name in the catalogue or as the id itself."""
    if isinstance(source, str) and _SPEC_ID.fullmatch(source.strip()):
        return source.strip()
    return find_source(source).connection_spec_id


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
    """List the fields of a JSON Schema that hold a value; an array counts as one."""
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
