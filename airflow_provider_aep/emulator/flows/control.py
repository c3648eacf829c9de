"""The control plane's say in runs and datasets."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import jsonio, settings
from airflow_provider_aep.emulator.errors import ApiError, plain_error
from airflow_provider_aep.emulator.flows import rows
from airflow_provider_aep.emulator.flows.engine import Engine
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.world import World

ORDERS = {"status": str, "metrics": dict, "activities": list, "errors": list}
MAX_STATUS = 100


class FlowControl:
    """How runs end, and what landed."""

    def __init__(self, world: World, engine: Engine) -> None:
        self._world = world
        self._engine = engine

    def routes(self) -> list[Route]:
        """Their paths."""
        return [
            Route("/_emulator/runs/{id}", self.decide, methods=["POST"]),
            Route("/_emulator/datasets/{id}/rows", self.rows, methods=["GET"]),
        ]

    async def decide(self, request: Request) -> Response:
        """How a run ends or ended; the reply is the run as it is now."""
        try:
            order = jsonio.parse(await request.body())
        except jsonio.BadJson as error:
            raise _bad(str(error)) from None
        self._engine.settle()
        run = self._find(request.path_params["id"])
        self._engine.keep(*self._engine.records.decided(run, _checked(order)))
        return jsonio.reply(self._find(run.id).item)

    async def rows(self, request: Request) -> Response:
        """The rows of a dataset, in the order they landed."""
        self._engine.settle()
        found = rows.of_dataset(self._world, request.path_params["id"])
        if found is None:
            raise plain_error(404, "NotFoundError", f"There is no dataset {request.path_params['id']}")
        return jsonio.reply({"items": found, "count": len(found)})

    def _find(self, run_id: str) -> Entity:
        for sandbox in settings.SANDBOXES:
            run = self._world.store.get("runs", sandbox, run_id)
            if run is not None:
                return run
        raise plain_error(404, "NotFoundError", f"There is no run {run_id}")


def _checked(order: object) -> dict[str, Any]:
    """As with faults: a typo here would make a test hard to understand."""
    if not isinstance(order, dict) or not order:
        raise _bad(f"an order is an object with some of {', '.join(ORDERS)}")
    for name, value in order.items():
        if name not in ORDERS or not isinstance(value, ORDERS[name]):
            raise _bad(f"{name!r} is no field of an order, or of another type")
    metrics = order.get("metrics", {})
    summary = metrics.get("statusSummary", {})
    known = ("durationSummary", "statusSummary", "recordSummary", "sizeSummary", "fileSummary")
    if not all(isinstance(metrics.get(name, {}), dict) for name in known):
        raise _bad("a summary in 'metrics' is an object")
    status = order.get("status", summary.get("status", "success"))
    if not isinstance(status, str) or not 0 < len(status) <= MAX_STATUS:
        raise _bad("'status' is a short string")
    return order


def _bad(reason: str) -> ApiError:
    return plain_error(400, "BadRequestError", reason)
