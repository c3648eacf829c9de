"""A provider's session to one organization: settings, transport, secrets, token, and its sleep budget."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from time import sleep
from typing import Any, TypeVar

import requests

from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.errors import AepError, AepReplyError, WorkerSlotError
from airflow_provider_aep.flow_service.explanations import FOR_SOURCES
from airflow_provider_aep.flow_service.retry import LONGEST_WAIT, decide
from airflow_provider_aep.hooks import ims
from airflow_provider_aep.hooks.connection import FIXED_HEADERS, Settings, find_connection, read_settings
from airflow_provider_aep.hooks.failures import Address
from airflow_provider_aep.hooks.scrub import Secrets
from airflow_provider_aep.hooks.transport import Transport

Result = TypeVar("Result")

ASIDE = 10.0
"""Seconds for one request, and for all pauses together, in a signal handler."""


class _Untold(Secrets):
    """Secrets that Airflow's masker is not told of: to tell it takes a reply from Airflow's supervisor."""

    def add(self, values: Iterable[object]) -> None:
        """Register secrets here."""
        self.learn(values)


class AepSession:
    """Hold what requests to one organization share. Nothing is looked up before it is needed."""

    _transport: Transport | None = None

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id
        self.secrets = Secrets()
        self.sleep_budget = SleepBudget()

    @cached_property
    def settings(self) -> Settings:
        """The connection, checked. :raises AepConfigError: naming the setting that is wrong"""
        connection = find_connection(self.conn_id, "aep_conn_id", "Adobe Experience Platform")
        self.secrets.add([connection.password])
        settings = read_settings(connection)
        self.secrets.add([settings.client_secret])
        return settings

    @property
    def transport(self) -> Transport:
        """The one pooled session, also where threads ask for it at the same time. No lock: see `aside`."""
        if self._transport is None:
            self.__dict__.setdefault("_transport", Transport(self.settings.timeout, self.settings.verify))
        assert self._transport is not None
        return self._transport

    def aside(self) -> AepSession:
        """Return a session of its own to the same organization, for a signal handler.

        The code that the signal interrupted cannot go on before the handler returns. It may be in the middle
        of a request of this session, or of a request to Airflow's supervisor. The handler would wait for
        ever for either, so its session is another one, and it does not look up or mask anything.
        """
        session = AepSession(self.conn_id)
        settings = replace(self.settings, timeout=min(self.settings.timeout, ASIDE))
        session.__dict__["settings"] = settings
        session.secrets = _Untold()
        session.secrets.add([settings.client_secret])
        session.sleep_budget = SleepBudget(ASIDE)
        return session

    def address(self, setting: str = "host") -> Address:
        """Return the address of requests, or with ``ims_host`` of token requests, for error messages."""
        origin = self.settings.ims_url if setting == "ims_host" else self.settings.base_url
        return Address(origin, setting, self.conn_id)

    @cached_property
    def _token_key(self) -> str:
        return ims.cache_key(self.settings)

    def token(self) -> str:
        """The access token in hand, or a new one."""
        value = ims.TOKENS.get(self._token_key, self._fetch_token).value
        self.secrets.add([value])
        return value

    def renew_token(self) -> None:
        """Fetch a new token, whatever is in hand. :raises AepError: IMS refuses or is not reachable"""
        ims.TOKENS.put(self._token_key, self._fetch_token())

    def drop_token(self, value: str) -> None:
        """Forget a token that was refused."""
        ims.TOKENS.drop(self._token_key, value)

    def refusal(
        self, response: requests.Response, what: str, sandbox: str, permissions: str = FOR_SOURCES
    ) -> AepError | None:
        """The typed error of an error reply, None for any other."""
        if response.status_code < 400:
            return None
        return replies.error_from_reply(
            what=what,
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=response.content,
            sandbox=sandbox,
            now=time.time(),
            scrub=self.secrets.scrub,
            permissions=permissions,
        )

    def _fetch_token(self) -> ims.Token:
        """Ask IMS. A token request makes nothing, so it is repeated as a GET would be."""
        failure, token, _ = repeatedly("GET", self._fetch_token_once, self.sleep_budget, renewable=False)
        if token is None:
            raise failure or AepReplyError.with_advice("IMS gave no token.")
        self.secrets.add([token.value])
        return token

    def _fetch_token_once(self) -> tuple[AepError | None, ims.Token | None]:
        what = "The token request to IMS"
        request = requests.PreparedRequest()
        request.prepare(
            method="POST",
            url=self.settings.ims_url + ims.TOKEN_PATH,
            data=ims.form_of(self.settings),
            headers={**FIXED_HEADERS, "content-type": "application/x-www-form-urlencoded"},
        )
        try:
            response = self.transport.send(request, what, self.address("ims_host"))
            if failure := self.refusal(response, what, self.settings.sandbox):
                return failure, None
            kind = response.headers.get("content-type", "")
            document = replies.read_object(replies.read_json(response.content, kind, what), what)
            return None, ims.read_token(document, time.monotonic())
        except AepError as error:
            return error, None


def repeatedly(
    method: str,
    once: Callable[[], tuple[AepError | None, Result]],
    budget: SleepBudget,
    *,
    log: Any = None,
    renewable: bool = True,
) -> tuple[AepError | None, Result, bool]:
    """Send as often as the table of retries says.

    Where ``budget`` has no time left for a wait, the failure stands.
    Returns the last failure, the last result, and whether an earlier attempt may have had its effect.
    ``renewable``: whether ``once`` comes with a fresh token after a refused one.
    """
    attempt, refreshed, waited, uncertain = 1, not renewable, 0.0, False
    while True:
        failure, result = once()
        if failure is None:
            return None, result, uncertain
        jitter = random.random()  # noqa: S311 - spreads waits, keeps no secret
        spent = max(waited, LONGEST_WAIT - budget.left)
        again = decide(method, failure, attempt=attempt, refreshed=refreshed, waited=spent, jitter=jitter)
        if again is None:
            return failure, result, uncertain
        if log is not None:
            wait, number = again.wait, attempt + 1
            log.info("Request failed: %s. Trying again in %.1f s (attempt %d).", failure.brief, wait, number)
        budget.sleep(again.wait)
        waited, uncertain = waited + again.wait, uncertain or failure.may_have_happened
        attempt, refreshed = attempt + (not again.fresh_token), refreshed or again.fresh_token


class SleepBudget:
    """Count the seconds that one try may still sleep in a worker slot, all its waits together.

    Every wait on a worker uses it, except a wait for a run with ``deferrable=False``.

    :param seconds: without end if no operator works, such as in your own script
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self._seconds = self.left = seconds

    def sleep(self, seconds: float) -> None:
        """Sleep. :raises WorkerSlotError: there is not that much left; nothing was slept"""
        if seconds > self.left:
            raise WorkerSlotError(
                f"This try would have to wait for {seconds:.1f} s more, and has slept for "
                f"{self._seconds - self.left:.0f} of the {self._seconds:.0f} s that a try may sleep in a "
                "worker's slot. Let Airflow retry: the next try goes on where this one stopped.",
                retry_after=seconds,
            )
        self.left -= seconds
        sleep(seconds)
