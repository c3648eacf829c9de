"""What becomes of a dataflow when the task that waits for its run is ended while it is deferred.

Airflow 3.3 asks a trigger to stop its work (``on_kill``) whenever it may not go on with it. As a rule that is
a user's doing; but a triggerer that stood still for a while and has lost its triggers to another one is told
the same. A dataflow disabled by mistake costs more than one left enabled, so what Airflow stores counts.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_aep._compat import CANCELLED_BY_A_USER, atask_state, config_seconds
from airflow_provider_aep.flow_service import replies, requests
from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.requests import get_run
from airflow_provider_aep.flow_service.runs import glance_at, read_dataflow
from airflow_provider_aep.triggers._pacing import slowed

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from airflow_provider_aep.flow_service.requests import Call
    from airflow_provider_aep.hooks.aio import AsyncFlowService

ENDED_BY_A_USER = ("failed", "success")
"""States that a deferred task whose run goes on gets from a user alone. Not ``skipped``: so ends one whose
DAG run timed out or failed fast. Not None: a cleared task starts again, and needs its dataflow. All others
say that the task still waits, or was resumed by another triggerer."""

_AT_WORK: set[asyncio.Task[None]] = set()
"""An event loop lets go of what nobody holds."""


async def disable_for(
    task_instance: Any, service: AsyncFlowService, flow_id: str, run_id: str | None, deadline: float
) -> str:
    """Disable a dataflow if it is certain that a user ended the task. Says what was done, for the log.

    Tries again for ``[triggerer] on_kill_timeout`` seconds.
    """
    limit = config_seconds("on_kill_timeout", 30, section="triggerer")
    try:
        return await asyncio.wait_for(_decide(task_instance, service, flow_id, run_id, deadline), limit)
    except asyncio.TimeoutError:
        within = f"within {limit:g} s, `[triggerer] on_kill_timeout`"
        return f"Dataflow {flow_id} could not be disabled (`disable_on_kill`) {within}. Disable it in AEP."


async def _decide(
    task_instance: Any, service: AsyncFlowService, flow_id: str, run_id: str | None, deadline: float
) -> str:
    kept = f"Dataflow {flow_id} stays as it is in spite of `disable_on_kill`: "
    state = await atask_state(task_instance)
    if state not in ENDED_BY_A_USER:
        return f"{kept}the task is {state or 'cleared'}, so it is not certain that a user ended it for good."
    if time.time() >= deadline:
        return f"{kept}the wait was over."
    failures = 0
    while True:
        try:
            async with service:
                return await _disable(service, flow_id, run_id) or f"{kept}the run ended."
        except AepError as error:
            if not error.retryable:
                return f"Dataflow {flow_id} could not be disabled (`disable_on_kill`): {error}"
            failures += 1
            pause = slowed(error, failures, random.random())  # noqa: S311 - keeps no secret
        await asyncio.sleep(pause)


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for it; when the waiting is cancelled it goes on by itself.

    Airflow cancels a trigger of an ended task anew with each of its looks, each second or so, and thereby the
    ``on_kill`` that it called at the first (3.3.2): what takes longer than that would never be done.
    """
    task = asyncio.create_task(work)
    _AT_WORK.add(task)
    task.add_done_callback(_AT_WORK.discard)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:  # noqa: PERF203 - once a second
            if error.args != (CANCELLED_BY_A_USER,):
                raise  # the triggerer ends; or it is Python before 3.12, which drops the word
    await task


async def _disable(service: AsyncFlowService, flow_id: str, run_id: str | None) -> str | None:
    """None where the run ended: then the task may have ended with it, resumed by another triggerer."""
    if run_id is not None and glance_at(await _item(service, get_run(run_id))).ended:
        return None
    flow = await _item(service, requests.get_one(requests.FLOWS, flow_id, "flow_id"))
    if not requests.is_off(flow):
        await service.call(requests.act_on(requests.FLOWS, flow_id, "flow_id", "disable"))
    return (
        f"Disabled {read_dataflow(flow, flow_id, service.scrub)} (`disable_on_kill`): a user ended the task."
    )


async def _item(service: AsyncFlowService, call: Call) -> dict[str, Any]:
    return replies.read_item(await service.call(call), f"{call.method} {call.path}")
