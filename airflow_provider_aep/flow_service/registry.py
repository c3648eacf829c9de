"""Calls to Schema Registry, and its replies (Adobe's Schema Registry OpenAPI and guide).

Its ``Accept`` header decides what a reply shows, and without one of its own types there is no reply: a list
takes a type without version, a look-up one with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider_aep.flow_service.calls import Call
from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError
from airflow_provider_aep.flow_service.query import Query, can_filter_by, equals

SCHEMA_REGISTRY = "/data/foundation/schemaregistry"
SCHEMAS = "schemas"
FIELD_GROUPS = "fieldgroups"
PAGE_SIZE = 300
"""What the guide says a list is limited to."""

LIST = "application/vnd.adobe.xed+json"
LOOKUP = "application/vnd.adobe.xed+json; version=1"
FULL = "application/vnd.adobe.xed-full+json; version=1"

_RESOURCE_ID = re.compile(r"https://ns\.adobe\.com(/[A-Za-z0-9_-]+){2,6}")
_IN_IDS = {SCHEMAS: ("schemas",), FIELD_GROUPS: ("mixins", "fieldgroups")}


def check_resource_id(value: object, parameter: str) -> str:
    """The ``$id`` of a resource, which is a URL such as ``https://ns.adobe.com/xdm/context/profile``."""
    if isinstance(value, str) and _RESOURCE_ID.fullmatch(value):
        return value
    raise AepConfigError(
        f"`{parameter}` is no $id of the Schema Registry. It looks like https://ns.adobe.com/xdm/context/profile.",
        parameter=parameter,
    )


def find_resource_id(text: str) -> str | None:
    """The first ``$id`` in an error's words."""
    match = _RESOURCE_ID.search(text)
    return match.group(0) if match else None


def is_of_kind(resource_id: str, kind: str) -> bool:
    """Whether a ``$id`` is one of a schema, or of a field group (once called mixin)."""
    return any(f"/{segment}/" in resource_id for segment in _IN_IDS[kind])


def alt_id(resource_id: str) -> str:
    """``meta:altId`` of a ``$id``. It stands in paths, since proxies take offence at escaped slashes."""
    return "_" + resource_id.removeprefix("https://ns.adobe.com/").replace("/", ".")


def stats() -> Call:
    """``GET /stats``, which tells the tenant's id."""
    return Call("GET", "/stats")


def list_resources(kind: str, title: str | None, start: str | None) -> Call:
    """``GET /tenant/{kind}``, one page; narrowed by title where the grammar is known to take it."""
    query: Query = []
    if title is not None and can_filter_by(title):
        query.append(equals("title", title))
    query += [("orderby", "title"), ("limit", str(PAGE_SIZE))]
    if start is not None:
        query.append(("start", start))
    return Call("GET", f"/tenant/{kind}", query, headers={"Accept": LIST})


def get_resource(kind: str, resource_id: str, parameter: str, *, accept: str = LOOKUP) -> Call:
    """``GET /tenant/{kind}/{meta:altId}``."""
    return Call("GET", _path(kind, resource_id, parameter), headers={"Accept": accept})


def create_resource(kind: str, body: Mapping[str, Any]) -> Call:
    """``POST /tenant/{kind}``."""
    return Call("POST", f"/tenant/{kind}", body=dict(body))


def patch_resource(kind: str, resource_id: str, parameter: str, operations: list[dict[str, Any]]) -> Call:
    """``PATCH /tenant/{kind}/{meta:altId}``: no document shows an ``If-Match`` here."""
    return Call("PATCH", _path(kind, resource_id, parameter), body=operations)


def delete_resource(kind: str, resource_id: str, parameter: str) -> Call:
    """``DELETE /tenant/{kind}/{meta:altId}``."""
    return Call("DELETE", _path(kind, resource_id, parameter))


def read_results(document: Mapping[str, Any], what: str) -> list[dict[str, Any]]:
    """The resources of one page."""
    results = document.get("results")
    if isinstance(results, list) and all(isinstance(item, dict) for item in results):
        return results
    raise AepReplyError.with_advice(f"{what} was answered without a list of results.")


def next_start(document: Mapping[str, Any]) -> str | None:
    """Where the next page starts, in terms of what the list is sorted by; None on the last one."""
    page = document.get("_page")
    start = page.get("next") if isinstance(page, Mapping) else None
    links = document.get("_links")
    link = links.get("next") if isinstance(links, Mapping) else None
    href = link.get("href") if isinstance(link, Mapping) else link
    if not start and isinstance(href, str):
        start = next(iter(parse_qs(urlsplit(href).query).get("start", [])), None)
    return start if isinstance(start, str) and start else None


def read_resource_id(document: object, what: str) -> str:
    """The ``$id`` of what a POST made, or of what a list shows."""
    resource_id = document.get("$id") if isinstance(document, Mapping) else None
    if isinstance(resource_id, str) and _RESOURCE_ID.fullmatch(resource_id):
        return resource_id
    raise AepReplyError.with_advice(f"{what} was answered without a resource's $id.")


def created_at(item: Mapping[str, Any]) -> float:
    """When it was made, in milliseconds; never, as far as age goes, where that is not told."""
    metadata = item.get("meta:registryMetadata")
    created = metadata.get("repo:createdDate") if isinstance(metadata, Mapping) else None
    known = isinstance(created, int | float) and not isinstance(created, bool)
    return float(created) if known else math.inf  # type: ignore[arg-type]


def _path(kind: str, resource_id: str, parameter: str) -> str:
    return f"/tenant/{kind}/{alt_id(check_resource_id(resource_id, parameter))}"
