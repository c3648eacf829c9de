"""One poller for all waits and watchers of a triggerer on the same connection and sandbox.

A wait joins, gets one answer, and leaves. A watcher joins, gets the runs that ended after each poll, and
leaves when Airflow stops it. The first of them starts the poller, and the poller ends when the last leaves.
If a poller dies or hangs, a new poller continues its waits and watchers, and the log says so.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import random
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_aep._compat import import_lookups
from airflow_provider_aep.flow_runs import schedule
from airflow_provider_aep.flow_runs.conditions import Conditions
from airflow_provider_aep.flow_runs.fetch import Fetched, RunFetcher
from airflow_provider_aep.flow_runs.schedule import DATAFLOWS, Deadline
from airflow_provider_aep.flow_runs.spec import ENDED, ERROR, MISSING, TIMEOUT, WaitSpec
from airflow_provider_aep.flow_runs.watching import Watch, Watching
from airflow_provider_aep.flow_service.errors import AepError, AepThrottledError
from airflow_provider_aep.flow_service.run_selection import choose
from airflow_provider_aep.flow_service.runs import Dataflow, Run, RunSnapshot, unknown_status
from airflow_provider_aep.flow_service.validation import is_id

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.aio import AsyncFlowService

GATHER = 0.1
"""Seconds to wait for more waits before a poll: waits that start together are polled together."""

RELOAD = 300.0
"""Seconds after which the Airflow connection is read again."""

HUNG = 1800.0
"""Seconds without a heartbeat after which a poller counts as hung: longer than any reply."""

WATCH = 300.0
"""Seconds between two checks whether a poller hangs; also the longest sleep between two heartbeats."""

MISSES, REFUSALS = 5, 3
"""Polls in a row without the run, and refusals of the credential in a row, after which waits end."""

log = logging.getLogger(__name__)

DIED = "died"
"""The poller died. This is not an end: the wait continues with a new poller."""


def _future() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


@dataclass(eq=False)
class PolledWait:
    """One wait in the poller: its spec, its answer, and when to poll it.

    A wait makes few objects, and most of them only when it needs them: the time of a full garbage collection,
    which blocks the event loop, grows with all objects of the triggerer.

    :param log: the trigger's logger. :meth:`log_to_task` calls it in the context in which the wait was made,
        because Airflow assigns a trigger's lines to a task by that context
    :param on_found: is called with the URL of the run once the run is found, in the same context
    :param answer: gets how the wait ends
    :param dataflow: the dataflow once it was read
    :param started: when the trigger started, in epoch seconds
    :param due: when to poll next, in seconds of the monotonic clock; ``last``: when it was polled
    :param misses: polls in a row that did not find the run
    :param failures: reads in a row that failed for this wait alone
    """

    spec: WaitSpec
    log: Any = log
    on_found: Callable[[str], None] | None = None
    answer: asyncio.Future[str] = field(default_factory=_future)
    dataflow: Dataflow | None = None
    started: float = field(default_factory=time.time)
    due: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)
    misses: int = 0
    failures: int = 0
    timer: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self._until = Deadline(self.spec.deadline)
        self._context = contextvars.copy_context()
        self._conditions: Conditions | None = None
        # without a run, each poll also checks whether the dataflow is stopped
        self.dataflow_due = 0.0 if self.run_id is None else time.monotonic() + DATAFLOWS

    @property
    def flow_id(self) -> str | None:
        """Return the dataflow's id."""
        return self.spec.flow_id

    @property
    def of(self) -> Dataflow | None:
        """Return the dataflow for messages, read or not."""
        return self.dataflow or (Dataflow(self.flow_id) if self.flow_id else None)

    @property
    def run_id(self) -> str | None:
        """Return the run's id; None while no run is selected."""
        return self.spec.run_id

    @property
    def key(self) -> str:
        """Return the id to read for this wait: the run's, else the dataflow's."""
        return self.run_id or self.flow_id or ""

    def end(self, how: str) -> None:
        """Set the answer, unless the wait has one."""
        if not self.answer.done():
            self.answer.set_result(how)

    def renew(self) -> None:
        """Continue to wait after the poller died."""
        self.answer = _future()

    def found(self, run_id: str, link: str) -> None:
        """Set the run that this wait is for."""
        self.spec = replace(self.spec, run_id=run_id)
        self.dataflow_due = time.monotonic() + DATAFLOWS
        if self.on_found is not None:
            self._context.run(self.on_found, link)

    def log_to_task(self, text: str, level: int = logging.WARNING) -> None:
        """Write a line to the task's log."""
        self._context.run(self.log.log, level, "%s", text)

    def log_once(self, condition: str, text: str | None) -> None:
        """Warn when a condition begins. Pass None as ``text`` when it is over."""
        if self._conditions is None:
            if text is None:
                return
            self._conditions = Conditions()
        if self._conditions.update(condition, text):
            self.log_to_task(str(text))

    def watch_the_deadline(self) -> None:
        """End at the deadline, also if the machine slept or its clock was set back."""
        left = self._until.left
        if left <= 0:
            self.end(TIMEOUT)
        else:
            loop, pause = asyncio.get_running_loop(), min(left, 3600.0)
            self.timer = loop.call_later(pause, self.watch_the_deadline, context=self._context)


