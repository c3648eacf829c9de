"""Triggers at work, as a triggerer has them: many on one event loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any


def trigger(run_id: str | None = "run-1", **kwargs: Any) -> Any:
    """A trigger that would wait a minute; through its own serialization, as it reaches a triggerer."""
    from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger

    kwargs = {"deadline": time.time() + 60, "flow_id": "flow-1", "sandbox": "prod", **kwargs}
    _, again = FlowRunTrigger(aep_conn_id="aep_default", run_id=run_id, **kwargs).serialize()
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
