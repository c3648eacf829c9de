"""A proxy before the emulator that hands everything on, and injects one fault."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable

from tests.harness.faults import InjectedFault, Real
from tests.harness.raw_server import Peer, RawServer, Request

HOP_BY_HOP = frozenset(("connection", "content-length", "transfer-encoding"))


class FaultProxy(RawServer):
    """`with FaultProxy(emulator.host, fault, matches) as proxy: ...`; `proxy.requests` has all that arrived.

    :param matches: whether a request meets the fault, by its method and its path without the query
    """

    def __init__(self, target: str, fault: InjectedFault, matches: Callable[[str, str], bool]) -> None:
        self._target = target
        self._fault = fault
        self.matches = matches
        self._left = fault.times
        self.injected = threading.Event()
        super().__init__(b"")

    @property
    def due(self) -> bool:
        """Whether the next matching request fails."""
        return self._left > 0

    def _matches(self, request: Request) -> bool:
        return self.matches(request.method, request.path.partition("?")[0])

    def _take(self, request: Request) -> Callable[[Peer], None]:
        with self._lock:
            self.requests.append(request)
            fails = self._matches(request) and self.due
            self._left -= fails
        if not fails:
            real = self._forwarded(request).written()
            return lambda peer: peer.send(real)
        answer = self._fault.reply(self._forwarded(request) if self._fault.after else None)
        self.injected.set()
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
