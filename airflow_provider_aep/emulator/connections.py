"""`/connections`: base connections. Follows Adobe's Flow Service OpenAPI and the create tutorials."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import (
    connection_patch,
    credentials,
    explore,
    filters,
    jsonio,
    paging,
    streaming,
)
from airflow_provider_aep.emulator.entities import (
    Call,
    check_if_match,
    find,
    new_item,
    optional_text,
    read_call,
    required_text,
    stamped,
)
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.flows import drafts
from airflow_provider_aep.emulator.specs import Specs
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.world import World

KIND = "connections"


class Connections:
    """The base connections of one emulator."""

    def __init__(self, world: World, specs: Specs) -> None:
        self._world = world
        self._specs = specs

    def routes(self) -> list[Route]:
        """Its paths."""
        return [
            Route("/connections", self.list_all, methods=["GET"]),
            Route("/connections", self.create, methods=["POST"]),
            Route("/connections/{id}", self.get, methods=["GET"]),
            Route("/connections/{id}", self.patch, methods=["PATCH"]),
            Route("/connections/{id}", self.delete, methods=["DELETE"]),
            Route("/connections/{id}/action", self.action, methods=["POST"]),
            Route("/connections/{id}/test", self.test, methods=["GET"]),
            Route("/connections/{id}/explore", self.explore, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """201 with `id` and `etag`; on AWS without `etag`, as the connection is not ready yet."""
        call = await read_call(request)
        draft = drafts.wanted(self._world, call)
        entity = self._new(call, draft=draft)
        source = self._specs.check_reference(entity.item["connectionSpec"])
        if source.inlet == KIND:
            entity = streaming.opened(entity, request)
        if not draft:
            entity = self._begun(entity)
        self._world.store.put(entity)
        reply = {name: entity.item[name] for name in ("id", "etag") if name in entity.item}
        location = f"/data/foundation/flowservice/{KIND}/{entity.id}"
        return jsonio.reply(reply, 201, {"location": location})

    def _new(self, call: Call, *, draft: bool) -> Entity:
        body = call.json_object()
        spec = self._specs.check_reference(body.get("connectionSpec")).spec
        fields: dict[str, Any] = {"name": required_text(body, "name"), **optional_text(body, "description")}
        hidden: dict[str, Any] = {"right": {}}
        if not spec["authSpec"]:
            raise flow_error("1100-400", reason=f"{spec['name']} has no base connections")
        if not (draft and "auth" not in body):  # a draft may do without
            fields["auth"], hidden["right"] = _read_auth(body, spec)
        fields["connectionSpec"] = {"id": spec["id"], "version": spec["version"]}
        fields["state"] = "draft"
        etag = draft or self._world.settings.cloud != "aws"
        item = new_item(self._world, call.sandbox, fields, etag=etag)
        return Entity(KIND, call.sandbox, item["id"], item, hidden)

    def _begun(self, entity: Entity) -> Entity:
        """No draft, or no longer one: enabled, or on the way there."""
        late = self._world.settings.cloud == "aws" or self._world.settings.validate_on_create == "async"
        state = "initializing" if late else "enabled"
        hidden = {**entity.hidden, "ready_at": self._ready_at()} if late else entity.hidden
        return self._rechecked(replace(entity, item={**entity.item, "state": state}, hidden=hidden))

    async def action(self, request: Request) -> Response:
        """`op=publish` makes a draft a connection like others; `subOp`, typed required, is not asked for."""
        call = await read_call(request)
        drafts.action(call, frozenset(("publish",)))
        entity = find(self._world, KIND, call)
        self._specs.check_reference(entity.item["connectionSpec"])
        if entity.item["state"] != "draft":
            raise flow_error("1422-400", action="publish", state=entity.item["state"])
        if "auth" not in entity.item:
            raise flow_error("1304-400", field="auth")
        published = self._begun(entity)
        item = stamped(self._world, published.item)
        self._world.store.put(replace(published, item=item))
        return jsonio.reply({"id": entity.id, "etag": item["etag"]})

    def _ready_at(self) -> float:
        return self._world.clock.now() + self._world.settings.initializing_seconds

    def _rechecked(self, entity: Entity) -> Entity:
        """New credentials, at POST or PATCH: refused at once, or seen in the state, or not looked at.

        A self-serve source that is told where to check them does so at once, says the Generic REST tutorial.
        """
        told = "authorizationTestUrl" in entity.hidden["right"]
        how = "sync" if told else self._world.settings.validate_on_create
        if how == "sync" and not _right(entity):
            raise flow_error("1308-400", reason=credentials.refusal(entity.item["connectionSpec"]["id"]))
        if how == "async" and entity.item["state"] != "initializing":
            state = "enabled" if _right(entity) else "disabled"
            return replace(entity, item={**entity.item, "state": state})
        return entity

    async def get(self, request: Request) -> Response:
        """One connection, in an array all the same."""
        entity = self._settled(find(self._world, KIND, await read_call(request)))
        return jsonio.reply({"items": [self._view(entity)]})

    async def list_all(self, request: Request) -> Response:
        """Those of the sandbox that `property` lets through, a page at a time."""
        call = await read_call(request)
        entities = [self._settled(entity) for entity in self._world.listed(KIND, call.sandbox)]
        items = [self._view(entity) for entity in entities]
        fields = filters.CONNECTION_FIELDS
        return paging.answer(request.query_params, KIND, call.sandbox, fields, items)

    async def patch(self, request: Request) -> Response:
        """All instructions or none; a new etag."""
        call = await read_call(request)
        if "if-match" not in request.headers:
            raise flow_error("1403-400")
        operations = connection_patch.read(call.json())
        entity = self._changeable(call)
        check_if_match(call, entity.item)
        spec = self._specs.check_reference(entity.item["connectionSpec"]).spec
        changed = connection_patch.apply(entity, operations, spec)
        if changed.hidden != entity.hidden and entity.item["state"] != "draft":
            changed = self._rechecked(changed)
        if changed.item["state"] == "initializing":
            changed = replace(changed, hidden={**changed.hidden, "ready_at": self._ready_at()})
        item = stamped(self._world, changed.item)
        item["updatedAt"] = max(self._world.clock.now_ms(), item["updatedAt"] + 1)
        self._world.store.put(replace(changed, item=item))
        return jsonio.reply({"id": entity.id, "etag": item["etag"]})

    async def delete(self, request: Request) -> Response:
        """204; refused while something hangs on it. It never asks for `If-Match`."""
        entity = self._changeable(await read_call(request))
        children = self._world.store.all("sourceConnections", entity.sandbox)
        in_use = any(child.item.get("baseConnectionId") == entity.id for child in children)
        if in_use and self._world.settings.delete_in_use == "refuse":
            raise flow_error("1418-400", id=entity.id)
        self._world.store.delete(entity)
        return Response(status_code=204)

    async def test(self, request: Request) -> Response:
        """Whether the source takes the credentials."""
        entity = self._settled(find(self._world, KIND, await read_call(request)))
        if not _right(entity) and self._world.settings.failed_test == "error":
            raise flow_error("1308-400", reason=credentials.refusal(entity.item["connectionSpec"]["id"]))
        return jsonio.reply({"result": _right(entity)})

    async def explore(self, request: Request) -> Response:
        """The source's tables, folders or resources; the columns of one; some of its rows."""
        entity = self._settled(find(self._world, KIND, await read_call(request)))
        source = self._specs.check_reference(entity.item["connectionSpec"])
        query = explore.read_query(request.query_params)
        if not _right(entity):
            raise flow_error("1308-400", reason=credentials.refusal(source.id))
        return jsonio.reply(explore.answer(self._world, source, query))

    def _changeable(self, call: Call) -> Entity:
        entity = self._settled(find(self._world, KIND, call))
        if entity.item["state"] == "initializing":
            raise flow_error("1417-400")
        return entity

    def _settled(self, entity: Entity) -> Entity:
        """Finish what asynchronous creation began, once its time has come."""
        ready_at = entity.hidden.get("ready_at")
        if ready_at is None or self._world.clock.now() < ready_at:
            return entity
        checked = self._world.settings.validate_on_create == "async"
        state = "disabled" if checked and not _right(entity) else "enabled"
        hidden = {name: value for name, value in entity.hidden.items() if name != "ready_at"}
        entity = replace(entity, item=stamped(self._world, {**entity.item, "state": state}), hidden=hidden)
        self._world.store.put(entity)
        return entity

    def _view(self, entity: Entity) -> dict[str, Any]:
        """ "A partial view of the credentials": no secret is there to be shown, a mask may be."""
        if "auth" not in entity.item:
            return entity.item
        masked = self._world.settings.shown_secrets == "mask"
        masks = dict.fromkeys(entity.hidden["right"], credentials.MASK) if masked else {}
        auth = entity.item["auth"]
        params = {**masks, **auth["params"], **entity.hidden.get("inlet", {})}
        return {**entity.item, "auth": {**auth, "params": params}}


def _right(entity: Entity) -> bool:
    return entity.item["state"] != "draft" and all(entity.hidden["right"].values())


def _read_auth(body: dict[str, Any], spec: dict[str, Any]) -> tuple[dict[str, Any], dict[str, bool]]:
    """What may be kept of `auth`, and for each parameter whether it was right."""
    auth = body.get("auth")
    if auth is None:
        raise flow_error("1304-400", field="auth")
    if not isinstance(auth, dict):
        raise flow_error("1100-400", reason="auth must be an object")
    name = required_text(auth, "specName")
    schema = credentials.schema_of(spec, name)
    if "params" not in auth:
        raise flow_error("1304-400", field="auth.params")
    params = credentials.validate(auth["params"], schema)
    return {"specName": name, "params": credentials.plain(params)}, credentials.judge(spec["id"], params)
