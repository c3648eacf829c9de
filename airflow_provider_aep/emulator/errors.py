"""Build Adobe's two families of errors: the gateway's short bodies and Flow Service's envelope."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from airflow_provider_aep.emulator import payloads

# Adobe's troubleshooting guide, "Service status codes". The status is the code's first three digits.
GATEWAY = {
    "403010": "Oauth token is missing.",
    "401013": "Oauth token is not valid",
    "403000": "Api Key is required",
    "403003": "Api Key is invalid",
    "400003": "Missing header",
    "403025": "Profile is not valid",
    "403027": "User region is missing",
}

# Title and text by code, from the Flow Service error catalogue; 13xx from the sources error catalogue.
FLOW: dict[str, tuple[str, str]] = payloads.data_file("flow_errors.json")


class ApiError(Exception):
    """An error reply. Raised in any module, sent by `app.py`."""

    def __init__(
        self, status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.body = dict(body)
        self.headers = dict(headers or {})


def gateway_error(code: str) -> ApiError:
    """Build the gateway's body; `error_code` is a string, as in the troubleshooting guide."""
    return ApiError(int(code[:3]), {"error_code": code, "message": GATEWAY[code]})


def plain_error(status: int, title: str, detail: str) -> ApiError:
    """Build the troubleshooting guide's body for a bad content type; used for unknown paths too."""
    return ApiError(
        status, {"type": "/placeholder/type/uri", "status": status, "title": title, "detail": detail}
    )


def bad_request(detail: str) -> ApiError:
    """Build the troubleshooting guide's 400, for services whose error bodies no document shows."""
    return plain_error(400, "BadRequestError", detail)


def plain_not_found(detail: str) -> ApiError:
    """Build a 404 in the same shape."""
    return plain_error(404, "NotFoundError", detail)


def flow_error(code: str, resource: tuple[str, str] | None = None, **fields: str) -> ApiError:
    """Build Flow Service's envelope as the access-labels tutorial shows it; `resource` is (kind, id).

    Two catalogues share numbers: `1401-400/action` is the second's 1401-400.
    """
    title, template = FLOW[code]
    code = code.partition("/")[0]
    message = template.format(**fields)
    status = int(code[-3:])
    report: dict[str, object] = {"detailed-message": message, "request-id": uuid.uuid4().hex}
    if resource:
        report["type"], report["id"] = resource
    body = {
        "type": f"https://ns.adobe.com/aep/errors/FLOW-{code}",
        "title": title,
        "status": status,
        "report": report,
        "errorMessage": message,
        "errorDetails": message,
    }
    return ApiError(status, body)


def not_found(kind: str, entity_id: str) -> ApiError:
    """Build 1439: the catalogue says 400, the access-labels tutorial shows 404, as does this."""
    return flow_error("1439-404", (kind, entity_id), kind=kind, id=entity_id)
