"""`/sourceConnections` and `/targetConnections`: the ends of a dataflow. Follows the collect tutorials."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import credentials, entities, lists, payloads
from airflow_provider_aep.emulator.entities import (
    Call,
    check_if_match,
    find,
    new_item,
    optional_object,
    optional_text,
    read_call,
    required_text,
)
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.spec_bodies import TARGET_SPEC
from airflow_provider_aep.emulator.specs import Specs, checked_params
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.tables import files

CHANGEABLE = frozenset(("name", "description", "params", "data"))
BODY = (*sorted(CHANGEABLE), "baseConnectionId", "connectionSpec")
Item = dict[str, Any]
FORMATS = {
    "table": ("tabular",),
    "file": ("delimited", "json", "parquet", "parquet_xdm"),
    "rest": ("json",),
    "stream": ("json",),
}


class EndConnections:
    """Serve the connections at one end of dataflows. `_fields` checks a body and returns what to store."""

    kind: str
    filterable: frozenset[str]

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def _fields(self, call: Call, body: Item, *, draft: bool) -> Item:
        raise NotImplementedError

    def routes(self) -> list[Route]:
        """Return the routes."""
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
        """Create: 201 with `id` and `etag`; with `?mode=draft` a draft, which needs fewer fields."""
        call = await read_call(request)
        draft = entities.draft_requested(self._platform, call)
        fields = self._fields(call, call.json_object(), draft=draft)
        fields["state"] = "draft" if draft else "enabled"
        item = new_item(self._platform, call.sandbox, fields)
        entity = Entity(self.kind, call.sandbox, item["id"], item)
        self._platform.store.put(entity)
        return entities.created_reply(entity)

    async def get(self, request: Request) -> Response:
        """Return one, in an array."""
        return payloads.reply({"items": [find(self._platform, self.kind, await read_call(request)).item]})

    async def list_all(self, request: Request) -> Response:
        """Return a page of the sandbox's connections that match `property`."""
        call = await read_call(request)
        items = [entity.item for entity in self._platform.listed(self.kind, call.sandbox)]
        return lists.list_reply(call, self.kind, self.filterable, items)

    async def patch(self, request: Request) -> Response:
        """Apply all operations or none. The OpenAPI replies with the item, the guides with id and etag."""
        call = await read_call(request)
        operations = entities.read_patch(call)
        entity = find(self._platform, self.kind, call)
        check_if_match(call, entity.item)
        if any(operation.path[0] == "connectionSpec" for operation in operations):
            raise flow_error("1414-400")
        body = entities.patched_body(entity.item, BODY, operations, CHANGEABLE)
        fields = self._fields(call, body, draft=entity.item["state"] == "draft")
        kept = {name: value for name, value in entity.item.items() if name not in CHANGEABLE}
        item = self._put(entity, {**kept, **fields})
        return payloads.reply({"items": [item], "_links": {}, "id": entity.id, "etag": item["etag"]})

    async def action(self, request: Request) -> Response:
        """Publish a draft (`op=publish`) if it is complete."""
        call = await read_call(request)
        entities.read_action(call, frozenset(("publish",)))
        entity = find(self._platform, self.kind, call)
        if entity.item["state"] != "draft":
            raise flow_error("1422-400", action="publish", state=entity.item["state"])
        fields = self._fields(call, entities.picked(entity.item, BODY), draft=False)
        item = self._put(entity, {**entity.item, **fields, "state": "enabled"})
        return entities.changed_reply(item)

    def _put(self, entity: Entity, changed: Item) -> Item:
        item = entities.updated(self._platform, changed)
        self._platform.store.put(Entity(self.kind, entity.sandbox, entity.id, item, entity.hidden))
        return item

    async def delete(self, request: Request) -> Response:
        """Delete: 204; refused while a dataflow uses it."""
        entity = find(self._platform, self.kind, await read_call(request))
        flows = self._platform.store.all("flows", entity.sandbox)
        in_use = any(
            entity.id in (*flow.item["sourceConnectionIds"], *flow.item["targetConnectionIds"])
            for flow in flows
        )
        if in_use and self._platform.settings.delete_in_use == "refuse":
            raise flow_error("1447-400", id=entity.id)
        self._platform.store.delete(entity)
        return Response(status_code=204)


