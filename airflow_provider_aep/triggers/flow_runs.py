"""Wait for a flow run in the triggerer, and disable its dataflow if a user ends the waiting task.

Airflow 3.3 calls a trigger's ``on_kill`` whenever the trigger must stop its work. Usually a user has ended
the task. But Airflow also calls it in a triggerer that paused and lost its triggers to another triggerer. A
dataflow that is disabled by mistake costs more than a dataflow that stays enabled. So the task's state in
Airflow decides.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_aep._compat import CANCELLED_BY_A_USER, apush_xcom, atask_state, config_number
from airflow_provider_aep.flow_runs.poller import PolledWait, wait_with_others
from airflow_provider_aep.flow_runs.schedule import slowed
from airflow_provider_aep.flow_runs.spec import WaitSpec
from airflow_provider_aep.flow_service.collections import FLOWS, RUNS
from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.requests import is_off
from airflow_provider_aep.flow_service.runs import read_dataflow, read_snapshot
from airflow_provider_aep.links import AepRunLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from airflow_provider_aep.hooks.aio import AsyncFlowService


class FlowRunTrigger(BaseTrigger):
    """Fire one event: when the run ended, the deadline passed, or the task must decide about an error.

    The operators that wait make this trigger. Airflow stores its arguments in plain text in its database, so
    they are ids, names and times only. The event is ``{"status", "flow_id", "run_id"}``. The status is
    ``ended``, ``missing``, ``error`` or ``timeout``. The task itself reads how the run ended.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param wait: the fields of the wait, as the operator stores them. They can change with each version
    :param disable_on_kill: disable the dataflow when a user ends the waiting task (from Airflow 3.3 on)
    :param fields: the same fields one by one, as a trigger of an earlier version stored them
    """

    def __init__(
        self,
        *,
        aep_conn_id: str,
        wait: dict[str, Any] | None = None,
        disable_on_kill: bool = False,
        **fields: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.aep_conn_id = aep_conn_id
        self.spec = WaitSpec.restore({**(wait or {}), **fields})
        self.disable_on_kill = disable_on_kill
        self._wait: PolledWait | None = None
        self._pushing: asyncio.Task[None] | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path, and the arguments that make an equal trigger."""
        kwargs: dict[str, Any] = {"aep_conn_id": self.aep_conn_id, "wait": self.spec.stored()}
        if self.disable_on_kill:
            kwargs["disable_on_kill"] = True
        return "airflow_provider_aep.triggers.flow_runs.FlowRunTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the run. All waits on the same connection and sandbox share one poller."""
        on_found = self._push if self.spec.run_id is None else None
        self._wait = wait = PolledWait(self.spec, self.log, on_found)
        try:
            status = await wait_with_others(self.aep_conn_id, self.spec.sandbox, wait)
        finally:
            if self._pushing is not None:
                self._pushing.cancel()
        event = {"status": status, "flow_id": self.spec.flow_id, "run_id": wait.run_id}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    def _push(self, link: str) -> None:
        self._pushing = asyncio.create_task(self._push_link(link))

    async def _push_link(self, link: str) -> None:
        """Push the link to the run, whose id is known now. The task pushes it again when it resumes."""
        if self.task_instance is None:
            return
        try:
            await apush_xcom(self.task_instance, AepRunLink.xcom_key, link)
        except Exception as error:  # noqa: BLE001 - a missing link must not end the wait
            self.log.warning(
                "The link to the run appears when the task resumes: Airflow did not store it now (%s).",
                type(error).__name__,
            )

    async def on_kill(self) -> None:
        """Disable the dataflow if ``disable_on_kill`` is set and a user certainly ended the task.

        Airflow calls this from 3.3 on. The run continues in AEP.
        """
        wait = self._wait
        run_id = self.spec.run_id if wait is None else wait.run_id
        self.log.warning(
            "The run %s continues in Adobe Experience Platform: Flow Service cannot cancel a run.",
            run_id or f"of {(wait and wait.of) or f'dataflow {self.spec.flow_id}'}",
        )
        if self.disable_on_kill and self.spec.flow_id:
            await to_its_end(self._disable_and_log(self.spec.flow_id, run_id))

    async def _disable_and_log(self, flow_id: str, run_id: str | None) -> None:
        from airflow_provider_aep.hooks.aio import AsyncFlowService

        service = AsyncFlowService(self.aep_conn_id, self.spec.sandbox, urgent=True)
        done = await disable_for(self.task_instance, service, flow_id, run_id, self.spec.deadline)
        self.log.warning("%s", done)


