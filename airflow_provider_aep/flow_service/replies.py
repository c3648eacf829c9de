"""Read replies: their size, JSON, envelopes, the state of an entity, and both families of errors.

Errors come from the gateway (``error_code``, ``message``), from Flow Service in an old shape
(``errorMessage``) and a current one (``type``, ``report``; the access-labels tutorial), from other
services (``title``, ``detail``) and from IMS (``error``, ``error_description``). All of them are read here.

Adobe's update tutorial and OpenAPI name the states ``enabled``, ``disabled`` and ``initializing``. The error
catalogue adds the passing ``…-finalizing``, the drafts tutorial ``draft``.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepNotFoundError,
    AepPermissionError,
    AepReplyError,
    AepRequestError,
    AepServerError,
    AepStatusError,
    AepThrottledError,
    AepVersionError,
    ChangeUnsupportedError,
)
from airflow_provider_aep.flow_service.explanations import FOR_SOURCES, explain
from airflow_provider_aep.flow_service.retry import epoch_of_http_date, parse_retry_after
from airflow_provider_aep.flow_service.validation import is_id

_LONGEST_TEXT = 400
_START_PASSED = "FLOW-1360-400"
_CLOCK_TOLERANCE = 5
"""Seconds that two clocks may differ before a message says so: a reply takes time."""

_BY_STATUS: dict[int, type[AepStatusError]] = {
    401: AepAuthError,
    403: AepPermissionError,
    404: AepNotFoundError,
    408: AepServerError,
    412: AepVersionError,
    429: AepThrottledError,
}

_TOKEN_CODES = {"401013", "403010"}
_ADOBE_CODE = re.compile(r"[A-Z]{2,12}-\d{3,5}-\d{3}|\d{6}")
_IMS_ERROR = re.compile(r"[a-z]+(_[a-z]+)+")  # invalid_client; other services put a title there


def read_json(body: bytes, content_type: str, what: str) -> Any:
    """Return the JSON of a successful reply. :raises AepReplyError: it is not JSON, with what it is"""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        pass
    raise AepReplyError.with_advice(
        f"{what} was answered with {describe(body, content_type)} instead of JSON."
    )


def describe(body: bytes, content_type: str) -> str:
    """Describe a reply in words, without its text, which may repeat what was sent."""
    kind = content_type.split(";")[0].strip().lower()[:60]
    if not body:
        return "an empty body"
    if "html" in kind or body.lstrip()[:1] == b"<":
        return f"an HTML page ({len(body)} bytes)"
    if _parses(body):
        return "JSON without a message"
    return f"{len(body)} bytes of broken JSON" if "json" in kind else f"{len(body)} bytes that are not JSON"


def _parses(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def read_object(document: object, what: str) -> dict[str, Any]:
    """Return the reply. :raises AepReplyError: it is not a JSON object"""
    if isinstance(document, dict):
        return document
    raise AepReplyError.with_advice(
        f"{what} was answered with a JSON {type(document).__name__} instead of an object."
    )


def read_items(document: object, what: str) -> list[dict[str, Any]]:
    """Return the entities of a list: ``{"items": [...]}``, or a bare array as some documents print it."""
    items = document.get("items") if isinstance(document, dict) else document
    if isinstance(items, list) and all(isinstance(item, dict) for item in items):
        return items
    raise AepReplyError.with_advice(f"{what} was answered without a list of items.")


def read_item(document: object, what: str) -> dict[str, Any]:
    """Return the one entity of a GET by id: alone or in an envelope."""
    if isinstance(document, dict) and "items" not in document and "id" in document:
        return document
    items = read_items(document, what)
    if len(items) != 1:
        raise AepReplyError.with_advice(f"{what} was answered with {len(items)} items instead of one.")
    return items[0]


def read_created_id(document: object, what: str) -> str:
    """Return the id of a new entity: ``{"id", "etag"}``, alone or in an envelope."""
    item = document
    if isinstance(document, dict) and isinstance(document.get("items"), list) and document["items"]:
        item = document["items"][0]
    created = item.get("id") if isinstance(item, dict) else None
    if isinstance(created, str) and is_id(created):
        return created
    raise AepReplyError.with_advice(f"{what} was answered without an id of an entity.")


def without_secrets(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entity without its ``auth``: even the partial view of credentials stays out of XCom."""
    return {key: value for key, value in item.items() if key != "auth"}


