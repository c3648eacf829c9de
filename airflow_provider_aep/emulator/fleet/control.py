"""The endpoint that seeds a fleet."""

from __future__ import annotations

import gc
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import payloads, settings
from airflow_provider_aep.emulator.fleet import source_objects
from airflow_provider_aep.emulator.fleet.seeding import Fleet, Seeding
from airflow_provider_aep.emulator.flows.engine import Engine
from airflow_provider_aep.emulator.payloads import InvalidInputError
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.specs import Specs
from airflow_provider_aep.emulator.xdm import XdmResources

HEALTH = ("failed", "partial", "late", "never_ran", "running", "disabled", "drafts")
DEFAULTS = {"flows": 60, "runs": 24, "hours": 24, "destinations": 0, **dict.fromkeys(HEALTH, 0)}
MAX_NUMBER = 10_000
MAX_RUNS = 250_000
Item = dict[str, Any]


class FleetControl:
    """Seed many dataflows at once."""

    def __init__(self, platform: Platform, resources: XdmResources, specs: Specs, engine: Engine) -> None:
        self._platform = platform
        self._resources = resources
        self._specs = specs
        self._engine = engine

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/_emulator/fleet", self.seed, methods=["POST"])]

    async def seed(self, request: Request) -> Response:
        """Seed a fleet; the reply counts its dataflows and runs."""
        fleet = read_fleet(payloads.parse_object(await request.body()))
        self._engine.catch_up()
        objects = source_objects.offered(self._platform)
        if not objects:
            raise InvalidInputError("every source that a fleet needs was withdrawn")
        references = {
            spec["name"]: {"id": spec["id"], "version": spec["version"]} for spec in self._specs.flow_specs()
        }
        gc.disable()  # nothing of a fleet is garbage, and its search takes longer than all the rest
        try:
            entities = Seeding(self._platform, self._resources, references, fleet).entities(objects)
            self._engine.keep(*entities)
        finally:
            gc.freeze()
            gc.enable()
        kinds = [entity.kind for entity in entities]
        return payloads.reply({kind: kinds.count(kind) for kind in ("flows", "runs", "connections")}, 201)


def read_fleet(body: Item) -> Fleet:
    """Validate the numbers completely: a typo here makes a test hard to understand."""
    unknown = sorted(set(body) - {*DEFAULTS, "sandbox"})
    if unknown:
        raise InvalidInputError(f"unknown field {unknown[0]!r}; known are {', '.join(DEFAULTS)} and sandbox")
    numbers = {**DEFAULTS, **{name: value for name, value in body.items() if name != "sandbox"}}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_NUMBER:
            raise InvalidInputError(f"{name!r} is a whole number from 0 to {MAX_NUMBER}")
    sandbox = body.get("sandbox", "prod")
    if not isinstance(sandbox, str) or sandbox not in settings.SANDBOXES:
        raise InvalidInputError(f"'sandbox' is one of {', '.join(settings.SANDBOXES)}")
    health = {name: numbers[name] for name in HEALTH}
    if sum(health.values()) > numbers["flows"]:
        raise InvalidInputError(f"{', '.join(HEALTH)} are parts of 'flows'")
    if not numbers["runs"] and any(health[name] for name in ("failed", "partial", "late")):
        raise InvalidInputError("a failed, partial or late dataflow has 'runs'")
    if numbers["runs"] * (numbers["flows"] + numbers["destinations"]) > MAX_RUNS:
        raise InvalidInputError(f"a fleet has at most {MAX_RUNS} runs")
    given = {name: numbers[name] for name in ("flows", "runs", "hours", "destinations")}
    return Fleet(**given, sandbox=sandbox, health=health)
