"""`/connectionSpecs` and `/flowSpecs`: what the platform offers. From Adobe's source tutorials."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import explore, filters, flow_spec_parts, jsonio, sources
from airflow_provider_aep.emulator.errors import flow_error, not_found
from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.world import World

Item = dict[str, Any]


@cache
def _flow_specs() -> list[Item]:
    text = (resources.files(__package__) / "data" / "flow_specs.json").read_text("utf-8")
    entries: list[Item] = json.loads(text)
    return entries


class Specs:
    """The catalogue of one emulator, and the endpoints that show it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Their paths."""
        return [
            Route("/connectionSpecs", self.list_connection_specs),
            Route("/connectionSpecs/{id}", self.get_connection_spec),
            Route("/connectionSpecs/{id}/explore", self.explore),
            Route("/flowSpecs", self.list_flow_specs),
            Route("/flowSpecs/{id}", self.get_flow_spec),
        ]

    def check_reference(self, reference: object) -> Source:
        """The source that `{"id", "version"}` in a body means; 1413 when there is none."""
        if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
            raise flow_error("1413-400")
        source = sources.find(self._world, reference["id"])
        # "Omitting this value will default to the most recent version", says Adobe's OpenAPI.
        if source is None or reference.get("version", source.spec["version"]) != source.spec["version"]:
            raise flow_error("1413-400")
        return source

    def flow_specs(self) -> list[Item]:
        """All of them; each names the sources it is for."""
        offered = sources.offered(self._world)
        drafts = self._world.settings.drafts == "on"
        return [
            flow_spec_parts.flow_spec(
                entry, [s.id for s in offered if entry["name"] in s.flow_specs], drafts=drafts
            )
            for entry in _flow_specs()
        ]

    def flow_spec(self, spec_id: str) -> Item | None:
        """One of them."""
        return next((spec for spec in self.flow_specs() if spec["id"] == spec_id), None)

    async def list_connection_specs(self, request: Request) -> Response:
        """All, or those `property` lets through."""
        return _listed(request, (source.spec for source in sources.offered(self._world)))

    async def get_connection_spec(self, request: Request) -> Response:
        """One, in an array all the same."""
        source = sources.find(self._world, request.path_params["id"])
        return _single(request, source.spec if source else None, "connectionSpecs")

    async def explore(self, request: Request) -> Response:
        """What `/connections/{id}/explore` is for the others: for a source that has no base connections."""
        spec_id = request.path_params["id"]
        source = sources.find(self._world, spec_id)
        if source is None:
            raise not_found("connectionSpecs", spec_id)
        if source.spec["authSpec"] or source.family == "stream":
            raise flow_error("1372-400", spec_id=spec_id)
        return jsonio.reply(explore.answer(self._world, source, explore.read_query(request.query_params)))

    async def list_flow_specs(self, request: Request) -> Response:
        """All, or those `property` lets through."""
        return _listed(request, self.flow_specs())

    async def get_flow_spec(self, request: Request) -> Response:
        """One, in an array all the same."""
        return _single(request, self.flow_spec(request.path_params["id"]), "flowSpecs")


def _listed(request: Request, specs: Iterable[Item]) -> Response:
    unknown = [name for name in request.query_params if name != "property"]
    if unknown:
        raise flow_error("1451-400", param=unknown[0])
    texts = request.query_params.getlist("property")
    conditions = [filters.parse(text, filters.SPEC_FIELDS) for text in texts]
    return jsonio.reply({"items": [spec for spec in specs if filters.matches(spec, conditions)]})


def _single(request: Request, spec: Item | None, kind: str) -> Response:
    if spec is None:
        raise not_found(kind, request.path_params["id"])
    return jsonio.reply({"items": [spec]})
