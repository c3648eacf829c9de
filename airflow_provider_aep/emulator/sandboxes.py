"""Sandbox management: two sandboxes. Follows Adobe's Sandbox OpenAPI."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import payloads, settings
from airflow_provider_aep.emulator.errors import flow_error

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


class Sandboxes:
    """Serve the sandboxes, read only; without `id`, as the OpenAPI says for users."""

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/sandbox-management", self.list_all),
            Route("/sandbox-management/sandboxes", self.list_all),
            Route("/sandbox-management/sandboxes/{name}", self.one),
        ]

    async def list_all(self, _request: Request) -> Response:
        """Return all sandboxes of the organisation; the user may use all of them."""
        items = [_sandbox(name) for name in settings.SANDBOXES]
        return payloads.reply(
            {"sandboxes": items, "_page": {"limit": len(items), "count": len(items)}, "_links": {}}
        )

    async def one(self, request: Request) -> Response:
        """Return one sandbox by its name."""
        name = request.path_params["name"]
        if name not in settings.SANDBOXES:
            raise flow_error("2100-404", name=name)
        return payloads.reply(_sandbox(name))