Pollers = dict[tuple[str, str], "Poller"]
"""The pollers of an event loop, by connection and sandbox."""


class Poller:
    """Poll the runs of all waits of one connection and sandbox, in rounds."""

    def __init__(self, aep_conn_id: str, sandbox: str | None) -> None:
        self.waits: set[PolledWait] = set()
        self.watches: set[Watch] = set()
        self.task: asyncio.Task[None] | None = None
        self._conn_id = aep_conn_id
        self._sandbox = sandbox
        self._service: AsyncFlowService
        self._fetcher: RunFetcher
        self._watching: Watching
        self._durations = schedule.Durations()
        self.name = f"{aep_conn_id!r}, sandbox {repr(sandbox) if sandbox else 'of the connection'}"
        self._wake = asyncio.Event()
        self._reload_at = 0.0
        self._not_before = 0.0
        self._dataflows_at = 0.0
        self._failures = self._refusals = self._deaths = 0
        self._heartbeat = time.monotonic()

    # Join and leave

    def start(self, pollers: Pollers, key: tuple[str, str]) -> None:
        """Start the poller in an empty context: its lines must not go to the log of the first wait's task."""
        run = self._run(pollers, key)
        self.task = contextvars.Context().run(asyncio.create_task, run)
        self.task.add_done_callback(self._over)
        self._watch()

    def join(self, wait: PolledWait) -> None:
        """Add a wait. Adding it twice changes nothing. A wait without a valid id ends with an error."""
        if not is_id(wait.key):
            wait.log_to_task("Cannot wait: neither `run_id` nor `flow_id` is a valid ID. Correct it.")
            wait.end(ERROR)
        elif wait not in self.waits:
            self.waits.add(wait)
            self._wake.set()

    def leave(self, wait: PolledWait) -> None:
        """Remove a wait."""
        self.waits.discard(wait)
        self._wake.set()

    def add_watch(self, watch: Watch) -> None:
        """Add a watcher. Adding it twice changes nothing."""
        if watch not in self.watches:
            self.watches.add(watch)
            self._wake.set()

    def remove_watch(self, watch: Watch) -> None:
        """Remove a watcher."""
        self.watches.discard(watch)
        self._wake.set()

    def _pause_until(self, at: float) -> None:
        self._not_before = max(self._not_before, at)

    def problem(self) -> str | None:
        """Return in words for the log that the poller died or hangs; None while it works."""
        if self.task is not None and self.task.done():
            failure = None if self.task.cancelled() else self.task.exception()
            return f"died ({type(failure).__name__ if failure else 'cancelled'})"
        return "hangs" if time.monotonic() - self._heartbeat > HUNG else None

    def _watch(self) -> None:
        """Cancel the poller if it hangs; :meth:`_over` then sends its waits to a new poller."""
        if self.task is None or self.task.done():
            return
        if self.problem():
            self.task.cancel()
        self._watchdog = asyncio.get_running_loop().call_later(WATCH, self._watch)

    def _over(self, _task: asyncio.Task[None]) -> None:
        self._watchdog.cancel()
        for wait in self.waits:
            wait.end(DIED)
        for watch in self.watches:
            watch.polled.set()  # its trigger finds the new poller

    def take_over(self, dead: Poller) -> None:
        """Continue for a dead poller, with a longer pause after each death in a row."""
        self._durations, self._deaths = dead._durations, dead._deaths + 1
        self._not_before = dead._not_before
        if self._deaths > 1:
            failure = AepError.with_advice("The poller of the triggerer died.")
            self._pause_until(time.monotonic() + schedule.slowed(failure, self._deaths, _jitter()))

    # Rounds

    async def _run(self, pollers: Pollers, key: tuple[str, str]) -> None:
        self._service, self._fetcher = await asyncio.to_thread(_tools, self._conn_id, self._sandbox)
        self._service.on_progress = self._beat
        self._watching = Watching(self._service, self._fetcher)
        try:
            await asyncio.sleep(GATHER)
            while self.waits or self.watches:
                await self._until_due()
                if self.waits or self.watches:
                    await self._round()
            # no await between the check and this: a wait that joins later gets a new poller
            if pollers.get(key) is self:
                del pollers[key]
        finally:
            await self._service.__aexit__()

    def _beat(self) -> None:
        self._heartbeat = time.monotonic()

    async def _until_due(self) -> None:
        while self._prune():
            self._wake.clear()
            self._heartbeat = now = time.monotonic()
            due = min((wait.due for wait in self.waits), default=math.inf)
            if self.watches:
                due = min(due, self._watching.due(self.watches))
            pause = max(due, self._not_before) - now
            if pause <= 0:
                return
            try:
                await asyncio.wait_for(self._wake.wait(), min(pause, WATCH))
            except asyncio.TimeoutError:
                continue
            await asyncio.sleep(GATHER)

    def _prune(self) -> int:
        """Remove the waits that have their answer, and return how many waits and watchers are left."""
        self.waits = {wait for wait in self.waits if not wait.answer.done()}
        return len(self.waits) + len(self.watches)

    async def _round(self) -> None:
        """Poll all waits that are due. An error of the service as a whole delays all of them."""
        now = time.monotonic()
        due = [wait for wait in self.waits if schedule.is_due(wait.due, now, wait.last)]
        failing = {wait.key for wait in due if wait.failures}
        fetched = Fetched()
        try:
            await self._fetch(due, failing, fetched, now)
        except AepError as error:
            fetched.service_error = error
        for number, wait in enumerate(due):
            self._answer(wait, fetched)
            await _yield_to_loop(number)
        await self._settle(fetched.service_error)

    async def _fetch(self, due: list[PolledWait], failing: set[str], fetched: Fetched, now: float) -> None:
        if now >= self._reload_at:
            await self._service.reload()
            self._reload_at = now + RELOAD
        await self._service.sign_in()
        run_ids = list({wait.run_id: None for wait in due if wait.run_id})
        await self._fetcher.fetch_runs(run_ids, failing, fetched)
        if not fetched.service_error:
            await self._fetcher.fetch_runs_of(_flows(due), failing, fetched)
        fetched.settle(failing)
        if not fetched.service_error and now >= self._dataflows_at:
            await self._fetch_dataflows(
                [wait for wait in due if wait.flow_id and now >= wait.dataflow_due], fetched, now
            )
        if self.watches and not fetched.service_error:
            await self._watching.poll(set(self.watches), now)

    async def _fetch_dataflows(self, waits: list[PolledWait], fetched: Fetched, now: float) -> None:
        flow_ids = {wait.flow_id: None for wait in waits if wait.flow_id}
        if flow_ids and not await self._fetcher.fetch_dataflows(list(flow_ids), fetched):
            self._dataflows_at = now + DATAFLOWS
        for wait in waits:
            if (dataflow := fetched.dataflows.get(wait.flow_id or "")) is not None:
                wait.dataflow = dataflow.after(wait.dataflow)
            if wait.run_id is not None:
                wait.dataflow_due = now + DATAFLOWS

    async def _settle(self, service_error: AepError | None) -> None:
        self._heartbeat = time.monotonic()
        text = (
            None
            if service_error is None
            else f"{service_error} All waits on this connection pause until it is over."
        )
        if service_error is not None:
            for watch in self.watches:
                watch.polled.set()
        for number, wait in enumerate(list(self.waits)):
            wait.log_once("service", text)
            await _yield_to_loop(number)
        if service_error is None:
            self._failures = self._refusals = self._deaths = 0
            return
        self._failures += 1
        pause = schedule.slowed(service_error, self._failures, _jitter())
        self._pause_until(time.monotonic() + pause)
        if isinstance(service_error, AepThrottledError):  # the limit is the organization's, not the sandbox's
            for (conn_id, _), poller in POLLERS.get(asyncio.get_running_loop(), {}).items():
                if conn_id == self._conn_id:
                    poller._pause_until(self._not_before)
        many = f"All {len(self.waits)} waits and {len(self.watches)} watchers"
        log.warning("%s: %s %s pause for %.0f s.", self.name, service_error, many, pause)
        if service_error.retryable:
            return
        self._refusals += 1
        self._reload_at = 0.0  # somebody may have corrected the connection meanwhile
        if self._refusals >= REFUSALS:
            for wait in self.waits:
                wait.end(ERROR)  # its task polls itself, and fails with the reason or continues to wait
            self._refusals = 0

    def _answer(self, wait: PolledWait, fetched: Fetched) -> None:
        """Evaluate the round for one wait. An error about its run ends only this wait."""
        try:
            self._answer_or_raise(wait, fetched)
        except Exception:
            log.exception("Polling run %s of %s failed.", wait.run_id, wait.of)
            wait.end(ERROR)

    def _answer_or_raise(self, wait: PolledWait, fetched: Fetched) -> None:
        if not fetched.service_error and (error := fetched.errors.get(wait.key)) is not None:
            self._pause(wait, error)
            return
        if wait.run_id in fetched.missing:
            wait.misses += 1
            self._postpone(wait, None)
            if wait.misses >= MISSES:
                wait.end(MISSING)
        elif wait.run_id is None and wait.flow_id in fetched.of_flows:
            self._choose(wait, fetched.of_flows[wait.flow_id])
        elif wait.run_id in fetched.runs:
            wait.misses = 0
            self._evaluate(wait, fetched.runs[wait.run_id])
        else:
            return
        wait.failures = 0
        wait.log_once("failure", None)

    def _pause(self, wait: PolledWait, error: AepError) -> None:
        """Delay or end one wait whose read failed while other reads did not."""
        if not error.retryable:
            wait.log_to_task(str(error))
            wait.end(ERROR)  # its task polls itself, and fails with the reason or continues to wait
            return
        wait.failures += 1
        pause = max(wait.spec.poll_interval or 0.0, schedule.slowed(error, wait.failures, _jitter()))
        wait.log_once("failure", f"{error} The wait continues, with longer pauses until the error is over.")
        wait.last = time.monotonic()
        wait.due = wait.last + pause

    def _choose(self, wait: PolledWait, runs: list[Run]) -> None:
        choice = choose(runs, wait.spec)
        if choice is not None:
            run = choice.run
            wait.log_to_task(f"Run {run.id} of {wait.of} is selected: {choice.by}.", logging.INFO)
            wait.found(run.id, self._service.link("run", run.id, wait.flow_id))
            self._evaluate(wait, RunSnapshot(run.ended, run.started_at, run.seconds, run.unknown))
        elif wait.dataflow is not None and wait.dataflow.stopped:
            wait.log_to_task(wait.dataflow.no_run)
            wait.end(ERROR)  # its task polls itself, and fails with the reason or continues to wait
        else:
            self._postpone(wait, None)

    def _evaluate(self, wait: PolledWait, snapshot: RunSnapshot) -> None:
        if snapshot.ended:
            self._durations.add(wait.flow_id, wait.run_id, snapshot.seconds)
            wait.end(ENDED)
            return
        self._postpone(wait, snapshot.started_at)
        wait.log_once("status", snapshot.unknown and unknown_status(wait.run_id, snapshot.unknown))
        wait.log_once("stopped", wait.dataflow.run_continues if wait.dataflow else None)

    def _postpone(self, wait: PolledWait, started_at: float | None) -> None:
        age = max(0.0, time.time() - (started_at or wait.spec.since or wait.started))
        usual = self._durations.usual(wait.flow_id)
        wait.last = time.monotonic()
        wait.due = wait.last + (wait.spec.poll_interval or schedule.interval(age, usual, _jitter()))


