"""Sensors and triggers as a worker and a triggerer run them: many triggers on one event loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.harness.operators import context

try:  # 3.2
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred  # type: ignore[attr-defined,no-redef]


URL = "https://experience.adobe.com/#/@0123456789ABCDEF01234567@AdobeOrg/sname:prod/platform/source/dataflows"
RESULT = {
    "status": "success",
    "records_read": 100,
    "records_written": 100,
    "records_failed": 0,
    "records_skipped": 0,
    "bytes": 1500,
}

MORE = ["flow_id", "dataflow", "dataset_id", "started_at", "ended_at", "window_start", "window_end"]


def sensor(**kwargs: Any) -> Any:
    """A sensor of `run-1`, if not said otherwise."""
    from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

    return FlowRunSensor(**{"task_id": "wait", "flow_id": "flow-1", "run_id": "run-1", **kwargs})


def deferred(task: Any, ctx: dict[str, Any] | None = None) -> Any:
    """What it leaves for the triggerer."""
    with pytest.raises(TaskDeferred) as caught:
        task.execute(ctx or context())
    return caught.value


def resumed(task: Any, left: Any, event: Any = None, ctx: dict[str, Any] | None = None) -> Any:
    """Resumed as Airflow does it; by the event of its own trigger if none is given."""

    async def first() -> Any:
        (event,) = [one.payload async for one in left.trigger.run()]
        return event

    fired = asyncio.run(asyncio.wait_for(first(), 60)) if event is None else event
    return getattr(task, left.method_name)(ctx or context(), event=fired, **(left.kwargs or {}))


def trigger(run_id: str | None = "run-1", **kwargs: Any) -> Any:
    """A trigger that would wait a minute; through its own serialization, as it reaches a triggerer."""
    from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger

    usual = {
        "deadline": time.time() + 60,
        "flow_id": "flow-1",
        "sandbox": "prod",
        "aep_conn_id": "aep_default",
    }
    _, again = FlowRunTrigger(run_id=run_id, **{**usual, **kwargs}).serialize()
    return FlowRunTrigger(**again)


async def events(one: Any) -> list[dict[str, Any]]:
    """Every event it fires."""
    return [event.payload async for event in one.run()]


async def until(condition: Any, seconds: float = 30) -> None:
    """Until it holds; generous, since machines are slow at times."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not come to that"
        await asyncio.sleep(0.01)


def pollers() -> dict[Any, Any]:
    """The pollers of the running loop."""
    from airflow_provider_aep.flow_runs.poller import POLLERS

    return POLLERS.get(asyncio.get_running_loop(), {})
