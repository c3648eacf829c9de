"""All dataflows of a sandbox and their health.

No request is sent for a single dataflow. For F dataflows and R runs in the window, :func:`collect` sends at
most ``5 + ceil(R/100) + 5*ceil(F/100)`` requests. Pages are handled as they arrive: only counters and the
newest run of each dataflow are kept.

- A list of dataflows shows the last run of each, without counts of records (``lastRunDetails``). If that run
  started before the window, the run is read by its id, a hundred runs a request.
- If a dataflow shows no last run that ended, a request for the newest runs of a hundred such dataflows tells
  whether there is one. If the reply does not tell, the health is unknown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from math import ceil
from typing import Any, TypeVar

from airflow_provider_aep.flow_service.collections import (
    RUNS,
    SOURCE_CONNECTIONS,
    TARGET_CONNECTIONS,
    Collection,
)
from airflow_provider_aep.flow_service.datasets import names_of
from airflow_provider_aep.flow_service.errors import AepError, AepNotFoundError
from airflow_provider_aep.flow_service.marks import task_of
from airflow_provider_aep.flow_service.requests import PAGE_SIZE, is_off, is_on
from airflow_provider_aep.flow_service.run_evaluation import outcome
from airflow_provider_aep.flow_service.runs import Run, epoch_seconds, iso_time, read_run
from airflow_provider_aep.flow_service.schedules import ExistingSchedule, read_existing
from airflow_provider_aep.flow_service.sources import sources_of_spec
from airflow_provider_aep.flow_service.validation import is_id
from airflow_provider_aep.hooks.catalog import CatalogHook
from airflow_provider_aep.hooks.flow_service import FlowServiceHook

DAY = 86400.0
LEAST_LATE = 1800.0
"""A dataflow is not late before this many seconds, however short its interval is."""

OUTCOMES = ("success", "partial", "failed", "running")

Item = Mapping[str, Any]
T = TypeVar("T")


class Health(str, Enum):
    """The health of a dataflow, worst first."""

    FAILED = "failed"
    PARTIAL = "partial"
    LATE = "late"
    NEVER_RAN = "never_ran"
    RUNNING = "running"
    OK = "ok"
    DISABLED = "disabled"


TROUBLE = (Health.FAILED, Health.PARTIAL, Health.LATE)
_RANK = {health: rank for rank, health in enumerate(Health)}
_UNKNOWN_RANK = _RANK[Health.NEVER_RAN] - 0.5


@dataclass(frozen=True)
class LastRun:
    """A run as the fleet shows it. Times are in epoch seconds. An unknown count or time is None."""

    id: str
    status: str | None
    started_at: float | None
    ended_at: float | None
    records_read: int | None
    records_written: int | None
    records_failed: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return the run with times in ISO 8601 in UTC."""
        times = {"started_at": iso_time(self.started_at), "ended_at": iso_time(self.ended_at)}
        return {**vars(self), **times}


@dataclass(frozen=True)
class FleetRow:
    """A dataflow and its health. What is unknown is None.

    :param state: the state as AEP shows it
    :param source: the key of the source, such as ``paypal``; if no source is known for it, the id of its
        connection spec
    :param last_run: the newest run, which may not have ended
    :param runs: how many runs of the window ended as ``success``, ``partial`` and ``failed``, and are
        ``running``
    :param made_by: ``dag.task`` that the ownership mark names
    """

    id: str
    name: str | None
    state: str | None
    health: Health | None
    source: str | None
    dataset: str | None
    dataset_id: str | None
    schedule: ExistingSchedule | None
    last_run: LastRun | None
    runs: Mapping[str, int]
    made_by: str | None
    url: str

    def as_dict(self) -> dict[str, Any]:
        """Return the row as JSON shows it, with times in ISO 8601 in UTC."""
        return {
            **vars(self),
            "health": self.health and self.health.value,
            "schedule": self.schedule and self.schedule.as_dict(),
            "last_run": self.last_run and self.last_run.as_dict(),
            "runs": dict(self.runs),
        }


