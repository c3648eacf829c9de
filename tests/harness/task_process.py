"""The tries of tasks in a process that tests may kill: at a request or its reply, at the start or the end.

The tasks of a job are those of one operator or of a task group. Each is tried as in a process of its own:
with its own token, and what the tasks before it returned. That is kept in a file, as Airflow keeps XComs; the
next try goes on after the last task there.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pydantic import JsonValue, TypeAdapter

from tests.harness import wrong_clock

PATIENCE = 120.0
RESUMED = " resumed"
"""Behind a task's id: the step in which it goes on after it was deferred."""


@dataclass(frozen=True)
class Stop:
    """Where the process kills itself, or waits until the gate opens.

    :param at: ``start`` of `execute`, ``before`` or ``after`` a request, ``return`` of `execute`
    :param number: which request
    :param step: a task's id, and :data:`RESUMED`; None for any
    """

    at: str
    number: int
    kills: bool
    step: str | None = None


@dataclass
class Job:
    """What a process does.

    :param build: makes the tasks: an operator or a task group, below `airflow_provider_aep`
    :param store: the task state store's file; for a group its folder
    :param resumed: a deferral, as :func:`run` returned it
    """

    build: str
    arguments: dict[str, Any]
    out: Path
    log: Path
    ready: Path
    gate: Path
    xcoms: Path
    env: dict[str, str]
    stops: list[Stop]
    dag_id: str = "some_dag"
    run_id: str = "manual__2026-01-01"
    map_index: int = -1
    max_tries: int = 2
    store: Path | None = None
    interval: tuple[float, float] | None = None
    resumed: dict[str, Any] | None = None
    execution_timeout: float | None = None
    on_term: str | None = None
    clock: Path | None = None


class FileStore:
    """Airflow's task state store as far as the client uses it, in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _all(self) -> dict[str, Any]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def get(self, key: str, default: Any = None) -> Any:
        return self._all().get(key, default)

    def set(self, key: str, value: Any) -> None:
        write(self._path, {**self._all(), key: checked(value)})

    def delete(self, key: str) -> None:
        write(self._path, {name: value for name, value in self._all().items() if name != key})


def checked(value: Any) -> Any:
    """Return what Airflow's own store takes: JSON, and nothing that Python only turns into JSON."""
    return TypeAdapter(JsonValue).validate_python(value)


def write(path: Path, value: Any) -> None:
    """Write all of a file or nothing of it: the writer may be killed at any time."""
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(value))
    draft.rename(path)


@dataclass
class TaskInstance:
    """What an operator asks of its task instance."""

    run_id: str
    map_index: int
    max_tries: int
    xcoms: FileStore
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def xcom_pull(self, task_ids: str, default: Any = None, **_options: Any) -> Any:
        return self.xcoms.get(task_ids, default)


def main(job: Job) -> None:
    """Carry out a job: all that is printed goes to its log, the result to `out`."""
    log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
    write(job.out, run(job))


def run(job: Job) -> dict[str, Any]:
    """Try the tasks that are left.

    Returns `sent`, the requests by step, the last task's `id` (its result) and `xcom`; and `error` or
    `deferred` where it stopped early.
    """
    try:
        from airflow.sdk.exceptions import TaskDeferred
    except ImportError:  # before 3.2
        from airflow.exceptions import TaskDeferred  # type: ignore[no-redef]

    os.environ.update(job.env)
    if job.clock:
        wrong_clock.go_by(job.clock)
    stops: list[Stop] = []
    stop_at, sent = install_stops(job, stops)
    xcoms, resumed = FileStore(job.xcoms), job.resumed
    result: dict[str, Any] = {"sent": {}}
    for task in tasks_of(job):
        if xcoms.get(task.task_id) is not None:
            continue
        step = task.task_id + (RESUMED if resumed else "")
        stops[:] = [stop for stop in job.stops if stop.step in (None, step)]
        sent[0] = 0
        ti = TaskInstance(job.run_id, job.map_index, job.max_tries, xcoms)
        install_sigterm(job.on_term, task.on_kill)
        stop_at("start", 0)
        try:
            value = execute(job, task, context_of(job, task, ti), resumed)
            stop_at("return", 0)
        except TaskDeferred as deferral:
            stop_at("return", 0)
            stored = {"trigger": deferral.trigger.serialize(), "kwargs": deferral.kwargs or {}}
            return {**result, "deferred": {**stored, "method": deferral.method_name}}
        except BaseException as error:
            traceback.print_exc()
            return {**result, "error": facts_of(error)}
        finally:
            result["sent"][step] = sent[0]
        xcoms.set(task.task_id, value)
        xcom = {**ti.pushed, **task.link_urls}  # Airflow pushes the links at the end
        result |= {"id": value, "xcom": xcom}
        resumed = None
    return result


