"""`/catalog`: datasets and their batches. Follows Adobe's Catalog OpenAPI and guide."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import catalog_lists, jsonio, patching, pointer, settings
from airflow_provider_aep.emulator.entities import ACCOUNT
from airflow_provider_aep.emulator.errors import ApiError, plain_error
from airflow_provider_aep.emulator.registry.resources import Resources
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.world import World

KIND = "datasets"
BATCHES = "batches"
CHANGEABLE = ("name", "description", "tags")
BASE = "/data/foundation/catalog"
Item = dict[str, Any]


class Catalog:
    """The datasets of one emulator."""

    def __init__(self, world: World, resources: Resources) -> None:
        self._world = world
        self._resources = resources

    def routes(self) -> list[Route]:
        """Its paths. Adobe's prose writes `datasets`, its samples `dataSets`."""
        paths = []
        for name in ("dataSets", "datasets"):
            paths += [
                Route(f"/{name}", self.list_datasets, methods=["GET"]),
                Route(f"/{name}", self.create, methods=["POST"]),
                Route(f"/{name}/{{id}}", self.get_dataset, methods=["GET"]),
                Route(f"/{name}/{{id}}", self.patch, methods=["PATCH"]),
                Route(f"/{name}/{{id}}", self.delete, methods=["DELETE"]),
            ]
        return [
            *paths,
            Route("/batches", self.list_batches, methods=["GET"]),
            Route("/batches/{id}", self.get_batch, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """201 with `["@/dataSets/ID"]`."""
        sandbox = request.scope["state"]["sandbox"]
        entity = self._new(sandbox, _read(await request.body()))
        self._world.store.put(entity)
        location = f"{BASE}/dataSets/{entity.id}"
        return jsonio.reply([f"@/dataSets/{entity.id}"], 201, {"location": location})

    def _new(self, sandbox: str, body: Item) -> Entity:
        _check(body)
        now = self._world.created_at(sandbox)
        dataset_id = f"{now // 1000:08x}{secrets.token_hex(8)}"  # 24 hex digits, as in the samples
        item: Item = {
            "createdAt": now,
            "name": body["name"],
            **({"description": body["description"]} if "description" in body else {}),
            "version": "1.0.0",
            "imsOrg": settings.ORG_ID,
            "created": now,
            "updated": now,
            "createdClient": settings.CLIENT_ID,
            "createdUser": ACCOUNT,
            "updatedUser": ACCOUNT,
            "tags": body.get("tags", {}),
            "viewId": secrets.token_hex(12),
            "files": f"@/dataSetFiles?dataSetId={dataset_id}",
            "observableSchema": {},
            "schemaRef": self._schema_ref(sandbox, body.get("schemaRef")),
        }
        return Entity(KIND, sandbox, dataset_id, item)

    def _schema_ref(self, sandbox: str, reference: object) -> Item:
        """A dataset without a schema could take no rows, so one must be named and must exist."""
        if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
            raise _bad("'schemaRef' is required, with an 'id'")
        content_type = reference.get("contentType", "application/vnd.adobe.xed+json;version=1")
        if not isinstance(content_type, str):
            raise _bad("'schemaRef.contentType' must be a string")
        if self._resources.find(sandbox, "schemas", reference["id"]) is None:
            raise _bad(f"There is no schema {reference['id']}")
        return {"id": reference["id"], "contentType": content_type}

    async def list_datasets(self, request: Request) -> Response:
        """A map by id, not a list."""
        return self._listed(request, KIND)

    async def list_batches(self, request: Request) -> Response:
        """What each run brought; `dataSet=` gives those of one dataset."""
        return self._listed(request, BATCHES)

    def _listed(self, request: Request, kind: str) -> Response:
        entities = self._world.listed(kind, request.scope["state"]["sandbox"])
        items = [(entity.id, _shown(entity)) for entity in entities]
        return jsonio.reply(catalog_lists.answer(items, request.query_params))

    async def get_dataset(self, request: Request) -> Response:
        """A map of one."""
        return self._one(request, KIND)

    async def get_batch(self, request: Request) -> Response:
        """A map of one."""
        return self._one(request, BATCHES)

    def _one(self, request: Request, kind: str) -> Response:
        entity = self._find(request, kind)
        shown = catalog_lists.projected(_shown(entity), request.query_params)
        return jsonio.reply({entity.id: shown})

    async def patch(self, request: Request) -> Response:
        """Name, description and tags, by an object of what changes or by JSON Patch; 200 as for DELETE."""
        entity = self._find(request, KIND)
        body = {name: entity.item[name] for name in CHANGEABLE if name in entity.item}
        try:
            value = jsonio.parse(await request.body())
            changed = pointer.patched(body, patching.read(value)) if isinstance(value, list) else value
        except (jsonio.BadJson, pointer.NothingThereError) as error:
            raise _bad(str(error)) from None
        except ApiError:  # in Flow Service's words, which are not Catalog's
            raise _bad("the body must be an object, or a list of patch operations") from None
        if not isinstance(changed, dict) or not set(changed) <= set(CHANGEABLE):
            raise _bad(f"only {', '.join(CHANGEABLE)} can be changed")
        if isinstance(value, dict):
            changed = {**body, **changed}
        _check(changed)
        kept = {name: part for name, part in entity.item.items() if name not in CHANGEABLE}
        major, minor, patch = kept["version"].split(".")
        kept |= {"version": f"{major}.{minor}.{int(patch) + 1}", "updated": self._world.clock.now_ms()}
        self._world.store.put(Entity(KIND, entity.sandbox, entity.id, {**kept, **changed}))
        return jsonio.reply([f"@/dataSets/{entity.id}"])

    async def delete(self, request: Request) -> Response:
        """200 with the reference in an array; the rows go too."""
        entity = self._find(request, KIND)
        batches = self._world.store.all(BATCHES, entity.sandbox)
        for batch in [b for b in batches if b.hidden["dataset"] == entity.id]:
            self._world.store.delete(batch)
        self._world.store.delete(entity)
        return jsonio.reply([f"@/dataSets/{entity.id}"])

    def _find(self, request: Request, kind: str) -> Entity:
        wanted = request.path_params["id"]
        entity = self._world.store.get(kind, request.scope["state"]["sandbox"], wanted)
        if entity is None:
            raise plain_error(404, "NotFoundError", f"There is no object {wanted} in {kind}")
        return entity


def _check(body: Item) -> None:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise _bad("'name' is required and must be a string")
    if not isinstance(body.get("description", ""), str):
        raise _bad("'description' must be a string")
    if not isinstance(body.get("tags", {}), dict):
        raise _bad("'tags' must be an object")


def _read(raw: bytes) -> Item:
    try:
        body = jsonio.parse(raw)
    except jsonio.BadJson as error:
        raise _bad(str(error)) from None
    if not isinstance(body, dict):
        raise _bad("the body must be a JSON object")
    return body


def _bad(reason: str) -> ApiError:
    return plain_error(400, "BadRequestError", reason)


def _shown(entity: Entity) -> Item:
    return {name: value for name, value in entity.item.items() if name != "createdAt"}
