"""`/access-control`: permissions, and the services that refuse without them. Follows Adobe's Access Control
OpenAPI, and its guides on permissions, resource types and effective policies."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_aep.emulator import payloads
from airflow_provider_aep.emulator.errors import ApiError, flow_error, plain_error
from airflow_provider_aep.emulator.payloads import InvalidInputError
from airflow_provider_aep.emulator.platform import Platform

# Permissions that a credential of a data engineer lacks: they would allow datasets and schemas too.
NOT_HELD = frozenset(("export-audience-for-segment", "manage-profiles", "view-profiles"))
ACTIONS = ("read", "write", "delete")
READING = ("GET", "HEAD")
Item = dict[str, Any]


@cache
def reference() -> Item:
    """Return all permissions, each with what it allows, and all resource types."""
    found: Item = payloads.data_file("permissions.json")
    return found


def held(platform: Platform) -> set[str]:
    """Return the permissions that the credential has."""
    return set(reference()["permissions"]) - NOT_HELD - platform.without


class AccessControl:
    """Serve the reference of permissions, and those of the credential."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """Return the routes that need no sandbox."""
        return [Route("/access-control/acl/reference", self.list_names, methods=["GET"])]

    def sandbox_routes(self) -> list[Route]:
        """Return the routes that work in a sandbox."""
        return [Route("/acl/effective-policies", self.policies, methods=["POST"])]

    async def list_names(self, _request: Request) -> Response:
        """Return the names of all permissions and resource types."""
        return payloads.reply(reference())

    async def policies(self, request: Request) -> Response:
        """Return what the credential may do of what the body names. What it may not do is left out."""
        asked = payloads.parse_json(await request.body())
        if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked):
            raise InvalidInputError("the body must be an array of strings")
        if self._platform.settings.effective_policies == "refuse":
            raise plain_error(403, "Forbidden", "The user of the token must have an org admin role")
        allowed = {name: self._allowed(name) for name in asked}
        return payloads.reply({"policies": {name: actions for name, actions in allowed.items() if actions}})

    def _allowed(self, name: str) -> list[str]:
        kind, _, resource = name.strip("/").partition("/")  # the guide's list has no slash at the start
        permissions = held(self._platform)
        if kind == "permissions":
            return ["*"] if resource in permissions else []
        if kind != "resource-types":
            return []
        known = reference()["permissions"]
        actions = {action for one in permissions for action in known[one].get(resource, ())}
        return [action for action in ACTIONS if action in actions]


def source_refusal(action: str) -> ApiError:
    """Build Flow Service's 2121, as in its error catalogue."""
    return flow_error("2121-403", permission=action)


def plain_refusal(_action: str) -> ApiError:
    """Build a 403 for the services whose error bodies no document shows."""
    return plain_error(403, "Forbidden", "You do not have sufficient permissions to perform the operation.")


def check(
    platform: Platform, area: str, method: str, refusal: Callable[[str], ApiError] = plain_refusal
) -> None:
    """Require `view-X` or `manage-X` for reading, and `manage-X` for everything else."""
    permissions = held(platform)
    if f"manage-{area}" in permissions:
        return
    reading = method in READING
    if not reading or f"view-{area}" not in permissions:
        raise refusal("view" if reading else "manage")


class PermissionCheck:
    """ASGI: check the permissions of a whole service."""

    def __init__(
        self, app: ASGIApp, platform: Platform, area: str, refusal: Callable[[str], ApiError]
    ) -> None:
        self._app = app
        self._platform = platform
        self._area = area
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        check(self._platform, self._area, scope["method"], self._refusal)
        await self._app(scope, receive, send)
