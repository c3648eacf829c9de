"""The faults that tests inject: one table for the fault matrix, for kills, races and models.

`how` says what happens to a request as the emulator's control plane takes it (`status`, `body`, `headers`,
`drop`, `when`, `times`), so :class:`~tests.harness.fault_proxy.FaultProxy` and the emulator inject the same
fault. Only the proxy can inject what has an `answer`: bytes that no decent server sends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from time import time
from typing import Any

from tests.harness import raw_server as raw
from tests.harness.raw_server import Peer, Reply, reply

How = Mapping[str, Any]
ALWAYS = 10_000
HOUR = 3600
HELD = 600
"""Seconds that a held request waits: no test lasts so long."""

AFTER: How = {"when": "after"}
"""The request has its effect first."""
LOST: How = {"drop": True}
UNAVAILABLE: How = {"status": 503, "body": {}}
TOKEN_REFUSED: How = {"status": 401, "body": {"error_code": "401013", "message": "Oauth token is not valid"}}
RETRY_SOON: How = {"status": 429, "headers": {"Retry-After": "1"}}
RETRY_LATE: How = {"status": 429, "headers": {"Retry-After": str(HOUR)}}
NO_ID: How = {"status": 201, "body": {}, **AFTER}
HTML: How = {"status": 200, "body": "<html>", **AFTER}
NONE_LISTED: How = {"status": 200, "body": {"items": []}}
"""The reply to a task that lists before a rival creates: this task is about to lose a race."""


def at(request: str, *how: How, **more: Any) -> dict[str, Any]:
    """Return the order of a fault for the emulator: `at("POST /connections", LOST, AFTER)`."""
    method, _, path = request.partition(" ")
    order: dict[str, Any] = {"method": method, "path": path} if path else {"method": method}
    for one in how:
        order.update(one)
    return {**order, **more}


@dataclass(frozen=True)
class Real:
    """The emulator's own reply."""

    status: int
    headers: dict[str, str]
    body: bytes

    def written(self, **headers: str) -> bytes:
        """Return the reply as it goes over the wire; `content_type="text/html"` replaces that header."""
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        length = {} if self.status == 204 else {"content-length": str(len(self.body))}
        lines = [f"{name}: {value}" for name, value in {**self.headers, **changed, **length}.items()]
        return "\r\n".join([f"HTTP/1.1 {self.status} Said", *lines]).encode() + b"\r\n\r\n" + self.body


Answer = Callable[["Real | None"], Reply]


@dataclass(frozen=True)
class InjectedFault:
    """One thing that goes wrong with a request; `docs/fault-matrix.md` says by its name what follows.

    :param place: where: ``reply`` of the changing request, ``token`` request, or the way there:
        ``closed``, ``name``, ``certificate``
    :param slow: no whole reply arrives, so the client's timeout for this request is made short
    :param retry_after: between which seconds the error's ``retry_after`` lies
    """

    name: str
    how: How = field(default_factory=dict)
    answer: Answer | None = None
    place: str = "reply"
    slow: bool = False
    retry_after: tuple[float, float] | None = None

    @property
    def after(self) -> bool:
        """Whether the request has its effect first."""
        return self.how.get("when") == "after"

    @property
    def times(self) -> int:
        """How many requests in a row meet the fault."""
        return int(self.how.get("times", 1))

    def reply(self, real: Real | None) -> Reply:
        """Return what the client gets instead of the emulator's reply."""
        if self.answer:
            return self.answer(real)
        if self.how.get("drop"):
            return raw.reset
        body = self.how.get("body")
        kind = "text/html" if isinstance(body, str) else "application/json"
        content = body.encode() if isinstance(body, str) else body
        return reply(self.how["status"], content, kind, **self.how.get("headers", {}))


OLD = {"errorMessage": "Required properties are missing from the input."}
CURRENT = {
    "type": "https://ns.adobe.com/aep/errors/FLOW-1103-400",
    "title": "Bad request",
    "status": 400,
    "report": {"request-id": "1234", "detailed-message": "The request is wrong."},
}
OTHER_SERVICE = {"title": "Invalid input", "detail": "The body does not conform.", "status": 400}
IMS_REFUSED = {"error": "invalid_client", "error_description": "invalid client_secret parameter"}
GATEWAY: How = {"status": 504, "body": "<html><h1>Bad gateway</h1></html>"}
THROTTLE: How = {"status": 429, "body": {}}
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def raw_reply(act: Callable[[Peer], None]) -> Answer:
    """Answer as no decent server does."""
    return lambda real: act


