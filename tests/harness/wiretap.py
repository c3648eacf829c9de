"""A proxy between the client and the emulator that keeps everything as it was sent.

The emulator redacts what it logs, so it cannot show whether a secret went where it should not. Each of its
tokens is different; the wiretap replaces all by one, so that a test can make a server echo it.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote_plus

from tests.harness import canary
from tests.harness.secret_search import SEARCH, URLS

PUBLISHED = {
    canary.AEP_SECRET: "emulator-client-secret",
    canary.PAYPAL_ID: "emulator-paypal-id",
    canary.PAYPAL_SECRET: "emulator-paypal-secret",
}
"""Canaries for the published credentials of an emulator that was started as users start it."""


@dataclass(frozen=True)
class Sent:
    """A request as the client sent it."""

    method: str
    url: str
    headers: dict[str, str]
    body: str

    @property
    def to_ims(self) -> bool:
        """Whether it went to IMS rather than to the platform."""
        return self.url.startswith("/ims/")

    def __str__(self) -> str:
        """Show all except the body and the header that is for the token."""
        headers = {name: value for name, value in self.headers.items() if name != "authorization"}
        return f"{self.method} {self.url} {headers}"


class Wiretap:
    """`with Wiretap(emulator.host) as tap: ...; tap.sent`.

    :param replaced: values in bodies, and what the emulator gets instead
    """

    def __init__(self, target: str, replaced: Mapping[str, str] | None = None) -> None:
        self.sent = sent = list[Sent]()
        tokens: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode(
                    "utf-8", "replace"
                )
                headers = {name.lower(): value for name, value in self.headers.items()}
                sent.append(Sent(self.command, self.path, headers, body))
                for old, new in (replaced or {}).items():
                    written = quote_plus if sent[-1].to_ims else json.dumps
                    body = body.replace(written(old), written(new))
                if headers.get("authorization") == f"Bearer {canary.TOKEN}" and tokens:
                    headers = {**headers, "authorization": f"Bearer {tokens[-1]}"}
                if body:
                    headers["content-length"] = str(len(body.encode()))
                upstream = http.client.HTTPConnection(target, timeout=60)
                try:
                    upstream.request(self.command, self.path, body.encode() or None, headers)
                    reply = upstream.getresponse()
                    content = reply.read()
                except (http.client.HTTPException, OSError):
                    self.close_connection = True  # the emulator dropped it, so the wiretap does
                    return
                finally:
                    upstream.close()
                if self.path.startswith("/ims/") and b"access_token" in content:
                    document = json.loads(content)
                    tokens.append(document["access_token"])
                    content = json.dumps({**document, "access_token": canary.TOKEN}).encode()
                self.send_response_only(reply.status)
                for name, value in reply.getheaders():
                    if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                        self.send_header(name, value)
                if reply.status != 204:
                    self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _forward  # noqa: N815

            def log_message(self, *_args: object) -> None:
                """Print nothing: what is sent is kept."""

        self._closed = threading.Event()
        SEARCH.add_list(URLS, sent, self._closed.is_set)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Wiretap:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
