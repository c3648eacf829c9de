"""Collections of entities, as data: their paths, queries and headers, their paging and their replies.

AEP's services keep entities in collections, such as ``/flows`` of Flow Service or ``/dataSets`` of Catalog.
Each :class:`Collection` says how its requests and replies differ from those of Flow Service.
:class:`Pager` reads any list page by page. It sends nothing, so blocking and async hooks drive the same one.

By Adobe's "Sort and filter" guide, a list of Flow Service takes ``property=<path>==<value>`` and ``limit``.
The next page is a relative link with a ``continuationToken``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.flow_service.requests import PAGE_SIZE, Call, Query, can_filter_by, equals
from airflow_provider_aep.flow_service.validation import check_header, check_id, is_id

MAX_PAGES = 10_000

Item = Mapping[str, Any]
Items = list[dict[str, Any]]


@dataclass(frozen=True)
class Paging:
    """How a service lists entities page by page.

    :param read_items: return the items of a page, given the reply and the request in words
    :param next_query: return the query of the next page, or None on the last one, given the request, the
        reply, its items and the API's origin
    :param id_key: the key of an item's id
    """

    read_items: Callable[[object, str], Items]
    next_query: Callable[[Call, Any, Items, str], Query | None]
    id_key: str = "id"


class Pager:
    """Read a list page by page: send :attr:`call`, give the reply to :meth:`take`, until there is no call.

    :param origin: the API's own origin; a next page elsewhere is refused
    :param most: the largest number of pages; a list with more raises
    """

    def __init__(self, call: Call, origin: str, paging: Paging, *, most: int = MAX_PAGES) -> None:
        self.call: Call | None = call
        self._origin = origin
        self._paging = paging
        self._most = most
        self._seen: set[str] = set()

    def take(self, document: object) -> Items:
        """Return the items of a page.

        :raises AepReplyError: the reply holds no list, or the list has no end
        """
        call = self.call
        assert call is not None
        items = self._paging.read_items(document, str(call))
        query = self._paging.next_query(call, document, items, self._origin)
        if query is None:
            self.call = None
            return items
        if repr(query) in self._seen or len(self._seen) + 1 >= self._most:
            raise replies.endless(str(call))
        self._seen.add(repr(query))
        self.call = replace(call, query=query)
        return items


def next_page(body: Item, origin: str) -> Query | None:
    """Return the query of the next page, or None on the last one.

    A link to another origin is refused: following it would send the token to another host.
    """
    links = body.get("_links")
    link = links.get("next") if isinstance(links, Mapping) else None
    href = link.get("href") if isinstance(link, Mapping) else link
    if not href:
        return None
    if not isinstance(href, str):
        raise AepReplyError.with_advice("A list's next-page link is not a text.")
    try:
        parts = urlsplit(href)
    except ValueError:
        raise AepReplyError.with_advice("A list's next-page link is not a URL.") from None
    if (parts.scheme or parts.netloc) and f"{parts.scheme}://{parts.netloc}".lower() != origin.lower():
        raise AepReplyError(
            "A list's next page is on another host than the list itself. The link was not followed, "
            "so that the access token is not sent there. If a gateway rewrites links, set `host` of the AEP "
            "connection to the gateway's own address.",
            retryable=False,
        )
    query = parse_qsl(parts.query)
    if not query:
        raise AepReplyError.with_advice("A list's next-page link has no query.")
    return query


def next_link(_call: Call, document: Any, _items: Items, origin: str) -> Query | None:
    """Follow the link of a page. A bare array has none."""
    return next_page(document, origin) if isinstance(document, dict) else None


def next_offset(call: Call, _document: Any, items: Items, _origin: str) -> Query | None:
    """Go on after the items of a full page: such lists take ``start`` and ``limit`` and name no next page."""
    query = dict(call.query)
    limit = int(query["limit"])
    return started_at(call, str(int(query["start"]) + limit)) if len(items) >= limit else None


def started_at(call: Call, start: str) -> Query:
    """Return the query of a call with another ``start``."""
    return [*((key, value) for key, value in call.query if key != "start"), ("start", start)]


LINKED = Paging(replies.read_items, next_link)
"""The lists of Flow Service."""


def parameter(key: str, value: str) -> tuple[str, str]:
    """Return a filter that is a query parameter of its own, as Catalog and Data Prep take it."""
    return (key, value)


@dataclass(frozen=True)
class Collection:
    """One collection of a service. The defaults are those of Flow Service.

    :param kind: an entity of the collection, in words
    :param path: the collection's path below the service's
    :param id_parameter: the parameter that holds an entity's id, for errors
    :param paging: how lists are read
    :param name_key: the key of an item's name
    :param created_key: the path of an item's creation time, in milliseconds
    :param state_key: the key of an item's state, or empty if the service has no states
    :param has_etags: whether a change names the etag of the version that it is based on
    :param filter_by: return one filter of a list's query
    :param list_query: the end of a list's query
    :param read_item: return the entity, given the reply to a GET by id and the request in words
    :param read_created: return the id of the new entity, given the reply to a POST and the request in words
    :param path_id: return an id as a path holds it; raises :class:`AepConfigError` for an invalid id
    :param valid_id: return whether an item's id is one
    :param json_patch: whether a PATCH takes operations; else it takes the fields that change
    :param description_required: whether each entity has a description, which may be empty
    """

    kind: str
    path: str
    id_parameter: str
    paging: Paging = LINKED
    name_key: str = "name"
    created_key: tuple[str, ...] = ("createdAt",)
    state_key: str = "state"
    has_etags: bool = True
    filter_by: Callable[[str, str], tuple[str, str]] = equals
    list_query: tuple[tuple[str, str], ...] = (("limit", str(PAGE_SIZE)),)
    get_query: tuple[tuple[str, str], ...] = ()
    create_query: tuple[tuple[str, str], ...] = ()
    list_headers: Mapping[str, str] = field(default_factory=dict)
    get_headers: Mapping[str, str] = field(default_factory=dict)
    read_item: Callable[[object, str], dict[str, Any]] = replies.read_item
    read_created: Callable[[object, str], Any] = replies.read_created_id
    path_id: Callable[[object, str], str] = check_id
    valid_id: Callable[[object], bool] = is_id
    json_patch: bool = True
    description_required: bool = False

    def list_call(self, filters: Iterable[tuple[str, str]] = (), *, name: str | None = None) -> Call:
        """Return the call for the first page. It filters by name if the grammar is known to take the name."""
        query = [self.filter_by(key, value) for key, value in filters]
        if name is not None and can_filter_by(name):
            query.append(self.filter_by(self.name_key, name))
        return Call("GET", self.path, [*query, *self.list_query], headers=self.list_headers)

    def list_ids_call(self, ids: Iterable[object]) -> Call:
        """Return the call that lists up to a page of entities by id: a comma means *or*."""
        return self.list_call(
            [(self.paging.id_key, ",".join(check_id(one, self.id_parameter) for one in ids))]
        )

    def get_call(self, entity_id: object, query: Iterable[tuple[str, str]] = ()) -> Call:
        """Return the call that reads one entity."""
        return Call("GET", self._path_of(entity_id), [*self.get_query, *query], headers=self.get_headers)

    def create_call(self, body: Item, *, draft: bool = False) -> Call:
        """Return the call that creates an entity, as a draft by ``mode=draft`` (Adobe's drafts tutorial)."""
        mode = [("mode", "draft")] if draft else []
        return Call("POST", self.path, [*self.create_query, *mode], dict(body))

    def patch_call(self, entity_id: object, body: Any, etag: str = "") -> Call:
        """Return the call that changes an entity; the etag goes back with its quotes, as it came."""
        headers = {"If-Match": check_header(etag, "etag")} if self.has_etags else {}
        return Call("PATCH", self._path_of(entity_id), body=body, headers=headers)

    def delete_call(self, entity_id: object) -> Call:
        """Return the call that deletes an entity."""
        return Call("DELETE", self._path_of(entity_id))

    def act_call(self, entity_id: object, op: str) -> Call:
        """Return the call of an action, in lower case and without ``subOp``, as the tutorials send it."""
        return Call("POST", f"{self._path_of(entity_id)}/action", [("op", op)])

    def patch_body(self, operations: list[dict[str, Any]]) -> Any:
        """Return the body of a PATCH that carries out the operations."""
        if self.json_patch:
            return operations
        return {one["path"].removeprefix("/"): one["value"] for one in operations}

    def read_id(self, item: Item) -> str:
        """Return an item's id. :raises AepReplyError: the id is missing or invalid"""
        found = item.get(self.paging.id_key)
        if self.valid_id(found):
            return str(found)
        raise AepReplyError.with_advice(f"GET {self.path} was answered without the id of a {self.kind}.")

    def created_at(self, item: Item) -> float:
        """Return an item's creation time. If it is unknown, the item counts as the youngest: infinity."""
        found: object = item
        for key in self.created_key:
            found = found.get(key) if isinstance(found, Mapping) else None
        known = isinstance(found, int | float) and not isinstance(found, bool)
        return float(found) if known else math.inf  # type: ignore[arg-type]

    def _path_of(self, entity_id: object) -> str:
        return f"{self.path}/{self.path_id(entity_id, self.id_parameter)}"


CONNECTIONS = Collection("base connection", "/connections", "connection_id")
SOURCE_CONNECTIONS = Collection("source connection", "/sourceConnections", "source_connection_id")
TARGET_CONNECTIONS = Collection("target connection", "/targetConnections", "target_connection_id")
FLOWS = Collection("dataflow", "/flows", "flow_id")
RUNS = Collection("run", "/runs", "run_id")
# The OpenAPI gives these two lists no ``limit``.
CONNECTION_SPECS = Collection("connection spec", "/connectionSpecs", "connection_spec_id", list_query=())
FLOW_SPECS = Collection("flow spec", "/flowSpecs", "flow_spec_id", list_query=())
