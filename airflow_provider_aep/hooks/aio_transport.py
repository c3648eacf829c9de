"""Requests on an event loop: one session for all that share a CA bundle.

The counterpart of :mod:`.transport`, with the same bounds: in time over the whole reply, in size after
unzipping, and in where a request may go. Importing this imports aiohttp, a tenth of a second that an event
loop should not stand still for: :func:`airflow_provider_aep.hooks.aio.open_transport` does it in a thread.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from requests.utils import get_environ_proxies, select_proxy
from yarl import URL

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.replies import MAX_REPLY, redirected, too_large, unpacked
from airflow_provider_aep.hooks import failures

CONNECTIONS = 8
"""TCP connections to one host at a time."""

_KEEP_ALIVE = 60.0
"""Seconds that an idle connection is kept: most polls find theirs open."""


@dataclass(frozen=True)
class Reply:
    """A whole reply; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AioTransport:
    """One pooled session. Everything on a loop whose connections trust the same bundle shares it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        connector = aiohttp.TCPConnector(
            ssl=context, limit=0, limit_per_host=CONNECTIONS, keepalive_timeout=_KEEP_ALIVE
        )
        # Without the environment: aiohttp would take a .netrc entry for the host along with its proxies.
        self._session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        self._proxies: dict[str, URL | None] = {}
        self.token_locks: dict[str, asyncio.Lock] = {}

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        what: str,
        to: failures.Address,
        limit: float,
        data: str | bytes | None = None,
    ) -> Reply:
        """Send once. Never follows a redirect, never repeats.

        :param what: the request in words for error messages, without query and secrets
        :param to: where it goes, for error messages
        :param limit: seconds for the whole reply
        :raises AepTransportError: no whole reply
        """
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=data,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=limit),
                proxy=self._proxy_for(url),
            ) as response:
                body = await _read(response, what)
                names = {name.lower(): value for name, value in response.headers.items()}
                reply = Reply(response.status, names, body)
        except AepError:
            raise
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError, zlib.error) as error:
            failure: AepError = typed(error, what, to, limit)
        else:
            if not 300 <= reply.status < 400:
                return reply
            failure = redirected(what, reply.status)
        raise failure

    def _proxy_for(self, url: str) -> URL | None:
        origin = "/".join(url.split("/", 3)[:3])
        if origin not in self._proxies:
            self._proxies[origin] = environment_proxy(origin)
        return self._proxies[origin]

    async def close(self) -> None:
        """Close the pool's connections."""
        await self._session.close()


def environment_proxy(origin: str) -> URL | None:
    """Read HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY as ``requests`` does; with the proxy's user."""
    text = select_proxy(origin, get_environ_proxies(origin))
    if not text:
        return None
    try:
        url = URL(text if "://" in text else f"http://{text}")
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise failures.proxy_address()
    return url


async def _read(response: aiohttp.ClientResponse, what: str) -> bytes:
    """The whole body, bounded."""
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_REPLY:
            raise too_large(what)
    content = b"".join(chunks)
    return unpacked(content, response.headers.get("content-encoding", ""), what)


def typed(error: Any, what: str, to: failures.Address, limit: float) -> AepError:
    """Our error for one of aiohttp's. None of its text is kept: it may hold what was sent."""
    cause = failures.cause_of(failures.causes(error))
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return failures.no_proxy(what, to, cause)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return failures.untrusted(what, to, cause)
    if isinstance(error, aiohttp.ClientConnectorError):
        return failures.not_connected(what, to, cause)
    if isinstance(error, asyncio.TimeoutError):
        return failures.too_slow(what, limit)
    if isinstance(error, aiohttp.InvalidURL | ValueError) and not isinstance(error, OSError):
        return failures.no_address(what, to)
    if isinstance(error, zlib.error):
        return failures.not_zipped(what)
    if isinstance(error, aiohttp.ClientResponseError):
        return failures.not_http(what)
    return failures.broken_off(what)
