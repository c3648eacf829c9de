"""`/catalog`: datasets and their batches. Follows Adobe's Catalog OpenAPI and guide."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import json_patch, payloads, settings
from airflow_provider_aep.emulator.entities import ACCOUNT
from airflow_provider_aep.emulator.errors import ApiError, plain_error
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.xdm import XdmResources

KIND = "datasets"
BATCHES = "batches"
CHANGEABLE = ("name", "description", "tags")
BASE = "/data/foundation/catalog"
Item = dict[str, Any]
LIMIT = 100
CONDITION = re.compile(r"(?P<field>[^=!<>~]+)(?P<op>==|!=|<=|>=|<|>|~)(?P<value>.*)", re.DOTALL)
# Query parameters that are not a field's name.
LIST_PARAMETERS = frozenset(("limit", "start", "orderBy", "property", "properties", "requestDataSource"))


class Catalog:
    """Serve the datasets and batches of one emulator."""

    def __init__(self, platform: Platform, resources: XdmResources) -> None:
        self._platform = platform
        self._resources = resources

    def routes(self) -> list[Route]:
        """Return the routes. Adobe's prose writes `datasets`, its samples `dataSets`."""
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
        """Create a dataset: 201 with `["@/dataSets/ID"]`."""
        sandbox = request.scope["state"]["sandbox"]
        entity = self._new(sandbox, _read(await request.body()))
        self._platform.store.put(entity)
        location = f"{BASE}/dataSets/{entity.id}"
        return payloads.reply([f"@/dataSets/{entity.id}"], 201, {"location": location})

    def _new(self, sandbox: str, body: Item) -> Entity:
        _check(body)
        now = self._platform.created_at(sandbox)
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
        """List the batches that runs wrote; `dataSet=` selects those of one dataset."""
        return self._listed(request, BATCHES)

    def _listed(self, request: Request, kind: str) -> Response:
        entities = self._platform.listed(kind, request.scope["state"]["sandbox"])
        items = [(entity.id, _shown(entity)) for entity in entities]
        return payloads.reply(_listed(items, request.query_params))

    async def get_dataset(self, request: Request) -> Response:
        """A map of one."""
        return self._one(request, KIND)

    async def get_batch(self, request: Request) -> Response:
        """A map of one."""
        return self._one(request, BATCHES)

    def _one(self, request: Request, kind: str) -> Response:
        entity = self._find(request, kind)
        shown = _projected(_shown(entity), request.query_params)
        return payloads.reply({entity.id: shown})

    async def patch(self, request: Request) -> Response:
        """Change name, description and tags, by a partial object or by JSON Patch: 200 as for DELETE."""
        entity = self._find(request, KIND)
        body = {name: entity.item[name] for name in CHANGEABLE if name in entity.item}
        try:
            value = payloads.parse_json(await request.body())
            changed = (
                json_patch.patched(body, json_patch.read_operations(value))
                if isinstance(value, list)
                else value
            )
        except (payloads.BadJson, json_patch.MissingPathError) as error:
            raise _bad(str(error)) from None
        except ApiError:  # its body is Flow Service's, not Catalog's
            raise _bad("the body must be an object, or a list of patch operations") from None
        if not isinstance(changed, dict) or not set(changed) <= set(CHANGEABLE):
            raise _bad(f"only {', '.join(CHANGEABLE)} can be changed")
        if isinstance(value, dict):
            changed = {**body, **changed}
        _check(changed)
        kept = {name: part for name, part in entity.item.items() if name not in CHANGEABLE}
        major, minor, patch = kept["version"].split(".")
        kept |= {"version": f"{major}.{minor}.{int(patch) + 1}", "updated": self._platform.clock.now_ms()}
        self._platform.store.put(Entity(KIND, entity.sandbox, entity.id, {**kept, **changed}))
        return payloads.reply([f"@/dataSets/{entity.id}"])

    async def delete(self, request: Request) -> Response:
        """Delete a dataset and its batches: 200 with the reference in an array."""
        entity = self._find(request, KIND)
        batches = self._platform.store.all(BATCHES, entity.sandbox)
        for batch in [b for b in batches if b.hidden["dataset"] == entity.id]:
            self._platform.store.delete(batch)
        self._platform.store.delete(entity)
        return payloads.reply([f"@/dataSets/{entity.id}"])

    def _find(self, request: Request, kind: str) -> Entity:
        entity_id = request.path_params["id"]
        entity = self._platform.store.get(kind, request.scope["state"]["sandbox"], entity_id)
        if entity is None:
            raise plain_error(404, "NotFoundError", f"There is no object {entity_id} in {kind}")
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
        body = payloads.parse_json(raw)
    except payloads.BadJson as error:
        raise _bad(str(error)) from None
    if not isinstance(body, dict):
        raise _bad("the body must be a JSON object")
    return body


