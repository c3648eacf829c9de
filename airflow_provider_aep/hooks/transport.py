"""Requests over one pooled session: bounded in time, in size, and in where they may go.

What ``requests`` leaves open is closed here. Its ``timeout`` bounds each silence, so a server that drips a
byte a second holds a worker for ever: the socket's time limit is set anew, to what is left of the whole
reply's, before every read. Its bodies have no limit. Its errors hold the request, token and all, so they
are turned into ours outside the ``except`` block: neither cause nor context leads back to them.
"""

from __future__ import annotations

import io
import socket
import sys
import time
import zlib
from functools import partial
from http.client import HTTPResponse
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.replies import MAX_REPLY, redirected, too_large, unpacked
from airflow_provider_aep.hooks import failures
from airflow_provider_aep.hooks.failures import Address
from airflow_provider_aep.hooks.tls import bundle, context_for


def typed(
    error: Exception, what: str, to: Address, limit: float, outer: BaseException | None = None
) -> AepError:
    """Our error for one of requests'. None of its text is kept: it may hold what was sent.

    :param to: where the request went
    :param outer: what the caller was dealing with before the call; it is no cause
    """
    roots = failures.causes(error, outer)
    cause = failures.cause_of(roots)
    kinds = {type(root).__name__ for root in roots}
    culprits = [root.never_left for root in roots if hasattr(root, "never_left")]
    if culprits and (isinstance(error, requests.exceptions.ProxyError) or "ProxyError" in kinds):
        return failures.no_proxy(what, to, cause)
    if "SSLCertVerificationError" in kinds:
        return failures.untrusted(what, to, cause)
    libraries = {getattr(root, "library", None) for root in roots} - {None, "SSL"}
    if libraries or (isinstance(error, OSError) and "CA certificate bundle" in str(error)):
        return failures.no_bundle()
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        return failures.no_address(what, to)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return failures.not_connected(what, to, f"no connection within {limit:g} s")
    if kinds & {"NewConnectionError", "NameResolutionError", "ConnectionRefusedError", "gaierror"}:
        return failures.not_connected(what, to, cause)
    if culprits:
        if "proxy" in culprits:
            return failures.no_proxy(what, to, cause, "did not let it through")
        told = f"the server does not speak TLS as it should ({cause})" if "SSLError" in kinds else cause
        return failures.not_connected(what, to, told)
    timeouts = {"TimeoutError", "ReadTimeoutError", "timeout"}
    if isinstance(error, requests.exceptions.Timeout) or kinds & timeouts:
        return failures.too_slow(what, limit)
    if isinstance(error, zlib.error) or "DecodeError" in kinds:
        return failures.not_zipped(what)
    return failures.broken_off(what)


_CHUNK = 64 * 1024


class _DeadlineReader(io.RawIOBase):
    """A socket's reading end whose every read has what is left until the deadline, not a limit of its own."""

    def __init__(self, sock: Any, deadline: float) -> None:
        self._raw = sock.makefile("rb", buffering=0)
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
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
        self.fp = io.BufferedReader(_DeadlineReader(sock, deadline))


class _Bounded:
    """Mixed into urllib3's connections: a reply, status line and headers included, has one deadline."""

    timeout: Any
    sock: Any

    def connect(self) -> None:
        self._limit()  # a proxy's answer to CONNECT is a reply too
        try:
            super().connect()  # type: ignore[misc]
        except Exception as error:
            culprit = "proxy" if getattr(self, "_tunnel_host", None) else "host"
            error.never_left = culprit  # type: ignore[attr-defined]  # later ones may come after the request
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
    """Takes the process's TLS context for the CA bundle that requests names, instead of reading the bundle.

    Behind a proxy that is reached by https itself urllib3 needs the bundle, for two certificates.
    """

    def connect(self) -> None:
        self.cert_reqs = "CERT_REQUIRED"  # whatever somebody did to the session
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
    """Bounded connections with TCP keep-alive, straight or through a proxy."""

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
    """Requests looks ahead where a redirect leads even if it does not follow, and reads the body for it."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def new_session(verify: str | None) -> requests.Session:
    """A session that honours the environment's proxies and CA bundle, but never its ``.netrc``.

    ``trust_env`` is off because requests would replace our token by a ``.netrc`` entry for the host;
    proxies and CA bundle are therefore looked up here.
    """
    session = _Session()
    session.trust_env = False
    session.verify = bundle(verify)
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


class Transport:
    """One session, shared by everything one hook sends. Threads may share it.

    :param timeout: seconds for connecting, and again for the whole reply
    :param verify: path of a CA bundle, or None for the environment's or requests' own
    """

    def __init__(self, timeout: float, verify: str | None) -> None:
        self.timeout = timeout
        self.session = new_session(verify)
        self._proxies: dict[str, dict[str, str]] = {}

    def send(
        self, request: requests.PreparedRequest, what: str, to: Address, timeout: float | None = None
    ) -> requests.Response:
        """Send once. Returns the reply with its body read; never follows a redirect, never retries.

        :param what: the request in words for error messages, without query and secrets
        :param to: where it goes, for error messages
        :raises AepTransportError: no whole reply
        """
        limit = timeout or self.timeout
        outer = sys.exc_info()[1]  # what our caller is dealing with is no cause of ours
        try:
            response = self.session.send(
                request, stream=True, timeout=limit, allow_redirects=False, proxies=self._proxies_for(request)
            )
            _read_body(response, what)
        except AepError:
            raise
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            OSError,
            ValueError,
            zlib.error,
        ) as error:
            failure = typed(error, what, to, limit, outer)
        else:
            if response.is_redirect or 300 <= response.status_code < 400:
                failure = redirected(what, response.status_code)
            else:
                return response
        raise failure

    def _proxies_for(self, request: requests.PreparedRequest) -> dict[str, str]:
        url = str(request.url)
        origin = "/".join(url.split("/", 3)[:3])
        if origin not in self._proxies:
            self._proxies[origin] = get_environ_proxies(url)
        return self._proxies[origin]


def _read_body(response: requests.Response, what: str) -> None:
    """Read the whole body into the response, bounded, before anything else looks at it."""
    raw = response.raw
    try:
        content = _read_bounded(raw, what)
        content = unpacked(content, raw.headers.get("content-encoding", ""), what)
    except BaseException:
        raw.close()  # what is left unread must not be taken for the next reply
        raise
    raw.release_conn()
    response._content = content
    response._content_consumed = True  # type: ignore[attr-defined]


def _read_bounded(raw: Any, what: str) -> bytes:
    first: bytes = raw.read(_CHUNK, decode_content=False)
    if not first or raw.length_remaining == 0:
        return first
    chunks, size = [first], len(first)
    while chunk := raw.read(_CHUNK, decode_content=False):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_REPLY:
            raise too_large(what)
    return b"".join(chunks)
