"""Requests to Flow Service as data: method, path, query, body. Each follows Adobe's OpenAPI and tutorials.

By Adobe's "Sort and filter" guide, a list takes ``property=<path>==<value>`` and ``limit``. Several
``property`` parameters mean *and*, a comma means *or*. The next page is a relative link with a
``continuationToken``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError
from airflow_provider_aep.flow_service.replies import endless
from airflow_provider_aep.flow_service.validation import can_be_sent, check_header, check_id

PAGE_SIZE = 100
"""The largest page that any document of Adobe's allows."""

MAX_PAGES = 10_000

Query = list[tuple[str, str]]

_PLAIN_NAME = re.compile(r"[A-Za-z0-9 _.-]+")


def equals(path: str, value: str) -> tuple[str, str]:
    """One filter. The value is sent bare, so it must hold no operator, comma or quote."""
    return ("property", f"{path}=={value}")


def can_filter_by(name: str) -> bool:
    """Return whether the grammar is known to take this name. Its quoting is not documented beyond that."""
    return _PLAIN_NAME.fullmatch(name) is not None


def connections_query(name: str | None, connection_spec_id: str | None) -> Query:
    """The first page of connections of a spec, narrowed by name where the grammar is safe."""
    query: Query = []
    if connection_spec_id is not None:
        query.append(equals("connectionSpec.id", connection_spec_id))
    if name is not None and can_filter_by(name):
        query.append(equals("name", name))
    return [*query, ("limit", str(PAGE_SIZE))]


def next_page(body: Mapping[str, object], origin: str) -> Query | None:
    """The query of the next page, or None on the last one.

    A link to another origin is refused: following it would hand the token to a stranger.
    """
    links = body.get("_links")
    link = links.get("next") if isinstance(links, Mapping) else None
    href = link.get("href") if isinstance(link, Mapping) else link
    if not href:
        return None
    if not isinstance(href, str):
        raise AepReplyError.with_advice("A list's next-page link is not a text.")
    parts = _split(href)
    if (parts.scheme or parts.netloc) and f"{parts.scheme}://{parts.netloc}".lower() != origin.lower():
        raise AepReplyError(
            "A list's next page lies at another host than the list itself. The link was not followed, "
            "so that the access token stays home. If a gateway rewrites links, set `host` of the AEP "
            "connection to the gateway's own address.",
            retryable=False,
        )
    query = parse_qsl(parts.query)
    if not query:
        raise AepReplyError.with_advice("A list's next-page link has no query.")
    return query


def _split(href: str):  # type: ignore[no-untyped-def]
    try:
        return urlsplit(href)
    except ValueError:
        raise AepReplyError.with_advice("A list's next-page link is no URL.") from None


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
    """Return whether rows come when they come: such a dataflow has no schedule and no runs on demand."""
    return "scheduleSpec" not in flow_spec


def maps(flow_spec: Mapping[str, Any]) -> bool:
    """Return whether a flow spec takes a mapping set. (Some tutorials print the key without its s.)"""
    known = flow_spec.get("transformationSpecs") or flow_spec.get("transformationSpec") or []
    return any(isinstance(one, Mapping) and one.get("name") == "Mapping" for one in known)


def is_on(flow: Mapping[str, Any]) -> bool:
    """Return whether a dataflow is enabled, or about to be."""
    return str(flow.get("state")).lower() in ("enabled", "enabling", "initializing", "updating")


def is_off(flow: Mapping[str, Any]) -> bool:
    """Return whether a dataflow is disabled, or about to be."""
    return str(flow.get("state")).lower() in ("disabled", "disabling")


IDS_A_CALL = PAGE_SIZE
"""Ids in one IN list: what one page holds, in about 4 KB of URL."""


def get_run(run_id: object) -> Call:
    """``GET /runs/{id}``."""
    return Call("GET", f"/runs/{check_id(run_id, 'run_id')}")


def list_runs(run_ids: Sequence[str]) -> Call:
    """``GET /runs?property=id==a,b,c``: a comma means *or* (Adobe's "Sort and filter" guide)."""
    ids = ",".join(check_id(one, "run_id") for one in run_ids)
    return Call("GET", "/runs", [equals("id", ids), ("limit", str(PAGE_SIZE))])


def list_runs_of(flow_ids: Sequence[str], started_from: float | None = None) -> Call:
    """``GET /runs?property=flowId==…``, the first page.

    :param started_from: epoch seconds; only runs that started then or later, by the guide's own filter on
        ``metrics.durationSummary.startedAtUTC`` (milliseconds)
    """
    query: Query = [equals("flowId", ",".join(check_id(one, "flow_id") for one in flow_ids))]
    if started_from is not None and started_from > 0:
        bound = int(started_from * 1000) - 1
        query.append(("property", f"metrics.durationSummary.startedAtUTC>{bound}"))
    return Call("GET", "/runs", [*query, ("limit", str(PAGE_SIZE))])


class Pages:
    """A list read page by page: send :attr:`call`, hand the reply to :meth:`take`, until there is no call.

    :param origin: the API's own origin; a next page elsewhere is refused
    :param most: how many pages at most; a list that goes on raises
    """

    def __init__(self, call: Call, origin: str, *, most: int = MAX_PAGES) -> None:
        self.call: Call | None = call
        self._what = f"{call.method} {call.path}"
        self._path = call.path
        self._origin = origin
        self._most = most
        self._seen: set[str] = set()

    def take(self, document: object) -> list[dict[str, Any]]:
        """The items of a page. :raises AepReplyError: no list, or one without end"""
        items = replies.read_items(document, self._what)
        query = next_page(document, self._origin) if isinstance(document, dict) else None
        if query is None:
            self.call = None
            return items
        if repr(query) in self._seen or len(self._seen) + 1 >= self._most:
            raise endless(self._what)
        self._seen.add(repr(query))
        self.call = Call("GET", self._path, query)
        return items
