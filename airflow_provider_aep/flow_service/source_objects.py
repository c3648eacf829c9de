"""Source objects: a table, files, a REST resource or a stream of a source.

Follows Adobe's explore and collect tutorials, and the tutorials of single sources. A :class:`SourceObject`
holds the differences between the kinds.
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
_LISTED = {"name", "can_preview", "can_fetch_schema"}  # other keys of an entry of a list, ignored here
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FILE_KEYS = {"path", "type", "file_type", "recursive", *_PROPERTIES}


@dataclass(frozen=True)
class SourceObject:
    """One table, file, folder, REST resource or stream of a source.

    :param kind: the ``objectType`` for an explore call, or ``stream``; a pattern of files is a ``folder``
    :param path: its path or name
    :param params: the source connection's ``params``, except a table's columns
    :param data: the source connection's ``data``; None for files of unknown format
    """

    kind: str
    path: str
    params: Mapping[str, Any]
    data: Mapping[str, Any] | None

    @property
    def has_delta_column(self) -> bool:
        """Return whether a column distinguishes new rows from old. For files their time does."""
        return self.kind == "table"

    @property
    def folder(self) -> str:
        """Return the folder of a pattern's files, or the folder itself."""
        if "*" not in self.path:
            return self.path
        return self.path.partition("*")[0].rpartition("/")[0] + "/"

    def differing(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of a source connection by which it is for another source object."""
        return {
            key: params[key]
            for key in ("tableName", "path", "resourcePath")
            if self.params.get(key) is not None and params.get(key) not in (None, self.params[key])
        }

    def first_file(self, entries: list[dict[str, Any]]) -> SourceObject:
        """Return the first file of a folder or pattern: its columns are used for all its files.

        :raises AepConfigError: no file matches
        """
        pattern = self.path if "*" in self.path else "*"
        for entry in entries:
            if entry["type"] == "file" and fnmatchcase(entry["path"], pattern):
                return replace(self, kind="file", path=entry["path"])
        raise _wrong_file(f"{self.path!r} matches no file, so its columns are unknown: add a file")

    def explore_query(self) -> tuple[str, str, dict[str, str]]:
        """Return ``objectType``, ``object`` and further parameters of the explore call."""
        if self.kind == "rest":
            return "rest", "json", {"fileType": "json", "sourceParams": _encoded(self.params)}
        if self.kind != "file":
            return self.kind, self.path, {}
        if self.data is None:
            return "file", self.path, {"determineProperties": "true"}
        return "file", self.path, {"fileType": self.data["format"], **self.data.get("properties", {})}

    def with_detected_format(self, document: object) -> SourceObject:
        """Return the source object with the format in a reply to ``determineProperties``.

        :raises AepReplyError: Flow Service did not detect the format
        """
        found = document.get("properties") if isinstance(document, Mapping) else None
        if not isinstance(found, Mapping) or not found.get("fileType"):
            raise AepReplyError(
                f"Flow Service did not detect the format of {self.path!r} from its name and first bytes. "
                "Set `file_type` in `file`."
            )
        properties = {key: found[key] for key in _PROPERTIES.values() if found.get(key)}
        return replace(self, data=_data(str(found["fileType"]).lower(), properties))


def read_source_object(given: Mapping[str, Any]) -> SourceObject:
    """Read the source object from ``table``, ``file``, ``resource`` or ``stream``.

    :raises AepConfigError: not exactly one of them is given, or the value is invalid
    """
    named = {name: value for name, value in given.items() if value not in (None, False)}
    if len(named) == 1:
        ((name, value),) = named.items()
        return _READERS[name](value)
    problem = "are given together" if named else "are all missing"
    names = list(named or given)
    raise AepConfigError(
        f"{', '.join(f'`{name}`' for name in names)} {problem}: give exactly one of them.",
        parameter=names[-1] if named else names[0],
    )


def _table(value: object) -> SourceObject:
    """Read a table, or a file, folder or resource as an entry of a list."""
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
    """Return the format of files if the user gives one. Further properties need a ``file_type``."""
    properties = {
        adobes: str(given[name]) for name, adobes in _PROPERTIES.items() if given.get(name) is not None
    }
    if given.get("file_type") is None:
        if properties:
            raise _wrong_file("has properties of the format, but no file_type: give a file_type too")
        return None
    return _data(check_choice(str(given["file_type"]).lower(), "file", FILE_TYPES), properties)


def _data(file_type: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"format": file_type, **({"properties": dict(properties)} if properties else {})}


def _resource(value: object) -> SourceObject:
    """Read a resource of a self-serve source: its path, or all parameters that select it."""
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
    """Return ``sourceParams``: JSON in base64."""
    return base64.b64encode(json.dumps(dict(params)).encode()).decode()


def _wrong_file(problem: str) -> AepConfigError:
    return AepConfigError(f"`file` {problem}.", parameter="file")


def is_uuid(text: str) -> bool:
    """Return whether a text has the form of a UUID: a name has no such form."""
    return _UUID.fullmatch(text) is not None


def spec_id_of(source: object) -> str:
    """Return the connection spec's id of a source, which is given by name or by that id."""
    if isinstance(source, str) and is_uuid(source.strip()):
        return source.strip()
    return find_source(source).connection_spec_id


def read_tables(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return ``{"name", "path", "type", "can_preview", "can_fetch_schema"}`` of each entry."""
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
    """Return a table's path, which is given as a text or as an entry of the list of tables."""
    path = table.get("path") or table.get("name") if isinstance(table, Mapping) else table
    if isinstance(path, str) and path.strip() not in {"", "None"} and path.isprintable():
        return path
    raise AepConfigError(
        "`table` is neither a table's path, such as 'PayPal.Catalog_Products', nor one of the dicts that "
        "ListTablesOperator returns.",
        parameter="table",
    )


def read_columns(document: object, path: str) -> list[dict[str, Any]]:
    """Return ``{"name", "type", "xdm"}`` of each column.

    A nested field of JSON is a column under its dotted path. One explore tutorial shows a file's columns as
    a bare array, so that form is read too.

    :raises AepReplyError: the reply has no columns
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
    """Yield the fields of a JSON Schema that have a value. An array counts as one value."""
    for name, node in properties.items():
        inner = node.get("properties") if isinstance(node, Mapping) else None
        if isinstance(inner, Mapping):
            yield from _fields(inner, f"{above}{name}.")
        else:
            xdm = node if isinstance(node, Mapping) else None
            yield {"name": f"{above}{name}", "type": xdm and xdm.get("type"), "xdm": xdm}


def check_columns(columns: object) -> list[dict[str, Any]]:
    """Check columns that a user gives in the form in which ``InspectTableOperator`` returns them."""
    if isinstance(columns, list | tuple) and columns:
        checked = [dict(one) for one in columns if isinstance(one, Mapping) and one.get("name")]
        if len(checked) == len(columns):
            return checked
    raise AepConfigError(
        "`columns` is not a list of columns. Each column is a dict with a name, a type and xdm, as "
        "InspectTableOperator returns them.",
        parameter="columns",
    )


def read_rows(document: object, path: str) -> list[dict[str, Any]]:
    """Return the rows of a preview.

    :raises AepReplyError: the reply has no rows
    """
    rows = document.get("data") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise AepReplyError.with_advice(f"Previewing {path!r} was answered without rows.")
    return rows
