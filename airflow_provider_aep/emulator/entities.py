"""Read requests about Flow Service entities and build what these have in common."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from airflow_provider_aep.emulator import payloads, settings
from airflow_provider_aep.emulator.errors import flow_error, not_found
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.store import Entity

ACCOUNT = "0A1B2C3D4E5F60718293A4B5@techacct.adobe.com"  # the technical account behind the credential
# Operations of the OpenAPI that are not for users.
PROVIDER_ONLY = frozenset(("finalize", "finalizeupdate"))


@dataclass(frozen=True)
class Call:
    """One request to Flow Service after gateway and sandbox check, with its body."""

    request: Request
    sandbox: str
    raw: bytes

    @property
    def id(self) -> str:
        """Return the id in the path."""
        return str(self.request.path_params["id"])

    def json(self) -> object:
        """Parse the body; Flow Service refuses a missing body, `null`, `{}` and `[]`."""
        if not self.raw.strip():
            raise flow_error("1405-400")
        try:
            value = payloads.parse_json(self.raw)
        except payloads.BadJson as error:
            raise flow_error("1100-400", reason=str(error)) from None
        if value in (None, {}, []):
            raise flow_error("1405-400")
        return value

    def json_object(self) -> dict[str, Any]:
        """Parse the body, which must be an object."""
        value = self.json()
        if not isinstance(value, dict):
            raise flow_error("1100-400", reason="the body must be a JSON object")
        return value


async def read_call(request: Request) -> Call:
    """Wait for the body. Nothing waits after this, so the effect is one step."""
    return Call(request, request.scope["state"]["sandbox"], await request.body())


def find(platform: Platform, kind: str, call: Call) -> Entity:
    """Return the entity of the path in the sandbox of the header, or raise 404."""
    entity = platform.store.get(kind, call.sandbox, call.id)
    if entity is None:
        raise not_found(kind, call.id)
    return entity


def required_text(body: dict[str, Any], name: str) -> str:
    """Return a string that is required and not empty."""
    value = body.get(name)
    if value is None or value == "":
        raise flow_error("1304-400", field=name)
    if not isinstance(value, str):
        raise flow_error("1100-400", reason=f"{name} must be a string")
    return value


def optional_text(body: dict[str, Any], name: str) -> dict[str, str]:
    """Return the string by its name; an empty dict if it is missing."""
    if name not in body:
        return {}
    if not isinstance(body[name], str):
        raise flow_error("1100-400", reason=f"{name} must be a string")
    return {name: body[name]}


def optional_object(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the object by its name; an empty dict if it is missing."""
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise flow_error("1100-400", reason=f"{name} must be an object")
    return {name: value} if name in body else {}


def new_item(
    platform: Platform, sandbox: str, fields: dict[str, Any], *, etag: bool = True
) -> dict[str, Any]:
    """Build an entity's item: the common fields in the order of Adobe's samples, then its own fields."""
    created_at = platform.created_at(sandbox)
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
    return stamped(platform, item) if etag else item


def stamped(platform: Platform, item: dict[str, Any]) -> dict[str, Any]:
    """Return a copy with a new version."""
    etag = platform.new_etag()
    return {**item, "version": etag, "etag": etag}


def check_if_match(call: Call, item: dict[str, Any]) -> None:
    """Compare `If-Match` with the etag, with or without quotes: Adobe's samples show both."""
    supplied = call.request.headers["if-match"].strip()
    current = item.get("etag", "")
    if supplied.strip('"') != current.strip('"'):
        raise flow_error("1404-412", supplied=supplied.strip('"'), current=current.strip('"'))


def draft_requested(platform: Platform, call: Call) -> bool:
    """Say whether a POST creates a draft; raise 1368 if drafts are not offered."""
    mode = call.request.query_params.get("mode")
    if mode is None:
        return False
    if mode.lower() != "draft" or platform.settings.drafts == "off":
        raise flow_error("1368-400")
    return True


def read_action(call: Call, allowed: frozenset[str]) -> str:
    """Return the `op` of a call to `/action`, in one spelling: Adobe writes `re-trigger` and `RE_TRIGGER`."""
    text = call.request.query_params.get("op", "")
    if not text:
        raise flow_error("1359-400", param="op")
    op = text.lower().replace("-", "").replace("_", "")
    if op in PROVIDER_ONLY:
        raise flow_error("1402-400", action=text)
    if op not in allowed:
        raise flow_error("1434-400", op=text)
    return op
