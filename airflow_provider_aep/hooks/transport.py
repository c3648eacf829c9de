"""Requests over one pooled session of ``requests``, limited in time, in size, and in where they may go.

``requests`` leaves these limits open. Its ``timeout`` limits each silence, so a server that sends a byte a
second holds a worker for ever. Here the time limit of the socket is set before each read, to what is left
for the whole reply. Its bodies have no size limit. Its errors hold the request with the token, so they are
replaced outside the ``except`` block: neither cause nor context leads back to them.
"""

from __future__ import annotations

import io
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection

from airflow_provider_aep.flow_service.errors import AepError, AepReplyError
from airflow_provider_aep.flow_service.replies import MAX_REPLY, too_large
from airflow_provider_aep.hooks import failures
from airflow_provider_aep.hooks.request_flow import Reply, Request
from airflow_provider_aep.hooks.tls import bundle, context_for, proxy_for


@dataclass(frozen=True)
class ResponseReply(Reply):
    """A reply with the response of ``requests`` that it was read from."""

    response: requests.Response = field(repr=False)


@dataclass(frozen=True)
class StreamedReply(ResponseReply):
    """The reply to a success, whose body has not been read. Read it with :meth:`parts`, or close it."""

    request: Request

    def parts(self) -> Iterator[bytes]:
        """Yield the body in parts. Each part must arrive within the request's ``timeout``.

        If the caller ends early, the connection is closed.

        :raises AepTransportError: the body is zipped, or the connection broke before its end
        """
        raw, whole = self.response.raw, False
        try:
            if self.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
                raise AepReplyError.with_advice(
                    f"{self.request.words} was answered in an encoding that was not asked for."
                )
            while part := self._read():
                yield part
            whole = True
        finally:
            if whole:
                raw.release_conn()
            else:
                raw.close()

    def _read(self) -> bytes:
        """Read the next part. An empty one is the end of the body."""
        raw, outer = self.response.raw, sys.exc_info()[1]
        bounded: Any = raw._fp
        try:
            if not raw.closed:
                bounded.set_deadline(time.monotonic() + self.request.timeout)
            part: bytes = raw.read(_CHUNK, decode_content=False)
        except _BROKEN as error:
            failure = typed(error, self.request, outer)
        else:
            return part
        raise failure


def as_reply(response: requests.Response) -> ResponseReply:
    """Return a response, whose body has been read, as a reply."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return ResponseReply(response.status_code, headers, response.content, response)


def typed(error: Exception, request: Request, outer: BaseException | None = None) -> AepError:
    """Return the typed error of an exception of ``requests``, without its text: it may hold what was sent.

    :param outer: the exception that the caller is handling; it is not a cause
    """
    roots = failures.causes(error, outer)
    cause = failures.cause_of(roots)
    kinds = {type(root).__name__ for root in roots}
    culprits = [root.never_left for root in roots if hasattr(root, "never_left")]
    if culprits and (isinstance(error, requests.exceptions.ProxyError) or "ProxyError" in kinds):
        return failures.proxy_error(request, cause)
    if "SSLCertVerificationError" in kinds:
        return failures.certificate_error(request, cause)
    libraries = {getattr(root, "library", None) for root in roots} - {None, "SSL"}
    if libraries or (isinstance(error, OSError) and "CA certificate bundle" in str(error)):
        return failures.no_bundle()
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        return failures.invalid_address(request)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return failures.connect_error(request, f"no connection within {request.timeout:g} s")
    if kinds & {"NewConnectionError", "NameResolutionError", "ConnectionRefusedError", "gaierror"}:
        return failures.connect_error(request, cause)
    if culprits:
        if "proxy" in culprits:
            return failures.proxy_error(request, cause, "did not let it through")
        told = f"the server does not speak TLS as it should ({cause})" if "SSLError" in kinds else cause
        return failures.connect_error(request, told)
    timeouts = {"TimeoutError", "ReadTimeoutError", "timeout"}
    if isinstance(error, requests.exceptions.Timeout) or kinds & timeouts:
        return failures.timeout_error(request)
    return failures.connection_lost_error(request)


_CHUNK = 64 * 1024
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)


class _DeadlineReader(io.RawIOBase):
    """The reading end of a socket. Each read may last until the deadline of the whole reply."""

    def __init__(self, sock: Any, deadline: float) -> None:
        self._raw = sock.makefile("rb", buffering=0)
        self._sock = sock
        self.deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the reply's deadline has passed")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)  # type: ignore[no-any-return]

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, deadline: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self._reader = _DeadlineReader(sock, deadline)
        self.fp = io.BufferedReader(self._reader)

    def set_deadline(self, deadline: float) -> None:
        """Give the reading of the next part a deadline of its own."""
        self._reader.deadline = deadline


class _Bounded:
    """A mixin for urllib3's connections: status line, headers and body of a reply have one deadline."""

    timeout: Any
    sock: Any

    def connect(self) -> None:
        self._limit()  # the answer of a proxy to CONNECT is a reply too
        try:
            super().connect()  # type: ignore[misc]
        except Exception as error:
            culprit = "proxy" if getattr(self, "_tunnel_host", None) else "host"
            # A later exception has no such attribute: the request may have left before it.
            error.never_left = culprit  # type: ignore[attr-defined]
            raise

    def getresponse(self) -> Any:
        self._limit()
        return super().getresponse()  # type: ignore[misc]

    def _limit(self) -> None:
        deadline = time.monotonic() + float(self.timeout)
        self.response_class = partial(_DeadlineResponse, deadline=deadline)


