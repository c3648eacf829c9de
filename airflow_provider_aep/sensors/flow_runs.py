"""Waiting for a run of a dataflow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_aep._compat import AirflowSensorTimeout, AirflowSkipException
from airflow_provider_aep.flow_runs.spec import WaitSpec
from airflow_provider_aep.operators.base import none_if_blank
from airflow_provider_aep.operators.waiting import DEFAULT_TIMEOUT, WaitsForRun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow_provider_aep.flow_service.errors import AepError

_ON_DEMAND = ("manual", "operator_triggered")
"""Types of DAG runs that somebody asked for; those that another DAG triggers are ``manual`` before 3.3."""


class FlowRunSensor(WaitsForRun, BaseSensorOperator):
    """Wait until a run of a dataflow ended, and fail unless it did so well.

    AEP's ``success`` can carry failed records. By default any failed record, and any status of partial
    success, fails the task. If ``max_failed_records`` or ``max_failed_ratio`` is set, it alone says how many
    are fine, of a ``success`` as of a partial one (Adobe's own alert fires above 0.005).
    ``fail_on_partial=False`` lets partial runs pass. An unknown status counts as still running. A disabled or
    deleted dataflow fails the task while no run has begun. Flow Service cannot cancel a run: it goes on
    however the wait ends.

    :param flow_id: the dataflow's id
    :param run_id: the run's id, or a dict that holds it as ``run_id``; without it ``match`` finds the run
    :param match: ``data_interval``: the run that brings the data of the DAG run's data interval, by its
        window, or where it shows none by being the first to start after the interval (a DAG run without an
        interval, or triggered by hand or by another DAG for a mere moment, waits for the newest run);
        ``next``: the one under way, or the first to end from now on; ``latest``: the newest, also if it ended
        already. The log says what it was matched by
    :param timeout: seconds, from the task's start; the deadline is absolute and outlives deferral and
        restarts of the triggerer. 150 minutes if not given
    :param poll_interval: ``poke_interval`` if not given
    :param kwargs: how to wait and what may be missing: the options of
        :class:`~airflow_provider_aep.operators.waiting.WaitsForRun`
    :return: ``{"run_id", "status", "records_read", "records_written", "records_failed", "records_skipped",
        "bytes", "seconds", "flow_id", "dataflow", "dataset_id", "started_at", "ended_at", "window_start",
        "window_end"}``, as XCom ``return_value``, and as ``aep_run`` if the task fails. Times are in ISO
        8601 in UTC; what AEP does not tell is None
    """

    template_fields: Sequence[str] = ("flow_id", "run_id", *WaitsForRun.template_fields)

    def __init__(
        self,
        *,
        flow_id: str,
        run_id: str | None = None,
        match: str = "data_interval",
        timeout: Any = DEFAULT_TIMEOUT,
        poll_interval: timedelta | float | None = None,
        **kwargs: Any,
    ) -> None:
        if poll_interval is None:
            poll_interval = kwargs.get("poke_interval")
        elif isinstance(poll_interval, int | float):
            kwargs["poke_interval"] = poll_interval
        super().__init__(timeout=timeout, poll_interval=poll_interval, **kwargs)
        self.flow_id = flow_id
        self.run_id = run_id
        self.match = match

    def act(self, context: Any) -> Any:
        """Poll, and wait if the run has not ended."""
        from airflow_provider_aep.flow_service.errors import AepError

        try:
            wait = self._wait(context)
            self.thresholds()  # validate the thresholds before waiting
            if self.reschedule and not self.deferrable:
                return BaseSensorOperator.execute(self, context)
            return self.wait_for_run(context, wait)
        except AepError as error:
            self._as_a_sensor(error)
            raise

    def poke(self, context: Any) -> bool | PokeReturnValue:
        """Poll once, for ``mode="reschedule"``."""
        with self.result_kept(context):
            _, run = self.poll_run(context, self._wait(context))
            if run is None or not run.ended:
                return False
            return PokeReturnValue(is_done=True, xcom_value=self.finish(run))

    def leave(self, error: AepError) -> NoReturn:
        """As every operator's errors, but for what Airflow expects of a sensor."""
        self._as_a_sensor(error)
        super().leave(error)

    def _as_a_sensor(self, error: AepError) -> None:
        """Over the deadline: ``AirflowSensorTimeout``. ``soft_fail`` and ``never_fail``: skipped."""
        from airflow_provider_aep.flow_service.errors import RunTimeoutError

        if self.never_fail or (self.soft_fail and not error.retryable):
            raise AirflowSkipException(str(error)) from error
        if isinstance(error, RunTimeoutError):
            raise AirflowSensorTimeout(str(error)) from error

    def _wait(self, context: Any) -> WaitSpec:
        """Everything checked before the first request."""
        from airflow_provider_aep.flow_service.validation import check_id

        run_id = none_if_blank(self.run_id)
        if isinstance(run_id, dict):
            run_id = run_id.get("run_id")
        now = time.time()
        wait = WaitSpec(
            flow_id=check_id(self.flow_id, "flow_id"),
            run_id=None if run_id is None else check_id(run_id, "run_id"),
            deadline=now + self.timeout,
            since=self._since(context, now),
            poll_interval=self.poll_seconds(),
            **self._aim(context),
        )
        _ = wait.selector
        return wait

    def _since(self, context: Any, now: float) -> float:
        """When the wait began. Of a rescheduled sensor Airflow keeps when its first poke started."""
        if not self.reschedule or self.deferrable:
            return now
        ti: Any = context.get("ti")
        kept = getattr(ti, "get_first_reschedule_date", None)
        began = (kept(context) if kept else None) or getattr(ti, "start_date", None)
        return now if began is None else float(began.timestamp())

    def _aim(self, context: Any) -> dict[str, Any]:
        if self.match != "data_interval":
            return {"match": self.match}
        start, end = context.get("data_interval_start"), context.get("data_interval_end")
        start = end if start is None else start
        if end is None:
            why = "has no data interval"
        elif start == end and _run_type(context) in _ON_DEMAND:
            # what it asks for ran before that moment, and the next run may be a day away
            why = f"was triggered for the moment {end.isoformat()}, which is no data interval"
        else:
            return {"match": self.match, "start": start.timestamp(), "end": end.timestamp()}
        if none_if_blank(self.run_id) is None:
            self.log.info("The DAG run %s: waiting for the newest run.", why)
        return {"match": "latest"}


def _run_type(context: Any) -> str:
    """How the DAG run came about; an enum of Airflow's or a string, empty where it is not told."""
    kind = getattr(context.get("dag_run"), "run_type", None)
    return str(getattr(kind, "value", kind or ""))
