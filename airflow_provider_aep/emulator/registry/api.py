"""`/schemaregistry`: the endpoints. Follows Adobe's Schema Registry OpenAPI and guide."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import jsonio, settings
from airflow_provider_aep.emulator.registry import accept, errors, listing
from airflow_provider_aep.emulator.registry.fields import properties
from airflow_provider_aep.emulator.registry.library import library
from airflow_provider_aep.emulator.registry.resources import KINDS, Resources
from airflow_provider_aep.emulator.world import World

BASE = "/data/foundation/schemaregistry"
# Field groups were called mixins; both paths are documented.
PATHS = {**{kind: kind for kind in KINDS}, "mixins": "fieldgroups", "behaviors": "behaviors"}
Item = dict[str, Any]


class SchemaRegistry:
    """The registry of one emulator."""

    def __init__(self, world: World, resources: Resources) -> None:
        self._world = world
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
        counts = {kind: len(self._world.store.all(kind, sandbox)) for kind in KINDS}
        counts["mixins"] = counts.pop("fieldgroups")
        body = {"imsOrg": settings.ORG_ID, "tenantId": settings.TENANT_ID, "counts": {**counts, "unions": 0}}
        return jsonio.reply(body)

    async def list_all(self, request: Request) -> Response:
        """A page of one kind's resources, short or whole as `Accept` says."""
        container, kind = self._place(request)
        whole = accept.read_list(request.headers.get("accept", ""), self._now)
        items = [_shown(item) for item in self._all(request, container, kind)]
        page = listing.page(items, request.query_params, self._now)
        if not whole:
            page["results"] = [_short(item) for item in page["results"]]
        page["_links"]["global_schemas"] = {"href": f"{BASE}/global/{kind}"}
        return jsonio.reply(page)

    async def get(self, request: Request) -> Response:
        """One resource, as `Accept` says; 406 for a version that is not there."""
        container, kind = self._place(request)
        view = accept.read_lookup(request.headers.get("accept", ""), self._now)
        wanted = request.path_params["id"]
        found = [
            x for x in self._all(request, container, kind) if wanted in (x.get("$id"), x.get("meta:altId"))
        ]
        if not found:
            raise errors.not_found(KINDS.get(kind, kind), wanted, view.version, self._now)
        if not accept.matches(view.version, found[0]["version"]):
            raise errors.not_acceptable(f"Version {view.version} of {wanted} is not available.", self._now)
        item = _shown(found[0])
        if view.full:
            sandbox = request.scope["state"]["sandbox"]
            item["properties"] = properties(item, lambda text: self._resources.lookup(sandbox, text))
            for name in ("allOf", "definitions"):
                item.pop(name, None)
        return jsonio.reply(accept.without_text(item, view))

    async def create(self, request: Request) -> Response:
        """201 with the whole resource."""
        _, kind = self._place(request, changing=True)
        body = _object(await request.body(), self._now)
        entity = self._resources.create(request.scope["state"]["sandbox"], kind, body)
        self._world.store.put(entity)
        return jsonio.reply(_shown(entity.item), 201)

    async def replace(self, request: Request) -> Response:
        """200 with the whole resource, its minor version one higher."""
        entity = self._find(request)
        body = _object(await request.body(), self._now)
        self._world.store.put(changed := self._resources.changed(entity, body))
        return jsonio.reply(_shown(changed.item))

    async def patch(self, request: Request) -> Response:
        """JSON Patch; the result must be as good as a new resource."""
        entity = self._find(request)
        body = listing.patched(entity.item, _parsed(await request.body(), self._now), self._now)
        self._world.store.put(changed := self._resources.changed(entity, body))
        return jsonio.reply(_shown(changed.item))

    async def delete(self, request: Request) -> Response:
        """204."""
        self._world.store.delete(self._find(request))
        return Response(status_code=204)

    @property
    def _now(self) -> float:
        return self._world.clock.now()

    def _place(self, request: Request, *, changing: bool = False) -> tuple[str, str]:
        """Container and kind; a path that names others is not found."""
        container = request.path_params.get("container", "tenant")
        kind = PATHS.get(request.path_params["kind"].lower())
        if container not in ("tenant", "global") or kind is None or (changing and kind not in KINDS):
            place = f"{container}/{request.path_params['kind']}"
            raise errors.not_found("path", place, "1", self._now)
        return container, kind

    def _all(self, request: Request, container: str, kind: str) -> list[Item]:
        if container == "global":
            wanted = "mixins" if kind == "fieldgroups" else kind
            return [item for item in library().values() if item["meta:resourceType"] == wanted]
        entities = self._world.listed(kind, request.scope["state"]["sandbox"]) if kind in KINDS else []
        return [entity.item for entity in entities]

    def _find(self, request: Request) -> Any:
        _, kind = self._place(request, changing=True)
        wanted = request.path_params["id"]
        entity = self._resources.find(request.scope["state"]["sandbox"], kind, wanted)
        if entity is None:
            raise errors.not_found(KINDS[kind], wanted, "1", self._now)
        return entity


def _parsed(raw: bytes, now: float) -> object:
    try:
        return jsonio.parse(raw)
    except jsonio.BadJson as error:
        raise errors.bad_format(str(error), now) from None


def _object(raw: bytes, now: float) -> Item:
    body = _parsed(raw, now)
    if not isinstance(body, dict):
        raise errors.bad_format("The body must be a JSON object.", now)
    return body


def _shown(item: Item) -> Item:
    """Without the emulator's own note of when it was made."""
    return {name: value for name, value in item.items() if name != "createdAt"}


def _short(item: Item) -> Item:
    return {name: item[name] for name in ("title", "$id", "meta:altId", "version")}
