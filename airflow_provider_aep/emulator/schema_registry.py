"""`/schemaregistry`: the endpoints. Follows Adobe's Schema Registry OpenAPI and guide."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import json_patch, payloads, settings, xdm
from airflow_provider_aep.emulator.entities import picked, shown
from airflow_provider_aep.emulator.errors import ApiError
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.xdm import KINDS, XdmResources, global_resources, properties

BASE = "/data/foundation/schemaregistry"
# Field groups were called mixins; both paths are documented.
PATHS = {**{kind: kind for kind in KINDS}, "mixins": "fieldgroups", "behaviors": "behaviors"}
Item = dict[str, Any]
SHORT = ("title", "$id", "meta:altId", "version")
LIMIT = 300  # "the Schema Registry limits result sets to 300 items"
CONDITION = re.compile(r"(?P<field>[^=!~<>]+)(?P<op>==|!=|~|<=|>=|<|>)(?P<value>.*)", re.DOTALL)
ACCEPT_LIST = re.compile(r"application/vnd\.adobe\.(?:xed|xdm)(-id)?\+json", re.IGNORECASE)
ACCEPT_LOOKUP = re.compile(
    r"application/vnd\.adobe\.(?:xed|xdm)(?P<full>-full)?(?P<text>-notext|-desc)?\+json"
    r"\s*(?:;\s*version=(?P<version>[\d.]+))?",
    re.IGNORECASE,
)
INVALID_ACCEPT = (
    "The supplied Accept header is not valid: {} - A valid Accept value should look like "  # codespell:ignore
    "application/vnd.adobe.{{xed|xdm}}+json"
)


class SchemaRegistry:
    """Serve the schema registry of one emulator."""

    def __init__(self, platform: Platform, resources: XdmResources) -> None:
        self._platform = platform
        self._resources = resources

    def routes(self) -> list[Route]:
        """Return the routes. A `$id` in a path has slashes, which arrive unescaped."""
        return [
            Route("/stats", self.stats, methods=["GET"]),
            Route("/{container}/{kind}", self.list_all, methods=["GET"]),
            Route("/tenant/{kind}", self.create, methods=["POST"]),
            Route("/{container}/{kind}/{id:path}", self.get, methods=["GET"]),
            Route("/tenant/{kind}/{id:path}", self.replace, methods=["PUT"]),
            Route("/tenant/{kind}/{id:path}", self.patch, methods=["PATCH"]),
            Route("/tenant/{kind}/{id:path}", self.delete, methods=["DELETE"]),
        ]

    async def stats(self, request: Request) -> Response:
        """Return the tenant's id, which custom fields must have, and the number of resources."""
        sandbox = request.scope["state"]["sandbox"]
        counts = {kind: len(self._platform.store.all(kind, sandbox)) for kind in KINDS}
        counts["mixins"] = counts.pop("fieldgroups")
        body = {"imsOrg": settings.ORG_ID, "tenantId": settings.TENANT_ID, "counts": {**counts, "unions": 0}}
        return payloads.reply(body)

    async def list_all(self, request: Request) -> Response:
        """Return a page of one kind's resources, short or whole by `Accept`."""
        container, kind = self._container_and_kind(request)
        whole = _read_list_accept(request.headers.get("accept", ""), self._now)
        items = [shown(item) for item in self._all(request, container, kind)]
        page = _page(items, request.query_params, self._now)
        if not whole:
            page["results"] = [picked(item, SHORT) for item in page["results"]]
        page["_links"]["global_schemas"] = {"href": f"{BASE}/global/{kind}"}
        return payloads.reply(page)

    async def get(self, request: Request) -> Response:
        """Return one resource in the form that `Accept` names; 406 for an unknown version."""
        container, kind = self._container_and_kind(request)
        view = _read_lookup_accept(request.headers.get("accept", ""), self._now)
        resource_id = request.path_params["id"]
        found = [
            x
            for x in self._all(request, container, kind)
            if resource_id in (x.get("$id"), x.get("meta:altId"))
        ]
        if not found:
            raise xdm.not_found(KINDS.get(kind, kind), resource_id, view.version, self._now)
        if not _version_matches(view.version, found[0]["version"]):
            raise xdm.not_acceptable(f"Version {view.version} of {resource_id} is not available.", self._now)
        item = shown(found[0])
        if view.full:
            sandbox = request.scope["state"]["sandbox"]
            item["properties"] = properties(item, lambda text: self._resources.lookup(sandbox, text))
            for name in ("allOf", "definitions"):
                item.pop(name, None)
        return payloads.reply(_without_text(item, view))

    async def create(self, request: Request) -> Response:
        """Create a resource: 201 with the whole resource."""
        _, kind = self._container_and_kind(request, changing=True)
        body = _read(await request.body(), self._now)
        entity = self._resources.create(request.scope["state"]["sandbox"], kind, body)
        self._platform.store.put(entity)
        return payloads.reply(shown(entity.item), 201)

    async def replace(self, request: Request) -> Response:
        """Replace a resource: 200 with the whole resource, its minor version one higher."""
        entity = self._find(request)
        body = _read(await request.body(), self._now)
        self._platform.store.put(changed := self._resources.changed(entity, body))
        return payloads.reply(shown(changed.item))

    async def patch(self, request: Request) -> Response:
        """Apply JSON Patch; the result must be valid like a new resource."""
        entity = self._find(request)
        body = _patched(entity.item, _read(await request.body(), self._now, payloads.parse_json), self._now)
        self._platform.store.put(changed := self._resources.changed(entity, body))
        return payloads.reply(shown(changed.item))

    async def delete(self, request: Request) -> Response:
        """Delete a resource: 204."""
        self._platform.store.delete(self._find(request))
        return Response(status_code=204)

    @property
    def _now(self) -> float:
        return self._platform.clock.now()

    def _container_and_kind(self, request: Request, *, changing: bool = False) -> tuple[str, str]:
        """Return container and kind of the path, or raise 404."""
        container = request.path_params.get("container", "tenant")
        kind = PATHS.get(request.path_params["kind"].lower())
        if container not in ("tenant", "global") or kind is None or (changing and kind not in KINDS):
            path = f"{container}/{request.path_params['kind']}"
            raise xdm.not_found("path", path, "1", self._now)
        return container, kind

    def _all(self, request: Request, container: str, kind: str) -> list[Item]:
        if container == "global":
            resource_type = "mixins" if kind == "fieldgroups" else kind
            return [
                item for item in global_resources().values() if item["meta:resourceType"] == resource_type
            ]
        entities = self._platform.listed(kind, request.scope["state"]["sandbox"]) if kind in KINDS else []
        return [entity.item for entity in entities]

    def _find(self, request: Request) -> Any:
        _, kind = self._container_and_kind(request, changing=True)
        resource_id = request.path_params["id"]
        entity = self._resources.find(request.scope["state"]["sandbox"], kind, resource_id)
        if entity is None:
            raise xdm.not_found(KINDS[kind], resource_id, "1", self._now)
        return entity


