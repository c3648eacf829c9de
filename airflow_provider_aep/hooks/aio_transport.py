"""Requests on an event loop: one session of ``aiohttp`` for all that share a CA bundle.

Its limits are those of :mod:`.transport`: in time over the whole reply, in size after unzipping, and in where
a request may go. Importing this module imports aiohttp, which takes a tenth of a second. An event loop must
not stop for that long, so :func:`airflow_provider_aep.hooks.aio.open_transport` imports it in a thread.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import aiohttp
from yarl import URL

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.replies import MAX_REPLY, too_large
from airflow_provider_aep.hooks import failures
from airflow_provider_aep.hooks.request_flow import Reply, Request
from airflow_provider_aep.hooks.tls import proxy_for

CONNECTIONS = 8
"""TCP connections to one host at a time."""

_KEEP_ALIVE = 60.0
"""Seconds that an idle connection is kept: most polls find theirs open."""


class AioTransport:
    """One pooled session, shared by all services on a loop that trust the same CA bundle."""

    def __init__(self, context: ssl.SSLContext) -> None:
        connector = aiohttp.TCPConnector(
            ssl=context, limit=0, limit_per_host=CONNECTIONS, keepalive_timeout=_KEEP_ALIVE
        )
        # With `trust_env`, aiohttp would read proxies, and also a .netrc entry for the host.
        self._session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        self._proxies: dict[str, URL | None] = {}
        self.token_locks: dict[str, asyncio.Lock] = {}

    async def send(self, request: Request) -> Reply:
        """Send once and return the whole reply. Do not follow a redirect.

        :raises AepTransportError: no whole reply
        """
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=request.timeout),
                proxy=self._proxy_for(request.url),
            ) as response:
                body = await _read(response, request)
                headers: dict[str, str] = {}
                for name, value in response.headers.items():
                    known = headers.get(name.lower())  # such as two links
                    headers[name.lower()] = value if known is None else f"{known}, {value}"
                return Reply(response.status, headers, body)
        except AepError:
            raise
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:
            failure = typed(error, request)
        raise failure

    def _proxy_for(self, url: str) -> URL | None:
        origin = "/".join(url.split("/", 3)[:3])
        if origin not in self._proxies:
            self._proxies[origin] = _as_url(proxy_for(origin))
        return self._proxies[origin]

    async def close(self) -> None:
        """Close the pool's connections."""
        await self._session.close()


def _as_url(proxy: str | None) -> URL | None:
    """Return the URL of an HTTP proxy. :raises AepProxyError: aiohttp knows no proxy of this kind"""
    if not proxy:
        return None
    try:
        url = URL(proxy if "://" in proxy else f"http://{proxy}")
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise failures.invalid_proxy()
    return url


async def _read(response: aiohttp.ClientResponse, request: Request) -> bytes:
    """Return the whole body, unzipped and within its limit."""
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_REPLY:
            raise too_large(request.words)
    return failures.unpack(b"".join(chunks), response.headers.get("content-encoding", ""), request)


def typed(error: Any, request: Request) -> AepError:
    """Return the typed error of an exception of aiohttp, without its text: it may hold what was sent."""
    cause = failures.cause_of(failures.causes(error))
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return failures.proxy_error(request, cause)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return failures.certificate_error(request, cause)
    if isinstance(error, aiohttp.ClientConnectorError):
        return failures.connect_error(request, cause)
    if isinstance(error, asyncio.TimeoutError):
        return failures.timeout_error(request)
    if isinstance(error, aiohttp.InvalidURL | ValueError) and not isinstance(error, OSError):
        return failures.invalid_address(request)
    if isinstance(error, aiohttp.ClientResponseError):
        return failures.not_http(request)
    return failures.connection_lost_error(request)
