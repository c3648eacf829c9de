"""Sandbox management: two sandboxes. Follows Adobe's Sandbox OpenAPI."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import access_control, payloads, settings
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.platform import Platform

CREATED = "2024-01-08T09:00:00.000Z"


def _sandbox(name: str) -> dict[str, Any]:
    production = name == "prod"
    return {
        "name": name,
        "title": "Production" if production else "Development",
        "state": "active",
        "type": "production" if production else "development",
        "region": "VA7",
        "isDefault": production,
        "etag": 1,
        "createdDate": CREATED,
        "lastModifiedDate": CREATED,
        "createdBy": "system",
        "modifiedBy": "system",
    }


def _listed(names: Iterable[str]) -> Response:
    items = [_sandbox(name) for name in names]
    page = {"limit": len(items), "count": len(items)}
    return payloads.reply({"sandboxes": items, "_page": page, "_links": {}})


class Sandboxes:
    """Serve the sandboxes, read only; without `id`, as the OpenAPI says for users."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """Return the routes. Those below `/sandboxes` are for administrators."""
        return [
            Route("/sandbox-management", self.list_seen),
            Route("/sandbox-management/sandboxes", self.list_all),
            Route("/sandbox-management/sandboxes/{name}", self.one),
        ]

    async def list_seen(self, _request: Request) -> Response:
        """Return the sandboxes that the credential may use."""
        return _listed(self._platform.sandboxes)

    async def list_all(self, request: Request) -> Response:
        """Return all sandboxes of the organisation."""
        access_control.check(self._platform, "sandboxes", request.method)
        return _listed(settings.SANDBOXES)

    async def one(self, request: Request) -> Response:
        """Return one sandbox by its name."""
        access_control.check(self._platform, "sandboxes", request.method)
        name = request.path_params["name"]
        if name not in settings.SANDBOXES:
            raise flow_error("2100-404", name=name)
        return payloads.reply(_sandbox(name))
