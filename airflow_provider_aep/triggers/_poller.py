"""A poller looks at the runs of all waits of a triggerer on the same connection and sandbox.

A wait joins, gets one answer, and leaves; the last to leave ends it. How they find each other: ``_pollers``.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import random
import time
from functools import cache
from typing import TYPE_CHECKING

from airflow_provider_aep._compat import import_lookups
from airflow_provider_aep.flow_service.checks import is_id
from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.run_choice import choose
from airflow_provider_aep.flow_service.runs import Glance, Run
from airflow_provider_aep.triggers import _pacing
from airflow_provider_aep.triggers._seen import Seen
from airflow_provider_aep.triggers._wait import DIED, ENDED, ERROR, MISSING, Wait

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
        self._failures = self._refusals = self._deaths = 0
        self._beat = time.monotonic()

    # Joining and leaving

    def start(self, pollers: Pollers, key: tuple[str, str]) -> None:
        """Begin, in a context of nobody's: what the first wait logs to must not get the log of all."""
        run = self._run(pollers, key)
        self.task = contextvars.Context().run(asyncio.create_task, run)
        self.task.add_done_callback(self._over)
        self._watch()
        _spare_the_heap()

    def join(self, wait: Wait) -> None:
        """Look at its run too. Joining twice is joining once; what cannot be asked for never joins."""
        if not is_id(wait.run_id or wait.flow_id):
            wait.notes.append("There is neither a run's nor a dataflow's ID to wait for.")
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
        seen = Seen()
        try:
            if now >= self._reload_at:
                await self._service.reload()
                self._reload_at = now + RELOAD
            await self._looks.at_runs(list({wait.run_id: None for wait in due if wait.run_id}), seen)
            if not seen.trouble:
                await self._looks.at_flows(_flows(due), seen)
        except AepError as error:
            seen.trouble = error
        for number, wait in enumerate(due):
            self._answer(wait, seen)
            if number % 100 == 99:
                await asyncio.sleep(0)
        self._settle(seen.trouble)

    def _settle(self, trouble: AepError | None) -> None:
        self._beat = time.monotonic()
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
            log.exception("Looking at run %s of dataflow %s failed.", wait.run_id, wait.flow_id)
            wait.end(ERROR)

    def _answer_or_raise(self, wait: Wait, seen: Seen) -> None:
        refused = seen.refused.get(wait.run_id or wait.flow_id or "")
        if refused is not None:
            wait.notes.append(str(refused))
            wait.end(ERROR)
        elif wait.run_id is None and wait.flow_id in seen.of_flows:
            self._choose(wait, seen.of_flows[wait.flow_id])
        elif wait.run_id in seen.runs:
            wait.misses = 0
            self._look(wait, seen.runs[wait.run_id])
        elif wait.run_id in seen.missing:
            wait.misses += 1
            self._postpone(wait, None)
            if wait.misses >= MISSES:
                wait.end(MISSING)

    def _choose(self, wait: Wait, runs: list[Run]) -> None:
        choice = choose(runs, wait.aim)
        if choice is None:
            self._postpone(wait, None)
            return
        run = choice.run
        wait.run_id = run.id
        wait.notes.append(f"Run {run.id} of dataflow {wait.flow_id} is meant, found by {choice.by}.")
        self._look(wait, Glance(run.ended, run.started_at, run.seconds))

    def _look(self, wait: Wait, glance: Glance) -> None:
        if glance.ended:
            self._durations.add(wait.flow_id, glance.seconds)
            wait.end(ENDED)
        else:
            self._postpone(wait, glance.started_at)

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


@cache
def _spare_the_heap() -> None:
    """Take what a triggerer has imported, a hundred megabytes, out of what Python's collector goes through.

    A full collection over it stops the event loop for 0.15 s, and all the triggers of the process with it.
    """
    gc.freeze()


def _flows(due: list[Wait]) -> dict[str, float | None]:
    """The dataflows whose runs are to be listed, and from when on: as far back as any of their waits."""
    flows: dict[str, float | None] = {}
    for wait in due:
        if wait.run_id is None and wait.flow_id is not None:
            bound = wait.aim.started_from
            known = flows.get(wait.flow_id, bound)
            flows[wait.flow_id] = None if bound is None or known is None else min(bound, known)
    return flows


def _jitter() -> float:
    return random.random()  # noqa: S311 - spreads looks, keeps no secret
