"""`/schemaregistry`: the endpoints. Follows Adobe's Schema Registry OpenAPI and guide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import json_patch, payloads, settings, xdm
from airflow_provider_aep.emulator.errors import ApiError
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.xdm import KINDS, XdmResources, global_resources, properties

BASE = "/data/foundation/schemaregistry"
# Field groups were called mixins; both paths are documented.
PATHS = {**{kind: kind for kind in KINDS}, "mixins": "fieldgroups", "behaviors": "behaviors"}
Item = dict[str, Any]
LIMIT = 300  # "the Schema Registry limits result sets to 300 items"
CONDITION = re.compile(r"(?P<field>[^=!~<>]+)(?P<op>==|!=|~|<=|>=|<|>)(?P<value>.*)", re.DOTALL)
ACCEPT_LIST = re.compile(r"application/vnd\.adobe\.(?:xed|xdm)(-id)?\+json", re.IGNORECASE)
ACCEPT_LOOKUP = re.compile(
    r"application/vnd\.adobe\.(?:xed|xdm)(?P<full>-full)?(?P<text>-notext|-desc)?\+json"
    r"\s*(?:;\s*version=(?P<version>[\d.]+))?",
    re.IGNORECASE,
)
ACCEPT_SHAPE = "application/vnd.adobe.{xed|xdm}+json"


class SchemaRegistry:
    """The registry of one emulator."""

    def __init__(self, platform: Platform, resources: XdmResources) -> None:
        self._platform = platform
        self._resources = resources

    def routes(self) -> list[Route]:
        """Its paths. A `$id` in a path has slashes, which arrive unescaped."""
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
        """The tenant's id, which custom fields must carry, and how much there is."""
        sandbox = request.scope["state"]["sandbox"]
        counts = {kind: len(self._platform.store.all(kind, sandbox)) for kind in KINDS}
        counts["mixins"] = counts.pop("fieldgroups")
        body = {"imsOrg": settings.ORG_ID, "tenantId": settings.TENANT_ID, "counts": {**counts, "unions": 0}}
        return payloads.reply(body)

    async def list_all(self, request: Request) -> Response:
        """A page of one kind's resources, short or whole as `Accept` says."""
        container, kind = self._place(request)
        whole = _read_list_accept(request.headers.get("accept", ""), self._now)
        items = [_shown(item) for item in self._all(request, container, kind)]
        page = _page(items, request.query_params, self._now)
        if not whole:
            page["results"] = [_short(item) for item in page["results"]]
        page["_links"]["global_schemas"] = {"href": f"{BASE}/global/{kind}"}
        return payloads.reply(page)

    async def get(self, request: Request) -> Response:
        """One resource, as `Accept` says; 406 for a version that is not there."""
        container, kind = self._place(request)
        view = _read_lookup_accept(request.headers.get("accept", ""), self._now)
        wanted = request.path_params["id"]
        found = [
            x for x in self._all(request, container, kind) if wanted in (x.get("$id"), x.get("meta:altId"))
        ]
        if not found:
            raise xdm.not_found(KINDS.get(kind, kind), wanted, view.version, self._now)
        if not _version_matches(view.version, found[0]["version"]):
            raise xdm.not_acceptable(f"Version {view.version} of {wanted} is not available.", self._now)
        item = _shown(found[0])
        if view.full:
            sandbox = request.scope["state"]["sandbox"]
            item["properties"] = properties(item, lambda text: self._resources.lookup(sandbox, text))
            for name in ("allOf", "definitions"):
                item.pop(name, None)
        return payloads.reply(_without_text(item, view))

    async def create(self, request: Request) -> Response:
        """201 with the whole resource."""
        _, kind = self._place(request, changing=True)
        body = _object(await request.body(), self._now)
        entity = self._resources.create(request.scope["state"]["sandbox"], kind, body)
        self._platform.store.put(entity)
        return payloads.reply(_shown(entity.item), 201)

    async def replace(self, request: Request) -> Response:
        """200 with the whole resource, its minor version one higher."""
        entity = self._find(request)
        body = _object(await request.body(), self._now)
        self._platform.store.put(changed := self._resources.changed(entity, body))
        return payloads.reply(_shown(changed.item))

    async def patch(self, request: Request) -> Response:
        """JSON Patch; the result must be as good as a new resource."""
        entity = self._find(request)
        body = _patched(entity.item, _parsed(await request.body(), self._now), self._now)
        self._platform.store.put(changed := self._resources.changed(entity, body))
        return payloads.reply(_shown(changed.item))

    async def delete(self, request: Request) -> Response:
        """204."""
        self._platform.store.delete(self._find(request))
        return Response(status_code=204)

    @property
    def _now(self) -> float:
        return self._platform.clock.now()

    def _place(self, request: Request, *, changing: bool = False) -> tuple[str, str]:
        """Container and kind; a path that names others is not found."""
        container = request.path_params.get("container", "tenant")
        kind = PATHS.get(request.path_params["kind"].lower())
        if container not in ("tenant", "global") or kind is None or (changing and kind not in KINDS):
            place = f"{container}/{request.path_params['kind']}"
            raise xdm.not_found("path", place, "1", self._now)
        return container, kind

    def _all(self, request: Request, container: str, kind: str) -> list[Item]:
        if container == "global":
            wanted = "mixins" if kind == "fieldgroups" else kind
            return [item for item in global_resources().values() if item["meta:resourceType"] == wanted]
        entities = self._platform.listed(kind, request.scope["state"]["sandbox"]) if kind in KINDS else []
        return [entity.item for entity in entities]

    def _find(self, request: Request) -> Any:
        _, kind = self._place(request, changing=True)
        wanted = request.path_params["id"]
        entity = self._resources.find(request.scope["state"]["sandbox"], kind, wanted)
        if entity is None:
            raise xdm.not_found(KINDS[kind], wanted, "1", self._now)
        return entity