ENDED_BY_A_USER = ("failed", "success")
"""States that only a user can give to a deferred task whose run continues.

``skipped`` is absent: a task gets it if its DAG run timed out or failed fast. None is absent: a cleared task
starts again and needs its dataflow. All other states mean that the task still waits, or
that another triggerer resumed it."""

ON_KILL_TIMEOUT = 30.0
"""Airflow's default of ``[triggerer] on_kill_timeout``, in seconds. It also replaces an invalid value."""

_RUNNING: set[asyncio.Task[None]] = set()
"""References to running tasks: an event loop keeps only weak ones."""


async def disable_for(
    task_instance: Any, service: AsyncFlowService, flow_id: str, run_id: str | None, deadline: float
) -> str:
    """Disable a dataflow if a user certainly ended the task. Return what was done, for the log.

    After a temporary error, try again until ``[triggerer] on_kill_timeout`` seconds have passed.
    """
    limit = config_number("on_kill_timeout", ON_KILL_TIMEOUT, section="triggerer")
    if not 0 < limit < float("inf"):
        limit = ON_KILL_TIMEOUT
    try:
        return await asyncio.wait_for(_decide(task_instance, service, flow_id, run_id, deadline), limit)
    except asyncio.TimeoutError:
        within = f"within {limit:g} s, `[triggerer] on_kill_timeout`"
        return f"Dataflow {flow_id} could not be disabled (`disable_on_kill`) {within}. Disable it in AEP."


async def _decide(
    task_instance: Any, service: AsyncFlowService, flow_id: str, run_id: str | None, deadline: float
) -> str:
    kept = f"Dataflow {flow_id} was not disabled in spite of `disable_on_kill`: "
    state = await atask_state(task_instance)
    if state not in ENDED_BY_A_USER:
        return f"{kept}the task is {state or 'cleared'}, so it is not certain that a user ended it for good."
    if time.time() >= deadline:
        return f"{kept}the deadline of the wait has passed."
    failures = 0
    while True:
        try:
            async with service:
                return await _disable_unless_ended(service, flow_id, run_id) or f"{kept}the run ended."
        except AepError as error:
            if not error.retryable:
                return f"Dataflow {flow_id} could not be disabled (`disable_on_kill`): {error}"
            failures += 1
            pause = slowed(error, failures, random.random())  # noqa: S311 - keeps no secret
        await asyncio.sleep(pause)


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait until the work is done, although Airflow cancels the waiting.

    Airflow cancels the trigger of an ended task in each round, about every second (3.3.2). Each time it also
    cancels the ``on_kill`` that it called in the first round. So longer work would never finish.
    """
    task = asyncio.create_task(work)
    _RUNNING.add(task)
    task.add_done_callback(_RUNNING.discard)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:  # noqa: PERF203 - once a second
            if error.args != (CANCELLED_BY_A_USER,):
                raise  # the triggerer ends; or Python before 3.12 dropped the message
    await task


async def _disable_unless_ended(service: AsyncFlowService, flow_id: str, run_id: str | None) -> str | None:
    """Disable the dataflow, and return the log line; None if the run has ended.

    If the run has ended, another triggerer may have resumed the task, and no user ended it.
    """
    if run_id is not None and read_snapshot(await service.get_entity(RUNS, run_id)).ended:
        return None
    flow = await service.get_entity(FLOWS, flow_id)
    if not is_off(flow):
        await service.call(FLOWS.act_call(flow_id, "disable"))
    return (
        f"Disabled {read_dataflow(flow, flow_id, service.scrub)} (`disable_on_kill`): a user ended the task."
    )
