"""What can go wrong with one request: how it comes about, and what the client must make of it.

`nature` is what matters for what comes of it: whether the request arrived, whether it had its effect, whether
another one may go better. The error, `retry` (a retry may help) and `maybe` (the effect may stand) follow
from the error tree, never from what the client does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from time import time
from typing import Any

from tests.harness import raw_server as raw
from tests.harness.faults.front import Answer, Real
from tests.harness.raw_server import Peer, Reply, reply

ALWAYS = 1_000_000
HOUR = 3600


@dataclass(frozen=True)
class Means:
    """What one such failure is, read by itself."""

    error: str
    retry: bool
    maybe: bool


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    :param place: where: ``reply`` of the changing request, ``token`` request, or the way there:
        ``closed``, ``name``, ``certificate``
    :param after: the request has its effect first
    :param slow: no whole reply comes, so the client's time for this request is made short
    :param retry_after: between which seconds the error's ``retry_after`` lies
    """

    name: str
    nature: str
    means: Means | None
    answer: Answer | None = None
    place: str = "reply"
    after: bool = False
    times: int = 1
    slow: bool = False
    retry_after: tuple[float, float] | None = None


NATURES = {
    "unreachable": "the request is not sent",
    "no token": "IMS gives no token, so the request is not sent",
    "lost before": "no reply or a 5xx, and the request had no effect",
    "lost after": "no reply or a 5xx, and the request had its effect",
    "spoiled": "the request had its effect, and the reply cannot be read",
    "endless": "the request had its effect, and the reply does not end",
    "odd": "the request had its effect, and the reply is unusual but can be read",
    "down": "the service fails each time",
    "redirected": "the reply redirects to another address, each time",
    "refused": "refused each time",
    "missing": "the entity is missing, each time",
    "outdated": "the entity was changed meanwhile, each time",
    "expired": "the token is refused once",
    "unauthorized": "every token is refused",
    "throttled": "too many requests, once, without the effect",
    "throttled after": "too many requests, once, and the request had its effect",
    "throttled long": "too many requests for an hour",
}

CONNECT = Means("AepConnectError", True, False)
UNTRUSTED = Means("AepCertificateError", False, False)
LOST = Means("AepConnectionLostError", True, True)
TIMEOUT = Means("AepTimeoutError", True, True)
UNREADABLE = Means("AepReplyError", True, True)
NO_API = Means("AepReplyError", False, True)
AUTH = Means("AepAuthError", False, False)
WRONG = Means("AepRequestError", False, False)
FORBIDDEN = Means("AepPermissionError", False, False)
MISSING = Means("AepNotFoundError", False, False)
OUTDATED = Means("AepVersionError", False, False)
THROTTLED = Means("AepThrottledError", True, True)
SERVER = Means("AepServerError", True, True)

GATEWAY = {"error_code": "400003", "message": "Bad request"}
OLD = {"errorMessage": "Required properties are missing from the input."}
CURRENT = {
    "type": "https://ns.adobe.com/aep/errors/FLOW-1103-400",
    "title": "Bad request",
    "status": 400,
    "report": {"request-id": "1234", "detailed-message": "The request is wrong."},
}
OTHER_SERVICE = {"title": "Invalid input", "detail": "The body does not conform.", "status": 400}
TOKEN_REFUSED = {"error_code": "401013", "message": "Oauth token is not valid"}
IMS_REFUSED = {"error": "invalid_client", "error_description": "invalid client_secret parameter"}
HTML = b"<html><h1>Bad gateway</h1></html>"


def says(status: int, body: Any = None, kind: str = "application/json", **headers: str) -> Answer:
    """A decent reply."""
    return lambda real: reply(status, body, kind, **headers)


def at_an_hour_from_now(real: Real | None) -> Reply:
    """A 429 whose `Retry-After` is a date."""
    return reply(429, {}, retry_after=formatdate(time() + HOUR, usegmt=True))


def acts(act: Callable[[Peer], None]) -> Answer:
    """What no decent server does."""
    return lambda real: act


