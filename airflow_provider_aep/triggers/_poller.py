"""A poller looks at the runs of all waits of a triggerer on the same connection and sandbox.

A wait joins, gets one answer, and leaves; the last to leave ends it. How they find each other: ``_pollers``.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import time
from typing import TYPE_CHECKING

from airflow_provider_aep._compat import import_lookups
from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.run_selection import choose
from airflow_provider_aep.flow_service.runs import Glance, Run, unknown_status
from airflow_provider_aep.flow_service.validation import is_id
from airflow_provider_aep.links import dataflow_url
from airflow_provider_aep.triggers import _pacing
from airflow_provider_aep.triggers._seen import Seen
from airflow_provider_aep.triggers._wait import DATAFLOWS, DIED, ENDED, ERROR, MISSING, Wait

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.aio import AsyncFlowService
    from airflow_provider_aep.triggers._looks import Looks

GATHER = 0.1
"""Seconds between the first wait that joins and the look, so that its neighbours come along."""

RELOAD = 300.0
"""Seconds after which the Airflow connection is looked up again."""

HUNG = 1800.0
"""Seconds without a sign of life after which a poller counts as hung: longer than any pause and reply."""

WATCH = 300.0
"""Seconds between two looks at whether a poller hangs."""

MISSES, REFUSALS = 5, 3
"""In a row: looks that find no such run, and refusals of the credential, after which waits are let go."""

log = logging.getLogger(__name__)

Pollers = dict[tuple[str, str], "Poller"]
"""The pollers of a loop, by connection and sandbox."""


class Poller:
    """Looks at the runs of all its waits, round by round."""

    def __init__(self, aep_conn_id: str, sandbox: str | None) -> None:
        self.waits: set[Wait] = set()
        self.task: asyncio.Task[None] | None = None
        self._conn_id = aep_conn_id
        self._sandbox = sandbox
        self._service: AsyncFlowService
        self._looks: Looks
        self._durations = _pacing.Durations()
        self._name = f"{aep_conn_id!r}, sandbox {sandbox or 'of the connection'!r}"
        self._wake = asyncio.Event()
        self._reload_at = 0.0
        self._not_before = 0.0
        self._dataflows_at = 0.0
        self._failures = self._refusals = self._deaths = 0
        self._beat = time.monotonic()

    # Joining and leaving

    def start(self, pollers: Pollers, key: tuple[str, str]) -> None:
        """Begin, in a context of nobody's: what the first wait logs to must not get the log of all."""
        run = self._run(pollers, key)
        self.task = contextvars.Context().run(asyncio.create_task, run)
        self.task.add_done_callback(self._over)
        self._watch()

    def join(self, wait: Wait) -> None:
        """Look at its run too. Joining twice is joining once; what cannot be asked for never joins."""
        if not is_id(wait.key):
            wait.tell("There is neither a run's nor a dataflow's ID to wait for.")
            wait.end(ERROR)
        elif wait not in self.waits:
            self.waits.add(wait)
            self._wake.set()

    def leave(self, wait: Wait) -> None:
        """Look at its run no more."""
        self.waits.discard(wait)
        self._wake.set()

    def problem(self) -> str | None:
        """Why it cannot be relied on any more, in words for the log; None while it lives."""
        if self.task is not None and self.task.done():
            failure = None if self.task.cancelled() else self.task.exception()
            return f"died ({type(failure).__name__ if failure else 'cancelled'})"
        return "hangs" if time.monotonic() - self._beat > HUNG else None

    def _watch(self) -> None:
        """End it where it hangs; :meth:`_over` then sends its waits to another one."""
        if self.task is None or self.task.done():
            return
        if self.problem():
            self.task.cancel()
        self._watchdog = asyncio.get_running_loop().call_later(WATCH, self._watch)

    def _over(self, _task: asyncio.Task[None]) -> None:
        self._watchdog.cancel()
        for wait in self.waits:
            wait.end(DIED)

    def take_over(self, dead: Poller) -> None:
        """Go on for another one, more slowly each time it comes to that."""
        self._durations, self._deaths = dead._durations, dead._deaths + 1
        if self._deaths > 1:
            failure = AepError.with_advice("The poller of the triggerer died.")
            self._not_before = time.monotonic() + _pacing.slowed(failure, self._deaths, _jitter())

    # Round by round

    async def _run(self, pollers: Pollers, key: tuple[str, str]) -> None:
        self._service, self._looks = await asyncio.to_thread(_tools, self._conn_id, self._sandbox)
        try:
            await asyncio.sleep(GATHER)
            while self.waits:
                await self._until_due()
                if self.waits:
                    await self._round()
            # no await between the check and this: who joins from here on finds another poller
            if pollers.get(key) is self:
                del pollers[key]
        finally:
            await self._service.__aexit__()

    async def _until_due(self) -> None:
        while self._prune():
            self._wake.clear()
            self._beat = now = time.monotonic()
            pause = max(min(wait.due for wait in self.waits), self._not_before) - now
            if pause <= 0:
                return
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except asyncio.TimeoutError:
                continue
            await asyncio.sleep(GATHER)

    def _prune(self) -> int:
        """How many waits are left without those that have their answer and are about to leave."""
        self.waits = {wait for wait in self.waits if not wait.answer.done()}
        return len(self.waits)

    async def _round(self) -> None:
        """Look at all that is due; what the service as a whole does wrong slows all of them down."""
        now = time.monotonic()
        due = [wait for wait in self.waits if _pacing.joins(wait.due, now, wait.last)]
        odd = {wait.key for wait in due if wait.failures}
        seen = Seen()
        try:
            await self._look_at(due, odd, seen, now)
        except AepError as error:
            seen.trouble = error
        for number, wait in enumerate(due):
            self._answer(wait, seen)
            await _others_turn(number)
        await self._settle(seen.trouble)

    async def _look_at(self, due: list[Wait], odd: set[str], seen: Seen, now: float) -> None:
        if now >= self._reload_at:
            await self._service.reload()
            self._reload_at = now + RELOAD
        await self._service.sign_in()
        await self._looks.at_runs(list({wait.run_id: None for wait in due if wait.run_id}), odd, seen)
        if not seen.trouble:
            await self._looks.at_flows(_flows(due), odd, seen)
        seen.settle(odd)
        if not seen.trouble and now >= self._dataflows_at:
            await self._look_at_dataflows(
                [wait for wait in due if wait.flow_id and now >= wait.dataflow_due], seen, now
            )

    async def _look_at_dataflows(self, waits: list[Wait], seen: Seen, now: float) -> None:
        flow_ids = {wait.flow_id: None for wait in waits if wait.flow_id}
        if flow_ids and not await self._looks.at_dataflows(list(flow_ids), seen):
            self._dataflows_at = now + DATAFLOWS
        for wait in waits:
            if (dataflow := seen.dataflows.get(wait.flow_id or "")) is not None:
                wait.dataflow = dataflow.after(wait.dataflow)
            if wait.run_id is not None:
                wait.dataflow_due = now + DATAFLOWS

    async def _settle(self, trouble: AepError | None) -> None:
        self._beat = time.monotonic()
        said = (
            None if trouble is None else f"{trouble} All waits on this connection pause until that is over."
        )
        for number, wait in enumerate(list(self.waits)):
            wait.tell_once("trouble", said)
            await _others_turn(number)
        if trouble is None:
            self._failures = self._refusals = self._deaths = 0
            return
        self._failures += 1
        pause = _pacing.slowed(trouble, self._failures, _jitter())
        self._not_before = time.monotonic() + pause
        log.warning("%s: %s All %d waits pause for %.0f s.", self._name, trouble, len(self.waits), pause)
        if trouble.retryable:
            return
        self._refusals += 1
        self._reload_at = 0.0  # somebody may have corrected the connection meanwhile
        if self._refusals >= REFUSALS:
            for wait in self.waits:
                wait.end(ERROR)  # its task tries itself, and fails with the reason or waits on
            self._refusals = 0

    def _answer(self, wait: Wait, seen: Seen) -> None:
        """What the round means to one wait. Whatever is odd about its run, it is its problem alone."""
        try:
            self._answer_or_raise(wait, seen)
        except Exception:
            log.exception("Looking at run %s of %s failed.", wait.run_id, wait.dataflow)
            wait.end(ERROR)

    def _answer_or_raise(self, wait: Wait, seen: Seen) -> None:
        if not seen.trouble and (error := seen.errors.get(wait.key)) is not None:
            self._pause(wait, error)
            return
        if wait.run_id in seen.missing:
            wait.misses += 1
            self._postpone(wait, None)
            if wait.misses >= MISSES:
                wait.end(MISSING)
        elif wait.run_id is None and wait.flow_id in seen.of_flows:
            self._choose(wait, seen.of_flows[wait.flow_id])
        elif wait.run_id in seen.runs:
            wait.misses = 0
            self._look(wait, seen.runs[wait.run_id])
        else:
            return
        wait.failures = 0
        wait.tell_once("failure", None)

    def _pause(self, wait: Wait, error: AepError) -> None:
        """Its read failed, others did not: it alone slows down, or is let go."""
        if not error.retryable:
            wait.tell(str(error))
            wait.end(ERROR)  # its task looks itself, and fails with the reason or waits on
            return
        wait.failures += 1
        pause = max(wait.poll_interval or 0.0, _pacing.slowed(error, wait.failures, _jitter()))
        wait.tell_once("failure", f"{error} The wait goes on, with longer pauses until that is over.")
        wait.last = time.monotonic()
        wait.due = wait.last + pause

    def _choose(self, wait: Wait, runs: list[Run]) -> None:
        choice = choose(runs, wait.aim)
        if choice is not None:
            run = choice.run
            wait.tell(f"Run {run.id} of {wait.dataflow} is meant, found by {choice.by}.", logging.INFO)
            wait.found(run.id, self._link(wait.flow_id or "", run.id))
            self._look(wait, Glance(run.ended, run.started_at, run.seconds, run.unknown))
        elif wait.dataflow is not None and wait.dataflow.stopped:
            wait.tell(wait.dataflow.no_run)
            wait.end(ERROR)  # its task looks itself, and fails with the reason or waits on
        else:
            self._postpone(wait, None)

    def _link(self, flow_id: str, run_id: str) -> str:
        at = self._service.settings
        return dataflow_url(
            org_id=at.org_id, tenant=at.tenant, sandbox=at.sandbox, flow_id=flow_id, run_id=run_id
        )

    def _look(self, wait: Wait, glance: Glance) -> None:
        if glance.ended:
            self._durations.add(wait.flow_id, glance.seconds)
            wait.end(ENDED)
            return
        self._postpone(wait, glance.started_at)
        wait.tell_once("status", glance.unknown and unknown_status(wait.run_id, glance.unknown))
        wait.tell_once("stopped", wait.dataflow.run_goes_on if wait.dataflow else None)

    def _postpone(self, wait: Wait, started_at: float | None) -> None:
        age = max(0.0, time.time() - (started_at or wait.joined))
        usual = self._durations.usual(wait.flow_id)
        wait.last = time.monotonic()
        wait.due = wait.last + (wait.poll_interval or _pacing.interval(age, usual, _jitter()))


def _tools(aep_conn_id: str, sandbox: str | None) -> tuple[AsyncFlowService, Looks]:
    """In a thread: what is imported here would stop the event loop for some tenths of a second."""
    import_lookups()
    from airflow_provider_aep.hooks.aio import AsyncFlowService
    from airflow_provider_aep.triggers._looks import Looks

    service = AsyncFlowService(aep_conn_id, sandbox)
    return service, Looks(service)


def _flows(due: list[Wait]) -> dict[str, float | None]:
    """The dataflows whose runs are to be listed, and from when on: as far back as any of their waits."""
    flows: dict[str, float | None] = {}
    for wait in due:
        if wait.run_id is None and wait.flow_id is not None:
            bound = wait.aim.started_from
            known = flows.get(wait.flow_id, bound)
            flows[wait.flow_id] = None if bound is None or known is None else min(bound, known)
    return flows


async def _others_turn(number: int) -> None:
    """Let the loop go on after each hundred waits."""
    if number % 100 == 99:
        await asyncio.sleep(0)


def _jitter() -> float:
    return random.random()  # noqa: S311 - spreads looks, keeps no secret
