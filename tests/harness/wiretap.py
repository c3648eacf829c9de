"""Stands between the client and the emulator, and writes down everything as it was sent.

The emulator redacts what it logs, so it cannot tell whether a secret went where it should not. Its tokens are
each another; here all are exchanged for one, so that a test can order a server to echo it.
"""

from __future__ import annotations

import http.client
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from tests.harness import canary
from tests.harness.canary_watch import URLS, WATCH


@dataclass(frozen=True)
class Sent:
    """A request as the client sent it."""

    method: str
    url: str
    headers: dict[str, str]
    body: str

    @property
    def service(self) -> str:
        """`ims`, or the rest."""
        return "ims" if self.url.startswith("/ims/") else "platform"

    @property
    def line(self) -> str:
        """All but the body and the one header that is for the token."""
        headers = {name: value for name, value in self.headers.items() if name != "authorization"}
        return f"{self.method} {self.url} {headers}"


class Wiretap:
    """`with Wiretap(emulator.host) as tap: ...; tap.sent`."""

    exchanged: ClassVar[dict[str, str]] = {}
    """Values in bodies, for sources of which the emulator knows one credential only."""

    def __init__(self, target: str) -> None:
        self.sent: list[Sent] = []
        self.real_tokens: list[str] = []
        tap = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                tap.sent.append(Sent(self.command, self.path, headers, body.decode("utf-8", "replace")))
                headers, body = tap.exchange(self.path, headers, body)
                upstream = http.client.HTTPConnection(target, timeout=60)
                try:
                    upstream.request(self.command, self.path, body or None, headers)
                    reply = upstream.getresponse()
                    content = reply.read()
                except (http.client.HTTPException, OSError):
                    self.close_connection = True  # dropped there, dropped here
                    return
                finally:
                    upstream.close()
                content = tap.exchange_token(self.path, content)
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
                """Nothing: what is sent is kept, not printed."""

        self._closed = threading.Event()
        WATCH.lines(URLS, lambda: [sent.line for sent in tap.sent], self._closed.is_set)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def exchange(self, path: str, headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
        """What the emulator knows."""
        if headers.get("authorization") == f"Bearer {canary.TOKEN}" and self.real_tokens:
            headers = {**headers, "authorization": f"Bearer {self.real_tokens[-1]}"}
        if self.exchanged and body and headers.get("content-type", "").startswith("application/json"):
            body = json.dumps(self._exchange_values(json.loads(body))).encode()
        return {**headers, "content-length": str(len(body))} if body else headers, body

    def _exchange_values(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._exchange_values(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._exchange_values(part) for part in value]
        return self.exchanged.get(value, value) if isinstance(value, str) else value

    def exchange_token(self, path: str, content: bytes) -> bytes:
        """The emulator's token out, the canary in."""
        if not path.startswith("/ims/") or b"access_token" not in content:
            return content
        document = json.loads(content)
        self.real_tokens.append(document["access_token"])
        return json.dumps({**document, "access_token": canary.TOKEN}).encode()

    def __enter__(self) -> Wiretap:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()


class PublishedAccounts(Wiretap):
    """In front of an emulator as users start it: the canaries work like its own credentials."""

    exchanged: ClassVar[dict[str, str]] = {
        canary.PAYPAL_ID: "emulator-paypal-id",
        canary.PAYPAL_SECRET: "emulator-paypal-secret",
    }

    def exchange(self, path: str, headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
        """Canaries out, published credentials in."""
        if path.startswith("/ims/"):
            form = dict(parse_qsl(body.decode(), keep_blank_values=True))
            if form.get("client_secret") == canary.AEP_SECRET:
                form["client_secret"] = "emulator-client-secret"
            body = urlencode(form).encode()
        return super().exchange(path, headers, body)