class _BoundedHTTPConnection(_Bounded, HTTPConnection):  # type: ignore[misc]
    pass


class _BoundedHTTPSConnection(_Bounded, HTTPSConnection):  # type: ignore[misc]
    """Takes the process's TLS context for the CA bundle, instead of reading the bundle for each connection.

    If the proxy itself is reached by https, urllib3 needs the bundle, to check two certificates.
    """

    def connect(self) -> None:
        self.cert_reqs = "CERT_REQUIRED"  # even if somebody changed the session
        proxy = getattr(self, "proxy", None)
        if self.ssl_context is None and (proxy is None or proxy.scheme != "https"):
            self.ssl_context = context_for(bundle(self.ca_certs or self.ca_cert_dir))
            self.ca_certs = self.ca_cert_dir = None
        super().connect()


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _BoundedHTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _BoundedHTTPSConnection


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class _Adapter(HTTPAdapter):
    """Bounded connections with TCP keep-alive, direct or through a proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, socket_options=_keep_alive(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if isinstance(manager, urllib3.ProxyManager) and type(manager) is urllib3.ProxyManager:
            manager.pool_classes_by_scheme = _POOLS
        return manager


def _keep_alive() -> list[tuple[int, int, int]]:
    options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


class _Session(requests.Session):
    """``requests`` reads the body of a redirect to prepare the next request, even if it does not follow."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def new_session(verify: str | None) -> requests.Session:
    """Return a session that checks certificates by the CA bundle, reads no ``.netrc`` and keeps no cookie.

    ``trust_env`` is off: ``requests`` would replace the token by a ``.netrc`` entry for the host. So
    :class:`Transport` reads proxies and CA bundle from the environment itself.
    """
    session = _Session()
    session.trust_env = False
    session.verify = bundle(verify)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


class Transport:
    """One pooled session for all requests of one hook and its siblings. Threads may share it.

    :param verify: path of a CA bundle, or None for the bundle of the environment or of ``requests``
    """

    def __init__(self, verify: str | None) -> None:
        self.session = new_session(verify)
        self._proxies: dict[str, dict[str, str]] = {}

    def send(self, request: Request) -> ResponseReply:
        """Send once and return the whole reply. Do not follow a redirect.

        :raises AepTransportError: no whole reply
        """
        outer = sys.exc_info()[1]
        try:
            response = self.session.send(
                _prepared(request),
                stream=True,
                timeout=request.timeout,
                allow_redirects=False,
                proxies=self._proxies_for(request.url),
            )
            if request.stream and response.status_code in (200, 206):
                headers = {name.lower(): value for name, value in response.headers.items()}
                return StreamedReply(response.status_code, headers, b"", response, request)
            _read_body(response, request)
        except AepError:
            raise
        except _BROKEN as error:
            failure = typed(error, request, outer)
        else:
            return as_reply(response)
        raise failure

    def _proxies_for(self, url: str) -> dict[str, str]:
        origin = "/".join(url.split("/", 3)[:3])
        if origin not in self._proxies:
            proxy = proxy_for(origin)
            self._proxies[origin] = {"all": proxy} if proxy else {}
        return self._proxies[origin]


def _prepared(request: Request) -> requests.PreparedRequest:
    """Return the request for ``requests``, without the cost of preparing its URL and headers again."""
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url, prepared.body = request.method, request.url, request.body
    prepared.headers = CaseInsensitiveDict(request.headers)
    prepared.prepare_content_length(request.body)
    return prepared


def _read_body(response: requests.Response, request: Request) -> None:
    """Read the whole body into the response, with its limits, before ``requests`` does."""
    raw = response.raw
    try:
        content = _read_bounded(raw, request.words)
        content = failures.unpack(content, raw.headers.get("content-encoding", ""), request)
    except BaseException:
        raw.close()  # the next reply on this connection would begin with the unread rest
        raise
    raw.release_conn()
    response._content = content
    response._content_consumed = True  # type: ignore[attr-defined]


def _read_bounded(raw: Any, words: str) -> bytes:
    first: bytes = raw.read(_CHUNK, decode_content=False)
    if not first or raw.length_remaining == 0:
        return first
    chunks, size = [first], len(first)
    while chunk := raw.read(_CHUNK, decode_content=False):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_REPLY:
            raise too_large(words)
    return b"".join(chunks)
