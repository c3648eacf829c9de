"""`/connections`: base connections. Follows Adobe's Flow Service OpenAPI and the create tutorials."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import (
    credentials,
    entities,
    explore,
    json_patch,
    lists,
    payloads,
    settings,
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
from airflow_provider_aep.emulator.errors import ApiError, flow_error
from airflow_provider_aep.emulator.json_patch import Operation
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.settings import words
from airflow_provider_aep.emulator.specs import Specs
from airflow_provider_aep.emulator.store import Entity

KIND = "connections"
STATES = ("enabled", "disabled", "initializing")
FIXED = words(
    """id createdAt updatedAt createdBy updatedBy createdClient updatedClient sandboxId sandboxName imsOrgId
    version etag"""
)


class Connections:
    """Serve the base connections of one emulator."""

    def __init__(self, platform: Platform, specs: Specs) -> None:
        self._platform = platform
        self._specs = specs

    def routes(self) -> list[Route]:
        """Return the routes."""
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
        """Create a connection: 201 with `id` and `etag`; on AWS without `etag`, which comes later."""
        call = await read_call(request)
        draft = entities.draft_requested(self._platform, call)
        entity = self._new(call, draft=draft)
        source = self._specs.check_reference(entity.item["connectionSpec"])
        if source.endpoint_kind == KIND:
            entity = streaming.with_endpoint(entity, request)
        if not draft:
            entity = self._activated(entity)
        self._platform.store.put(entity)
        return entities.created_reply(entity)

    def _new(self, call: Call, *, draft: bool) -> Entity:
        body = call.json_object()
        spec = self._specs.check_reference(body.get("connectionSpec")).spec
        fields: dict[str, Any] = {"name": required_text(body, "name"), **optional_text(body, "description")}
        hidden: dict[str, Any] = {"right": {}}
        if not spec["authSpec"]:
            raise flow_error("1100-400", reason=f"{spec['name']} has no base connections")
        if not (draft and "auth" not in body):  # optional in a draft
            fields["auth"], hidden["right"] = _read_auth(body, spec)
        fields["connectionSpec"] = {"id": spec["id"], "version": spec["version"]}
        fields["state"] = "draft"
        etag = draft or self._platform.settings.cloud != "aws"
        item = new_item(self._platform, call.sandbox, fields, etag=etag)
        return Entity(KIND, call.sandbox, item["id"], item, hidden)

    def _activated(self, entity: Entity) -> Entity:
        """Leave the draft state: `enabled`, or first `initializing`."""
        late = self._platform.settings.cloud == "aws" or self._platform.settings.validate_on_create == "async"
        state = "initializing" if late else "enabled"
        hidden = {**entity.hidden, "ready_at": self._ready_at()} if late else entity.hidden
        return self._rechecked(replace(entity, item={**entity.item, "state": state}, hidden=hidden))

    async def action(self, request: Request) -> Response:
        """Publish a draft (`op=publish`). `subOp`, typed as required, may be missing."""
        call = await read_call(request)
        entities.read_action(call, frozenset(("publish",)))
        entity = find(self._platform, KIND, call)
        self._specs.check_reference(entity.item["connectionSpec"])
        if entity.item["state"] != "draft":
            raise flow_error("1422-400", action="publish", state=entity.item["state"])
        if "auth" not in entity.item:
            raise flow_error("1304-400", field="auth")
        published = self._activated(entity)
        item = stamped(self._platform, published.item)
        self._platform.store.put(replace(published, item=item))
        return entities.changed_reply(item)

    def _ready_at(self) -> float:
        return self._platform.clock.now() + self._platform.settings.initializing_seconds

    def _rechecked(self, entity: Entity) -> Entity:
        """Check new credentials at POST or PATCH, by `--validate-on-create`: at once, later, or not at all.

        A self-serve source with `authorizationTestUrl` checks them at once, as in the Generic REST tutorial.
        """
        has_test_url = "authorizationTestUrl" in entity.hidden["right"]
        check = "sync" if has_test_url else self._platform.settings.validate_on_create
        if check == "sync" and not _right(entity):
            raise flow_error("1308-400", reason=credentials.refusal(entity.item["connectionSpec"]["id"]))
        if check == "async" and entity.item["state"] != "initializing":
            state = "enabled" if _right(entity) else "disabled"
            return replace(entity, item={**entity.item, "state": state})
        return entity

    async def get(self, request: Request) -> Response:
        """Return one connection, in an array."""
        entity = self._refreshed(find(self._platform, KIND, await read_call(request)))
        return payloads.reply({"items": [self._view(entity)]})

    async def list_all(self, request: Request) -> Response:
        """Return a page of the sandbox's connections that match `property`."""
        call = await read_call(request)
        listed = self._platform.listed(KIND, call.sandbox)
        items = [self._view(self._refreshed(entity)) for entity in listed]
        return lists.list_reply(call, KIND, lists.CONNECTION_FIELDS, items)

    async def patch(self, request: Request) -> Response:
        """Apply all operations or none; set a new etag."""
        call = await read_call(request)
        operations = entities.read_patch(call)
        entity = self._changeable(call)
        check_if_match(call, entity.item)
        spec = self._specs.check_reference(entity.item["connectionSpec"]).spec
        changed = _patched(entity, operations, spec)
        if changed.hidden != entity.hidden and entity.item["state"] != "draft":
            changed = self._rechecked(changed)
        if changed.item["state"] == "initializing":
            changed = replace(changed, hidden={**changed.hidden, "ready_at": self._ready_at()})
        item = entities.updated(self._platform, changed.item)
        self._platform.store.put(replace(changed, item=item))
        return entities.changed_reply(item)

    async def delete(self, request: Request) -> Response:
        """Delete: 204; refused while a source connection uses it. `If-Match` is not required."""
        entity = self._changeable(await read_call(request))
        children = self._platform.store.all("sourceConnections", entity.sandbox)
        in_use = any(child.item.get("baseConnectionId") == entity.id for child in children)
        if in_use and self._platform.settings.delete_in_use == "refuse":
            raise flow_error("1418-400", id=entity.id)
        self._platform.store.delete(entity)
        return Response(status_code=204)

    async def test(self, request: Request) -> Response:
        """Test whether the source accepts the credentials."""
        entity = self._refreshed(find(self._platform, KIND, await read_call(request)))
        if not _right(entity) and self._platform.settings.failed_test == "error":
            raise flow_error("1308-400", reason=credentials.refusal(entity.item["connectionSpec"]["id"]))
        return payloads.reply({"result": _right(entity)})

    async def explore(self, request: Request) -> Response:
        """Return the source objects; or the columns of one, and some of its rows."""
        entity = self._refreshed(find(self._platform, KIND, await read_call(request)))
        source = self._specs.check_reference(entity.item["connectionSpec"])
        query = explore.read_query(request.query_params)
        if not _right(entity):
            raise flow_error("1308-400", reason=credentials.refusal(source.id))
        return payloads.reply(explore.answer(self._platform, source, query))

    def _changeable(self, call: Call) -> Entity:
        entity = self._refreshed(find(self._platform, KIND, call))
        if entity.item["state"] == "initializing":
            raise flow_error("1417-400")
        return entity

    def _refreshed(self, entity: Entity) -> Entity:
        """Finish an asynchronous creation when its time has passed."""
        ready_at = entity.hidden.get("ready_at")
        if ready_at is None or self._platform.clock.now() < ready_at:
            return entity
        checked = self._platform.settings.validate_on_create == "async"
        state = "disabled" if checked and not _right(entity) else "enabled"
        hidden = {name: value for name, value in entity.hidden.items() if name != "ready_at"}
        entity = replace(entity, item=stamped(self._platform, {**entity.item, "state": state}), hidden=hidden)
        self._platform.store.put(entity)
        return entity

    def _view(self, entity: Entity) -> dict[str, Any]:
        """Show "a partial view of the credentials": secrets are not stored, but can be shown as a mask."""
        if "auth" not in entity.item:
            return entity.item
        masked = self._platform.settings.shown_secrets == "mask"
        masks = dict.fromkeys(entity.hidden["right"], credentials.MASK) if masked else {}
        auth = entity.item["auth"]
        params = {**masks, **auth["params"], **entity.hidden.get(settings.ENDPOINT, {})}
        return {**entity.item, "auth": {**auth, "params": params}}


