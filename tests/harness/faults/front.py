"""What stands in front of the emulator, hands everything on, and fails where a fault says so."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass

from tests.harness.raw_server import Peer, RawServer, Reply, Request

HOP_BY_HOP = frozenset(("connection", "content-length", "transfer-encoding"))


@dataclass(frozen=True)
class Real:
    """The emulator's own reply."""

    status: int
    headers: dict[str, str]
    body: bytes

    def written(self, **headers: str) -> bytes:
        """As it goes over the wire; `content_type="text/html"` replaces that header."""
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        length = {} if self.status == 204 else {"content-length": str(len(self.body))}
        lines = [f"{name}: {value}" for name, value in {**self.headers, **changed, **length}.items()]
        return "\r\n".join([f"HTTP/1.1 {self.status} Said", *lines]).encode() + b"\r\n\r\n" + self.body


Answer = Callable[["Real | None"], Reply]


@dataclass(frozen=True)
class Strike:
    """The next `times` such requests are answered so; `after` their effect, or instead of it."""

    means: Callable[[str, str], bool]
    """By method and path, the query left out."""
    answer: Answer
    after: bool
    times: int


class Front(RawServer):
    """`with Front(emulator.host, strike) as front: ...; front.requests` is what arrived, tokens included."""

    def __init__(self, target: str, strike: Strike) -> None:
        self._target = target
        self.strike = strike
        self._left = strike.times
        self.struck = threading.Event()
        super().__init__(b"")

    @property
    def due(self) -> bool:
        """Whether the next such request fails."""
        return self._left > 0

    def _means(self, request: Request) -> bool:
        return self.strike.means(request.method, request.path.partition("?")[0])

    def _take(self, request: Request) -> Callable[[Peer], None]:
        with self._lock:
            self.requests.append(request)
            fails = self._means(request) and self.due
            self._left -= fails
        if not fails:
            real = self._forwarded(request).written()
            return lambda peer: peer.send(real)
        answer = self.strike.answer(self._forwarded(request) if self.strike.after else None)
        self.struck.set()
        return answer if callable(answer) else lambda peer: peer.send(answer)

    def _forwarded(self, request: Request) -> Real:
        upstream = http.client.HTTPConnection(self._target, timeout=60)
        headers = {name: value for name, value in request.headers.items() if name != "connection"}
        try:
            upstream.request(request.method, request.path, request.body or None, headers)
            reply = upstream.getresponse()
            kept = {name.lower(): value for name, value in reply.getheaders()}
            headers = {name: value for name, value in kept.items() if name not in HOP_BY_HOP}
            return Real(reply.status, headers, reply.read())
        finally:
            upstream.close()
