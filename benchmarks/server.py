"""A server that costs next to nothing, so that a call's time is its client's.

Plain sockets with keep-alive, in a process of its own. It speaks what a create needs and no more: a token
(always the same: Airflow's masker slows down with every new secret it is told), the list by name, the POST,
and one connection of 1 KB. The emulator checks what it is sent, which takes longer than all the clients do.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlsplit

from benchmarks.process import ROOT
from tests.harness.emulator import PAYPAL_AUTH, PAYPAL_SPEC

ITEM_ID = "24151d58-ffa7-4960-951d-58ffa7396097"
SIZE = 1024
_TOKEN = json.dumps({"access_token": "t" * 40, "token_type": "bearer", "expires_in": 86399}).encode()


def _item(**fields: Any) -> dict[str, Any]:
    return {"id": ITEM_ID, "state": "enabled", "etag": '"1"', "createdAt": int(time.time() * 1000), **fields}


def _one_kilobyte() -> bytes:
    spec = {"id": PAYPAL_SPEC, "version": "1.0"}
    item = _item(name="PayPal connection", connectionSpec=spec, description="")
    item["description"] = "d" * (SIZE - len(json.dumps({"items": [item]})))
    return json.dumps({"items": [item]}).encode()


def _paypal_spec() -> bytes:
    required = ["clientId", "clientSecret"]
    properties = {name: {"type": "string", "minLength": 1} for name in ("host", *required)}
    schema = {"type": "object", "properties": properties, "required": required}
    spec = {"id": PAYPAL_SPEC, "name": "PayPal", "authSpec": [{"name": PAYPAL_AUTH, "spec": schema}]}
    return json.dumps({"items": [spec]}).encode()


class FlowService:
    """Connections by name; GIL-safe single steps, no locks."""

    def __init__(self) -> None:
        self._by_name: dict[str, dict[str, Any]] = {}
        self._reply = _one_kilobyte()
        self._spec = _paypal_spec()

    def answer(self, method: bytes, target: str, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(target)
        if parts.path.startswith("/ims/"):
            return 200, _TOKEN
        if parts.path.endswith(PAYPAL_SPEC):
            return 200, self._spec
        if not parts.path.endswith("/connections"):
            return 200, self._reply
        if method == b"POST":
            sent = json.loads(body)
            kept = {key: sent[key] for key in ("name", "description", "connectionSpec") if key in sent}
            self._by_name[sent["name"]] = _item(**kept)
            return 201, json.dumps({"id": ITEM_ID, "etag": '"1"'}).encode()
        filters = dict(text.split("==", 1) for key, text in parse_qsl(parts.query) if key == "property")
        found = self._by_name.get(filters["name"])
        return 200, json.dumps({"items": [found] if found else []}).encode()


def _talk(stream: BinaryIO, sock: socket.socket, service: FlowService) -> None:
    while first := stream.readline():
        method, target, _ = first.split(b" ", 2)
        length = 0
        while (header := stream.readline()) not in (b"\r\n", b""):
            if header[:15].lower() == b"content-length:":
                length = int(header[15:])
        status, body = service.answer(method, target.decode("ascii"), stream.read(length))
        head = b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        sock.sendall(head % (status, len(body)) + body)


def _serve_one(sock: socket.socket, context: ssl.SSLContext | None, service: FlowService) -> None:
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(sock, server_side=True) if context else sock as wrapped:
            _talk(wrapped.makefile("rb"), wrapped, service)
    except OSError:
        pass  # the client hung up


def main(certificate: str | None = None, key: str | None = None) -> None:
    """Serve until standard input ends: whoever started this closes it, or dies."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    service = FlowService()

    def accept() -> None:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=_serve_one, args=(sock, context, service), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(f"{'https' if context else 'http'}://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    sys.stdin.read()


@contextmanager
def serving(certificate: str | None = None, key: str | None = None) -> Iterator[str]:
    """The server in another process; its URL."""
    files = [certificate, key] if certificate and key else []
    command = [sys.executable, "-m", __name__, *files]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError("the benchmarks' server did not start")
            yield url
        finally:
            process.stdin.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