def _right(entity: Entity) -> bool:
    return entity.item["state"] != "draft" and all(entity.hidden["right"].values())


def _read_auth(body: dict[str, Any], spec: dict[str, Any]) -> tuple[dict[str, Any], dict[str, bool]]:
    """Return the part of `auth` to store, and for each parameter whether it was right."""
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


def _patched(entity: Entity, operations: list[Operation], spec: dict[str, Any]) -> Entity:
    """Return a changed copy; raise an error without any change."""
    for operation in operations:
        if operation.path[0] == "auth":
            entity = _patched_auth(entity, operation, spec)
        else:
            entity = replace(entity, item=_patched_field(entity.item, operation))
    return entity


def _invalid(reason: str) -> ApiError:
    return flow_error("1455-400", reason=reason)


def _patched_field(item: dict[str, Any], operation: json_patch.Operation) -> dict[str, Any]:
    name = operation.path[0]
    if name == "connectionSpec":
        raise flow_error("1414-400")
    if name in FIXED:
        raise _invalid(f'Field "{name}" cannot be changed.')
    if name not in ("name", "description", "state") or len(operation.path) > 1:
        raise entities.missing_field(".".join(operation.path))
    if operation.op == "remove":
        if name != "description" or name not in item:
            raise _invalid(f'Field "{name}" cannot be removed.')
        return {key: value for key, value in item.items() if key != name}
    if not isinstance(operation.value, str) or (name == "name" and not operation.value):
        raise _invalid(f'Field "{name}" must be a string.')
    if name == "state" and item["state"] == "draft":
        raise _invalid("A draft is published, not enabled.")
    if name == "state" and operation.value not in STATES:
        raise flow_error("1456-400", state=operation.value)
    return {**item, name: operation.value}


