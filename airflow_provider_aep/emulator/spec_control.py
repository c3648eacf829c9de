"""The control plane's say in what is offered: a spec that nobody documents, one that changed, one gone."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import SchemaError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import jsonio, sources, spec_bodies
from airflow_provider_aep.emulator.errors import ApiError, plain_error
from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.world import World

Item = dict[str, Any]
FLOW_SPECS = {
    "table": "CRMToAEP",
    "file": "CloudStorageToAEP",
    "rest": "RestStorageToAEP",
    "stream": "GenericStreamingAEP",
}


class SpecControl:
    """Both orders last until a reset."""

    def __init__(self, world: World, settle: Callable[[], None]) -> None:
        self._world = world
        self._settle = settle  # what came due before an order ran under the old state of things

    def routes(self) -> list[Route]:
        """Their paths."""
        return [
            Route("/_emulator/connectionSpecs", self.offer, methods=["POST"]),
            Route("/_emulator/connectionSpecs/{id}", self.withdraw, methods=["DELETE"]),
        ]

    async def offer(self, request: Request) -> Response:
        """A new spec, or a known one in another shape; the reply is the spec as the platform shows it."""
        try:
            order = jsonio.parse(await request.body())
        except jsonio.BadJson as error:
            raise _bad(str(error)) from None
        if not isinstance(order, dict):
            raise _bad("a spec is an object")
        source = self._read(order)
        self._settle()
        sources.add(self._world, source)
        return jsonio.reply(source.spec, 201)

    async def withdraw(self, request: Request) -> Response:
        """204: from now on it is as if the platform had never had it."""
        spec_id = request.path_params["id"]
        if sources.find(self._world, spec_id) is None:
            raise plain_error(404, "NotFoundError", f"There is no connection spec {spec_id}")
        self._settle()
        sources.withdraw(self._world, spec_id)
        return Response(status_code=204)

    def _read(self, order: Item) -> Source:
        """What the order leaves out is as it was, or as for any source of its family."""
        for name in ("id", "name", "family"):
            if not isinstance(order.get(name, "x"), str) or not order.get(name, "x"):
                raise _bad(f"{name!r} is a string")
        spec_id = order.get("id", str(uuid.uuid4()))
        known = sources.find(self._world, spec_id)
        family = order.get("family", known.family if known else "table")
        if "name" not in order or family not in FLOW_SPECS:
            raise _bad(f"a spec has a 'name', and a 'family' that is one of {', '.join(FLOW_SPECS)}")
        if known is None or family != known.family:
            inlet = "flows" if family == "stream" else None
            known = Source(spec_id, order["name"], "databases", family, [FLOW_SPECS[family]], inlet, {})
        auth_specs = _auth_specs(order.get("authSpec", []))
        facts = {**vars(known), "name": order["name"]}
        drafts = self._world.settings.drafts == "on"
        built = spec_bodies.connection_spec(facts, auth_specs, drafts=drafts)
        given = {name: value for name, value in order.items() if name in built}
        odd = [name for name, value in given.items() if type(value) is not type(built[name])]
        if odd:
            raise _bad(f"{odd[0]!r} is of another type in a spec")
        return replace(known, name=order["name"], spec={**built, **given, "authSpec": auth_specs})


def _auth_specs(value: object) -> list[Item]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise _bad("'authSpec' is an array of objects")
    return [_auth_spec(entry) for entry in value]


def _auth_spec(entry: Item) -> Item:
    name, schema = entry.get("name"), entry.get("spec")
    if not isinstance(name, str) or not isinstance(schema, dict):
        raise _bad("each of 'authSpec' has a 'name', and a JSON Schema as its 'spec'")
    schema = {"type": "object", "properties": {}, "required": [], **schema}
    try:
        Draft7Validator.check_schema(schema)
    except SchemaError as error:
        raise _bad(f"the 'spec' of {name!r} is no JSON Schema: {error.message}") from None
    if not all(isinstance(part, dict) for part in schema["properties"].values()):
        raise _bad(f"the 'properties' of {name!r} are objects")
    return {"type": "KeyBased", **entry, "spec": schema}


def _bad(reason: str) -> ApiError:
    return plain_error(400, "BadRequestError", reason)
