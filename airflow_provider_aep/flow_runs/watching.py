"""Find the flow runs that ended, for all watchers of a connection and sandbox with one list.

The cursor of a watcher is about ends, not starts. A run changes when it ends, so the list begins with the run
that changed last, and is read back to the cursor. Three things make sure that no end is missed:

- Each list goes back ``OVERLAP`` seconds behind the newest change: a list may show a run late.
- It also goes back to the oldest run that has not ended, at most ``LONGEST_RUN`` seconds. So a shorter run is
  found at its end even if AEP does not update ``updatedAt`` then.
- All times are AEP's own, so a wrong clock of this machine has no effect. The only exceptions are the first
  start of a watcher by name while no dataflow has the name, and replies without the header ``Date``. A time
  ahead of the present moves no cursor: real runs would end behind it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.flow_runs import schedule
from airflow_provider_aep.flow_runs.conditions import Conditions
from airflow_provider_aep.flow_runs.fetch import SERVICE_ERRORS, Fetched, RunFetcher
from airflow_provider_aep.flow_runs.journal import Journal
from airflow_provider_aep.flow_service.collections import FLOWS, TARGET_CONNECTIONS
from airflow_provider_aep.flow_service.errors import AepError, AepReplyError, AepRequestError
from airflow_provider_aep.flow_service.requests import IDS_A_CALL, can_filter_by, list_changed_runs_of
from airflow_provider_aep.flow_service.run_evaluation import outcome
from airflow_provider_aep.flow_service.runs import Run, read_run
from airflow_provider_aep.flow_service.validation import is_id

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.aio import AsyncFlowService

OVERLAP = 900.0
"""Seconds behind the newest change that each list goes back."""

LONGEST_RUN = 6 * 3600.0
"""Seconds behind the newest change that a list goes back at most, for a run that has not ended."""

DAY = 86400.0

DATAFLOWS = 300.0
"""Seconds between two searches for dataflows by name, or for a dataflow that was missing."""

RETRY = 60.0
"""Seconds until facts about dataflows are read again after an error."""

RARELY, SOON = 300.0, 300.0
"""With a journal: seconds between two lists, and seconds after an event in which lists are as frequent as
without a journal. A list may show the end of a run later than the journal."""

ORDER = 3600.0
"""Seconds until runs are listed by their last change again, after AEP refused that or its order was wrong."""

_NAMES_A_CALL, _PAGES = 20, 500

_USELESS = 3
"""Lists that fail in a row before the others of a round are not sent."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cursor:
    """The position of a watcher.

    :param since: where the next list ends: a time of AEP in epoch seconds
    :param seen: the ids of the runs that have ended since then and were judged already
    :param behind: cursors of single dataflows whose lists failed; None before the first list of a dataflow
    """

    since: float
    seen: frozenset[str] = frozenset()
    behind: Mapping[str, Cursor | None] = field(default_factory=dict)

    def of(self, flow_id: str | None) -> Cursor | None:
        """Return the cursor of one dataflow."""
        return self.behind.get(flow_id or "", replace(self, behind={}))

    def announces(self, run: Run, on: Collection[str]) -> bool:
        """Return whether a run has ended since, with one of these outcomes."""
        return run.ended and run.changed_at >= self.since and run.id not in self.seen and outcome(run) in on

    def after(self, runs: Collection[Run], newest: float) -> Cursor:
        """Return the cursor after a list. It never moves back."""
        running = min((run.changed_at for run in runs if not run.ended), default=math.inf)
        since = max(newest - LONGEST_RUN, min(newest - OVERLAP, running), self.since)
        return Cursor(since, frozenset(run.id for run in runs if run.ended and run.changed_at >= since))

    def stored(self) -> dict[str, Any]:
        """Return the cursor as JSON."""
        own = {"since": self.since, "seen": sorted(self.seen)}
        behind = {one: at and at.stored() for one, at in self.behind.items()}
        return {**own, "behind": behind} if behind else own

    @classmethod
    def restore(cls, stored: Any) -> Cursor:
        """Return the cursor that :meth:`stored` returned. :raises ValueError: it is invalid"""
        since, behind = (
            (stored.get("since"), stored.get("behind", {})) if isinstance(stored, dict) else (0, 0)
        )
        if not isinstance(since, int | float) or not math.isfinite(since) or not isinstance(behind, dict):
            raise ValueError("the stored cursor is invalid")
        behind = {one: None if at is None else cls.restore(at) for one, at in behind.items()}
        return cls(float(since), frozenset(map(str, stored.get("seen") or ())), behind)


