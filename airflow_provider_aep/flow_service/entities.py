"""Calls that all collections of Flow Service answer alike: connections, flows, runs and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_aep.flow_service.calls import Call
from airflow_provider_aep.flow_service.checks import check_header, check_id
from airflow_provider_aep.flow_service.query import PAGE_SIZE, Query, can_filter_by, equals

SOURCE_CONNECTIONS = "sourceConnections"
TARGET_CONNECTIONS = "targetConnections"
FLOWS = "flows"


def list_some(collection: str, filters: Iterable[tuple[str, str]] = (), *, name: str | None = None) -> Call:
    """``GET /{collection}``, the first page; narrowed by name where the grammar is known to take it."""
    query: Query = [equals(path, value) for path, value in filters]
    if name is not None and can_filter_by(name):
        query.append(equals("name", name))
    return Call("GET", f"/{collection}", [*query, ("limit", str(PAGE_SIZE))])


def get_one(collection: str, entity_id: object, parameter: str) -> Call:
    """``GET /{collection}/{id}``."""
    return Call("GET", f"/{collection}/{check_id(entity_id, parameter)}")


def create_one(collection: str, body: Mapping[str, Any], *, draft: bool = False) -> Call:
    """``POST /{collection}``; as a draft with ``mode=draft`` (Adobe's drafts tutorial)."""
    return Call("POST", f"/{collection}", [("mode", "draft")] if draft else [], dict(body))


def patch_one(
    collection: str, entity_id: object, parameter: str, etag: str, operations: list[dict[str, Any]]
) -> Call:
    """``PATCH /{collection}/{id}`` as of an etag, which goes back with its quotes, as it came."""
    path = f"/{collection}/{check_id(entity_id, parameter)}"
    return Call("PATCH", path, body=operations, headers={"If-Match": check_header(etag, "etag")})


def delete_one(collection: str, entity_id: object, parameter: str) -> Call:
    """``DELETE /{collection}/{id}``."""
    return Call("DELETE", f"/{collection}/{check_id(entity_id, parameter)}")


def act_on(collection: str, entity_id: object, parameter: str, op: str) -> Call:
    """``POST /{collection}/{id}/action?op=``; lower case and without ``subOp``, as the tutorials send it."""
    return Call("POST", f"/{collection}/{check_id(entity_id, parameter)}/action", [("op", op)])


def list_flow_specs() -> Call:
    """``GET /flowSpecs``; the OpenAPI gives this list no ``limit``."""
    return Call("GET", "/flowSpecs")


def streams(flow_spec: Mapping[str, Any]) -> bool:
    """Whether rows come when they come: such a dataflow has no schedule and no runs on demand."""
    return "scheduleSpec" not in flow_spec


def maps(flow_spec: Mapping[str, Any]) -> bool:
    """Whether a flow spec takes a mapping set. (Some tutorials print the key without its s.)"""
    known = flow_spec.get("transformationSpecs") or flow_spec.get("transformationSpec") or []
    return any(isinstance(one, Mapping) and one.get("name") == "Mapping" for one in known)


def is_on(flow: Mapping[str, Any]) -> bool:
    """Whether a dataflow is enabled, or about to be."""
    return str(flow.get("state")).lower() in ("enabled", "enabling", "initializing", "updating")


def is_off(flow: Mapping[str, Any]) -> bool:
    """Whether a dataflow is disabled, or about to be."""
    return str(flow.get("state")).lower() in ("disabled", "disabling")
