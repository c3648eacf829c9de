"""Check what Adobe's gateway checks before a service, and then the sandbox."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_aep.emulator import settings
from airflow_provider_aep.emulator.errors import bad_request, flow_error, gateway_error
from airflow_provider_aep.emulator.platform import Platform

ORG_ID = re.compile(r"[0-9A-Fa-f]{24}@AdobeOrg")


class Gateway:
    """ASGI: check token, API key and organisation, in the order of the troubleshooting guide."""

    def __init__(self, app: ASGIApp, platform: Platform, org_header: str = "x-gw-ims-org-id") -> None:
        self._app = app
        self._platform = platform
        self._org_header = org_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        self._check_token(request.headers.get("authorization", ""))
        key = request.headers.get("x-api-key", "")
        if not key:
            raise gateway_error("403000")
        if key != settings.CLIENT_ID:
            raise gateway_error("403003")
        _check_org(request.headers.get(self._org_header, ""))
        _check_content_type(request)
        await self._app(scope, receive, send)

    def _check_token(self, authorization: str) -> None:
        if not authorization:
            raise gateway_error("403010")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not self._platform.token_is_valid(token.strip()):
            raise gateway_error("401013")


def _check_org(org: str) -> None:
    if not org:
        raise gateway_error("400003")
    if not ORG_ID.fullmatch(org):
        raise gateway_error("403027")
    if org != settings.ORG_ID:
        raise gateway_error("403025")


def _check_content_type(request: Request) -> None:
    """Require a JSON content type for POST, PUT and PATCH, but not for actions, which have no body."""
    action = request.scope["path"].endswith("/action") or "action" in request.query_params
    if request.method not in ("POST", "PUT", "PATCH") or action:
        return
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media != "application/json":
        raise bad_request("A valid content-type must be specified")


class SandboxCheck:
    """ASGI: read the sandbox from its header; every service behind this works in one sandbox."""

    def __init__(self, app: ASGIApp, platform: Platform) -> None:
        self._app = app
        self._platform = platform

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Request(scope).headers
        if "x-sandbox-id" in headers:
            raise flow_error("2110-400")
        name = headers.get("x-sandbox-name", "")
        if not name:
            raise flow_error("2105-400")
        if name == "*":
            raise flow_error("2111-403")
        if name not in self._platform.sandboxes:
            raise flow_error("2100-404", name=name)
        scope["state"]["sandbox"] = name
        await self._app(scope, receive, send)
