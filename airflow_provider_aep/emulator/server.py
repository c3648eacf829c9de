"""Run uvicorn with a ready line, exit code 0 after SIGTERM, and connections that a fault can close."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from airflow_provider_aep.emulator import errors

KEEP_ALIVE_SECONDS = 75
MAX_HEAD_BYTES = 256 * 1024  # a long filter and its continuation token make a long URL
GRACE_SECONDS = 1  # requests held by a fault do not keep the emulator from ending
_numbers = itertools.count(1)


class TcpConnection:
    """One accepted TCP connection: its number for the log, and `close`."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.number = next(_numbers)
        self._transport = transport

    def close(self) -> None:
        """Close without sending a byte."""
        self._transport.close()


class NumberedProtocol(H11Protocol):
    """Pass each request its TCP connection: ASGI cannot close one without a reply."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "tcp": TcpConnection(transport)}

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not HTTP with a JSON body; they do not reach the application."""
        error = errors.bad_request(msg)
        body = json.dumps(error.body).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
        head = h11.Response(
            status_code=400, headers=[*headers, ("connection", "close")], reason="Bad Request"
        )
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class Server(uvicorn.Server):
    """Report readiness, and end with exit code 0."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the process end with 0; uvicorn's own version ends it by the signal that it caught."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        yield

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.should_exit = True


def serve(app: ASGIApp, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT."""
    # These loggers print tracebacks of requests that end with the process; the output is one line a request.
    for name in ("uvicorn", "asyncio"):
        log = logging.getLogger(name)
        log.addHandler(logging.NullHandler())
        log.propagate = False
    options: dict[str, Any] = {
        "http": NumberedProtocol,
        "loop": "asyncio",
        "ws": "none",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "date_header": False,  # by the emulator's clock, see `wire.py`
        "h11_max_incomplete_event_size": MAX_HEAD_BYTES,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": GRACE_SECONDS,
    }
    Server(uvicorn.Config(app, **options), ready).run(sockets=[sock])