@dataclass(frozen=True)
class Fleet:
    """All dataflows of a sandbox, worst first.

    :param since: the start of the window in which runs are counted, in epoch seconds
    :param collected_at: epoch seconds
    :param notes: sentences about parts that could not be read
    """

    sandbox: str
    since: float
    collected_at: float
    rows: tuple[FleetRow, ...]
    notes: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """Return how many dataflows have each health, worst first; ``unknown`` only if there is one."""
        found = {health.value: sum(row.health is health for row in self.rows) for health in Health}
        unknown = sum(row.health is None for row in self.rows)
        return {**found, "unknown": unknown} if unknown else found


@dataclass
class History:
    """The runs of a dataflow, as far as they are known.

    :param last_start: epoch seconds. A queued run has not started
    :param ended: the outcome of the last run that ended
    :param complete: whether every run that the dataflow ever had was seen
    """

    newest: LastRun | None = None
    newest_at: float = 0.0
    last_start: float | None = None
    ended: str | None = None
    ended_at: float = 0.0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    complete: bool = False

    def add(self, run: Run, *, count: bool = False) -> None:
        """Add a run. Runs can come in any order, and more than once if they are not counted."""
        at = run.started_at or run.created_at or 0.0
        came_out = outcome(run)
        if count:
            self.counts[came_out] += 1
        if self.newest is None or at >= self.newest_at:
            self.newest, self.newest_at = _last_run(run), at
        if at and (run.started_at or run.ended) and at > (self.last_start or 0.0):
            self.last_start = at
        if run.ended and (self.ended is None or at >= self.ended_at):
            self.ended, self.ended_at = came_out, at


def health_of(flow: Item, schedule: ExistingSchedule | None, history: History, now: float) -> Health | None:
    """Return the health of a dataflow, None if it is unknown.

    :param flow: the item of a list; only its state counts
    :param now: epoch seconds
    """
    if is_off(flow) or str(flow.get("state")).lower() == "draft":
        return Health.DISABLED
    if history.ended == "failed":
        return Health.FAILED
    if history.ended == "partial":
        return Health.PARTIAL
    if is_on(flow) and schedule and _is_late(schedule, history, now):
        return Health.LATE
    if history.ended is not None:
        return Health.OK
    if not history.complete:
        return None
    return Health.NEVER_RAN if history.newest is None else Health.RUNNING


def _is_late(schedule: ExistingSchedule, history: History, now: float) -> bool:
    """Return whether nothing started for more than two intervals and at least half an hour."""
    interval = schedule.seconds
    if interval is None or (history.last_start is None and not history.complete):
        return False
    starts = [at for at in (history.last_start, schedule.start) if at is not None]
    return bool(starts) and now - max(starts) > 2 * interval and now - max(starts) >= LEAST_LATE


def collect(
    hook: FlowServiceHook,
    *,
    window: float = DAY,
    progress: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.time,
) -> Fleet:
    """Return all dataflows of the hook's sandbox with their health.

    :param window: seconds back from now, for the runs that are counted
    :param progress: gets a line about what was read so far
    :param clock: returns epoch seconds
    :raises AepError: the dataflows or their runs cannot be read. If only names cannot be read, a note says so
    """
    return _Collector(hook, window, progress, clock).fleet()


@dataclass
class _Flow:
    """The parts of a dataflow that its row needs."""

    item: dict[str, Any]
    created_at: float | None
    shown: Run | None
    target: str | None
    source_connection: str | None
    spec: str | None
    schedule: ExistingSchedule | None
    history: History = field(default_factory=History)


