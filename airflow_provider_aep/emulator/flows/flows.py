"""`/flows`: dataflows and their states. Follows Adobe's Flow Service OpenAPI and the collect tutorials."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import entities, lists, payloads, settings, streaming
from airflow_provider_aep.emulator.entities import Call, check_if_match, find, new_item, read_call
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.flows import ingest, metrics, schedule
from airflow_provider_aep.emulator.flows.bodies import FlowBodies
from airflow_provider_aep.emulator.flows.engine import Engine
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.store import Entity

KIND = "flows"
FIELDS = lists.COMMON_FIELDS | {
    "flowSpec",
    "sourceConnectionIds",
    "targetConnectionIds",
    "inheritedAttributes",
    "transformations",
    "scheduleParams",
    "options",
    "labels",
    "lastOperation",
    "lastRunDetails",
}
CHANGEABLE = frozenset(("name", "description", "transformations", "scheduleParams", "options", "labels"))
IN_DRAFTS = frozenset(("sourceConnectionIds", "targetConnectionIds"))
BODY = (*sorted(CHANGEABLE), "flowSpec", "sourceConnectionIds", "targetConnectionIds")
ACTIONS = frozenset(("enable", "disable", "publish"))
# Transitional states, in which changes are refused, and the state that each leads to.
TRANSITIONS = {
    "initializing": "enabled",
    "updating": "enabled",
    "enabling": "enabled",
    "disabling": "disabled",
}
Item = dict[str, Any]


class Flows:
    """Serve the dataflows of one emulator."""

    def __init__(self, platform: Platform, bodies: FlowBodies, engine: Engine) -> None:
        self._platform = platform
        self._bodies = bodies
        self._engine = engine

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/flows", self.list_all, methods=["GET"]),
            Route("/flows", self.create, methods=["POST"]),
            Route("/flows/{id}", self.get, methods=["GET"]),
            Route("/flows/{id}", self.patch, methods=["PATCH"]),
            Route("/flows/{id}", self.delete, methods=["DELETE"]),
            Route("/flows/{id}/action", self.action, methods=["POST"]),
            Route("/flows/{id}/runs", self.runs, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Create a dataflow: 201 with `id` and `etag`. It runs by its schedule, unless it is a draft."""
        call = await read_call(request)
        draft = entities.draft_requested(self._platform, call)
        fields = self._bodies.read(call.sandbox, call.json_object(), draft=draft)
        if "scheduleParams" in fields:
            schedule.check_start(fields["scheduleParams"], self._platform.clock.now())
        fields["state"] = "draft"
        item = new_item(self._platform, call.sandbox, fields)
        item["runs"] = f"/runs?property=flowId=={item['id']}"
        flow = Entity(KIND, call.sandbox, item["id"], item, {"next": None, "watermark": None})
        flow = self._with_operation(self._with_endpoint(flow, request), "create")
        if not draft:
            flow = self._started(self._with_ends(flow), "initializing")
        self._engine.keep(flow)
        return entities.created_reply(flow)

    async def get(self, request: Request) -> Response:
        """Return one flow, in an array."""
        return payloads.reply({"items": [_view(self._find(await read_call(request)))]})

    async def list_all(self, request: Request) -> Response:
        """Return a page of the sandbox's flows that match `property`."""
        call = await read_call(request)
        items = [_view(entity) for entity in self._platform.listed(KIND, call.sandbox)]
        return lists.list_reply(call, KIND, FIELDS, items)

    async def runs(self, request: Request) -> Response:
        """Return the flow's runs, as the collect tutorials' `"runs": "/flows/{id}/runs"` does."""
        flow = self._find(await read_call(request))
        runs = self._platform.store.owned("runs", flow.sandbox, flow.id)
        origin = self._platform.file_origin(request)
        own = [metrics.shown(run.item, origin) for run in runs]
        return payloads.reply({"items": own})

    async def patch(self, request: Request) -> Response:
        """Apply all operations or none; set a new etag, and the next run by the new schedule."""
        call = await read_call(request)
        operations = entities.read_patch(call)
        flow = self._find(call)
        if flow.item["state"] in TRANSITIONS:
            raise flow_error("1420-400", state=flow.item["state"])
        check_if_match(call, flow.item)
        draft = flow.item["state"] == "draft"
        changeable = CHANGEABLE | IN_DRAFTS if draft else CHANGEABLE
        body = entities.patched_body(flow.item, BODY, operations, changeable)
        fields = self._bodies.read(flow.sandbox, body, draft=draft, before=flow.item)
        now = self._platform.clock.now()
        before, after = flow.item.get("scheduleParams"), fields.get("scheduleParams")
        if before and after and not draft:
            schedule.check_change(before, after, now)
        kept = {name: value for name, value in flow.item.items() if name not in CHANGEABLE}
        hidden = dict(flow.hidden)
        if hidden["next"] is not None and after and after != before:
            hidden["next"] = schedule.next_due(after, now)
        changed = self._with_operation(_with(flow, {**kept, **fields}, hidden), "update")
        if flow.item["state"] == "enabled":
            changed = self._in_transition(changed, "updating")
        self._engine.keep(changed)
        return entities.changed_reply(changed.item)

    async def delete(self, request: Request) -> Response:
        """Delete: 204, without `If-Match`; runs in progress continue to their end."""
        flow = self._find(await read_call(request))
        self._platform.store.delete(flow)
        return Response(status_code=204)

    async def action(self, request: Request) -> Response:
        """Apply `op=enable|disable|publish`, in any case. `subOp`, typed as required, may be missing."""
        call = await read_call(request)
        op = entities.read_action(call, ACTIONS)
        flow = self._find(call)
        state = flow.item["state"]
        if state in TRANSITIONS:
            raise flow_error("1421-400", state=state)
        if state != {"enable": "disabled", "disable": "enabled", "publish": "draft"}[op]:
            raise flow_error("1422-400", action=op, state=state)
        if "if-match" in request.headers:
            check_if_match(call, flow.item)
        if op == "disable":
            flow = self._in_transition(_with(flow, flow.item, {**flow.hidden, "next": None}), "disabling")
        elif op == "enable":
            flow = self._started(flow, "enabling")
        else:
            fields = self._bodies.read(flow.sandbox, entities.picked(flow.item, BODY), draft=False)
            flow = self._with_endpoint(_with(flow, {**flow.item, **fields}, flow.hidden), request)
            flow = self._started(self._with_ends(flow), "initializing")
        flow = self._with_operation(flow, "update")
        self._engine.keep(flow)
        return entities.changed_reply(flow.item)

    def _find(self, call: Call) -> Entity:
        return find(self._platform, KIND, call)

    def _with_endpoint(self, flow: Entity, request: Request) -> Entity:
        """Add the streaming endpoint if the source shows it at the flow, as the Streaming SDK does."""
        if settings.ENDPOINT in flow.hidden or self._bodies.endpoint_kind(flow.sandbox, flow.item) != KIND:
            return flow
        return streaming.with_endpoint(flow, request)

    def _with_ends(self, flow: Entity) -> Entity:
        """Store both ends as they are now; later changes do not reach the flow."""
        ends = ingest.ends(self._platform, flow.sandbox, flow.item)
        return _with(flow, flow.item, {**flow.hidden, "ends": ends})

    def _started(self, flow: Entity, transition: str) -> Entity:
        """Start the schedule: a first run is due at once if its start has passed."""
        now, params = self._platform.clock.now(), flow.item.get("scheduleParams")
        if params is None:
            return self._in_transition(flow, transition)
        begun = flow.hidden["watermark"] is not None or flow.hidden.get("begun", False)
        due = schedule.next_due(params, now) if begun else max(float(params["startTime"]), now)
        hidden = {**flow.hidden, "next": due}
        if not begun and params["frequency"] != "once" and params.get("backfill") is False:
            hidden["watermark"] = float(params["startTime"])
        return self._in_transition(_with(flow, flow.item, hidden), transition)

    def _in_transition(self, flow: Entity, state: str) -> Entity:
        """Set a transitional state, or directly the state that it leads to, by `--flow-states`."""
        late = self._platform.settings.flow_states == "gradual" or self._platform.settings.cloud == "aws"
        if not late:
            return _with(flow, {**flow.item, "state": TRANSITIONS[state]}, flow.hidden)
        ends = self._platform.clock.now() + self._platform.settings.initializing_seconds
        return _with(
            flow, {**flow.item, "state": state}, {**flow.hidden, "settles": [ends, TRANSITIONS[state]]}
        )

    def _with_operation(self, flow: Entity, operation: str) -> Entity:
        """Set a new etag and `lastOperation`."""
        etag, now = self._platform.new_etag(), self._platform.clock.now_ms()
        last = {
            "started": now,
            "updated": now,
            "percentCompleted": 100,
            "status": {"value": "completed", "errors": []},
            "operation": operation,
        }
        updated = max(now, flow.item["updatedAt"] + (operation == "update"))
        item = {**flow.item, "version": etag, "etag": etag, "lastOperation": last, "updatedAt": updated}
        return _with(flow, item, flow.hidden)


def _view(flow: Entity) -> Item:
    """Return the flow as shown; the LAVA tutorial shows the streaming endpoint among the options."""
    if settings.ENDPOINT not in flow.hidden:
        return flow.item
    url = flow.hidden[settings.ENDPOINT]["inletUrl"]
    return {**flow.item, "options": {**flow.item.get("options", {}), "inletUrl": url}}


def _with(flow: Entity, item: Item, hidden: Item) -> Entity:
    return Entity(flow.kind, flow.sandbox, flow.id, item, hidden)
