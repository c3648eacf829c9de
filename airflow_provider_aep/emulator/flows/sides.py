"""What source and target connections have in common: everything but the meaning of their fields."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import jsonio, paging, patching, pointer
from airflow_provider_aep.emulator.entities import (
    Call,
    check_if_match,
    find,
    new_item,
    read_call,
    stamped,
)
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.flows import drafts
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.world import World

CHANGEABLE = frozenset(("name", "description", "params", "data"))
BODY = (*sorted(CHANGEABLE), "baseConnectionId", "connectionSpec")
Item = dict[str, Any]


class Side:
    """One end of dataflows. `_fields` checks a body and says what is kept of it."""

    kind: str
    filterable: frozenset[str]

    def __init__(self, world: World) -> None:
        self._world = world

    def _fields(self, call: Call, body: Item, *, draft: bool) -> Item:
        raise NotImplementedError

    def routes(self) -> list[Route]:
        """Their paths."""
        one = f"/{self.kind}/{{id}}"
        return [
            Route(f"/{self.kind}", self.list_all, methods=["GET"]),
            Route(f"/{self.kind}", self.create, methods=["POST"]),
            Route(one, self.get, methods=["GET"]),
            Route(one, self.patch, methods=["PATCH"]),
            Route(one, self.delete, methods=["DELETE"]),
            Route(f"{one}/action", self.action, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response:
        """201 with `id` and `etag`; with `?mode=draft` a draft, of which less is asked."""
        call = await read_call(request)
        draft = drafts.wanted(self._world, call)
        fields = self._fields(call, call.json_object(), draft=draft)
        fields["state"] = "draft" if draft else "enabled"
        item = new_item(self._world, call.sandbox, fields)
        self._world.store.put(Entity(self.kind, call.sandbox, item["id"], item))
        location = f"/data/foundation/flowservice/{self.kind}/{item['id']}"
        return jsonio.reply({"id": item["id"], "etag": item["etag"]}, 201, {"location": location})

    async def get(self, request: Request) -> Response:
        """One, in an array all the same."""
        return jsonio.reply({"items": [find(self._world, self.kind, await read_call(request)).item]})

    async def list_all(self, request: Request) -> Response:
        """Those of the sandbox that `property` lets through, a page at a time."""
        call = await read_call(request)
        items = [entity.item for entity in self._world.listed(self.kind, call.sandbox)]
        return paging.answer(request.query_params, self.kind, call.sandbox, self.filterable, items)

    async def patch(self, request: Request) -> Response:
        """All instructions or none. The OpenAPI answers with the whole item, the guides with id and etag."""
        call = await read_call(request)
        if "if-match" not in request.headers:
            raise flow_error("1403-400")
        operations = patching.read(call.json())
        entity = find(self._world, self.kind, call)
        check_if_match(call, entity.item)
        for operation in operations:
            if operation.path[0] == "connectionSpec":
                raise flow_error("1414-400")
            if operation.path[0] not in CHANGEABLE:
                raise flow_error("1455-400", reason=f'Missing field "{".".join(operation.path)}".')
        body = {name: entity.item[name] for name in BODY if name in entity.item}
        try:
            body = pointer.patched(body, operations)
        except pointer.NothingThereError as error:
            raise flow_error("1455-400", reason=f'Missing field "{error}".') from None
        fields = self._fields(call, body, draft=entity.item["state"] == "draft")
        kept = {name: value for name, value in entity.item.items() if name not in CHANGEABLE}
        item = self._put(entity, {**kept, **fields})
        return jsonio.reply({"items": [item], "_links": {}, "id": entity.id, "etag": item["etag"]})

    async def action(self, request: Request) -> Response:
        """`op=publish` makes a draft an entity like others, if it is whole by now."""
        call = await read_call(request)
        drafts.action(call, frozenset(("publish",)))
        entity = find(self._world, self.kind, call)
        if entity.item["state"] != "draft":
            raise flow_error("1422-400", action="publish", state=entity.item["state"])
        body = {name: entity.item[name] for name in BODY if name in entity.item}
        fields = self._fields(call, body, draft=False)
        item = self._put(entity, {**entity.item, **fields, "state": "enabled"})
        return jsonio.reply({"id": entity.id, "etag": item["etag"]})

    def _put(self, entity: Entity, changed: Item) -> Item:
        item = stamped(self._world, changed)
        item["updatedAt"] = max(self._world.clock.now_ms(), item["updatedAt"] + 1)
        self._world.store.put(Entity(self.kind, entity.sandbox, entity.id, item, entity.hidden))
        return item

    async def delete(self, request: Request) -> Response:
        """204; refused while a dataflow joins it."""
        entity = find(self._world, self.kind, await read_call(request))
        flows = self._world.store.all("flows", entity.sandbox)
        in_use = any(
            entity.id in (*flow.item["sourceConnectionIds"], *flow.item["targetConnectionIds"])
            for flow in flows
        )
        if in_use and self._world.settings.delete_in_use == "refuse":
            raise flow_error("1447-400", id=entity.id)
        self._world.store.delete(entity)
        return Response(status_code=204)