def in_an_hour(_real: Real | None) -> Reply:
    """Answer with a 429 whose `Retry-After` is a date."""
    return reply(429, {}, retry_after=formatdate(time() + HOUR, usegmt=True))


def with_body(body: bytes | None) -> Answer:
    """Answer with the real status and headers and another body, or with half of the real body."""

    def answer(real: Real | None) -> Reply:
        assert real is not None
        half = real.body[: len(real.body) // 2] or b'{"id": "'
        status = 200 if real.status == 204 else real.status  # which has no body to spoil
        return Real(status, real.headers, half if body is None else body).written()

    return answer


def as_html(real: Real | None) -> Reply:
    """Answer with the real reply, called a web page."""
    assert real is not None
    return real.written(content_type="text/html")


fault = InjectedFault


def refusal(name: str, status: int, body: Any, **more: Any) -> InjectedFault:
    """Return a fault that refuses each request."""
    return fault(name, {"status": status, "body": body, "times": ALWAYS}, **more)


FAULTS = (
    fault("connection refused", place="closed"),
    fault("unknown host name", place="name"),
    fault("untrusted certificate", place="certificate"),
    fault("400 of IMS", {"status": 400, "body": IMS_REFUSED, "times": ALWAYS}, place="token"),
    fault("reset before the effect", LOST),
    fault("reset after the effect", {**LOST, **AFTER}),
    fault("timeout before the effect", {}, raw_reply(raw.silence), slow=True),
    fault("timeout after the effect", AFTER, raw_reply(raw.silence), slow=True),
    fault(
        "slow drip", AFTER,
        raw_reply(raw.drip(WHOLE + b"content-length: 100000\r\n\r\n" + b" " * 100_000)), slow=True,
    ),
    refusal("400 of the gateway", 400, {"error_code": "400003", "message": "Bad request"}),
    refusal("400 of Flow Service, older shape", 400, OLD),
    refusal("400 of Flow Service, current shape", 400, CURRENT),
    refusal("400 of the other services", 400, OTHER_SERVICE),
    fault("401 once", TOKEN_REFUSED),
    fault("401 always", {**TOKEN_REFUSED, "times": ALWAYS}),
    refusal("403", 403, {"error_code": "403025", "message": "Forbidden"}),
    refusal("404", 404, {"errorMessage": "not found"}),
    refusal("409", 409, {"errorMessage": "conflict"}),
    refusal("412", 412, {"errorMessage": "version does not match"}),
    refusal("422", 422, {"errorMessage": "cannot be processed"}),
    fault("429 with seconds", {**THROTTLE, "headers": {"retry-after": "7"}}, retry_after=(7, 7)),
    fault("429 with nonsense", {**THROTTLE, "headers": {"retry-after": "soon"}}),
    fault("429 after the effect", {**THROTTLE, **AFTER}),
    fault("429 with a date, an hour away", {}, in_an_hour, retry_after=(HOUR / 2, HOUR + 1)),
    fault("500", {"status": 500, "body": {"errorMessage": "oops"}}),
    fault("502 in HTML", {**GATEWAY, "status": 502}),
    fault("503", {"status": 503, "body": ""}),
    fault("503 after the effect", {**UNAVAILABLE, **AFTER}),
    fault("503 always", {**UNAVAILABLE, "times": ALWAYS}),
    fault("504", GATEWAY),
    fault("504 after the effect", {**GATEWAY, **AFTER}),
    fault("truncated JSON", AFTER, with_body(None)),
    fault("empty body", AFTER, with_body(b"")),
    fault("wrong content type", AFTER, as_html),
    fault("redirect", {"status": 307, "headers": {"location": "/elsewhere"}, "times": ALWAYS}),
    fault("endless body", AFTER, raw_reply(raw.endless(WHOLE + b"\r\n", b" " * 65_536))),
)  # fmt: skip
"""What can go wrong with the request that changes something. The error tree gives the meanings, never the
client's behaviour."""
