"""`/runs`: flow runs, on demand and again. Follows the monitoring, on-demand and retry tutorials."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import lists, payloads
from airflow_provider_aep.emulator.entities import Call, find, read_call, required_text, stamped
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.flows import ingest, metrics, schedule
from airflow_provider_aep.emulator.flows.bodies import transformation
from airflow_provider_aep.emulator.flows.engine import Engine
from airflow_provider_aep.emulator.lists import Condition
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.specs import Specs
from airflow_provider_aep.emulator.store import Entity

KIND = "runs"
FIELDS = lists.COMMON_FIELDS | {"flowId", "flowSpec", "providerRefId", "metrics", "activities"}
Item = dict[str, Any]


class Runs:
    """Serve the runs of one emulator."""

    def __init__(self, platform: Platform, specs: Specs, engine: Engine) -> None:
        self._platform = platform
        self._specs = specs
        self._engine = engine
        self._rankings = lists.Rankings()

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/runs", self.list_all, methods=["GET"]),
            Route("/runs", self.create, methods=["POST"]),
            Route("/runs/{id}", self.get, methods=["GET"]),
            Route("/runs/{id}", self.put, methods=["PUT"]),
            Route("/runs/{id}/action", self.action, methods=["POST"]),
        ]

    async def list_all(self, request: Request) -> Response:
        """Return a page of the sandbox's runs that match `property`."""
        call = await read_call(request)
        lag = self._platform.settings.list_lag  # with a lag, the clock changes the list too
        return lists.list_reply(
            call,
            KIND,
            FIELDS,
            functools.partial(self._candidates, call.sandbox),
            rankings=None if lag else self._rankings,
            state=self._platform.store.changes(KIND, call.sandbox),
            view=self._view(request),
        )

    def _candidates(self, sandbox: str, conditions: Sequence[Condition]) -> list[Item]:
        """Return all runs that can match: those of the ids or of the dataflows if a condition names them."""
        store = self._platform.store
        runs: list[Entity] | None = None
        for condition in conditions:
            values = dict.fromkeys(condition.values if condition.operator == "==" else ())
            if condition.path == ("id",) and values:
                runs = [run for value in values if (run := store.get(KIND, sandbox, value))]
            elif condition.path == ("flowId",) and values and runs is None:
                runs = [run for value in values for run in store.owned(KIND, sandbox, value)]
        found = store.all(KIND, sandbox) if runs is None else runs
        return [run.item for run in self._platform.visible(found)]

    async def get(self, request: Request) -> Response:
        """Return one run, in an array."""
        return payloads.reply({"items": [self._view(request)(self._find(await read_call(request)).item)]})

    def _view(self, request: Request) -> Callable[[Item], Item]:
        return functools.partial(metrics.shown, origin=self._platform.file_origin(request))

    async def put(self, request: Request) -> Response:
        """Refuse: PUT is for providers only."""
        self._find(await read_call(request))
        raise flow_error("1427-400")

    async def create(self, request: Request) -> Response:
        """Create a run on demand, of a one-time flow, for a window: 201."""
        call = await read_call(request)
        body = call.json_object()
        flow = self._platform.store.get("flows", call.sandbox, required_text(body, "flowId"))
        if flow is None:
            raise flow_error("1430-400", id=body["flowId"])
        if flow.item["state"] != "enabled":
            raise flow_error("1380-400", reason=f"the flow is in state {flow.item['state']}")
        frequency = flow.item.get("scheduleParams", {}).get("frequency", "streaming")
        if frequency != "once":
            raise flow_error("1386-400", id=flow.id, frequency=frequency)
        params = _params(body.get("params"))
        flow = self._with_delta_column(flow, params)
        delta = transformation(flow.item, "Copy").get("deltaColumn", {}).get("name")
        plan = ingest.plan(self._platform, flow)
        window = [float(params["windowStartTime"]), float(params["windowEndTime"])]
        plan |= {"window": window, "once": True, "delta": delta}
        starts = max(float(params["startTime"]), self._platform.clock.now())
        run = self._engine.records.new(flow, plan, starts)
        self._engine.keep(flow, run)
        return self._created_reply(run)

    def _created_reply(self, run: Entity) -> Response:
        """Reply with `items` as the on-demand tutorial, without as the OpenAPI, or with both."""
        reply = {"id": run.id, "etag": run.item["etag"]}
        if self._platform.settings.run_reply == "items":
            return payloads.reply({"items": [reply]}, 201)
        if self._platform.settings.run_reply == "bare":
            return payloads.reply(reply, 201)
        return payloads.reply({**reply, "items": [reply]}, 201)

    def _with_delta_column(self, flow: Entity, params: Item) -> Entity:
        """Store the delta column of the first run in the flow; later runs must name the same one."""
        spec = self._specs.flow_spec(flow.item["flowSpec"]["id"])
        if spec is None or all(entry["name"] != "Copy" for entry in spec["transformationSpecs"]):
            return flow
        own = transformation(flow.item, "Copy").get("deltaColumn")
        given = params.get("deltaColumn")
        if given is None:
            if own is None:
                raise flow_error("1383-400")
            return flow
        if not isinstance(given, dict) or not isinstance(given.get("name"), str) or not given["name"]:
            raise flow_error("1383-400")
        if own is not None:
            if own["name"] != given["name"]:
                raise flow_error("1382-400")
            return flow
        copy = {"name": "Copy", "params": {"deltaColumn": given}}
        item = {**flow.item, "transformations": [copy, *flow.item["transformations"]]}
        return Entity(flow.kind, flow.sandbox, flow.id, stamped(self._platform, item), flow.hidden)

    async def action(self, request: Request) -> Response:
        """Re-trigger (`op=re-trigger`): create a run for the window of a failed or empty run; 200."""
        call = await read_call(request)
        op = request.query_params.get("op", "")
        if not op:
            raise flow_error("1359-400", param="op")
        if metrics.folded(op) != "retrigger":
            raise flow_error("1401-400/action", action=op)
        old = self._find(call)
        flow = self._platform.store.get("flows", old.sandbox, old.item["flowId"])
        if flow is None:
            raise flow_error("1430-400", id=old.item["flowId"])
        if flow.item["state"] != "enabled":
            raise flow_error("1388-400", id=flow.id, state=flow.item["state"])
        status = metrics.folded(old.item["state"])
        ingested = old.item["metrics"].get("recordSummary", {}).get("outputRecordCount", 0)
        if status not in metrics.FAILURE and (status not in metrics.SUCCESS or ingested):
            raise flow_error("1387-400", id=old.id, state=old.item["state"])
        plan = old.hidden["plan"]
        start, end = plan["window"]
        if end is None and "started" in old.hidden:  # a full load ends at its own start
            plan = {**plan, "window": [start, old.hidden["started"] / 1000]}
        run = self._engine.records.new(flow, plan, self._platform.clock.now())
        self._engine.keep(run)
        return payloads.reply(self._view(request)(run.item))

    def _find(self, call: Call) -> Entity:
        return find(self._platform, KIND, call)


def _params(value: object) -> Item:
    """Read the params of the flow spec's `runSpec`: three times, in seconds or in milliseconds."""
    if value is None:
        raise flow_error("1304-400", field="params")
    if not isinstance(value, dict):
        raise flow_error("1100-400", reason="params must be an object")
    params: Item = dict(value)
    for name in ("startTime", "windowStartTime", "windowEndTime"):
        if params.get(name) is None:
            raise flow_error("1304-400", field=f"params.{name}")
        params[name] = schedule.seconds(params[name], f"params.{name}")
    if params["windowEndTime"] < params["windowStartTime"]:
        raise flow_error("1381-400")
    return params
