"""Schema Registry's errors, as its troubleshooting guide and OpenAPI print them. `detail` exists here."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone

from airflow_provider_aep.emulator.errors import ApiError

# The guide's own words. Of the codes it allows for one error, the first is used.
TITLES = {
    "XDM-1006-400": "Accept header invalid",
    "XDM-1007-400": "Accept header invalid",
    "XDM-1010-404": "Resource not found",
    "XDM-1021-400": "Namespace validation error",
    "XDM-1521-400": "Title not unique",
}


def xdm_error(code: str, message: str, now: float) -> ApiError:
    """The registry's envelope."""
    status = int(code[-3:])
    return _envelope(f"http://ns.adobe.com/aep/errors/{code}", TITLES[code], status, message, now)


def not_found(kind: str, resource_id: str, version: str, now: float) -> ApiError:
    """`kind` in the singular, as in the guide's sample."""
    message = f"The requested {kind} resource {resource_id} with version {version} is not found."
    return xdm_error("XDM-1010-404", message, now)


def bad_format(message: str, now: float) -> ApiError:
    """A body the OpenAPI calls badly formatted; no document prints a code for it."""
    return _envelope("/placeholder/type/uri", "Bad formatting", 400, message, now)


def not_acceptable(message: str, now: float) -> ApiError:
    """406: a version that is not there; the OpenAPI gives it no body."""
    return _envelope("/placeholder/type/uri", "Not acceptable", 406, message, now)


def _envelope(kind: str, title: str, status: int, message: str, now: float) -> ApiError:
    moment = datetime.fromtimestamp(now, timezone.utc)
    report = {
        "registryRequestId": str(uuid.uuid4()),
        "timestamp": moment.strftime("%m-%d-%Y %H:%M:%S"),
        "detailed-message": message,
        "sub-errors": [],
    }
    body = {"type": kind, "title": title, "status": status, "report": report, "detail": message}
    return ApiError(status, body)