class _Collector:
    """Read a fleet from AEP, and count the requests for entities by id."""

    def __init__(
        self,
        hook: FlowServiceHook,
        window: float,
        progress: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._hook = hook
        self._progress = progress
        self._now = clock()
        self._since = max(0.0, self._now - window)
        self._flows: dict[str, _Flow] = {}
        self._notes: list[str] = []
        self._source_keys: dict[str, str] = {}
        self._source_requests = 0

    def fleet(self) -> Fleet:
        """Read everything. The dataflows are first: without them there is nothing else to read."""
        self._read_flows()
        if self._flows:
            self._read_runs()
            self._read_shown_runs()
            self._read_newest_runs()
        datasets, specs = self._dataset_ids(), self._specs()
        names = self._dataset_names(set(datasets.values()))
        rows = [self._row(own, flow, datasets, names, specs) for own, flow in self._flows.items()]
        rows.sort(key=_worst_first)
        return Fleet(self._hook.sandbox, self._since, self._now, tuple(rows), tuple(self._notes))

    def _read_flows(self) -> None:
        nameless = 0
        for page in self._hook.source_flow_pages():
            for item in page:
                if is_id(item.get("id")):
                    self._flows[str(item["id"])] = _read_flow(item)
                else:
                    nameless += 1
            self._progress(f"{len(self._flows)} dataflows")
        if nameless:
            self._notes.append(f"{nameless} dataflows have no valid id and are not shown.")

    def _read_runs(self) -> None:
        count, before = 0, set[str]()
        for page in self._hook.run_pages(self._since):
            ids = set()
            for item in page:
                run = read_run(item)
                ids.add(run.id)
                if run.id not in before and (flow := self._flows.get(run.flow_id or "")) is not None:
                    flow.history.add(run, count=True)
            before = ids  # pages can overlap
            count += len(page)
            self._progress(f"{len(self._flows)} dataflows, {count} runs")

    def _read_shown_runs(self) -> None:
        """Read the runs that dataflows show as their last one, if the window does not have them."""
        shown_by = {}
        for flow in self._flows.values():
            run, history = flow.shown, flow.history
            if run is None or (history.newest and history.newest.id == run.id):
                continue
            if history.newest is None or run.started_at is None or run.started_at > history.newest_at:
                history.add(run)
                shown_by[run.id] = flow
        for ids in _batches(shown_by):
            for item in self._hook.list_by_ids(RUNS, ids):
                run = read_run(item)
                if run.id in shown_by:
                    at = run.started_at or run.created_at or 0.0
                    shown_by[run.id].history.add(run, count=at >= self._since)

    def _read_newest_runs(self) -> None:
        """Read the newest runs of the dataflows of which no run is known to have ended."""
        asked = {}
        for own, flow in self._flows.items():
            if flow.history.ended is not None:
                continue
            if flow.created_at is not None and flow.created_at >= self._since:
                flow.history.complete = True
            else:
                asked[own] = flow
        for ids in _batches(asked):
            items, complete = self._hook.list_newest_runs(ids)
            for item in items:
                run = read_run(item)
                if run.flow_id in asked:
                    asked[run.flow_id].history.add(run)
            for own in ids:
                asked[own].history.complete = complete

    def _dataset_ids(self) -> dict[str, str]:
        """Return the ids of datasets by the ids of target connections."""
        targets = (flow.target for flow in self._flows.values())
        items = self._by_ids(TARGET_CONNECTIONS, targets, "the datasets")
        found = {str(item.get("id")): _mapping(item.get("params")).get("dataSetId") for item in items}
        return {target: str(dataset) for target, dataset in found.items() if is_id(dataset)}

    def _specs(self) -> dict[str, str]:
        """Return the ids of connection specs by those of source connections, for dataflows without them."""
        sources = {flow.source_connection for flow in self._flows.values() if flow.spec is None}
        self._source_requests = ceil(len(sources) / PAGE_SIZE)
        items = self._by_ids(SOURCE_CONNECTIONS, sources, "the sources")
        found = {str(item.get("id")): _spec_id(item) for item in items}
        return {source: spec for source, spec in found.items() if spec is not None}

    def _dataset_names(self, dataset_ids: set[str]) -> dict[str, str]:
        """Return the names of datasets by id. If the request for several fails for one, read the list."""
        catalog = self._hook.to(CatalogHook)
        names: dict[str, str] = {}
        try:
            missing: set[str] = set()
            for ids in _batches(sorted(dataset_ids)):
                found = _names(catalog, ids)
                names |= found or {}
                missing.update(ids if found is None else ())
            pages = catalog.dataset_pages() if missing else iter(())
            for page in islice(pages, max(0, ceil(len(self._flows) / PAGE_SIZE) - self._source_requests)):
                names |= {own: name for own, name in names_of(page).items() if own in missing}
        except AepError as error:
            self._note("the names of datasets", error)
        return names

    def _by_ids(
        self, collection: Collection, ids: Iterable[str | None], what: str
    ) -> Iterator[dict[str, Any]]:
        try:
            for batch in _batches(sorted({one for one in ids if one is not None})):
                yield from self._hook.list_by_ids(collection, batch)
        except AepError as error:
            self._note(what, error)

    def _note(self, what: str, error: AepError) -> None:
        self._notes.append(f"Could not read {what} of all dataflows: {error}")

    def _row(
        self,
        own: str,
        flow: _Flow,
        datasets: Mapping[str, str],
        names: Mapping[str, str],
        specs: Mapping[str, str],
    ) -> FleetRow:
        dataset_id = datasets.get(flow.target or "")
        spec = flow.spec or specs.get(flow.source_connection or "")
        return FleetRow(
            id=own,
            name=self._text(flow.item["name"]),
            state=self._text(flow.item["state"]),
            health=health_of(flow.item, flow.schedule, flow.history, self._now),
            source=self._source_key(spec) if spec else None,
            dataset=self._text(names.get(dataset_id or "")),
            dataset_id=dataset_id,
            schedule=flow.schedule,
            last_run=flow.history.newest,
            runs=flow.history.counts,
            made_by=flow.item["made_by"],
            url=self._hook.link("dataflow", own),
        )

    def _text(self, value: object) -> str | None:
        return self._hook.scrub(value) if isinstance(value, str) and value.strip() else None

    def _source_key(self, spec_id: str) -> str:
        """Return the key of the source, its possible keys, or the id of a spec that the catalogue lacks."""
        if spec_id not in self._source_keys:
            found = sources_of_spec(spec_id)
            sure = [one.key for one in found if not one.uncertain] or [one.key for one in found]
            self._source_keys[spec_id] = " or ".join(sure) or spec_id
        return self._source_keys[spec_id]


def _read_flow(item: Item) -> _Flow:
    inherited = _mapping(item.get("inheritedAttributes"))
    source = _mapping(_first(inherited.get("sourceConnections")))
    target_id, source_id = _first(item.get("targetConnectionIds")), _first(item.get("sourceConnectionIds"))
    description = item.get("description")
    return _Flow(
        item={
            "name": item.get("name"),
            "state": item.get("state"),
            "made_by": task_of(description) if isinstance(description, str) else None,
        },
        created_at=epoch_seconds(item.get("createdAt")),
        shown=_shown_run(item),
        target=target_id if is_id(target_id) else None,
        source_connection=source_id if is_id(source_id) else None,
        spec=_spec_id(source) or _spec_id(_mapping(source.get("baseConnection"))),
        schedule=read_existing(item.get("scheduleParams")),
    )


def _shown_run(flow: Item) -> Run | None:
    """Return ``lastRunDetails`` as a run without counts."""
    details = _mapping(flow.get("lastRunDetails"))
    if not is_id(details.get("id")):
        return None
    times = {key: details[key] for key in ("startedAtUTC", "completedAtUTC") if key in details}
    summaries = {"statusSummary": {"status": details.get("state")}, "durationSummary": times}
    return read_run({"id": details["id"], "flowId": flow.get("id"), "metrics": summaries})


def _last_run(run: Run) -> LastRun:
    return LastRun(
        id=run.id,
        status=run.status or None,
        started_at=run.started_at,
        ended_at=run.completed_at if run.ended else None,
        records_read=run.records_read,
        records_written=run.records_written,
        records_failed=run.records_failed,
    )


def _names(catalog: CatalogHook, dataset_ids: list[str]) -> dict[str, str] | None:
    """Return the names of datasets by id, None if the request fails because one does not exist."""
    try:
        return catalog.find_dataset_names(dataset_ids)
    except AepNotFoundError:
        return None


def _worst_first(row: FleetRow) -> tuple[float, str, str]:
    rank = _UNKNOWN_RANK if row.health is None else _RANK[row.health]
    return rank, (row.name or "").casefold(), row.id


def _batches(ids: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(ids)
    while batch := list(islice(rest, PAGE_SIZE)):
        yield batch


def _spec_id(item: Item) -> str | None:
    found = _mapping(item.get("connectionSpec")).get("id")
    return str(found) if is_id(found) else None


def _first(value: object) -> Any:
    return value[0] if isinstance(value, list) and value else None


def _mapping(value: object) -> Item:
    return value if isinstance(value, dict) else {}