def _read(raw: bytes, now: float, parse: Callable[[bytes], Any] = payloads.parse_object) -> Any:
    try:
        return parse(raw)
    except payloads.InvalidInputError as error:
        raise xdm.bad_format(str(error), now) from None


def _page(items: Sequence[Item], params: QueryParams, now: float) -> dict[str, Any]:
    """Return a page; `_page.next` is the value of the sort field at which the next page starts."""
    order = params.get("orderby", "title")
    field, backwards = order.lstrip("+- "), order.startswith("-")
    found = [item for item in items if all(_holds(item, t, now) for t in params.getlist("property"))]
    found.sort(key=lambda item: (_key(item, field), item["$id"]), reverse=backwards)
    start = params.get("start")
    if start:
        found = [x for x in found if (_key(x, field) <= start if backwards else _key(x, field) >= start)]
    limit = params.get("limit", str(LIMIT))
    if not re.fullmatch(r"[0-9]{1,9}", limit) or int(limit) < 1:
        raise xdm.bad_format("limit must be a whole number greater than 0", now)
    shown = found[: min(int(limit), LIMIT)]
    result: dict[str, Any] = {
        "results": list(shown),
        "_page": {"orderby": field, "count": len(shown)},
        "_links": {},
    }
    if len(found) > len(
        shown
    ):  # left out on the last page: the guide shows `null`, the OpenAPI requires a string
        result["_page"]["next"] = _key(found[len(shown)], field)
        query = urlencode({"orderby": order, "start": result["_page"]["next"], "limit": limit})
        result["_links"]["next"] = {"href": f"?{query}"}
    return result


