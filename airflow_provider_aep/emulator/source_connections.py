"""`/sourceConnections`: which data of a base connection to read. Follows the collect tutorials."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import filters, jsonio, paging
from airflow_provider_aep.emulator.entities import (
    Call,
    find,
    new_item,
    optional_object,
    optional_text,
    read_call,
    required_text,
)
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.specs import Specs
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.world import World

KIND = "sourceConnections"
FORMATS = frozenset(("delimited", "json", "parquet", "parquet_xdm", "tabular"))


class SourceConnections:
    """The source connections of one emulator."""

    def __init__(self, world: World, specs: Specs) -> None:
        self._world = world
        self._specs = specs

    def routes(self) -> list[Route]:
        """Its paths."""
        return [
            Route("/sourceConnections", self.list_all, methods=["GET"]),
            Route("/sourceConnections", self.create, methods=["POST"]),
            Route("/sourceConnections/{id}", self.get, methods=["GET"]),
            Route("/sourceConnections/{id}", self.delete, methods=["DELETE"]),
        ]

    async def create(self, request: Request) -> Response:
        """201 with `id` and `etag`."""
        call = await read_call(request)
        if "mode" in request.query_params:
            raise flow_error("1100-400", reason="drafts are not emulated")
        fields = self._fields(call, call.json_object())
        item = new_item(self._world, call.sandbox, fields)
        entity = Entity(KIND, call.sandbox, item["id"], item)
        self._world.store.put(entity)
        location = f"/data/foundation/flowservice/{KIND}/{entity.id}"
        return jsonio.reply({"id": entity.id, "etag": item["etag"]}, 201, {"location": location})

    def _fields(self, call: Call, body: dict[str, Any]) -> dict[str, Any]:
        spec = self._specs.check_reference(body.get("connectionSpec"))
        fields: dict[str, Any] = {"name": required_text(body, "name"), **optional_text(body, "description")}
        data = optional_object(body, "data")
        if required_text(data.get("data", {}), "format") not in FORMATS:
            raise flow_error("1100-400", reason="data.format is not supported")
        reference = {"id": spec["id"], "version": spec["version"]}
        fields |= data | optional_object(body, "params") | {"connectionSpec": reference, "state": "enabled"}
        base = self._base(call, body, spec)
        if base is not None:
            fields["baseConnectionId"] = base.id
            fields["inheritedAttributes"] = {"baseConnection": {"id": base.id, "connectionSpec": reference}}
        return fields

    def _base(self, call: Call, body: dict[str, Any], spec: dict[str, Any]) -> Entity | None:
        """Sources that authenticate need a base connection of the same spec."""
        if not spec["authSpec"] and "baseConnectionId" not in body:
            return None
        base = self._world.store.get("connections", call.sandbox, required_text(body, "baseConnectionId"))
        if base is None:
            raise flow_error("1101-404")
        if base.item["connectionSpec"]["id"] != spec["id"]:
            raise flow_error("1413-400")
        return base

    async def get(self, request: Request) -> Response:
        """One source connection, in an array all the same."""
        return jsonio.reply({"items": [find(self._world, KIND, await read_call(request)).item]})

    async def list_all(self, request: Request) -> Response:
        """Those of the sandbox that `property` lets through, a page at a time."""
        call = await read_call(request)
        items = [entity.item for entity in self._world.store.all(KIND, call.sandbox)]
        fields = filters.SOURCE_CONNECTION_FIELDS
        return paging.answer(request.query_params, KIND, call.sandbox, fields, items)

    async def delete(self, request: Request) -> Response:
        """204."""
        self._world.store.delete(find(self._world, KIND, await read_call(request)))
        return Response(status_code=204)