def _tools(aep_conn_id: str, sandbox: str | None) -> tuple[AsyncFlowService, RunFetcher]:
    """Make the service and the fetcher, in a thread: the imports take some tenths of a second."""
    import_lookups()
    from airflow_provider_aep.hooks.aio import AsyncFlowService

    service = AsyncFlowService(aep_conn_id, sandbox)
    return service, RunFetcher(service)


def _flows(due: list[PolledWait]) -> dict[str, float | None]:
    """Return the dataflows whose runs to list, each with the earliest start that one of its waits needs."""
    flows: dict[str, float | None] = {}
    for wait in due:
        if wait.run_id is None and wait.flow_id is not None:
            bound = wait.spec.started_from
            known = flows.get(wait.flow_id, bound)
            flows[wait.flow_id] = None if bound is None or known is None else min(bound, known)
    return flows


async def _yield_to_loop(number: int) -> None:
    """Let other tasks of the event loop run after each hundred waits."""
    if number % 100 == 99:
        await asyncio.sleep(0)


def _jitter() -> float:
    return random.random()  # noqa: S311 - spreads polls, keeps no secret


POLLERS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pollers] = weakref.WeakKeyDictionary()


async def wait_with_others(aep_conn_id: str, sandbox: str | None, wait: PolledWait) -> str:
    """PolledWait, and return :data:`ENDED`, :data:`MISSING`, :data:`ERROR` or :data:`TIMEOUT`."""
    poller: Poller | None = None
    wait.watch_the_deadline()
    try:
        while True:
            if not wait.answer.done():
                poller = find_poller(aep_conn_id, sandbox)
                poller.join(wait)
            answer = await wait.answer
            if answer != DIED:
                return answer
            wait.renew()
    finally:
        if wait.timer is not None:
            wait.timer.cancel()
        if poller is not None:
            poller.leave(wait)