def tasks_of(job: Job) -> list[Any]:
    """Return the tasks in their order."""
    from airflow.sdk import DAG

    module, _, name = job.build.rpartition(".")
    build = getattr(importlib.import_module(f"airflow_provider_aep.{module}"), name)
    with DAG(job.dag_id, schedule=None) as dag:
        build(**job.arguments)
    return dag.tasks


def context_of(job: Job, task: Any, ti: TaskInstance) -> dict[str, Any]:
    """Return a task's context."""
    context: dict[str, Any] = {"run_id": job.run_id, "ti": ti}
    if job.interval:
        start, end = (datetime.fromtimestamp(one, timezone.utc) for one in job.interval)
        context |= {"data_interval_start": start, "data_interval_end": end}
    if job.store:
        own = job.store / f"{task.task_id}.json" if job.store.is_dir() else job.store
        context["task_state_store"] = FileStore(own)
    return context


def execute(job: Job, task: Any, context: dict[str, Any], resumed: dict[str, Any] | None) -> Any:
    """Execute a task, or let its trigger fire and resume it."""
    from airflow.sdk.execution_time.timeout import timeout

    from airflow_provider_aep.hooks.ims import TOKENS

    task.render_template_fields(context)
    event = asyncio.run(fired(*resumed["trigger"])) if resumed else None
    TOKENS.clear()  # of the task before, and the trigger's
    with timeout(job.execution_timeout) if job.execution_timeout else nullcontext():
        if resumed is None:
            return task.execute(context)
        return task.resume_execution(resumed["method"], {**resumed["kwargs"], "event": event}, context)


async def fired(path: str, arguments: dict[str, Any]) -> Any:
    """Return the event that a triggerer hands on."""
    module, _, name = path.rpartition(".")
    trigger = getattr(importlib.import_module(module), name)(**arguments)
    async for event in trigger.run():
        return event.payload
    raise AssertionError("the trigger fired no event")


def facts_of(error: BaseException) -> dict[str, Any]:
    """Return an error as data. On Airflow below 3.3 a permanent one is the cause of what is raised."""
    from airflow_provider_aep._compat import AirflowFailException

    if isinstance(error, AirflowFailException) and error.__cause__ is not None:
        error = error.__cause__
    facts = {name: getattr(error, name, None) for name in ("status", "code", "retryable", "retry_after")}
    return {"kinds": [kind.__name__ for kind in type(error).__mro__], "text": str(error), **facts}


def install_stops(job: Job, stops: list[Stop]) -> tuple[Callable[[str, int], None], list[int]]:
    """Stop before a request leaves, and between its reply and the client's next step.

    Returns what stops elsewhere, and the number of requests sent.
    """
    import requests

    sent = [0]
    send = requests.Session.send

    def stop_at(point: str, number: int) -> None:
        for stop in stops:
            if (stop.at, stop.number) == (point, number):
                if stop.kills:
                    os.kill(os.getpid(), signal.SIGKILL)
                wait_at_gate(job)

    def stopping_send(self: requests.Session, request: Any, **options: Any) -> Any:
        sent[0] += 1
        number = sent[0]
        stop_at("before", number)
        try:
            return send(self, request, **options)
        finally:  # also after a lost reply
            stop_at("after", number)

    requests.Session.send = stopping_send  # type: ignore[method-assign]
    return stop_at, sent


def wait_at_gate(job: Job) -> None:
    """Say that the process is there, and wait until it may go on."""
    job.ready.touch()
    deadline = time.monotonic() + PATIENCE
    while not job.gate.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody opened the gate {job.gate}")
        time.sleep(0.005)


def install_sigterm(kind: str | None, on_kill: Callable[[], None]) -> None:
    """Treat SIGTERM as Airflow's task runner does ("airflow"), or as a library that raises ("raise")."""

    def handle(_number: int, _frame: object) -> None:
        if kind == "raise":
            raise SystemExit("SIGTERM")
        on_kill()

    if kind:
        signal.signal(signal.SIGTERM, handle)
