"""Read requests about Flow Service entities and build what these have in common."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_aep.emulator import json_patch, payloads, settings
from airflow_provider_aep.emulator.errors import ApiError, flow_error, not_found
from airflow_provider_aep.emulator.json_patch import Operation
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
        except payloads.InvalidJsonError as error:
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


def updated(platform: Platform, item: dict[str, Any]) -> dict[str, Any]:
    """Return a copy with a new version and a later `updatedAt`."""
    return {**stamped(platform, item), "updatedAt": max(platform.clock.now_ms(), item["updatedAt"] + 1)}


def picked(item: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the fields that the item has of these names, in their order."""
    return {name: item[name] for name in names if name in item}


def shown(item: dict[str, Any]) -> dict[str, Any]:
    """Return the item of another service than Flow Service without the emulator's own `createdAt`."""
    return {name: value for name, value in item.items() if name != "createdAt"}


def created_reply(entity: Entity) -> Response:
    """Return 201 with `id`, `etag` if there is one yet, and `Location`."""
    location = f"/data/foundation/flowservice/{entity.kind}/{entity.id}"
    return payloads.reply(picked(entity.item, ("id", "etag")), 201, {"location": location})


def changed_reply(item: dict[str, Any]) -> Response:
    """Return 200 with `id` and the new `etag`."""
    return payloads.reply(picked(item, ("id", "etag")))


def read_patch(call: Call) -> list[Operation]:
    """Return the operations of a PATCH; raise 1403 without `If-Match`."""
    if "if-match" not in call.request.headers:
        raise flow_error("1403-400")
    return json_patch.read_operations(call.json())


def patched_body(
    item: dict[str, Any], names: Iterable[str], operations: list[Operation], changeable: frozenset[str]
) -> dict[str, Any]:
    """Return the named fields of an item after a PATCH; raise 1455 for any other field."""
    for operation in operations:
        if operation.path[0] not in changeable:
            raise missing_field(".".join(operation.path))
    try:
        return json_patch.patched(picked(item, names), operations)
    except json_patch.MissingPathError as error:
        raise missing_field(str(error)) from None


def missing_field(path: str) -> ApiError:
    """Build 1455 for a path of a PATCH that does not exist."""
    return flow_error("1455-400", reason=f'Missing field "{path}".')


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
