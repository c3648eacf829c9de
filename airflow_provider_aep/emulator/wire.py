"""The outermost layer: log every request, and apply faults."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from email.utils import formatdate

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_aep.emulator import errors, payloads
from airflow_provider_aep.emulator.faults import Fault
from airflow_provider_aep.emulator.output import Output
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.server import TcpConnection

MAX_BODY = 16 * 1024 * 1024
CONTROL = "/_emulator"


@dataclass
class Reply:
    """A reply that is held back until faults are applied."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def collect(self, message: Message) -> None:
        """Collect what an ASGI application sends."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def set_header(self, name: bytes, value: bytes) -> None:
        self.headers = [pair for pair in self.headers if pair[0].lower() != name]
        self.headers.append((name, value))


class Wire:
    """ASGI: read the whole request, log it, then fail it or pass it on."""

    def __init__(self, app: ASGIApp, platform: Platform, output: Output) -> None:
        self._app = app
        self._platform = platform
        self._output = output

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        tcp: TcpConnection = scope["state"]["tcp"]
        try:
            await self._serve(scope, receive, send, tcp)
        except asyncio.CancelledError:
            tcp.close()  # the emulator ends: unfinished requests are cut off, as by a real outage
            raise

    async def _serve(self, scope: Scope, receive: Receive, send: Send, tcp: TcpConnection) -> None:
        body = await _read(receive)
        if body is None:
            return  # the client left before its request was complete
        request = Request(scope)
        path = scope["path"]
        if path == CONTROL or path.startswith(CONTROL + "/"):
            await self._reply(await self._carry_out(scope, body), send)
            return
        entry = self._platform.log.add(request, body, tcp.number)
        reply = await self._answer(request, body, receive)
        self._print(request, reply)
        if reply is None:
            await _close_unanswered(tcp, receive)
            return
        entry["status"] = reply.status
        await self._reply(reply, send)

    async def _answer(self, request: Request, body: bytes, receive: Receive) -> Reply | None:
        """Return the reply; None if the connection closes without one."""
        fault = self._platform.faults.take(request.method, request.scope["path"])
        if fault is None:
            return await self._carry_out(request.scope, body)
        reply = Reply()
        if fault.when == "after":
            reply = await self._carry_out(request.scope, body)
            await _hold(fault.delay, receive)
        else:
            resets = self._platform.resets
            left = await _hold(fault.delay, receive)
            if left or resets != self._platform.resets:
                return None  # the client left, or a reset came between: no effect
            if fault.carries_out:
                reply = await self._carry_out(request.scope, body)
        return None if fault.drop else _with_fault(reply, fault)

    async def _carry_out(self, scope: Scope, body: bytes) -> Reply:
        if len(body) > MAX_BODY:
            return _error_reply(errors.plain_error(413, "PayloadTooLarge", "The body is too large"))
        inner = dict(
            scope, path=scope["path"].rstrip("/") or "/"
        )  # Adobe writes both, see `docs/emulator.md`
        reply = Reply()
        try:
            await self._app(inner, _replay(body), reply.collect)
        except Exception as error:  # noqa: BLE001 - a bug must be answered and printed in one line
            self._output.line(f"internal error: {type(error).__name__}")
            return _error_reply(errors.flow_error("1102-500"))
        return reply

    async def _reply(self, reply: Reply, send: Send) -> None:
        """Send the reply, with the time of the emulator's clock."""
        if all(name.lower() != b"date" for name, _ in reply.headers):
            reply.set_header(b"date", formatdate(self._platform.clock.now(), usegmt=True).encode())
        await _send(reply, send)

    def _print(self, request: Request, reply: Reply | None) -> None:
        raw_path: bytes = request.scope.get("raw_path") or b""
        outcome = "dropped" if reply is None else str(reply.status)
        self._output.line(f"{request.method} {raw_path.decode('ascii', 'replace')} {outcome}")


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body, or one byte more than allowed; None if the client left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if len(body) <= MAX_BODY:
            body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body[: MAX_BODY + 1])


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _hold(seconds: float, receive: Receive) -> bool:
    """Wait without blocking other requests; return True if the client left meanwhile."""
    if not seconds:
        return False
    watch = asyncio.ensure_future(_wait_for_disconnect(receive))
    done, _ = await asyncio.wait({watch}, timeout=seconds)
    watch.cancel()
    return bool(done)


async def _close_unanswered(tcp: TcpConnection, receive: Receive) -> None:
    """Close without a byte, and wait until the server knows; otherwise it answers 500."""
    tcp.close()
    await _wait_for_disconnect(receive)


def _with_fault(reply: Reply, fault: Fault) -> Reply:
    if fault.status is not None:
        reply = Reply(fault.status)
    if fault.body is not None:
        reply.body = fault.body.encode("utf-8", "replace")
        if fault.status is not None:
            kind = b"application/json" if fault.json_body else b"text/plain; charset=utf-8"
            reply.set_header(b"content-type", kind)
    for name, value in fault.headers.items():
        reply.set_header(name.encode("ascii"), value.encode("latin-1"))
    return reply


def _error_reply(error: errors.ApiError) -> Reply:
    response = payloads.reply(error.body, error.status, error.headers)
    return Reply(response.status_code, list(response.raw_headers), bytes(response.body))


async def _send(reply: Reply, send: Send) -> None:
    if reply.status in (204, 304):
        reply.body = b""
        reply.headers = [pair for pair in reply.headers if pair[0].lower() != b"content-length"]
    else:
        reply.set_header(b"content-length", str(len(reply.body)).encode())
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})
