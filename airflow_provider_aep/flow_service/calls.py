"""Calls to Flow Service as data: method, path, query, body. Each follows Adobe's OpenAPI and tutorials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep.flow_service.checks import can_be_sent, check_header, check_id
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.query import PAGE_SIZE, Query, connections_query, equals

FLOW_SERVICE = "/data/foundation/flowservice"

OBJECT_TYPES = ("root", "table", "folder", "file", "rest")


@dataclass(frozen=True)
class Call:
    """One request before it has an address. ``repr`` leaves the body out: it may hold credentials."""

    method: str
    path: str
    query: Query = field(default_factory=list)
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


def list_connections(name: str | None, connection_spec_id: str | None) -> Call:
    """``GET /connections``, the first page."""
    if connection_spec_id is not None:
        check_id(connection_spec_id, "connection_spec_id")
    return Call("GET", "/connections", connections_query(name, connection_spec_id))


def create_connection(
    *,
    name: str,
    connection_spec_id: str,
    auth_spec_name: str,
    auth_params: Mapping[str, Any],
    description: str | None,
    connection_spec_version: str,
) -> Call:
    """``POST /connections``. The version is always sent: documents disagree whether it may be left out."""
    body: dict[str, Any] = {"name": name}
    if description:
        body["description"] = description
    body["auth"] = {"specName": auth_spec_name, "params": dict(auth_params)}
    body["connectionSpec"] = {
        "id": check_id(connection_spec_id, "connection_spec_id"),
        "version": connection_spec_version,
    }
    return Call("POST", "/connections", body=body)


def get_connection(connection_id: object) -> Call:
    """``GET /connections/{id}``."""
    return Call("GET", f"/connections/{check_id(connection_id, 'connection_id')}")


def patch_connection(connection_id: object, etag: str, operations: list[dict[str, Any]]) -> Call:
    """``PATCH /connections/{id}`` with ``If-Match``: the etag goes back with its quotes, as it came."""
    path = f"/connections/{check_id(connection_id, 'connection_id')}"
    return Call("PATCH", path, body=operations, headers={"If-Match": check_header(etag, "etag")})


def delete_connection(connection_id: object) -> Call:
    """``DELETE /connections/{id}``."""
    return Call("DELETE", f"/connections/{check_id(connection_id, 'connection_id')}")


def test_connection(connection_id: object) -> Call:
    """``GET /connections/{id}/test``."""
    return Call("GET", f"/connections/{check_id(connection_id, 'connection_id')}/test")


test_connection.__test__ = False  # type: ignore[attr-defined]  # pytest takes the name for a test


def explore(
    connection_id: object,
    object_type: object,
    object: object,
    preview: bool,
    *,
    connection_spec_id: object = None,
    options: Mapping[str, str] | None = None,
) -> Call:
    """``GET /connections/{id}/explore``; lower-case types and ``preview`` as the tutorials send them.

    What has no base connection is explored below its spec (Adobe's Data Landing Zone tutorial).
    """
    kind = str(object_type).lower()
    if kind not in OBJECT_TYPES:
        raise AepConfigError(
            f"`object_type` is {object_type!r}; Flow Service knows {', '.join(OBJECT_TYPES)}.",
            parameter="object_type",
        )
    query: Query = [("objectType", kind)]
    if kind != "root":
        if not isinstance(object, str) or not object.strip() or not can_be_sent(object):
            raise AepConfigError(
                f"`object` is empty or no text: objectType {kind} needs the path of what to explore.",
                parameter="object",
            )
        query.append(("object", object))
    if preview:
        query.append(("preview", "true"))
    query += (options or {}).items()
    if connection_id is None and connection_spec_id is not None:
        path = f"/connectionSpecs/{check_id(connection_spec_id, 'connection_spec_id')}/explore"
    else:
        path = f"/connections/{check_id(connection_id, 'connection_id')}/explore"
    return Call("GET", path, query)


def list_source_connections(base_connection_id: object) -> Call:
    """``GET /sourceConnections`` of one base connection, the first page."""
    checked = check_id(base_connection_id, "connection_id")
    query = [equals("baseConnectionId", checked), ("limit", str(PAGE_SIZE))]
    return Call("GET", "/sourceConnections", query)
