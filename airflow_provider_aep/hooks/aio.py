"""Flow Service on an event loop: the side of the hook that triggers need.

Settings, token cache, calls, replies, errors and the table of retries are those of the blocking hook; only
the transport is another. Nothing heavy is imported here: a triggerer imports triggers on its event loop.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow_provider_aep._compat import amask_secret
from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.errors import AepAuthError, AepError
from airflow_provider_aep.flow_service.requests import FLOW_SERVICE, Call, Pages
from airflow_provider_aep.flow_service.retry import ATTEMPTS, decide
from airflow_provider_aep.hooks import ims
from airflow_provider_aep.hooks.connection import (
    FIXED_HEADERS,
    Settings,
    afind_connection,
    choose_sandbox,
    read_settings,
    with_ours,
)
from airflow_provider_aep.hooks.failures import Address
from airflow_provider_aep.hooks.scrub import Secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_aep.hooks.aio_transport import AioTransport, Reply


class AsyncFlowService:
    """``async with AsyncFlowService(conn_id, sandbox) as service: await service.call(...)``.

    Opening looks the Airflow connection up, once. For reading, and for actions that may be done twice: what
    creates something belongs to the blocking hook, whose caller knows what to do about a lost reply.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    def __init__(self, aep_conn_id: str = "aep_default", sandbox: str | None = None) -> None:
        self._conn_id = aep_conn_id
        self._sandbox = sandbox
        self._secrets = Secrets()
        self._stack = AsyncExitStack()
        self._settings: Settings
        self._transport: AioTransport

    async def __aenter__(self) -> AsyncFlowService:
        """:raises AepConfigError: the connection is not there or not right"""
        await self.reload()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._stack.aclose()

    async def reload(self) -> None:
        """Look the Airflow connection up (again): its secret may have changed while a run went on.

        :raises AepConfigError: the connection is not there or not right; what was known before stands
        """
        connection = await afind_connection(self._conn_id, "aep_conn_id", "Adobe Experience Platform")
        await self._hide(connection.password)
        settings = read_settings(connection)
        await self._hide(settings.client_secret)
        settings = replace(settings, sandbox=choose_sandbox(self._sandbox, settings))
        stack = AsyncExitStack()
        transport = await stack.enter_async_context(open_transport(settings.verify))
        # the new before the old is let go: as a rule they are the same session
        old, self._stack = self._stack, stack
        self._settings, self._transport = settings, transport
        self._sandbox = settings.sandbox  # it stays, even if the connection names another one next time
        await old.aclose()

    @property
    def settings(self) -> Settings:
        """The connection's settings, with the sandbox in use."""
        return self._settings

    def scrub(self, text: str) -> str:
        """A text without the secrets that are known."""
        return self._secrets.scrub(text)

    async def sign_in(self) -> None:
        """Have a token ready: what IMS refuses is then not taken for an error of a single read."""
        await self._token()

    async def call(self, call: Call) -> Any:
        """Send a call without a body and return its JSON; once, but a GET again after a refused token.

        :raises AepError: see :mod:`airflow_provider_aep.flow_service.errors`
        """
        what = f"{call.method} {call.path}"
        url = f"{self._settings.base_url}{FLOW_SERVICE}{call.path}"
        if call.query:
            url += "?" + urlencode(call.query, safe=",")
        refreshed = False
        while True:
            token = await self._token()
            headers = with_ours(call.headers, self._settings, self._settings.sandbox, token)
            reply = await self._send(call.method, url, headers, what)
            failure = self._refusal(reply, what)
            if failure is None:
                return replies.read_json(reply.body, reply.headers.get("content-type", ""), what)
            if isinstance(failure, AepAuthError):
                ims.TOKENS.drop(ims.cache_key(self._settings), token)
            # as if it were the last attempt: repeating is for the caller, who waits for others too
            again = decide(
                call.method, failure, attempt=ATTEMPTS, refreshed=refreshed, waited=0.0, jitter=0.0
            )
            if again is None:
                raise failure
            refreshed = True

    async def pages(self, call: Call, *, most: int) -> AsyncIterator[list[dict[str, Any]]]:
        """A list's items page by page, every page. :raises AepReplyError: more pages than that, or no list"""
        pages = Pages(call, self._settings.base_url, most=most)
        while pages.call is not None:
            yield pages.take(await self.call(pages.call))

    async def _send(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        what: str,
        data: str | None = None,
        setting: str = "host",
    ) -> Reply:
        origin = self._settings.ims_url if setting == "ims_host" else self._settings.base_url
        to = Address(origin, setting, self._conn_id)
        return await self._transport.send(
            method, url, headers=headers, what=what, to=to, limit=self._settings.timeout, data=data
        )

    async def _token(self) -> str:
        """The process's token in hand, or a new one; all on this loop wait for one fetch."""
        key = ims.cache_key(self._settings)
        token = ims.TOKENS.peek(key)
        if token is None:
            async with self._transport.token_locks.setdefault(key, asyncio.Lock()):
                token = ims.TOKENS.peek(key)
                if token is None:
                    token = await self._fetch_token()
                    ims.TOKENS.put(key, token)
        await self._hide(token.value)
        return token.value

    async def _fetch_token(self) -> ims.Token:
        what = "The token request to IMS"
        headers = {**FIXED_HEADERS, "content-type": "application/x-www-form-urlencoded"}
        url = self._settings.ims_url + ims.TOKEN_PATH
        reply = await self._send("POST", url, headers, what, ims.form_of(self._settings), "ims_host")
        if failure := self._refusal(reply, what):
            raise failure
        document = replies.read_json(reply.body, reply.headers.get("content-type", ""), what)
        return ims.read_token(replies.read_object(document, what), time.monotonic())

    def _refusal(self, reply: Reply, what: str) -> AepError | None:
        if reply.status < 400:
            return None
        return replies.error_from_reply(
            what=what,
            status=reply.status,
            headers=reply.headers,
            body=reply.body,
            sandbox=self._settings.sandbox,
            now=time.time(),
            scrub=self._secrets.scrub,
        )

    async def _hide(self, value: object) -> None:
        for text in self._secrets.learn([value]):
            await amask_secret(text)


# One session for everything on a loop that trusts the same bundle


@dataclass
class _Shared:
    users: int = 0
    transport: AioTransport | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


_SHARED: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str | None, _Shared]] = (
    weakref.WeakKeyDictionary()
)


@asynccontextmanager
async def open_transport(verify: str | None) -> AsyncIterator[AioTransport]:
    """The loop's session for a CA bundle, opened for the first who asks and closed after the last."""
    by_bundle = _SHARED.setdefault(asyncio.get_running_loop(), {})
    shared = by_bundle.setdefault(verify, _Shared())
    shared.users += 1
    try:
        async with shared.lock:
            if shared.transport is None:
                shared.transport = await _make_transport(verify)
        yield shared.transport
    finally:
        shared.users -= 1
        if shared.users == 0:
            if by_bundle.get(verify) is shared:
                del by_bundle[verify]
            if shared.transport is not None:
                await shared.transport.close()


async def _make_transport(verify: str | None) -> AioTransport:
    """aiohttp and the CA bundle are loaded in a thread: together they take a quarter of a second."""

    def load() -> Any:
        from airflow_provider_aep.hooks import aio_transport, tls

        return aio_transport, tls.context_for(tls.bundle(verify))

    module, context = await asyncio.to_thread(load)
    transport: AioTransport = module.AioTransport(context)
    return transport
