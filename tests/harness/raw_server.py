"""A server of bare sockets, for replies that no HTTP server sends on purpose.

It reads whole requests, keeps them, and answers each with the next of its replies, at last always with the
last one. It answers a token request with a token, so that a test is about the requests after it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from tests.harness import canary
from tests.harness.secret_search import SEARCH, URLS

TOKEN = canary.CORE + "Token0123456789"
TOKEN_PATH = "/ims/token/v3"


@dataclass
class Peer:
    """The server's end of one connection, for a reply that is a function."""

    sock: Any
    stopped: threading.Event

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def pause(self, seconds: float) -> bool:
        """Wait; return False when the test is over."""
        return not self.stopped.wait(seconds)

    def reset(self) -> None:
        """Send RST instead of FIN, as after a killed process or by a firewall."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Close at once, though a reader may still hold the socket."""
        with contextlib.suppress(OSError):
            socket.close(self.sock.detach())


Reply = bytes | Callable[[Peer], None]


@dataclass
class Request:
    """A request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    head: bytes = field(repr=False, default=b"")

    def __str__(self) -> str:
        """Show what a proxy may log: all except the body and the two headers for credentials."""
        shown = {name: value for name, value in self.headers.items() if "authorization" not in name}
        return f"{self.method} {self.path} {shown}"


def reply(status: int = 200, body: Any = None, kind: str = "application/json", **headers: str) -> bytes:
    """Return a well-formed reply; `retry_after="1"` becomes `retry-after: 1`."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(content)}", f"content-type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def token_reply(token: str = TOKEN, expires_in: Any = 86399) -> bytes:
    return reply(200, {"access_token": token, "token_type": "bearer", "expires_in": expires_in})


def reset(peer: Peer) -> None:
    """Reset the connection without an answer."""
    peer.reset()


def hang_up(peer: Peer) -> None:
    """Close the connection without an answer."""
    peer.close()


def silence(peer: Peer) -> None:
    """Send nothing for as long as the test lasts."""
    peer.pause(60)


def drip(data: bytes, pause: float = 0.05) -> Callable[[Peer], None]:
    """Send a byte at a time: never silent, never done."""

    def send(peer: Peer) -> None:
        for n in range(len(data)):
            peer.send(data[n : n + 1])
            if not peer.pause(pause):
                return

    return send


def endless(head: bytes, block: bytes) -> Callable[[Peer], None]:
    """Send the block again and again until the client closes."""

    def send(peer: Peer) -> None:
        peer.send(head)
        while not peer.stopped.is_set():
            peer.send(block)

    return send


class RawServer:
    """`with RawServer(reply(200, {...})) as server`; `tokens` has token requests, `requests` the others."""

    def __init__(
        self, *replies: Reply, tls: ssl.SSLContext | None = None, token: Reply | None = None
    ) -> None:
        self.replies = list(replies)
        self.token = token or token_reply()
        self.requests: list[Request] = []
        self.tokens: list[Request] = []
        self.connections = 0
        self._tls = tls
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        for received in (self.tokens, self.requests):
            SEARCH.add_list(URLS, received, self._stopped.is_set)
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_for(self, count: int, seconds: float = 20) -> list[Request]:
        """Return the requests as soon as `count` have arrived."""
        deadline = time.monotonic() + seconds
        while len(self.requests) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.requests

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock: Any, number: int) -> None:
        sock.settimeout(30)
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            with sock, sock.makefile("rb") as stream:
                while (request := _read(stream, number)) is not None:
                    self._take(request)(Peer(sock, self._stopped))
                    if sock.fileno() < 0:
                        return
        except (OSError, ValueError):
            pass
        finally:
            with contextlib.suppress(OSError):
                sock.close()

    def _take(self, request: Request) -> Callable[[Peer], None]:
        with self._lock:
            if request.path.endswith(TOKEN_PATH):  # through a proxy with the origin before it
                self.tokens.append(request)
                chosen = self.token
            else:
                self.requests.append(request)
                chosen = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return chosen if callable(chosen) else lambda peer: peer.send(chosen)

    def __enter__(self) -> RawServer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _read(stream: Any, number: int) -> Request | None:
    lines = []
    while (line := stream.readline()) not in (b"\r\n", b""):
        lines.append(line)
    if not lines:
        return None
    method, path, _ = lines[0].decode("latin-1").split(" ", 2)
    pairs = (line.decode("latin-1").split(":", 1) for line in lines[1:])
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    body = stream.read(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body, number, b"".join(lines))


@dataclass
class Authority:
    """A certificate authority: a client must trust `bundle`, a server on 127.0.0.1 shows `server`."""

    bundle: Path
    server: ssl.SSLContext


def make_authority(folder: Path) -> Authority:
    """Make an authority with one certificate."""
    authority = trustme.CA()
    made = Authority(folder / "ca.pem", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    authority.cert_pem.write_to_path(made.bundle)
    authority.issue_cert("127.0.0.1").configure_cert(made.server)
    return made


def unused_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
