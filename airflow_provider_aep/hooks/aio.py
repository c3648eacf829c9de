"""Flow Service on an event loop, for triggers: the asynchronous driver of :mod:`.request_flow`.

This module imports nothing heavy: a triggerer imports triggers on its event loop.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_aep._compat import amask_secret
from airflow_provider_aep.flow_service.collections import LINKED, Collection, Pager
from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.pages import page_url
from airflow_provider_aep.flow_service.requests import FLOW_SERVICE, Call
from airflow_provider_aep.flow_service.retry import epoch_of_http_date
from airflow_provider_aep.hooks import request_flow
from airflow_provider_aep.hooks.connection import Settings, afind_connection, choose_sandbox
from airflow_provider_aep.hooks.request_flow import Caller, Flow, Reply, Step
from airflow_provider_aep.hooks.scrub import Secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from airflow_provider_aep.hooks.aio_transport import AioTransport

T = TypeVar("T")


class AsyncFlowService:
    """``async with AsyncFlowService(conn_id, sandbox) as service: await service.call(...)``.

    Opening it reads the Airflow connection, once. Use it to read, and for actions that may be repeated. A
    create belongs to the blocking hook, whose caller handles a lost reply.

    A failed request is not repeated, except once with a new token after a refused one: the caller polls for
    other waits too, and decides when to send it again.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    :param urgent: share nothing with other processes, and wait for none
    """

    def __init__(
        self, aep_conn_id: str = "aep_default", sandbox: str | None = None, *, urgent: bool = False
    ) -> None:
        self._conn_id = aep_conn_id
        self._sandbox = sandbox
        self._urgent = urgent
        self._secrets = Secrets()
        self._stack = AsyncExitStack()
        self._ahead = 0.0
        self.on_progress: Callable[[], None] = lambda: None
        """Called after each step. With a request budget, a round of polls can take long and not hang."""
        self._caller: Caller
        self._transport: AioTransport

    async def __aenter__(self) -> AsyncFlowService:
        """Read the connection. :raises AepConfigError: it is missing or invalid"""
        await self.reload()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._stack.aclose()

    async def reload(self) -> None:
        """Read the Airflow connection (again): its secret may have changed during a run.

        :raises AepConfigError: it is missing or invalid; the service keeps the connection that it has
        """
        settings = await self.carry_out(request_flow.read_aep_settings(self._conn_id))
        settings = replace(settings, sandbox=choose_sandbox(self._sandbox, settings))
        stack = AsyncExitStack()
        transport = await stack.enter_async_context(open_transport(settings.verify))
        # Open the new one before the old one is closed: as a rule they are the same session.
        old, self._stack = self._stack, stack
        self._transport = transport
        self._sandbox = settings.sandbox  # keep it, even if the connection names another one next time
        scrub = self._secrets.scrub
        self._caller = Caller(
            self._conn_id, settings, settings.sandbox, scrub, max_requests=1, urgent=self._urgent
        )
        await old.aclose()

    @property
    def settings(self) -> Settings:
        """The connection's settings, with the sandbox in use."""
        return self._caller.settings

    @property
    def now(self) -> float:
        """The present in epoch seconds: by the ``Date`` of the last reply, or by this machine if later."""
        return time.time() + max(0.0, self._ahead)

    def scrub(self, text: str) -> str:
        """Return a text with every known secret replaced by ``***``."""
        return self._secrets.scrub(text)

    async def sign_in(self) -> None:
        """Fetch a token unless the process has one. An error of IMS then is not the error of a single read.

        :raises AepError: IMS refuses the credential or cannot be reached
        """
        await self.carry_out(request_flow.access_token(self._caller))

    async def call(self, call: Call) -> Any:
        """Carry out a call and return its JSON, None if the reply has no content.

        :raises AepError: see :mod:`airflow_provider_aep.flow_service.errors`
        """
        return await self.carry_out(request_flow.call(self._caller, call, FLOW_SERVICE))

    async def get_entity(self, collection: Collection, entity_id: str) -> dict[str, Any]:
        """Get one entity without its envelope."""
        call = collection.get_call(entity_id)
        return collection.read_item(await self.call(call), str(call))

    async def pages(self, call: Call, *, most: int) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield a list's items page by page. :raises AepReplyError: more pages than ``most``, or no list"""
        pager = Pager(call, self.settings.base_url, LINKED, most=most)
        while pager.call is not None:
            yield pager.take(await self.call(pager.call))

    async def read_journal(self, url: str) -> Reply:
        """Read a page of an Adobe I/O journal: 200, 204 without new events, 410 if the position has expired.

        :raises AepError: any other reply, or the URL is on a host that must not get the token
        """
        return await self.carry_out(request_flow.read_journal(self._caller, url))

    def link(self, kind: str, id: str, of: str | None = None) -> str:
        """Return the address of an entity's page in AEP's UI; see ``flow_service.pages``."""
        at = self.settings
        return page_url(kind, id, of, org_id=at.org_id, tenant=at.tenant, sandbox=at.sandbox)

    async def carry_out(self, flow: Flow[T]) -> T:
        """Drive a flow to its end and return its result. A cancellation passes through.

        :raises AepError: the flow failed
        """
        result: Any = None
        failure: AepError | None = None
        while True:
            try:
                step = flow.send(result) if failure is None else flow.throw(failure)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            result, failure = None, None
            try:
                result = await self._perform(step)
                self.on_progress()
            except AepError as error:
                failure = error

    async def _perform(self, step: Step) -> Any:
        match step:
            case request_flow.Request():
                reply = await self._transport.send(step)
                date = epoch_of_http_date(reply.headers.get("date"))
                self._ahead = 0.0 if date is None else date - time.time()
                return reply
            case request_flow.Mask(secret):
                for text in self._secrets.register_locally([secret]):
                    await amask_secret(text)
                return None
            case request_flow.Sleep(seconds):
                await asyncio.sleep(seconds)
                return True
            case request_flow.FetchToken(key, flow):
                async with self._transport.token_locks.setdefault(key, asyncio.Lock()):
                    return await self.carry_out(flow)
            case request_flow.UseFiles(function):
                return await asyncio.to_thread(function)
            case request_flow.FindConnection(conn_id, parameter, title):  # pragma: no branch - the last step
                return await afind_connection(conn_id, parameter, title)


@dataclass
class _Shared:
    """A loop's transport for one CA bundle, and how many services use it."""

    users: int = 0
    transport: AioTransport | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


_SHARED: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str | None, _Shared]] = (
    weakref.WeakKeyDictionary()
)


@asynccontextmanager
async def open_transport(verify: str | None) -> AsyncIterator[AioTransport]:
    """Share the loop's transport for a CA bundle. The first user opens it, the last user closes it."""
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
    """Load aiohttp and the CA bundle in a thread: together they take a quarter of a second."""

    def load() -> Any:
        from airflow_provider_aep.hooks import aio_transport, tls

        return aio_transport, tls.context_for(tls.bundle(verify))

    module, context = await asyncio.to_thread(load)
    transport: AioTransport = module.AioTransport(context)
    return transport