def _key(item: Item, field: str) -> str:
    value = payloads.value_at(item, field)
    return "" if value is None else str(value)


def _holds(item: Item, text: str, now: float) -> bool:
    shape = CONDITION.fullmatch(text)
    if shape is None:
        if "=" in text:
            raise xdm.bad_format(f"property={text} is invalid", now)
        return (
            payloads.value_at(item, text) is not None
        )  # "property=meta:intendedToExtend": those that have it
    value = payloads.value_at(item, shape["field"].strip())
    expected = shape["value"].strip().strip('"')
    values = [str(part) for part in (value if isinstance(value, list) else [value]) if part is not None]
    if shape["op"] == "==":
        return expected in values
    if shape["op"] == "!=":
        return expected not in values
    if shape["op"] == "~":
        return any(expected.lower() in part.lower() for part in values)
    return any(_compare(part, shape["op"], expected) for part in values)


def _compare(left: str, op: str, right: str) -> bool:
    if op.startswith("<"):
        return left < right or (op == "<=" and left == right)
    return left > right or (op == ">=" and left == right)


def _patched(item: Item, body: object, now: float) -> Item:
    """Return the resource after a JSON Patch. It is not validated here."""
    try:
        return json_patch.patched(item, json_patch.read_operations(body))
    except ApiError:
        raise xdm.bad_format("The body must be a list of patch operations.", now) from None
    except json_patch.MissingPathError as error:
        raise xdm.bad_format(f"Nothing is at {error}.", now) from None


@dataclass(frozen=True)
class View:
    """The parts of a resource that a lookup shows."""

    full: bool
    titles: bool
    descriptions: bool
    version: str


def _read_list_accept(header: str, now: float) -> bool:
    """Say whether a list shows whole resources; raise an error unless `Accept` is a documented value."""
    shape = ACCEPT_LIST.fullmatch(header.strip())
    if shape is None:
        raise xdm.xdm_error("XDM-1006-400", INVALID_ACCEPT.format(header), now)
    return not shape[1]


def _read_lookup_accept(header: str, now: float) -> View:
    """Read the `Accept` of a lookup, which needs a version. The blank before the version is optional."""
    shape = ACCEPT_LOOKUP.fullmatch(header.strip())
    if shape is None or not shape["version"]:
        message = f"{INVALID_ACCEPT.format(header)}; version=1 (Version should be specified)"
        raise xdm.xdm_error("XDM-1007-400", message, now)
    text = (shape["text"] or "").lower()
    return View(bool(shape["full"]), not text, text != "-notext", shape["version"])


def _version_matches(asked: str, version: str) -> bool:
    """Say whether a version matches: `1` is the newest of major version 1; `1.2` is exact."""
    return asked in (version, version.split(".")[0])


def _without_text(node: Any, view: View, *, inside_properties: bool = False) -> Any:
    """Remove titles and descriptions, but not fields with these names."""
    if isinstance(node, list):
        return [_without_text(part, view) for part in node]
    if not isinstance(node, dict):
        return node
    hidden = set() if view.titles else {"title"}
    if not view.descriptions:
        hidden.add("description")
    if inside_properties:
        hidden = set()
    return {
        key: _without_text(part, view, inside_properties=key == "properties" and not inside_properties)
        for key, part in node.items()
        if key not in hidden
    }