class SourceConnections(EndConnections):
    """Serve the source connections of one emulator."""

    kind = "sourceConnections"
    filterable = lists.SOURCE_CONNECTION_FIELDS

    def __init__(self, platform: Platform, specs: Specs) -> None:
        super().__init__(platform)
        self._specs = specs

    def _fields(self, call: Call, body: Item, *, draft: bool) -> Item:
        source = self._specs.check_reference(body.get("connectionSpec"))
        fields: Item = {"name": required_text(body, "name"), **optional_text(body, "description")}
        data, params = optional_object(body, "data"), optional_object(body, "params")
        if data or not (draft or source.family == "stream"):  # the tutorials of streams omit it
            _check_data(source, data.get("data", {}))
        if "filters" in params.get("params", {}):
            raise flow_error("1353-400", connector=source.name)
        reference = {"id": source.id, "version": source.spec["version"]}
        fields |= data | params | {"connectionSpec": reference}
        base = None if draft and "baseConnectionId" not in body else self._base(call, body, source)
        if base is not None:
            _check_base(base, source, draft=draft)
            fields["baseConnectionId"] = base.id
            fields["inheritedAttributes"] = {"baseConnection": {"id": base.id, "connectionSpec": reference}}
        # A missing parameter fails the run: no document says that it is required here.
        schema = {**source.spec["sourceSpec"].get("spec", {}), "required": []}
        checked_params(params.get("params", {}), schema, "params")
        return fields

    def _base(self, call: Call, body: Item, source: Source) -> Entity | None:
        """Return the base connection, of the same spec; sources without authentication must not have one."""
        if not source.spec["authSpec"]:
            if "baseConnectionId" in body:
                raise flow_error("1332-400", spec_id=source.id)
            return None
        base = self._platform.store.get("connections", call.sandbox, required_text(body, "baseConnectionId"))
        if base is None:
            raise flow_error("1101-404")
        if base.item["connectionSpec"]["id"] != source.id:
            raise flow_error("1413-400")
        return base


def _check_data(source: Source, data: Item) -> None:
    form = required_text(data, "format")
    if form not in FORMATS[source.family]:
        raise flow_error("1327-400", format=form, allowed=str(list(FORMATS[source.family])))
    if source.family == "file":
        optional_object(data, "properties")
        files.form_of(data)


def _check_base(base: Entity, source: Source, *, draft: bool) -> None:
    """Check the credentials of self-serve sources, as in the Generic REST tutorial."""
    if base.item["state"] == "draft" and not draft:
        raise flow_error("1100-400", reason=f"connection {base.id} is a draft: publish it first")
    if source.family == "rest" and not all(base.hidden["right"].values()):
        raise flow_error("1308-400", reason=credentials.refusal(source.id))


class TargetConnections(EndConnections):
    """Serve the target connections of one emulator."""

    kind = "targetConnections"
    filterable = lists.COMMON_FIELDS | {"data", "params", "inheritedAttributes"}

    def _fields(self, call: Call, body: dict[str, Any], *, draft: bool) -> dict[str, Any]:
        reference = body.get("connectionSpec")
        if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
            raise flow_error("1413-400")
        if reference["id"] != TARGET_SPEC or reference.get("version", "1.0") != "1.0":
            raise flow_error("1307-400", id=reference["id"])
        fields: dict[str, Any] = {"name": required_text(body, "name"), **optional_text(body, "description")}
        data, params = optional_object(body, "data"), optional_object(body, "params")
        if not draft or data:
            _check_schema(data.get("data", {}))
        if not draft or params:
            self._check_dataset(call, params.get("params", {}))
        return fields | data | params | {"connectionSpec": {"id": TARGET_SPEC, "version": "1.0"}}

    def _check_dataset(self, call: Call, params: dict[str, Any]) -> None:
        dataset = params.get("dataSetId")
        if dataset is None or dataset == "":
            raise flow_error("1325-400")
        if not isinstance(dataset, str):
            raise flow_error("1100-400", reason="params.dataSetId must be a string")
        if self._platform.store.get("datasets", call.sandbox, dataset) is None:
            raise flow_error("1101-404")


def _check_schema(data: dict[str, Any]) -> None:
    """Check the schema reference; 1425 compares it with the dataset when a dataflow is created.

    The tutorial on streaming data sends a format without a schema.
    """
    schema = data.get("schema")
    if schema is None and "format" in data:
        return
    if schema is None:
        raise flow_error("1304-400", field="data.schema")
    if not isinstance(schema, dict):
        raise flow_error("1100-400", reason="data.schema must be an object")
    required_text(schema, "id")
