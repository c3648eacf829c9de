"""`/catalog`: datasets and batches; `/import`: undo a batch. Follows Adobe's OpenAPI and guides."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from itertools import islice
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import json_patch, payloads, settings
from airflow_provider_aep.emulator.entities import ACCOUNT, picked, shown
from airflow_provider_aep.emulator.errors import ApiError, plain_not_found
from airflow_provider_aep.emulator.payloads import InvalidInputError, number_param
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.xdm import XdmResources

KIND = "datasets"
BATCHES = "batches"
CHANGEABLE = ("name", "description", "tags")
BASE = "/data/foundation/catalog"
Item = dict[str, Any]
LIMIT = 100
LAST = {"success": "lastSuccessfulBatchId", "failed": "lastFailedBatchId"}
BATCH_LIMIT = 20  # the default of the batches' list in the OpenAPI
# The parameters that compare a time, and its field.
TIMES = {
    "createdAfter": "created",
    "createdBefore": "created",
    "startAfter": "availableDates.startDate",
    "startBefore": "availableDates.startDate",
    "endAfter": "availableDates.endDate",
    "endBefore": "availableDates.endDate",
}
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
            Route("/lastBatches", self.list_last_batches, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Create a dataset: 201 with `["@/dataSets/ID"]`."""
        sandbox = request.scope["state"]["sandbox"]
        entity = self._new(sandbox, payloads.parse_object(await request.body()))
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
        """Read the schema reference. It is required: a dataset without a schema cannot take records."""
        if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
            raise InvalidInputError("'schemaRef' is required, with an 'id'")
        content_type = reference.get("contentType", "application/vnd.adobe.xed+json;version=1")
        if not isinstance(content_type, str):
            raise InvalidInputError("'schemaRef.contentType' must be a string")
        if self._resources.find(sandbox, "schemas", reference["id"]) is None:
            raise InvalidInputError(f"There is no schema {reference['id']}")
        return {"id": reference["id"], "contentType": content_type}

    async def list_datasets(self, request: Request) -> Response:
        """Return a page of datasets: a map by id, not a list."""
        return self._listed(request, KIND, LIMIT)

    async def list_batches(self, request: Request) -> Response:
        """Return a page of the batches that runs wrote; `dataSet=` selects those of one dataset."""
        return self._listed(request, BATCHES, BATCH_LIMIT)

    def _listed(self, request: Request, kind: str, limit: int) -> Response:
        entities = self._platform.listed(kind, request.scope["state"]["sandbox"])
        items = [(entity.id, entity.item) for entity in entities]
        return payloads.reply(_listed(items, request.query_params, limit))

    async def list_last_batches(self, request: Request) -> Response:
        """Return the last batch of each dataset, the last successful one and the last failed one."""
        sandbox, params = request.scope["state"]["sandbox"], request.query_params
        asked = [text for text in params.get("dataSetId", "").split(",") if text]
        known = {entity.id for entity in self._platform.store.all(KIND, sandbox)}
        last: dict[str, Item] = {text: {} for text in asked if text in known}
        chosen = set(last) if asked else known
        batches = [b for b in self._platform.listed(BATCHES, sandbox) if b.hidden["dataset"] in chosen]
        for batch in sorted(batches, key=lambda batch: (batch.item["created"], batch.item["createdAt"])):
            _note_batch(last.setdefault(batch.hidden["dataset"], {}), batch, settings.SANDBOXES[sandbox])
        items = [(dataset, item) for dataset, item in last.items() if item]
        others = QueryParams([pair for pair in params.multi_items() if pair[0] != "dataSetId"])
        return payloads.reply(_listed(items, others, LIMIT))

    async def get_dataset(self, request: Request) -> Response:
        """Return one dataset in a map by id, or several by `ID,ID`, as Catalog's guide does.

        A missing one is left out, or 404, by `--get-several-datasets`. If all are missing: 404.
        """
        sandbox, text = request.scope["state"]["sandbox"], request.path_params["id"]
        if "," not in text:
            return self._one(request, KIND)
        found = [self._platform.store.get(KIND, sandbox, one) for one in text.split(",")]
        refused = self._platform.settings.get_several_datasets == "refuse" and not all(found)
        if refused or not any(found):
            raise plain_not_found(f"There is no object {text} in {KIND}")
        return payloads.reply(
            {one.id: _projected(shown(one.item), request.query_params) for one in found if one}
        )

    async def get_batch(self, request: Request) -> Response:
        """Return one batch, in a map by id."""
        return self._one(request, BATCHES)

    def _one(self, request: Request, kind: str) -> Response:
        entity = self._find(request, kind)
        return payloads.reply({entity.id: _projected(shown(entity.item), request.query_params)})

    async def patch(self, request: Request) -> Response:
        """Change name, description and tags, by a partial object or by JSON Patch: 200 as for DELETE."""
        entity = self._find(request, KIND)
        body = picked(entity.item, CHANGEABLE)
        try:
            value = payloads.parse_json(await request.body())
            changed = (
                json_patch.patched(body, json_patch.read_operations(value))
                if isinstance(value, list)
                else value
            )
        except json_patch.MissingPathError as error:
            raise InvalidInputError(str(error)) from None
        except ApiError:  # its body is Flow Service's, not Catalog's
            raise InvalidInputError("the body must be an object, or a list of patch operations") from None
        if not isinstance(changed, dict) or not set(changed) <= set(CHANGEABLE):
            raise InvalidInputError(f"only {', '.join(CHANGEABLE)} can be changed")
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
        sandbox, dataset_id = request.scope["state"]["sandbox"], request.path_params["id"]
        empty = self._platform.settings.delete_missing_dataset == "empty"
        if empty and self._platform.store.get(KIND, sandbox, dataset_id) is None:
            return payloads.reply([])
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
            raise plain_not_found(f"There is no object {entity_id} in {kind}")
        return entity


