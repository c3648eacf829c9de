"""`/explore`: the source objects of a source. Follows the explore tutorials and those of single sources."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from airflow_provider_aep.emulator import payloads
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.tables import files, library
from airflow_provider_aep.emulator.tables.table import Table

# The object types of each family, besides its root.
OBJECT_TYPES = {"table": ("table",), "file": ("folder", "file"), "rest": ("rest",), "stream": ("table",)}
ENCODINGS = ("utf-8", "iso-8859-1")
PREVIEW_ROWS = 100  # no document says how many rows a preview has
Item = dict[str, Any]


@dataclass(frozen=True)
class ExploreQuery:
    """The parameters; names and values in any case: Adobe writes `FileType` and `fileType`."""

    object_type: str
    object: str
    preview: bool
    others: Mapping[str, str]


def read_query(params: QueryParams) -> ExploreQuery:
    """Read the parameters that every family of sources needs."""
    given = {name.lower(): value for name, value in params.items()}
    object_type = given.get("objecttype")
    if object_type is None:
        raise flow_error("1359-400", param="objectType")
    if object_type.lower() not in ("root", "table", "file", "folder", "rest"):
        raise flow_error("1358-400", object_type=object_type)
    if object_type.lower() != "root" and not given.get("object"):
        raise flow_error("1337-400", param="object", object_type=object_type.lower())
    if "filters" in given:
        raise flow_error("1353-400", connector="this")
    return ExploreQuery(object_type.lower(), given.get("object", ""), _flag(given, "preview"), given)


def _flag(given: Mapping[str, str], name: str) -> bool:
    value = given.get(name.lower(), "false").lower()
    if value not in ("true", "false"):
        raise flow_error("1100-400", reason=f"{name} must be true or false")
    return value == "true"


def answer(platform: Platform, source: Source, query: ExploreQuery) -> object:
    """Return an array for the root and for folders, an object for a source object with columns."""
    if query.object_type not in ("root", *OBJECT_TYPES[source.family]):
        raise flow_error("1358-400", object_type=query.object_type)
    if source.family == "file":
        return _files(platform, source, query)
    if query.object_type == "root":
        entries = [_entry(source, table) for table in library.tables(source).values()]
        # The Snowflake streaming tutorial prints an envelope that no other page has.
        return {"items": entries} if source.name == "Snowflake Streaming" else entries
    if source.family == "rest":
        return _resource(source, query)
    table = library.tables(source).get(query.object)
    if table is None:
        raise flow_error("1330-400", table=query.object)
    return _flat(table, query)


def _entry(source: Source, table: Table) -> Item:
    kind = "rest" if source.family == "rest" else "table"
    return {"type": kind, "name": table.name, "path": table.name, "canPreview": True, "canFetchSchema": True}


def _flat(table: Table, query: ExploreQuery) -> Item:
    reply: Item = {"format": "flat", "schema": {"columns": table.columns()}}
    return {**reply, "data": list(table.rows[:PREVIEW_ROWS])} if query.preview else reply


def _resource(source: Source, query: ExploreQuery) -> Item:
    """Explore the resource in `sourceParams` (base64 of JSON); `object` is `json` in all tutorials."""
    file_type = query.others.get("filetype", "json")
    if file_type.lower() != "json":
        raise flow_error("1312-400", value=file_type, param="fileType")
    params = _source_params(query.others.get("sourceparams", ""))
    if "resourcePath" not in params and query.object in library.tables(source):
        params["resourcePath"] = query.object  # as the root lists it
    table = library.find_resource(source, params)
    if table is None:
        raise flow_error("1312-400", value=str(params["resourcePath"]), param="sourceParams")
    reply: Item = {"format": "hierarchical", "schema": library.resource_schema(source, table)}
    rows = [library.wrapped(source, row) for row in table.rows[:PREVIEW_ROWS]]
    return {**reply, "data": rows} if query.preview else reply


def _source_params(text: str) -> Item:
    """Decode with or without padding: the tutorials print both, one with a back-tick before the JSON."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True) if text else b"{}"
        params = payloads.parse_json(raw.lstrip(b"`"))
    except (binascii.Error, ValueError):
        params = None
    if not isinstance(params, dict):
        raise flow_error("1389-400")
    return params


def _files(platform: Platform, source: Source, query: ExploreQuery) -> object:
    tree = files.tree(source, platform.started_at, platform.clock.now())
    if query.object_type == "file":
        file = tree.get(query.object)
        if file is None:
            raise flow_error("1308-400", reason=f"there is no file {query.object}")
        return _file(file, query)
    top = files.root(source)
    folder = top if query.object_type == "root" or query.object in ("root", "/") else query.object
    found, folders = files.children(list(tree), folder.rstrip("/") + "/")
    if not found and not folders:
        raise flow_error("1308-400", reason=f"there is no folder {query.object}")
    return [
        *(_path_entry("file", path) for path in found),
        *(_path_entry("folder", path) for path in folders),
    ]


def _path_entry(kind: str, path: str) -> Item:
    name = path.rstrip("/").rsplit("/", 1)[-1]
    readable = kind == "file"
    return {"type": kind, "name": name, "path": path, "canPreview": readable, "canFetchSchema": readable}


def _file(file: files.File, query: ExploreQuery) -> Item:
    form = _form(file, query)
    try:
        table = files.read(file, form)
    except files.UnreadableError as error:
        raise flow_error("1308-400", reason=str(error)) from None
    return {"properties": form.shown(), **_flat(table, query)}


def _form(file: files.File, query: ExploreQuery) -> files.Form:
    """Read or detect the file's format: the Data Landing Zone tutorial refuses both together, and neither."""
    given = query.others
    described = [name for name in ("filetype", "compressiontype", "columndelimiter") if name in given]
    if _flag(given, "determineProperties"):
        if described:
            raise flow_error("1374-400")
        return file.form
    file_type = given.get("filetype", "").lower()
    if not file_type:
        raise flow_error("1359-400", param="fileType")
    if file_type not in files.TYPES:
        raise flow_error("1312-400", value=file_type, param="fileType")
    if given.get("encoding", "utf-8").lower() not in ENCODINGS:
        raise flow_error("1312-400", value=given["encoding"], param="encoding")
    data = {"format": file_type, "columnDelimiter": given.get("columndelimiter", ",")}
    return files.form_of({**data, "compressionType": given.get("compressiontype")})