def _patched_auth(entity: Entity, operation: Operation, spec: dict[str, Any]) -> Entity:
    """Rotate credentials: all of `/auth/params`, or one parameter."""
    auth = entity.item.get("auth")
    if auth is None and entity.item["state"] == "draft" and operation.path == ("auth",):
        auth = operation.value  # a draft can get its credentials later, all at once
    if not isinstance(auth, dict) or not isinstance(auth.get("specName"), str):
        raise entities.missing_field("auth")
    if "auth" not in entity.item:
        bare = {"specName": auth["specName"], "params": {}}
        entity = replace(entity, item={**entity.item, "auth": bare})
    schema = credentials.schema_of(spec, auth["specName"])
    match operation.path[1:], operation.value:
        case ("params",), value if operation.op != "remove":
            params = credentials.validate(value, schema)
            return _with_auth(entity, credentials.plain(params), credentials.judge(spec["id"], params))
        case ("params", name), value:
            return _patched_param(entity, operation.op, name, value, schema, spec["id"])
        case (), {"specName": spec_name, "params": value} if operation.op != "remove":
            if spec_name != auth["specName"]:
                raise _invalid("The authentication type of a connection cannot be changed.")
            params = credentials.validate(value, schema)
            return _with_auth(entity, credentials.plain(params), credentials.judge(spec["id"], params))
    raise entities.missing_field(".".join(operation.path))


def _patched_param(
    entity: Entity, op: str, name: str, value: object, schema: dict[str, Any], spec_id: str
) -> Entity:
    params, right = dict(entity.item["auth"]["params"]), dict(entity.hidden["right"])
    if op == "remove":
        if name in schema["required"] or name not in right:
            raise _invalid(f'Field "auth.params.{name}" cannot be removed.')
        params.pop(name, None)
        del right[name]
        return _with_auth(entity, params, right)
    credentials.validate_leaf(name, value, schema)
    return _with_auth(
        entity,
        {**params, **credentials.plain({name: value})},
        {**right, **credentials.judge(spec_id, {name: value})},
    )


def _with_auth(entity: Entity, params: dict[str, Any], right: dict[str, bool]) -> Entity:
    auth = {**entity.item["auth"], "params": params}
    return replace(entity, item={**entity.item, "auth": auth}, hidden={**entity.hidden, "right": right})