_START = Cursor(0.0)


@dataclass(eq=False)
class Watch:
    """One watcher in the poller.

    :param on: the outcomes that are announced
    :param cursor: None before the first list of the first start
    :param journal: the URL of a journal, or None
    :param log: the trigger's logger
    :param polled: is set after each poll, also after a failed one
    :param found: the runs to announce
    :param due: when to list next, in seconds of the monotonic clock; ``last``: when the last list was
    :param soon: until when events of the journal make lists frequent
    :param failures: polls in a row that failed, at least for the dataflows in ``failed``
    """

    flow_id: str | None
    flow_name: str | None
    on: frozenset[str]
    poll_interval: float
    cursor: Cursor | None = None
    journal: str | None = None
    log: Any = log
    polled: asyncio.Event = field(default_factory=asyncio.Event)
    found: list[Run] = field(default_factory=list)
    due: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)
    soon: float = 0.0
    failures: int = 0

    def __post_init__(self) -> None:
        self.flow_ids = frozenset({self.flow_id} if self.flow_id else ())
        self.failed: frozenset[str] = frozenset()
        self._conditions = Conditions()

    def take(self) -> list[Run]:
        """Return the runs to announce, oldest first, each once."""
        runs, self.found = self.found, []
        return sorted(runs, key=lambda run: (run.completed_at or run.changed_at, run.id))

    def add(self, runs: Iterable[Run], newest: float, failed: Collection[str] = ()) -> None:
        """Find the ends among the runs of a list, and move the cursor.

        :param newest: when a run of the list changed last, in AEP's epoch seconds
        :param failed: the dataflows that could not be listed. Their cursors stay
        """
        known, failed = self.cursor, self.flow_ids.intersection(failed)
        listed: dict[str, list[Run]] = {one: [] for one in self.flow_ids - failed}
        by_end = sorted(runs, key=lambda run: run.ended)  # two pages can show a run before and after its end
        for run in {run.id: run for run in by_end if run.flow_id in listed}.values():
            listed[str(run.flow_id)].append(run)
        moved = (known or _START).after([run for some in listed.values() for run in some], newest)
        behind = {one: known.of(one) if known else None for one in failed}
        for one, own in listed.items():
            at = known and known.of(one)
            if at is not None:
                self.found += [run for run in own if at.announces(run, self.on)]
            cursor = (at or _START).after(own, newest)
            if known and one in known.behind and cursor.since < moved.since:
                behind[one] = cursor  # one of its runs is under way since then
        self.cursor = replace(moved, behind=behind)

    def go_back(self, now: float) -> None:
        """Move a position that is ahead of the present: no run would be announced until then."""
        if self.cursor is not None and self.cursor.since > now + OVERLAP:
            self.log.warning("The position of the watcher was ahead of the present. It continues now.")
            self.cursor = replace(self.cursor, since=now - OVERLAP)

    def log_once(self, condition: str, text: str | None) -> None:
        """Warn when a condition begins. Pass None as ``text`` when it is over."""
        if self._conditions.update(condition, text):
            self.log.warning("%s", text)