def in_its_place(body: bytes | None) -> Answer:
    """The real reply's status and headers with another body, or with half of its own."""

    def answer(real: Real | None) -> Reply:
        assert real is not None
        half = real.body[: len(real.body) // 2] or b'{"id": "'
        status = 200 if real.status == 204 else real.status  # which has no body to spoil
        return Real(status, real.headers, half if body is None else body).written()

    return answer


def of_another_type(real: Real | None) -> Reply:
    """The real reply, called a web page."""
    assert real is not None
    return real.written(content_type="text/html")


WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
DRIP = raw.drip(WHOLE + b"content-length: 100000\r\n\r\n" + b" " * 100_000)
ENDLESS = raw.endless(WHOLE + b"\r\n", b" " * 65_536)


def refusal(name: str, status: int, body: Any, nature: str, means: Means) -> Fault:
    """An error reply that stays."""
    return Fault(name, nature, means, says(status, body), times=ALWAYS)


def once(name: str, nature: str, means: Means, answer: Answer, **more: Any) -> Fault:
    """The next request alone."""
    return Fault(name, nature, means, answer, **more)


def after(name: str, nature: str, means: Means | None, answer: Answer, **more: Any) -> Fault:
    """The next request alone, which has its effect."""
    return Fault(name, nature, means, answer, after=True, **more)


FAULTS = (
    Fault("connection refused", "unreachable", CONNECT, place="closed"),
    Fault("unknown host name", "unreachable", CONNECT, place="name"),
    Fault("untrusted certificate", "unreachable", UNTRUSTED, place="certificate"),
    Fault("400 of IMS", "no token", AUTH, says(400, IMS_REFUSED), place="token", times=ALWAYS),
    once("reset before the effect", "lost before", LOST, acts(raw.reset)),
    after("reset after the effect", "lost after", LOST, acts(raw.reset)),
    once("timeout before the effect", "lost before", TIMEOUT, acts(raw.silence), slow=True),
    after("timeout after the effect", "lost after", TIMEOUT, acts(raw.silence), slow=True),
    after("slow drip", "lost after", TIMEOUT, acts(DRIP), slow=True),
    refusal("400 of the gateway", 400, GATEWAY, "refused", WRONG),
    refusal("400 of Flow Service, older shape", 400, OLD, "refused", WRONG),
    refusal("400 of Flow Service, current shape", 400, CURRENT, "refused", WRONG),
    refusal("400 of the other services", 400, OTHER_SERVICE, "refused", WRONG),
    once("401 once", "expired", AUTH, says(401, TOKEN_REFUSED)),
    refusal("401 always", 401, TOKEN_REFUSED, "unauthorized", AUTH),
    refusal("403", 403, {"error_code": "403025", "message": "Forbidden"}, "refused", FORBIDDEN),
    refusal("404", 404, {"errorMessage": "not found"}, "missing", MISSING),
    refusal("409", 409, {"errorMessage": "conflict"}, "refused", WRONG),
    refusal("412", 412, {"errorMessage": "version does not match"}, "outdated", OUTDATED),
    refusal("422", 422, {"errorMessage": "cannot be processed"}, "refused", WRONG),
    once("429 with seconds", "throttled", THROTTLED, says(429, {}, retry_after="7"), retry_after=(7, 7)),
    once("429 with nonsense", "throttled", THROTTLED, says(429, {}, retry_after="soon")),
    after("429 after the effect", "throttled after", THROTTLED, says(429, {})),
    once(
        "429 with a date, an hour away", "throttled long", THROTTLED, at_an_hour_from_now,
        retry_after=(HOUR / 2, HOUR + 1),
    ),
    once("500", "lost before", SERVER, says(500, {"errorMessage": "oops"})),
    once("502 in HTML", "lost before", SERVER, says(502, HTML, "text/html")),
    once("503", "lost before", SERVER, says(503, b"", "text/plain")),
    after("503 after the effect", "lost after", SERVER, says(503, {})),
    Fault("503 always", "down", SERVER, says(503, {}), times=ALWAYS),
    once("504", "lost before", SERVER, says(504, HTML, "text/html")),
    after("504 after the effect", "lost after", SERVER, says(504, HTML, "text/html")),
    after("truncated JSON", "spoiled", UNREADABLE, in_its_place(None)),
    after("empty body", "spoiled", UNREADABLE, in_its_place(b"")),
    after("wrong content type", "odd", None, of_another_type),
    Fault("redirect", "redirected", NO_API, says(307, None, location="/elsewhere"), times=ALWAYS),
    after("endless body", "endless", NO_API, acts(ENDLESS)),
)  # fmt: skip
