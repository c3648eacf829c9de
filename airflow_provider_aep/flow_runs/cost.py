"""What a number of dataflows costs AEP and Airflow, and which limit it meets first. Pure.

:class:`Load` is what is asked about. The coefficients are measured, not assumed: ``make bench ARGS=growth``
writes them to ``cost.json``, with the machine and the date.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from math import ceil, inf

from airflow_provider_aep.flow_runs import schedule
from airflow_provider_aep.flow_runs.fetch import LISTS_AT_A_TIME
from airflow_provider_aep.flow_service.collections import MAX_PAGES
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.requests import IDS_A_CALL, PAGE_SIZE

DAY = 86_400.0
_LONGEST_RUN = 7 * DAY

_LEAST = {"dataflows": 1, "triggerers": 1, "capacity": 1, "slots": 1, "retries": 0, "reuses": 0, "latency": 0}


@dataclass(frozen=True)
class Coefficients:
    """The measured coefficients.

    :param triggerer_memory: MB of a triggerer's process with ten waits
    :param wait_memory: MB of each further wait
    :param poll_cpu: CPU seconds of a triggerer for one wait and one poll
    :param defer_cpu: CPU seconds of a worker until a wait is deferred, with the start of its process
    :param resume_cpu: the same from the end of the run until the task has ended
    :param reuse_cpu: the same for a create task that finds its entity
    :param defer_requests: requests to AEP in that time, with the token's; ``resume_requests`` and
        ``reuse_requests`` likewise
    :param wait_rows: rows of the metadata database of a DAG run with one wait
    :param reuse_rows: rows of each create task in it that finds its entity
    :param status_requests: requests of ``status`` for a dataflow, without those for its runs
    """

    triggerer_memory: float
    wait_memory: float
    poll_cpu: float
    defer_cpu: float
    resume_cpu: float
    reuse_cpu: float
    defer_requests: float
    resume_requests: float
    reuse_requests: float
    wait_rows: float
    reuse_rows: float
    status_requests: float


@dataclass(frozen=True)
class Load:
    """What is asked about. Each run of a dataflow is waited for by a DAG run.

    :param interval: seconds between two runs of a dataflow
    :param run: seconds that a run takes
    :param poll_interval: seconds between two polls of a wait; None for 5 s to 5 min, by the run's age
    :param retries: further tries of a wait, on average
    :param reuses: create tasks in each DAG run, which find what exists
    :param triggerers: processes of ``airflow triggerer``; ``capacity`` is the number of waits of each
    :param slots: worker slots
    :param latency: seconds until AEP has answered a request
    :raises AepConfigError: a value is out of its range
    """

    dataflows: int
    interval: float = 3600.0
    run: float = 600.0
    poll_interval: float | None = None
    retries: float = 0.0
    reuses: float = 0.0
    triggerers: int = 1
    capacity: int = 1000
    slots: int = 32
    latency: float = 0.3

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not least <= value < inf:
                raise AepConfigError(f"`--{name}` is {value!r}. It must be at least {least}.", parameter=name)
        if self.run > _LONGEST_RUN:
            raise AepConfigError("`--run-length` must be at most 7d.", parameter="run-length")


@dataclass(frozen=True)
class Cost:
    """What a load costs. "At once" is the worst case: all dataflows start at the same time.

    :param waits: waits at the same time, on average
    :param triggerer_processes: processes of ``airflow triggerer`` that take all waits at once
    :param triggerer_memory: MB of them together, with all waits at once
    :param triggerer_cpu: CPU seconds a second of them together, with all waits at once
    :param worker_seconds_a_day: CPU of the tasks' processes, and their waiting for AEP
    :param worker_slots: worker slots that are busy, on average
    """

    runs_a_day: float
    waits: float
    polls_a_wait: int
    requests_a_day: Mapping[str, float]
    triggerer_processes: int
    triggerer_memory: float
    triggerer_cpu: float
    worker_seconds_a_day: float
    worker_slots: float
    metadata_rows_a_day: float
    status_requests: float


@dataclass(frozen=True)
class Wall:
    """A limit, and the number of dataflows that meets it with the other numbers as they are.

    :param dataflows: None if nobody knows the number
    """

    name: str
    dataflows: int | None
    what: str
    fix: str


@cache
def measured() -> tuple[Coefficients, Mapping[str, str]]:
    """Return the coefficients, and in words how they were measured."""
    stored = json.loads((files("airflow_provider_aep.flow_runs") / "cost.json").read_text("utf-8"))
    values = {one.name: stored["coefficients"][one.name]["value"] for one in fields(Coefficients)}
    return Coefficients(**values), stored["measured"]


def polls_of(load: Load) -> list[float]:
    """Return the seconds before each poll of a wait, by the schedule of the poller."""
    if load.poll_interval is not None:
        return [load.poll_interval] * ceil(load.run / load.poll_interval)
    age, pauses = 0.0, list[float]()
    while age < load.run:
        pauses.append(schedule.interval(age, load.run, 0.5))
        age += pauses[-1]
    return pauses


def cost_of(load: Load, measured: Coefficients) -> Cost:
    """Return what a load costs."""
    runs = load.dataflows * DAY / load.interval
    waits = min(load.dataflows * load.run / load.interval, load.dataflows)
    pauses, tries = polls_of(load), 1 + load.retries
    processes = max(load.triggerers, ceil(load.dataflows / load.capacity))
    polls = runs * len(pauses) * tries
    reads = runs * max(1.0, load.run / schedule.DATAFLOWS)
    rounds = min(polls, processes * DAY / (schedule.TOGETHER * min(pauses)))
    tasks = {
        "waits": runs * tries * (measured.defer_requests + measured.resume_requests),
        "create tasks": runs * load.reuses * measured.reuse_requests,
        "triggerer, lists of runs": polls / IDS_A_CALL + rounds,
        "triggerer, lists of dataflows": reads / IDS_A_CALL + min(reads, rounds),
    }
    wait = measured.defer_cpu + measured.resume_cpu
    seconds = runs * (tries * wait + load.reuses * measured.reuse_cpu)
    seconds += (tasks["waits"] + tasks["create tasks"]) * load.latency
    return Cost(
        runs_a_day=runs,
        waits=waits,
        polls_a_wait=len(pauses),
        requests_a_day={**tasks, "all": sum(tasks.values())},
        triggerer_processes=processes,
        triggerer_memory=processes * measured.triggerer_memory + load.dataflows * measured.wait_memory,
        triggerer_cpu=load.dataflows * measured.poll_cpu * len(pauses) / sum(pauses),
        worker_seconds_a_day=seconds,
        worker_slots=seconds / DAY,
        metadata_rows_a_day=runs * (measured.wait_rows + load.reuses * measured.reuse_rows),
        status_requests=load.dataflows * measured.status_requests + runs / PAGE_SIZE,
    )


def walls_of(load: Load, measured: Coefficients) -> list[Wall]:
    """Return the limits, the first one first. A limit of which nobody knows the number comes last."""
    walls = [*_triggerer_walls(load, measured), *_other_walls(load, measured)]
    return sorted(walls, key=lambda wall: inf if wall.dataflows is None else wall.dataflows)


def _triggerer_walls(load: Load, measured: Coefficients) -> Iterator[Wall]:
    """Yield the limits of the triggerers, if all dataflows start at once."""
    shortest, a_wait = min(polls_of(load)), cost_of(replace(load, dataflows=1), measured).triggerer_cpu
    yield Wall(
        "triggerer capacity",
        load.triggerers * load.capacity,
        f"{load.triggerers:,} x {load.capacity:,} waits have a place. If all dataflows start at once, the "
        "others are not polled until a place is free.",
        "Start more triggerers, or raise `[triggerer] capacity`: a wait here is small.",
    )
    lists = LISTS_AT_A_TIME * shortest / max(load.latency, 0.001)
    yield Wall(
        "list pages of runs in a round",
        int(load.triggerers * lists * IDS_A_CALL),
        f"If all dataflows start at once, a round reads lists of {IDS_A_CALL} runs, {LISTS_AT_A_TIME} at a "
        f"time. At {load.latency * 1000:.0f} ms a list, it takes longer than the shortest pause between two "
        "polls. Waits are polled later; none is lost.",
        "Start more triggerers, or set a longer `poll_interval`.",
    )
    yield Wall(
        "triggerer CPU",
        int(load.triggerers / a_wait),
        "If all dataflows start at once, polling takes all CPU of the triggerers' processes.",
        "Start more triggerers, or set a longer `poll_interval`.",
    )


def _other_walls(load: Load, measured: Coefficients) -> Iterator[Wall]:
    cost, alone = cost_of(load, measured), cost_of(replace(load, dataflows=1), measured)
    yield Wall(
        "worker slots",
        int(load.slots / alone.worker_slots),
        f"{load.slots} worker slots are busy all the time, so tasks wait longer and longer.",
        "Add workers or raise `[core] parallelism`.",
    )
    yield Wall(
        "list pages of runs of status",
        int(MAX_PAGES * PAGE_SIZE / alone.runs_a_day),
        f"`status --since 24h` reads at most {MAX_PAGES:,} pages of {PAGE_SIZE} runs.",
        "Use a shorter `--since`, or a sandbox for each team.",
    )
    yield Wall(
        "AEP's request limit",
        None,
        f"{cost.requests_a_day['all'] / DAY:,.1f} requests a second on average. Adobe documents no limit for "
        "Flow Service. If it throttles (429), the waits of a connection slow down together.",
        "Ask Adobe, or set a longer `poll_interval`.",
    )
    yield Wall(
        "metadata database",
        None,
        f"{cost.metadata_rows_a_day:,.0f} rows a day.",
        "Run `airflow db clean` regularly.",
    )
