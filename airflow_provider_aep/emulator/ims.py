"""Adobe IMS: issue access tokens by OAuth Server-to-Server."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import payloads, settings
from airflow_provider_aep.emulator.errors import ApiError, bad_request
from airflow_provider_aep.emulator.payloads import read_multipart
from airflow_provider_aep.emulator.platform import Platform


def ims_error(error: str, description: str | None = None) -> ApiError:
    """Build an IMS error body; real clients branch on these texts."""
    body = {"error": error}
    if description:
        body["error_description"] = description
    return ApiError(400, body)


class Ims:
    """Serve v3 as documented, v2 (all in the query) and v4 (a multipart form) as real clients use them."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """Return the route of each version."""
        return [
            Route(f"/ims/token/{version}", self.token, methods=["POST"]) for version in ("v2", "v3", "v4")
        ]

    async def token(self, request: Request) -> Response:
        """Check id, secret, grant and scopes, in that order, and issue a token."""
        given = await _fields(request)
        if given.get("client_id") != settings.CLIENT_ID:
            raise ims_error("invalid_client", "invalid client_id parameter")
        if given.get("client_secret") != settings.CLIENT_SECRET:
            raise ims_error("invalid_client", "invalid client_secret parameter")
        if given.get("grant_type") != "client_credentials":
            raise ims_error("unsupported_grant_type")
        scopes = set(re.split(r"[,\s]+", given.get("scope", "").strip()))
        if not scopes <= settings.SCOPES:
            raise ims_error("invalid_scope")
        token = self._platform.new_token()
        return payloads.reply(
            {"access_token": token, "token_type": "bearer", "expires_in": settings.TOKEN_SECONDS},
            headers={"cache-control": "no-store"},
        )


async def _fields(request: Request) -> dict[str, str]:
    """Return the parameters of query and body; those of the body take precedence."""
    raw = await request.body()
    content_type = request.headers.get("content-type", "")
    fields = dict(request.query_params)
    if content_type.lower().startswith("multipart/"):
        parts = read_multipart(content_type, raw)
        if parts is None:
            raise bad_request("A valid content-type must be specified")
        fields.update(parts)
    elif content_type.lower().startswith("application/x-www-form-urlencoded"):
        fields.update(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
    return fields
