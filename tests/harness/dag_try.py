"""What is left of a DAG run, task by task, in a process that may be killed between any two requests.

Each task is tried as in a process of its own: with its own token, its own memory, and what the tasks before
it returned. That is kept in a file, as Airflow keeps XComs; the next try takes up after the last one there.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import traceback
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tests.harness.task_try import FileStore, Job, TaskInstance, install_stops, stop_at, told

RESUMED = " resumed"
"""Behind a task's id: the step in which it goes on after it was deferred."""


class Puller(TaskInstance):
    """A task instance that is given what others returned."""

    def __init__(self, job: Job, xcoms: FileStore) -> None:
        super().__init__(job)
        self._xcoms = xcoms

    def xcom_pull(self, task_ids: str, default: Any = None, **_options: Any) -> Any:
        return self._xcoms.get(task_ids, default)


def run_dag(job: Job) -> dict[str, Any]:
    """`{"sent"}`, the requests by step; and `{"error"}` or `{"deferred"}` where it stopped early."""
    try:
        from airflow.sdk.exceptions import TaskDeferred
    except ImportError:  # before 3.2
        from airflow.exceptions import TaskDeferred  # type: ignore[no-redef]

    os.environ.update(job["env"])
    stops: list[dict[str, Any]] = []
    sent = install_stops(stops)
    xcoms, resumed = FileStore(Path(job["xcoms"])), job["resumed"]
    result: dict[str, Any] = {"sent": {}}
    for task in _tasks(job):
        if xcoms.get(task.task_id) is not None:
            continue
        step = task.task_id + (RESUMED if resumed else "")
        stops[:] = [stop for stop in job["stops"] if stop["step"] == step]
        sent[0] = 0
        try:
            value = _try(task, _context(job, task, xcoms), resumed)
        except TaskDeferred as deferral:
            stop_at(stops, "return", 0)
            return {**result, "deferred": _stored(deferral)}
        except Exception as error:
            traceback.print_exc()
            return {**result, "error": told(error)}
        finally:
            result["sent"][step] = sent[0]
        stop_at(stops, "return", 0)
        xcoms.set(task.task_id, value)
        resumed = None
    return result


def _tasks(job: Job) -> list[Any]:
    """The tasks in order, made by a group or an operator of this provider."""
    from airflow.sdk import DAG

    module, _, name = job["build"].rpartition(".")
    build = getattr(importlib.import_module(f"airflow_provider_aep.{module}"), name)
    with DAG(job["dag_id"], schedule=None) as dag:
        build(**job["arguments"])
    return dag.tasks


def _context(job: Job, task: Any, xcoms: FileStore) -> dict[str, Any]:
    start, end = (datetime.fromtimestamp(moment, timezone.utc) for moment in job["interval"])
    interval = {"data_interval_start": start, "data_interval_end": end}
    context: dict[str, Any] = {"run_id": job["run_id"], "ti": Puller(job, xcoms), **interval}
    if job["store"]:
        context["task_state_store"] = FileStore(Path(job["store"]) / f"{task.task_id}.json")
    return context


def _try(task: Any, context: dict[str, Any], resumed: dict[str, Any] | None) -> Any:
    from airflow_provider_aep.hooks.ims import TOKENS

    task.render_template_fields(context)
    event = asyncio.run(_fired(*resumed["trigger"])) if resumed else None
    TOKENS.clear()  # of the task before, and the trigger's
    if resumed is None:
        return task.execute(context)
    return task.resume_execution(resumed["method"], {**resumed["kwargs"], "event": event}, context)


def _stored(deferral: Any) -> dict[str, Any]:
    """As Airflow's database keeps it."""
    return {
        "trigger": deferral.trigger.serialize(),
        "method": deferral.method_name,
        "kwargs": deferral.kwargs or {},
    }


async def _fired(path: str, arguments: dict[str, Any]) -> Any:
    """What a triggerer would hand on."""
    module, _, name = path.rpartition(".")
    trigger = getattr(importlib.import_module(module), name)(**arguments)
    async for event in trigger.run():
        return event.payload
    raise AssertionError("the trigger fired no event")
