"""A hook's session to one organization: settings, transport, secrets and sleep budget.

It is the blocking driver of :mod:`.request_flow`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from time import monotonic, sleep
from typing import Any, TypeVar

from airflow_provider_aep.flow_service.errors import AepError, WorkerSlotError
from airflow_provider_aep.hooks import ims, request_flow
from airflow_provider_aep.hooks.connection import Settings, find_connection
from airflow_provider_aep.hooks.request_flow import Flow, Step
from airflow_provider_aep.hooks.scrub import Secrets
from airflow_provider_aep.hooks.transport import Transport

T = TypeVar("T")

ASIDE = 10.0
"""Seconds for one request, and for all sleep together, in a signal handler."""


class _UnmaskedSecrets(Secrets):
    """Secrets that Airflow's masker does not get: registering them there waits for the supervisor's reply."""

    def register(self, values: Iterable[object]) -> None:
        """Register secrets here."""
        self.register_locally(values)


class AepSession:
    """Hold what requests to one organization share. The connection is read when it is first needed."""

    _transport: Transport | None = None
    urgent = False
    """Whether this session is for a signal handler."""

    _longest_call = math.inf
    _deadline = math.inf

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id
        self.secrets = Secrets()
        self.sleep_budget = SleepBudget()

    @cached_property
    def settings(self) -> Settings:
        """The checked connection. :raises AepConfigError: names the setting that is invalid"""
        return self.carry_out(request_flow.read_aep_settings(self.conn_id))

    @property
    def transport(self) -> Transport:
        """The one pooled transport, also if threads ask for it at the same time. No lock: see `aside`."""
        if self._transport is None:
            self.__dict__.setdefault("_transport", Transport(self.settings.verify))
        assert self._transport is not None
        return self._transport

    def aside(self) -> AepSession:
        """Return another session to the same organization, for a signal handler.

        The code that the signal interrupted cannot continue before the handler returns. It may be in the
        middle of a request of this session, of a request to Airflow's supervisor or of a log line. The
        handler would wait for them for ever. So it gets a session that shares only tokens with this one, and
        that reads no connection, masks nothing and logs nothing.
        """
        session = AepSession(self.conn_id)
        settings = replace(self.settings, timeout=min(self.settings.timeout, ASIDE))
        session.__dict__["settings"] = settings
        session.secrets = _UnmaskedSecrets()
        session.secrets.register([settings.client_secret])
        session.sleep_budget = SleepBudget(ASIDE)
        session.urgent = True
        return session

    def give_up_after(self, *, call: float, total: float) -> None:
        """Limit the seconds of each call with all its repeats, and of all calls from now on.

        A request or a sleep that would end later fails instead, as if AEP had not answered.
        """
        self._longest_call, self._deadline = call, monotonic() + total

    def carry_out(self, flow: Flow[T], log: Any = None) -> T:
        """Drive a flow to its end and return its result. Signals pass through.

        :param log: gets a line for each request that is sent again
        :raises AepError: the flow failed
        """
        result: Any = None
        failure: AepError | None = None
        deadline = min(self._deadline, monotonic() + self._longest_call)
        while True:
            try:
                step = flow.send(result) if failure is None else flow.throw(failure)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            result, failure = None, None
            try:
                result = self._perform(step, log, deadline)
            except AepError as error:
                failure = error

    def _perform(self, step: Step, log: Any, deadline: float) -> Any:
        left = deadline - monotonic()
        match step:
            case request_flow.Request():
                if left < step.timeout:
                    step = replace(step, timeout=round(max(0.1, left), 1), hurried=True)
                return self.transport.send(step)
            case request_flow.Mask(secret):
                return self.secrets.register([secret])
            case request_flow.Sleep(seconds, why, counted):
                if seconds > (min(self.sleep_budget.left, left) if counted else left):
                    return False
                if why and log is not None and not self.urgent:
                    log.info("%s", why)
                (self.sleep_budget.sleep if counted else sleep)(seconds)
                return True
            case request_flow.FetchToken(key, flow):
                with ims.TOKENS.lock(key):
                    return self.carry_out(flow, log)
            case request_flow.UseFiles(function):
                return function()
            case request_flow.FindConnection(conn_id, parameter, title):  # pragma: no branch - the last step
                return find_connection(conn_id, parameter, title)


class SleepBudget:
    """Count the seconds that one try may still sleep in a worker slot, all its waits together.

    Every wait on a worker uses the budget, except a wait for a run with ``deferrable=False`` and a wait for
    other processes of the machine.

    :param seconds: unlimited if no operator works, such as in your own script
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self._seconds = self.left = seconds

    def sleep(self, seconds: float) -> None:
        """Sleep. :raises WorkerSlotError: the budget has less left; nothing was slept"""
        if seconds > self.left:
            raise WorkerSlotError(
                f"This try would have to sleep for {seconds:.1f} s more, and has slept for "
                f"{self._seconds - self.left:.0f} of the {self._seconds:.0f} s that a try may sleep in a "
                "worker slot. Let Airflow retry: the next try continues from here.",
                retry_after=seconds,
            )
        self.left -= seconds
        sleep(seconds)