def _bad(reason: str) -> ApiError:
    return plain_error(400, "BadRequestError", reason)


def _shown(entity: Entity) -> Item:
    return {name: value for name, value in entity.item.items() if name != "createdAt"}


def _listed(items: Sequence[tuple[str, Item]], params: QueryParams) -> dict[str, Item]:
    """Return the items by id, newest first unless `orderBy` says otherwise."""
    found = [pair for pair in items if _passes(pair[1], params)]
    found.reverse()
    for order in reversed(params.get("orderBy", "").split(",") if params.get("orderBy") else []):
        direction, _, field = order.rpartition(":")
        if direction not in ("asc", "desc", ""):
            raise _bad(f"orderBy={order} is invalid")
        found.sort(key=lambda pair: _key(pair[1], field), reverse=direction == "desc")
    start, limit = _whole(params, "start", 0), _whole(params, "limit", LIMIT)
    if limit < 1 or limit > LIMIT:
        raise _bad(f"limit must be between 1 and {LIMIT}")
    return {entity_id: _projected(item, params) for entity_id, item in found[start : start + limit]}


def _projected(item: Item, params: QueryParams) -> Item:
    """Return only the fields that `properties=name,created` names."""
    names = params.get("properties")
    if not names or names == "*":
        return item
    return {name: item[name] for name in names.split(",") if name in item}


def _passes(item: Item, params: QueryParams) -> bool:
    for name, text in params.multi_items():
        if name == "property":
            if not _holds(item, text):
                return False
        elif name == "dataSet":
            related = [part["id"] for part in item.get("relatedObjects", ())]
            if text not in related:
                return False
        elif name not in LIST_PARAMETERS and not _equal(_value(item, name), text):
            return False
    return True


def _holds(item: Item, text: str) -> bool:
    shape = CONDITION.fullmatch(text)
    if shape is None:
        return _value(item, text) is not None
    value, expected = _value(item, shape["field"]), shape["value"]
    if shape["op"] in ("==", "!="):
        return _equal(value, expected) == (shape["op"] == "==")
    if shape["op"] == "~":
        return isinstance(value, str) and re.search(_pattern(expected), value) is not None
    if not isinstance(value, int) or not re.fullmatch(r"\d{1,18}", expected):
        return False
    limit = int(expected)
    if "=" in shape["op"] and value == limit:
        return True
    return value < limit if shape["op"].startswith("<") else value > limit


def _pattern(expected: str) -> str:
    """Match a part of the name. (The guide allows regular expressions; a hostile one could hang.)"""
    return re.escape(expected.strip("/").removeprefix("^").removesuffix("$").replace(".*", ""))


def _equal(value: object, text: str) -> bool:
    """Compare with a text in which a comma means OR, although a value can contain a comma."""
    if isinstance(value, bool):
        return str(value).lower() == text.lower()
    if isinstance(value, int):
        return text in map(str, [value]) or str(value) in text.split(",")
    return value == text or (isinstance(value, str) and value in text.split(","))


def _value(item: Item, field: str) -> Any:
    node: Any = item
    for step in field.split("."):
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _key(item: Item, field: str) -> tuple[int, Any]:
    value = _value(item, field)
    if isinstance(value, (int, float)):
        return (1, value)
    return (2, value) if isinstance(value, str) else (0, 0)


def _whole(params: QueryParams, name: str, default: int) -> int:
    text = params.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _bad(f"{name} must be a whole number")
    return int(text)