class BatchIngestion:
    """Undo a batch, and with it the records that a run ingested. Batches of clients are not served."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/batches/{id}", self.action, methods=["POST"])]

    async def action(self, request: Request) -> Response:
        """Revert a batch (`action=REVERT`); it cannot be aborted, because it has ended.

        The batch is `inactive`, and the dataset has none of its records.
        """
        sandbox, batch_id = request.scope["state"]["sandbox"], request.path_params["id"]
        batch = self._platform.store.get(BATCHES, sandbox, batch_id)
        if batch is None:
            raise plain_not_found(f"There is no batch {batch_id}")
        action = request.query_params.get("action", "").upper()
        if action == "ABORT":
            raise InvalidInputError(f"The batch is in status {batch.item['status']}, so it cannot be aborted")
        if action != "REVERT":
            raise InvalidInputError("action is REVERT or ABORT: a run completes its batch itself")
        item = {**batch.item, "status": "inactive", "updated": self._platform.clock.now_ms()}
        self._platform.store.put(Entity(BATCHES, sandbox, batch_id, item, {**batch.hidden, "rows": []}))
        return payloads.reply({"id": batch_id, **shown(item)})


def _check(body: Item) -> None:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise InvalidInputError("'name' is required and must be a string")
    if not isinstance(body.get("description", ""), str):
        raise InvalidInputError("'description' must be a string")
    if not isinstance(body.get("tags", {}), dict):
        raise InvalidInputError("'tags' must be an object")


def _note_batch(item: Item, batch: Entity, sandbox_id: str) -> None:
    """Add a batch to the item of its dataset, as the newest one so far."""
    status = batch.item["status"]
    item |= {"lastBatchId": batch.id, "lastBatchStatus": status}
    if status in LAST:  # a reverted batch is neither
        item[LAST[status]] = batch.id
    item |= {"imsOrg": settings.ORG_ID, "sandboxId": sandbox_id, "updated": batch.item["updated"]}
    item.setdefault("created", batch.item["created"])


def _listed(items: Sequence[tuple[str, Item]], params: QueryParams, limit: int) -> dict[str, Item]:
    """Return the items by id, newest first unless `orderBy` says otherwise."""
    conditions = params.multi_items()
    matching = (pair for pair in reversed(items) if _passes(pair, conditions))
    start, limit = number_param(params, "start", "0"), number_param(params, "limit", str(limit))
    if limit < 1 or limit > LIMIT:
        raise InvalidInputError(f"limit must be between 1 and {LIMIT}")
    ordered = bool(params.get("orderBy"))  # without it, the items after the page do not matter
    found = list(matching if ordered else islice(matching, start + limit))
    for order in reversed(params.get("orderBy", "").split(",") if params.get("orderBy") else []):
        direction, _, field = order.rpartition(":")
        if direction not in ("asc", "desc", ""):
            raise InvalidInputError(f"orderBy={order} is invalid")
        found.sort(key=lambda pair: payloads.sort_key(pair[1], field), reverse=direction == "desc")
    page = found[start : start + limit]
    return {entity_id: _projected(shown(item), params) for entity_id, item in page}


def _projected(item: Item, params: QueryParams) -> Item:
    """Return only the fields that `properties=name,created` names."""
    names = params.get("properties")
    if not names or names == "*":
        return item
    return {name: item[name] for name in names.split(",") if name in item}


def _passes(pair: tuple[str, Item], conditions: Sequence[tuple[str, str]]) -> bool:
    entity_id, item = pair
    for name, text in conditions:
        if name == "property":
            if not _holds(item, text):
                return False
        elif name in TIMES:
            if not _in_time(item, name, text):
                return False
        elif name == "batch":
            if text != entity_id:
                return False
        elif name == "tags":
            if not all(_tagged(item, tag) for tag in text.split(",")):
                return False
        elif name == "dataSet":
            related = [part["id"] for part in item.get("relatedObjects", ())]
            if text not in related:
                return False
        elif name not in LIST_PARAMETERS and not _equal(payloads.value_at(item, name), text):
            return False
    return True


def _in_time(item: Item, name: str, text: str) -> bool:
    """Compare a time without its bound: "exclusively filter records created after this timestamp"."""
    if not re.fullmatch(r"\d{1,18}", text):
        raise InvalidInputError(f"{name} must be a whole number")
    value = payloads.value_at(item, TIMES[name])
    if not isinstance(value, int):
        return False
    return value > int(text) if name.endswith("After") else value < int(text)


def _tagged(item: Item, text: str) -> bool:
    """Say whether the item has a tag, written `name:value`, or `name:*` for any value."""
    name, _, value = text.partition(":")
    values = item.get("tags", {}).get(name, ())
    return bool(values) if value in ("", "*") else value in values


def _holds(item: Item, text: str) -> bool:
    shape = CONDITION.fullmatch(text)
    if shape is None:
        return payloads.value_at(item, text) is not None
    value, expected = payloads.value_at(item, shape["field"]), shape["value"]
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