def auth_of(item: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Return a base connection's authentication type, and the parameters that AEP shows."""
    auth = item.get("auth")
    name, params = (auth.get("specName"), auth.get("params")) if isinstance(auth, Mapping) else (None, None)
    return name if isinstance(name, str) else None, dict(params) if isinstance(params, Mapping) else {}


def error_from_reply(
    *,
    what: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    sandbox: str,
    now: float,
    scrub: Callable[[str], str],
    permissions: str = FOR_SOURCES,
) -> AepStatusError | AepReplyError:
    """Return the typed error of an error reply. A 4xx in HTML comes from a proxy or another server.

    :param now: epoch seconds, for a ``Retry-After`` that is a date
    :param scrub: replaces known secrets in the server's words
    :param permissions: the permissions that the advice of a 403 names
    """
    if status < 500 and status != 429 and "html" in headers.get("content-type", "").lower():
        return AepReplyError(
            f"{what} was answered with an HTML page and {status}. A proxy may have answered, or a server "
            "other than Adobe Experience Platform. Check `host` of the AEP connection and the proxy "
            "settings.",
            status=status,
            retryable=False,
        )
    document = _loads(body)
    raw_code, raw_text = _code(document), _text(document)
    code = _shown_code(document, raw_code, scrub)
    text = " ".join(scrub(raw_text).split())[:_LONGEST_TEXT]
    report = document.get("report")
    request_id = _word(report.get("request-id") if isinstance(report, dict) else None)
    request_id = _word(_scrubbed(request_id or headers.get("x-request-id"), scrub))
    said = f" {code}" if code else ""
    words = f': "{text.rstrip(".")}"' if text else f" and {describe(body, headers.get('content-type', ''))}"
    trail = f" (request id {request_id})" if request_id else ""
    # A short secret can be a part of every code, so the raw code and text select class and advice.
    advice = explain(status, raw_code, " ".join(raw_text.split()), sandbox, permissions)
    if raw_code == _START_PASSED:
        advice += _clock_difference(headers.get("date"), now)
    wait = parse_retry_after(headers.get("retry-after"), now)
    if wait is not None and wait >= 1:
        advice += f". Adobe asks to wait for {wait:.0f} s"
    kind = _class(status, raw_code, document)
    result = "failed" if kind is AepServerError else "was refused"
    message = f"{what} {result}: {status}{said}{words}. {advice}.{trail}"
    return kind(
        message,
        advice=f"{advice}.",
        status=status,
        code=code,
        request_id=request_id,
        retry_after=wait,
    )


def _clock_difference(date: str | None, now: float) -> str:
    """Return a sentence if the clock of the service (``Date``) is ahead of this worker's, else nothing."""
    answered = epoch_of_http_date(date)
    ahead = 0 if answered is None else round(answered - now)
    if ahead <= _CLOCK_TOLERANCE:
        return ""
    return (
        f". The service's clock is {ahead} s ahead of this worker's, and a default start is now by this "
        "worker's clock. Correct the worker's clock, or set `start` by the service's. The emulator's clock "
        "is ahead after an `advance`: see *Use the clock* in docs/emulator.md"
    )


def is_missing_spec(error: AepStatusError) -> bool:
    """Return whether Flow Service does not offer a connection spec: 404, 1413-400, or the older text.

    A 404 of the sandbox (2100-404 and similar) says nothing about the spec.
    """
    number = (error.code or "").rpartition("FLOW-")[2]
    if isinstance(error, AepNotFoundError):
        return not number.startswith("21")
    return number.startswith("1413-") or "provide a valid spec id" in str(error).lower()


def _class(status: int, code: str | None, document: Mapping[str, Any]) -> type[AepStatusError]:
    if status >= 500:
        return AepServerError
    if code in _TOKEN_CODES or (status in {400, 401} and _IMS_ERROR.fullmatch(str(document.get("error")))):
        return AepAuthError
    if code and code.startswith("FLOW-1439-"):
        return AepNotFoundError
    if code and code.endswith(("-1300-400", "-1445-400")):
        return ChangeUnsupportedError
    return _BY_STATUS.get(status, AepRequestError)


def _loads(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _code(document: Mapping[str, Any]) -> str | None:
    """Return the code in ``type`` (``FLOW-1404-412``), in ``error_code`` (``403025``), or that of IMS."""
    if (code := document.get("error_code")) is not None and isinstance(code, str | int):
        return _word(str(code))
    kind = document.get("type")
    if isinstance(kind, str) and "/errors/" in kind:
        return _word(kind.rsplit("/", 1)[1])
    return _word(document.get("error"))


def _shown_code(document: Mapping[str, Any], code: str | None, scrub: Callable[[str], str]) -> str | None:
    """Return the code for messages. One of Adobe's form stays as it is, unless the whole code is a secret."""
    if code is None:
        return None
    scrubbed = scrub(code)
    if _ADOBE_CODE.fullmatch(code) and not re.fullmatch(r"\**", scrubbed):
        return code
    kind = document.get("type")
    if document.get("error_code") is None and isinstance(kind, str) and "/errors/" in kind:
        return _word(scrub(kind).rpartition("/")[2])  # scrub before cutting: a part of a secret is unknown
    return scrubbed


def _text(document: Mapping[str, Any]) -> str:
    report = document.get("report")
    candidates = [report.get("detailed-message")] if isinstance(report, dict) else []
    keys = ("errorMessage", "detail", "message", "error_description", "title", "errorDetails")
    candidates += [document.get(key) for key in keys]
    for candidate in candidates:
        if isinstance(candidate, str) and candidate.strip():
            return candidate
    return ""


def _scrubbed(value: str | None, scrub: Callable[[str], str]) -> str | None:
    return None if value is None else scrub(value)


def _word(value: object) -> str | None:
    """Return a short identifier of a reply, or None if the value is long or has odd characters."""
    if isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable() and " " not in value:
        return value
    return None


MAX_REPLY = 32 * 1024 * 1024
"""Bytes of a reply, after unzipping."""


def unpacked(content: bytes, encoding: str, what: str) -> bytes:
    """Return a body unzipped by its ``Content-Encoding``, gzip or zlib, up to :data:`MAX_REPLY` bytes.

    :raises AepReplyError: it has another encoding, is too large, or ends too early
    :raises zlib.error: it is not gzip or zlib
    """
    encoding = encoding.strip().lower()
    if not content or encoding in ("", "identity"):
        return content
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise AepReplyError.with_advice(f"{what} was answered in an encoding that was not asked for.")
    unzip = zlib.decompressobj(zlib.MAX_WBITS | 32)
    plain = unzip.decompress(content, MAX_REPLY + 1)
    if len(plain) > MAX_REPLY:
        raise too_large(what)
    if not unzip.eof:
        raise AepReplyError.with_advice(f"{what}: the zipped reply broke off.")
    return plain


def too_large(what: str) -> AepReplyError:
    """Return the error of a body that is too large."""
    return AepReplyError(
        f"{what}: the reply is larger than {MAX_REPLY // 1024 // 1024} MiB and was not read further. "
        "Something else than Adobe may answer: check `host` of the AEP connection.",
        retryable=False,
    )


def endless(what: str) -> AepReplyError:
    """Return the error of a list that has no end."""
    return AepReplyError(
        f"{what}: the pages of the list do not come to an end. Something in front of the service may repeat "
        "one reply: check `host` of the AEP connection and the proxy settings.",
        retryable=False,
    )


def redirected(what: str, status: int) -> AepReplyError:
    """Return the error of a redirect."""
    return AepReplyError(
        f"{what} was answered with a redirect ({status}), which is not followed, so that the access token "
        "is not sent elsewhere. Set `host` of the AEP connection to the API's own address.",
        status=status,
        retryable=False,
    )


class Readiness(Enum):
    """The meaning of a state for a task that uses the entity."""

    READY = "ready"
    COMING = "coming"
    LEAVING = "leaving"
    REFUSED = "refused"


_READY = {"enabled", "active", ""}
_REFUSED = {"disabled", "disabling", "draft", "failed"}


def readiness(state: object) -> Readiness:
    """Return the meaning of a state. An unknown state counts as coming, since the wait has a time limit."""
    text = "" if state is None else str(state).strip().lower()
    if text in _READY:
        return Readiness.READY
    if text in _REFUSED:
        return Readiness.REFUSED
    if text.endswith("-finalizing") or text in {"deleting", "deleted"}:
        return Readiness.LEAVING
    return Readiness.COMING
