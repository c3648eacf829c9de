"""Waiting for a run of a dataflow in the triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_aep._compat import apush_xcom
from airflow_provider_aep.flow_service.run_selection import Aim
from airflow_provider_aep.links import AepRunLink
from airflow_provider_aep.triggers._kill import disable_for, to_its_end
from airflow_provider_aep.triggers._pollers import wait_with_others
from airflow_provider_aep.triggers._wait import Wait


class FlowRunTrigger(BaseTrigger):
    """Fires once: when the run ended, the deadline passed, or nothing more can be found out.

    What it holds is stored in plain text in Airflow's database: ids and times, nothing else. The event is
    ``{"status": "ended" | "timeout" | "missing" | "error", "flow_id", "run_id"}``; how the run ended is for
    the task to read itself.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None for the connection's own
    :param flow_id: the dataflow's id
    :param run_id: the run's id; None to find it by ``match``
    :param deadline: epoch seconds; it stays as it is when the triggerer is started anew
    :param match: see :class:`airflow_provider_aep.flow_service.run_selection.Aim`, like the next three
    :param since: when the wait began, epoch seconds
    :param start: the data interval's start, epoch seconds
    :param end: its end
    :param poll_interval: seconds between two looks; None for 5 s to 5 min, as it suits the run
    :param disable_on_kill: disable the dataflow when a user ends the waiting task (from Airflow 3.3 on)
    """

    def __init__(
        self,
        *,
        aep_conn_id: str,
        flow_id: str | None = None,
        run_id: str | None = None,
        deadline: float,
        sandbox: str | None = None,
        match: str = "latest",
        since: float = 0.0,
        start: float | None = None,
        end: float | None = None,
        poll_interval: float | None = None,
        disable_on_kill: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.aep_conn_id = aep_conn_id
        self.sandbox = sandbox
        self.flow_id = flow_id
        self.run_id = run_id
        self.deadline = deadline
        self.match = match
        self.since = since
        self.start = start
        self.end = end
        self.poll_interval = poll_interval
        self.disable_on_kill = disable_on_kill
        self._wait: Wait | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class, and what makes the same one again."""
        names = (
            "aep_conn_id",
            "sandbox",
            "flow_id",
            "run_id",
            "deadline",
            "match",
            "since",
            "start",
            "end",
            "poll_interval",
        )
        kwargs = {name: getattr(self, name) for name in names}
        if self.disable_on_kill:  # left out, so that a triggerer with an older version knows all the rest
            kwargs["disable_on_kill"] = True
        return "airflow_provider_aep.triggers.flow_runs.FlowRunTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, with all others on this connection and sandbox."""
        self._wait = wait = Wait(
            flow_id=self.flow_id,
            run_id=self.run_id,
            deadline=self.deadline,
            aim=Aim(self.match, self.since, self.start, self.end),
            poll_interval=self.poll_interval,
            log=self.log,
        )
        pushing = asyncio.create_task(self._push_link(wait))
        try:
            status = await wait_with_others(self.aep_conn_id, self.sandbox, wait)
        finally:
            pushing.cancel()
        event = {"status": status, "flow_id": self.flow_id, "run_id": wait.run_id}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _push_link(self, wait: Wait) -> None:
        """Make the link to the run live once the run is known. The task pushes it again when it resumes."""
        link = await wait.link
        if self.task_instance is None:
            return
        try:
            await apush_xcom(self.task_instance, AepRunLink.xcom_key, link)
        except Exception as error:  # noqa: BLE001 - a link is no reason to end the wait
            self.log.warning(
                "The link to the run appears when the task resumes: Airflow did not store it now (%s).",
                type(error).__name__,
            )

    async def on_kill(self) -> None:
        """The waiting task was ended from outside, as Airflow 3.3 says. The run goes on.

        The dataflow is disabled if that was asked for and it is certain that a user ended the task.
        """
        wait = self._wait
        run_id = self.run_id if wait is None else wait.run_id
        self.log.warning(
            "The run %s goes on in Adobe Experience Platform: Flow Service cannot cancel a run.",
            run_id or f"of {(wait and wait.dataflow) or f'dataflow {self.flow_id}'}",
        )
        if self.disable_on_kill and self.flow_id:
            await to_its_end(self._disable(self.flow_id, run_id))

    async def _disable(self, flow_id: str, run_id: str | None) -> None:
        from airflow_provider_aep.hooks.aio import AsyncFlowService

        service = AsyncFlowService(self.aep_conn_id, self.sandbox)
        done = await disable_for(self.task_instance, service, flow_id, run_id, self.deadline)
        self.log.warning("%s", done)