async def poll_with_others(aep_conn_id: str, sandbox: str | None, watch: Watch) -> None:
    """Wait until the next poll of a watcher is over, also if it failed."""
    find_poller(aep_conn_id, sandbox).add_watch(watch)
    await watch.polled.wait()
    watch.polled.clear()


def leave_others(aep_conn_id: str, sandbox: str | None, watch: Watch) -> None:
    """Remove a watcher from the event loop's poller."""
    poller = POLLERS.get(asyncio.get_running_loop(), {}).get((aep_conn_id, sandbox or ""))
    if poller is not None:
        poller.remove_watch(watch)


def find_poller(aep_conn_id: str, sandbox: str | None) -> Poller:
    """Return the event loop's poller for a connection and sandbox. Start one if none works."""
    pollers = POLLERS.setdefault(asyncio.get_running_loop(), {})
    key = (aep_conn_id, sandbox or "")
    poller = pollers.get(key)
    if poller is not None and (problem := poller.problem()) is None:
        return poller
    new = Poller(aep_conn_id, sandbox)
    if poller is not None:
        log.warning(
            "The poller of %s %s. A new poller continues its %d waits and %d watchers.",
            poller.name,
            problem,
            len(poller.waits),
            len(poller.watches),
        )
        new.take_over(poller)
    pollers[key] = new
    new.start(pollers, key)
    return new