def _parsed(raw: bytes, now: float) -> object:
    try:
        return payloads.parse_json(raw)
    except payloads.BadJson as error:
        raise xdm.bad_format(str(error), now) from None


def _object(raw: bytes, now: float) -> Item:
    body = _parsed(raw, now)
    if not isinstance(body, dict):
        raise xdm.bad_format("The body must be a JSON object.", now)
    return body


def _shown(item: Item) -> Item:
    """Without the emulator's own note of when it was made."""
    return {name: value for name, value in item.items() if name != "createdAt"}


def _short(item: Item) -> Item:
    return {name: item[name] for name in ("title", "$id", "meta:altId", "version")}


def _page(items: Sequence[Item], params: QueryParams, now: float) -> dict[str, Any]:
    """`_page.next` is where the next page starts, in terms of the field it is sorted by."""
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
    if len(found) > len(shown):  # left out at the end: the guide's `null` is no string, as the OpenAPI wants
        result["_page"]["next"] = _key(found[len(shown)], field)
        query = urlencode({"orderby": order, "start": result["_page"]["next"], "limit": limit})
        result["_links"]["next"] = {"href": f"?{query}"}
    return result


def _key(item: Item, field: str) -> str:
    value = _value(item, field)
    return "" if value is None else str(value)


def _value(item: Item, field: str) -> Any:
    """Names hold dots nowhere but between steps; `meta:…` and `$id` are plain names."""
    node: Any = item
    for step in field.split("."):
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _holds(item: Item, text: str, now: float) -> bool:
    shape = CONDITION.fullmatch(text)
    if shape is None:
        if "=" in text:
            raise xdm.bad_format(f"property={text} is not understood", now)
        return _value(item, text) is not None  # "property=meta:intendedToExtend": those that have it
    value = _value(item, shape["field"].strip())
    wanted = shape["value"].strip().strip('"')
    values = [str(part) for part in (value if isinstance(value, list) else [value]) if part is not None]
    if shape["op"] == "==":
        return wanted in values
    if shape["op"] == "!=":
        return wanted not in values
    if shape["op"] == "~":
        return any(wanted.lower() in part.lower() for part in values)
    return any(_compare(part, shape["op"], wanted) for part in values)


def _compare(left: str, op: str, right: str) -> bool:
    if op.startswith("<"):
        return left < right or (op == "<=" and left == right)
    return left > right or (op == ">=" and left == right)


def _patched(item: Item, body: object, now: float) -> Item:
    """The resource after a JSON Patch; whether it is a good one is for others to say."""
    try:
        return json_patch.patched(item, json_patch.read_operations(body))
    except ApiError:
        raise xdm.bad_format("The body must be a list of patch operations.", now) from None
    except json_patch.MissingPathError as error:
        raise xdm.bad_format(f"Nothing is at {error}.", now) from None


@dataclass(frozen=True)
class View:
    """What a lookup is to show."""

    full: bool
    titles: bool
    descriptions: bool
    version: str


def _read_list_accept(header: str, now: float) -> bool:
    """Whether a list shows whole resources; refused unless it is one of the two documented values."""
    shape = ACCEPT_LIST.fullmatch(header.strip())
    if shape is None:
        message = f"The supplied Accept header is not valid: {header} - A valid Accept value should look like"
        raise xdm.xdm_error("XDM-1006-400", f"{message} {ACCEPT_SHAPE}", now)
    return not shape[1]


def _read_lookup_accept(header: str, now: float) -> View:
    """A lookup needs a version too. (Adobe's docs differ on the blank before it: any is taken.)"""
    shape = ACCEPT_LOOKUP.fullmatch(header.strip())
    if shape is None or not shape["version"]:
        message = f"The supplied Accept header is not valid: {header} - A valid Accept value should look like"
        raise xdm.xdm_error(
            "XDM-1007-400", f"{message} {ACCEPT_SHAPE}; version=1 (Version should be specified)", now
        )
    text = (shape["text"] or "").lower()
    return View(bool(shape["full"]), not text, text != "-notext", shape["version"])


def _version_matches(asked: str, version: str) -> bool:
    """`1` means the newest of major version 1; `1.2` that one only."""
    return asked in (version, version.split(".")[0])


def _without_text(node: Any, view: View, *, inside_properties: bool = False) -> Any:
    """Titles and descriptions taken out, except where a field happens to be called so."""
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
