"""What connections, source connections and the like have in common."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from airflow_provider_aep.emulator import jsonio, settings
from airflow_provider_aep.emulator.errors import flow_error, not_found
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.world import World

ACCOUNT = "0A1B2C3D4E5F60718293A4B5@techacct.adobe.com"  # the technical account behind the credential


@dataclass(frozen=True)
class Call:
    """One request to Flow Service, past gateway and sandbox check, its body read."""

    request: Request
    sandbox: str
    raw: bytes

    @property
    def id(self) -> str:
        """The id in the path."""
        return str(self.request.path_params["id"])

    def json(self) -> object:
        """The body; Flow Service refuses an absent one, `null`, `{}` and `[]` alike."""
        if not self.raw.strip():
            raise flow_error("1405-400")
        try:
            value = jsonio.parse(self.raw)
        except jsonio.BadJson as error:
            raise flow_error("1100-400", reason=str(error)) from None
        if value in (None, {}, []):
            raise flow_error("1405-400")
        return value

    def json_object(self) -> dict[str, Any]:
        """The body, which must be an object."""
        value = self.json()
        if not isinstance(value, dict):
            raise flow_error("1100-400", reason="the body must be a JSON object")
        return value


async def read_call(request: Request) -> Call:
    """Wait for the body; after this nothing waits, so the effect is one step."""
    return Call(request, request.scope["state"]["sandbox"], await request.body())


def find(world: World, kind: str, call: Call) -> Entity:
    """The entity of the path, in the sandbox of the header, or 404."""
    entity = world.store.get(kind, call.sandbox, call.id)
    if entity is None:
        raise not_found(kind, call.id)
    return entity


def required_text(body: dict[str, Any], name: str) -> str:
    """A string that must be there and not be empty."""
    value = body.get(name)
    if value is None or value == "":
        raise flow_error("1304-400", field=name)
    if not isinstance(value, str):
        raise flow_error("1100-400", reason=f"{name} must be a string")
    return value


def optional_text(body: dict[str, Any], name: str) -> dict[str, str]:
    """A string that may be left out; empty when it is."""
    if name not in body:
        return {}
    if not isinstance(body[name], str):
        raise flow_error("1100-400", reason=f"{name} must be a string")
    return {name: body[name]}


def optional_object(body: dict[str, Any], name: str) -> dict[str, Any]:
    """An object that may be left out; empty when it is."""
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise flow_error("1100-400", reason=f"{name} must be an object")
    return {name: value} if name in body else {}


def new_item(world: World, sandbox: str, fields: dict[str, Any], *, etag: bool = True) -> dict[str, Any]:
    """The fields every entity has, in the order of Adobe's samples, around its own."""
    created_at = world.created_at(sandbox)
    item = {
        "id": str(uuid.uuid4()),
        "createdAt": created_at,
        "updatedAt": created_at,
        "createdBy": ACCOUNT,
        "updatedBy": ACCOUNT,
        "createdClient": settings.CLIENT_ID,
        "updatedClient": settings.CLIENT_ID,
        "sandboxId": settings.SANDBOXES[sandbox],
        "sandboxName": sandbox,
        "imsOrgId": settings.ORG_ID,
        **fields,
    }
    return stamped(world, item) if etag else item


def stamped(world: World, item: dict[str, Any]) -> dict[str, Any]:
    """A copy with a new version."""
    etag = world.new_etag()
    return {**item, "version": etag, "etag": etag}


def check_if_match(call: Call, item: dict[str, Any]) -> None:
    """With or without quotes, as Adobe's samples write it both ways."""
    supplied = call.request.headers["if-match"].strip()
    current = item.get("etag", "")
    if supplied.strip('"') != current.strip('"'):
        raise flow_error("1404-412", supplied=supplied.strip('"'), current=current.strip('"'))
