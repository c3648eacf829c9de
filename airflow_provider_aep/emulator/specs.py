"""`/connectionSpecs` and `/flowSpecs`: what the platform offers. From Adobe's source tutorials."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft7Validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import explore, lists, payloads, sources, spec_bodies
from airflow_provider_aep.emulator.errors import flow_error, not_found
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.sources import Source

Item = dict[str, Any]


@cache
def _flow_specs() -> list[Item]:
    entries: list[Item] = payloads.data_file("flow_specs.json")
    return entries


class Specs:
    """Serve the connection specs and flow specs of one emulator."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/connectionSpecs", self.list_connection_specs),
            Route("/connectionSpecs/{id}", self.get_connection_spec),
            Route("/connectionSpecs/{id}/explore", self.explore),
            Route("/flowSpecs", self.list_flow_specs),
            Route("/flowSpecs/{id}", self.get_flow_spec),
        ]

    def check_reference(self, reference: object) -> Source:
        """Return the source of `{"id", "version"}` in a body; raise 1413 if it is unknown."""
        if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
            raise flow_error("1413-400")
        source = sources.find(self._platform, reference["id"])
        # "Omitting this value will default to the most recent version", says Adobe's OpenAPI.
        if source is None or reference.get("version", source.spec["version"]) != source.spec["version"]:
            raise flow_error("1413-400")
        return source

    def flow_specs(self) -> list[Item]:
        """Return all flow specs, each with the ids of its sources."""
        offered = sources.offered(self._platform)
        drafts = self._platform.settings.drafts == "on"
        return [
            spec_bodies.flow_spec(
                entry, [s.id for s in offered if entry["name"] in s.flow_specs], drafts=drafts
            )
            for entry in _flow_specs()
        ]

    def flow_spec(self, spec_id: str) -> Item | None:
        """Return one flow spec; None if it is unknown."""
        return next((spec for spec in self.flow_specs() if spec["id"] == spec_id), None)

    async def list_connection_specs(self, request: Request) -> Response:
        """Return all, or those that match `property`."""
        return _listed(request, (source.spec for source in sources.offered(self._platform)))

    async def get_connection_spec(self, request: Request) -> Response:
        """Return one, in an array."""
        source = sources.find(self._platform, request.path_params["id"])
        return _single(request, source.spec if source else None, "connectionSpecs")

    async def explore(self, request: Request) -> Response:
        """Explore a source without base connections; others use `/connections/{id}/explore`."""
        spec_id = request.path_params["id"]
        source = sources.find(self._platform, spec_id)
        if source is None:
            raise not_found("connectionSpecs", spec_id)
        if source.spec["authSpec"] or source.family == "stream":
            raise flow_error("1372-400", spec_id=spec_id)
        return payloads.reply(
            explore.answer(self._platform, source, explore.read_query(request.query_params))
        )

    async def list_flow_specs(self, request: Request) -> Response:
        """Return all, or those that match `property`."""
        return _listed(request, self.flow_specs())

    async def get_flow_spec(self, request: Request) -> Response:
        """Return one, in an array."""
        return _single(request, self.flow_spec(request.path_params["id"]), "flowSpecs")


def _listed(request: Request, specs: Iterable[Item]) -> Response:
    unknown = [name for name in request.query_params if name != "property"]
    if unknown:
        raise flow_error("1451-400", param=unknown[0])
    texts = request.query_params.getlist("property")
    conditions = [lists.parse_condition(text, lists.SPEC_FIELDS) for text in texts]
    return payloads.reply({"items": [spec for spec in specs if lists.matches(spec, conditions)]})


def _single(request: Request, spec: Item | None, kind: str) -> Response:
    if spec is None:
        raise not_found(kind, request.path_params["id"])
    return payloads.reply({"items": [spec]})


def checked_params(value: object, schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the params in the schema's types; samples send numbers and booleans as strings.

    Raise 1304 for a missing field, 1100 for an invalid one.
    """
    if not isinstance(value, dict):
        raise flow_error("1100-400", reason=f"{name} must be an object")
    coerced: dict[str, Any] = _coerced(value, schema)
    for error in Draft7Validator(schema).iter_errors(coerced):
        where = ".".join([name, *map(str, error.absolute_path)])
        if error.validator == "required":
            missing = next(x for x in error.validator_value if x not in error.instance)
            raise flow_error("1304-400", field=f"{where}.{missing}")
        raise flow_error("1100-400", reason=f"{where} does not match {error.validator}")
    return coerced


def _coerced(value: Any, schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return {key: _coerced(part, properties.get(key, {})) for key, part in value.items()}
    if kind == "string" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return value
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    if kind == "number" and re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,9})?", value):
        return float(value) if "." in value else int(value)
    if kind == "boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value