class Watching:
    """Poll for watchers. The poller calls :meth:`poll` in its rounds."""

    def __init__(self, service: AsyncFlowService, fetcher: RunFetcher) -> None:
        self._service = service
        self._fetcher = fetcher
        self._in_order, self._order_due = True, 0.0
        self._conditions = Conditions()
        self._journals: dict[str, Journal] = {}
        self._datasets: dict[str, str] = {}
        self._by_name: dict[str, set[str]] = {}
        self._not_before: dict[str, float] = {}
        self._missing: set[str] = set()

    def due(self, watches: Iterable[Watch]) -> float:
        """Return when :meth:`poll` has something to do, in seconds of the monotonic clock."""
        journals = {watch.journal for watch in watches}
        self._journals = {url: one for url, one in self._journals.items() if url in journals}
        dues = [journal.due for journal in self._journals.values()]
        return min([*dues, *(watch.due for watch in watches)], default=math.inf)

    async def poll(self, watches: Collection[Watch], now: float) -> None:
        """List the runs of all watchers that are due. An error of this list concerns no wait.

        :raises AepError: an error of the service as a whole
        """
        if now >= self._order_due:  # one odd list must not decide for all later ones
            self._in_order, self._order_due = True, now + ORDER
        await self._read_journals(watches, now)
        due = [watch for watch in watches if schedule.is_due(watch.due, now, watch.last)]
        failed: dict[str, AepError] = {}
        error: AepError | None = None
        try:
            await self._find_dataflows(due, now)
            await self._list(due, failed)
        except SERVICE_ERRORS:
            raise
        except Exception as failure:
            error = failure if isinstance(failure, AepError) else AepReplyError.with_advice("It is invalid.")
            if error is not failure:
                log.exception("Flow runs could not be listed for watchers.")
        for watch in due:
            problem = error or next((failed[one] for one in watch.flow_ids if one in failed), None)
            watch.failures = watch.failures + 1 if problem else 0
            watch.failed = watch.flow_ids if error else watch.flow_ids & failed.keys()
            pause = schedule.slowed(problem, watch.failures, _jitter()) if problem else 0.0
            self._postpone(watch, now, pause)
            some = ", ".join(sorted(watch.failed)) if watch.failed < watch.flow_ids else ""
            words = (
                f"Flow runs {some and f'of {some} '}could not be listed, and this is tried again: {problem}"
            )
            watch.log_once("failure", words if problem and not some else None)
            watch.log_once("some failures", words if some else None)
            watch.polled.set()

    def _postpone(self, watch: Watch, now: float, pause: float = 0.0) -> None:
        rare = watch.journal and self._journals[watch.journal].works and now >= watch.soon
        watch.last = now
        watch.due = now + max(watch.poll_interval, pause, RARELY if rare else 0.0)

    async def _read_journals(self, watches: Collection[Watch], now: float) -> None:
        """Read each journal once for all its watchers. A watcher of a dataflow in an event is due at once."""
        by_journal: dict[str, list[Watch]] = {}
        for watch in watches:
            if watch.journal:
                by_journal.setdefault(watch.journal, []).append(watch)
        for url, own in by_journal.items():
            journal = self._journals.setdefault(url, Journal(url))
            if now < journal.due:
                continue
            mentioned = await journal.read(
                self._service, now, {one for watch in own for one in watch.flow_ids}
            )
            for watch in own:
                watch.log_once("journal", journal.problem)
                if watch.failures:
                    continue  # the journal must not make lists frequent while they fail
                if mentioned is None:
                    watch.due = min(watch.due, max(watch.last + watch.poll_interval, now))
                elif watch.flow_ids & mentioned:
                    watch.due, watch.soon = now, now + SOON

    async def _list(self, watches: Sequence[Watch], failed: dict[str, AepError]) -> None:
        """List the runs of the watched dataflows that changed since the cursors, and hand them out.

        :param failed: gets the error of each dataflow whose runs could not be listed. Its watchers keep
            their cursors of it
        """
        since: dict[str, float] = {}
        failures: dict[str, int] = {}
        new: set[str] = set()
        for watch in watches:
            for one in watch.flow_ids:
                at = watch.cursor and watch.cursor.of(one)
                new |= set() if at else {one}
                since[one] = min(since.get(one, math.inf), at.since if at else math.inf)
                failures[one] = max(failures.get(one, 0), watch.failures if one in watch.failed else 0)
        runs: list[Run] = []
        parts = _lists(since, failures)
        for number, flow_ids in enumerate(parts):
            if number >= _USELESS and len(failed) == sum(map(len, parts[:number])):
                failed |= {one: failed[parts[0][0]] for part in parts[number:] for one in part}
                break  # the service fails, rather than single lists
            try:
                runs += await self._changed(flow_ids, {one: since[one] for one in flow_ids}, new, failed)
            except SERVICE_ERRORS:
                raise
            except AepError as error:
                failed |= dict.fromkeys(flow_ids, error)
        newest = self._newest(runs)
        runs = [replace(run, dataset_id=self._datasets.get(run.flow_id or "")) for run in runs]
        for watch in watches:
            if watch.flow_ids - failed.keys():  # without ids its name is unknown
                watch.go_back(self._service.now)
                watch.add(runs, newest, failed)

    async def _changed(
        self, flow_ids: list[str], since: dict[str, float], new: set[str], failed: dict[str, AepError]
    ) -> list[Run]:
        """Return the runs of dataflows that changed since a time, and possibly more.

        :param new: the dataflows of watchers without a cursor. Their runs that are under way are also listed
        :param failed: gets the error of each dataflow whose runs could not be listed alone
        """
        if self._in_order:
            why = "It is in another order, or a run has no `updatedAt`."
            try:
                runs = await self._newest_first(
                    flow_ids, min(since.values()), OVERLAP if new.isdisjoint(flow_ids) else LONGEST_RUN
                )
            except AepRequestError as error:
                why, runs = str(error), None
            if runs is not None:
                self._conditions.update("order", None)
                return runs
            self._in_order = False
            if self._conditions.update("order", why):
                log.warning(
                    "The list of runs by their last change cannot be used: %s "
                    "Runs are listed by their start for an hour. Runs of over a day are not found then.",
                    why,
                )
        fetched = Fetched()
        bounds = {one: at - DAY if DAY < at < math.inf else None for one, at in since.items()}
        await self._fetcher.fetch_runs_of(bounds, (), fetched)
        if fetched.service_error:
            raise fetched.service_error
        first = next(iter(fetched.errors.values()), None)
        failed |= {
            one: fetched.errors.get(one)
            or first
            or AepReplyError.with_advice("The reply lacks the dataflow.")
            for one in flow_ids
            if one not in fetched.of_flows
        }
        return [run for runs in fetched.of_flows.values() for run in runs]

    def _newest(self, runs: Iterable[Run]) -> float:
        """Return when a run changed last. A time ahead of the present is not evidence of a change."""
        latest = self._service.now + OVERLAP
        return max((run.changed_at for run in runs if run.changed_at <= latest), default=0.0)

    async def _newest_first(self, flow_ids: list[str], since: float, least: float) -> list[Run] | None:
        """Return the runs that changed since a time; None if the list is in another order.

        :param least: seconds behind the newest change that the list goes back at least
        """
        runs: list[Run] = []
        newest = 0.0
        async for page in self._service.pages(list_changed_runs_of(flow_ids), most=_PAGES):
            own = [run for run in map(read_run, page) if run.flow_id in flow_ids]
            times = [run.updated_at for run in own]
            if None in times or times != sorted(times, reverse=True):  # type: ignore[type-var]
                return None
            runs += own
            newest = max(newest, self._newest(own))
            if runs and runs[-1].changed_at < min(since, newest - least):
                break
        return runs

    async def _find_dataflows(self, watches: Sequence[Watch], now: float) -> None:
        """Find the dataflows of names, and the datasets of dataflows.

        An error concerns only the names, or only the datasets in events: known dataflows are still listed.
        """
        names = sorted({watch.flow_name for watch in watches if watch.flow_name})
        await self._read(
            self._read_names, [one for one in names if now >= self._not_before.get(one, 0.0)], now
        )
        for watch in watches:
            if watch.flow_name in self._by_name:
                watch.flow_ids = frozenset(self._by_name[watch.flow_name])
                if not watch.flow_ids and watch.cursor is None:
                    watch.cursor = Cursor(time.time() - OVERLAP)  # so the first run of a new dataflow counts
        own = sorted({one for watch in watches for one in watch.flow_ids} - self._datasets.keys())
        await self._read(
            self._read_datasets, [one for one in own if now >= self._not_before.get(one, 0.0)], now
        )
        for watch in watches:
            missing = watch.flow_name in self._by_name and not watch.flow_ids
            missing = missing or bool(watch.flow_ids & self._missing)
            words = f"There is no dataflow {watch.flow_name or watch.flow_id!r} in the sandbox. "
            watch.log_once("missing", f"{words}The watcher waits until there is one." if missing else None)

    async def _read(
        self, read: Callable[[list[str], float], Awaitable[None]], these: list[str], now: float
    ) -> None:
        """Read facts about dataflows, and log an error that does not concern the service as a whole."""
        try:
            for some in _parts(these, IDS_A_CALL):
                await read(some, now)
        except SERVICE_ERRORS:
            raise
        except AepError as error:
            self._not_before |= dict.fromkeys(these, now + RETRY)
            log.warning("Watched dataflows could not be read. This is tried again: %s", error)

    async def _read_names(self, names: list[str], now: float) -> None:
        """Find the dataflows of names. If a name cannot be in a filter, read the list of all dataflows."""
        found: dict[str, set[str]] = {name: set() for name in names}
        parts = list(_parts(names, _NAMES_A_CALL)) if all(map(can_filter_by, names)) else [[]]
        for some in parts:
            call = FLOWS.list_call([("name", ",".join(some))] if some else [])
            async for page in self._service.pages(call, most=_PAGES):
                for item in page:
                    if item.get("name") in found and is_id(item.get("id")):
                        found[item["name"]].add(item["id"])
        self._by_name |= found
        self._not_before |= dict.fromkeys(names, now + DATAFLOWS)

    async def _read_datasets(self, flow_ids: list[str], now: float) -> None:
        """Read the datasets of dataflows: two lists for up to a hundred dataflows."""
        targets: dict[str, Any] = {}
        async for page in self._service.pages(FLOWS.list_ids_call(flow_ids), most=_PAGES):
            for item in page:
                ids = item.get("targetConnectionIds")
                targets[str(item.get("id"))] = (
                    ids[0] if isinstance(ids, list) and ids and is_id(ids[0]) else None
                )
        datasets: dict[str, str] = {}
        for some in _parts(sorted({one for one in targets.values() if one}), IDS_A_CALL):
            async for page in self._service.pages(TARGET_CONNECTIONS.list_ids_call(some), most=_PAGES):
                for item in page:
                    params = item.get("params")
                    dataset = params.get("dataSetId") if isinstance(params, dict) else None
                    if is_id(dataset):
                        datasets[str(item.get("id"))] = str(dataset)
        self._not_before |= dict.fromkeys(flow_ids, now + DATAFLOWS)
        self._missing = (self._missing | set(flow_ids)) - targets.keys()
        found = {one: datasets.get(target) for one, target in targets.items()}
        self._datasets |= {one: dataset for one, dataset in found.items() if dataset is not None}


def _lists(since: Mapping[str, float], failures: Mapping[str, int]) -> list[list[str]]:
    """Return which dataflows to list together: as a rule all of them, a hundred a list.

    A list goes back to the oldest of its cursors, so a dataflow that is far behind has a list of its own.
    Dataflows whose list failed get shorter lists each time, until the list of one of them fails alone.
    """
    newest = max((at for at in since.values() if at < math.inf), default=0.0)
    behind = {one for one, at in since.items() if at < newest - DAY}
    parts = list(_parts(sorted(one for one in since if not failures[one] and one not in behind), IDS_A_CALL))
    parts += [[one] for one in sorted(behind) if not failures[one]]
    for times in sorted(set(failures.values()) - {0}):
        some = [one for one in since if failures[one] == times]
        random.shuffle(some)  # if several fail, the next lists mix them anew
        parts += _parts(some, max(1, min(len(some), IDS_A_CALL) >> times))
    return parts


def _parts(items: list[str], size: int) -> Iterator[list[str]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def _jitter() -> float:
    return random.random()  # noqa: S311 - spreads polls, keeps no secret
