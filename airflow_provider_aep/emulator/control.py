"""`/_emulator`: what tests ask and order. Adobe has no such thing."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import errors, jsonio
from airflow_provider_aep.emulator.clock import LIMIT_SECONDS
from airflow_provider_aep.emulator.faults import BadFault, read_fault
from airflow_provider_aep.emulator.world import KINDS, World


class Control:
    """The control plane of one emulator."""

    def __init__(self, world: World, settle: Callable[[], None]) -> None:
        self._world = world
        self._settle = settle

    def routes(self) -> list[Route]:
        """Its paths."""
        return [
            Route("/_emulator/requests", self.requests, methods=["GET", "DELETE"]),
            Route("/_emulator/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/_emulator/reset", self.reset, methods=["POST"]),
            Route("/_emulator/clock", self.clock, methods=["GET", "POST"]),
            Route("/_emulator/state", self.state, methods=["GET"]),
        ]

    async def requests(self, request: Request) -> Response:
        """Every request so far, oldest first."""
        if request.method == "DELETE":
            self._world.log.entries.clear()
            return Response(status_code=204)
        return jsonio.reply({"items": self._world.log.entries})

    async def faults(self, request: Request) -> Response:
        """Order a fault, see those not yet used up, or clear them."""
        faults = self._world.faults
        if request.method == "DELETE":
            faults.waiting.clear()
            return Response(status_code=204)
        if request.method == "POST":
            value = await _json(request)
            try:
                faults.waiting.append(read_fault(value))
            except BadFault as error:
                raise errors.plain_error(400, "BadRequestError", str(error)) from None
            return jsonio.reply({"waiting": len(faults.waiting)}, 201)
        fields = ("method", "path", "times", "when", "status", "delay", "drop")
        return jsonio.reply({"items": [{name: getattr(f, name) for name in fields} for f in faults.waiting]})

    async def reset(self, _request: Request) -> Response:
        """Everything as at the start."""
        self._world.reset()
        return jsonio.reply({})

    async def clock(self, request: Request) -> Response:
        """Move the clock ahead, let it stand or run, or read it."""
        if request.method == "POST":
            value = await _json(request)
            order = value if isinstance(value, dict) else {}
            running = order.get("running", True)
            seconds = order.get("advance", 0 if "running" in order else None)
            if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0:
                raise errors.plain_error(
                    400, "BadRequestError", "'advance' is a number of seconds, not negative"
                )
            if seconds > LIMIT_SECONDS - self._world.clock.offset:  # a sum may overflow
                raise errors.plain_error(400, "BadRequestError", "the clock goes ten years ahead at most")
            if not isinstance(running, bool):
                raise errors.plain_error(400, "BadRequestError", "'running' is true or false")
            if not running:
                self._world.clock.stop()
            elif "running" in order:
                self._world.clock.run()
            self._world.advance(seconds)
        return jsonio.reply({"now": self._world.clock.now()})

    async def state(self, _request: Request) -> Response:
        """How many there are of each kind, over all sandboxes."""
        self._settle()
        return jsonio.reply({kind: self._world.store.count(kind) for kind in KINDS})


async def _json(request: Request) -> object:
    try:
        return jsonio.parse(await request.body())
    except jsonio.BadJson as error:
        raise errors.plain_error(400, "BadRequestError", str(error)) from None
