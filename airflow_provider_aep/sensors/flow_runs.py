"""Wait for a run of a dataflow."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_aep._compat import AirflowSensorTimeout, AirflowSkipException
from airflow_provider_aep.flow_runs.spec import WaitSpec
from airflow_provider_aep.operators.base import none_if_blank
from airflow_provider_aep.operators.waiting import DEFAULT_TIMEOUT, WaitsForRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.flow_service.errors import AepError

_ON_DEMAND = ("manual", "operator_triggered")
"""Types of DAG runs without a schedule. Before 3.3, a run that another DAG triggers is ``manual``."""


class FlowRunSensor(WaitsForRun, BaseSensorOperator):
    """Wait until a run of a dataflow ended, and fail if the run failed or too many records failed.

    AEP's ``success`` can have failed records. By default a failed record or a partial success fails the task.
    ``max_failed_records`` or ``max_failed_ratio`` sets how many records may fail, in a success and in a
    partial success. (Adobe's own alert fires above 0.005.) ``fail_on_partial=False`` accepts partial runs.

    An unknown status counts as still running. A disabled or deleted dataflow fails the task while no run has
    started. Flow Service cannot cancel a run: the run continues in AEP however the wait ends.

    Adobe: tutorial "Monitor dataflows".

    :param flow_id: the dataflow's id
    :param run_id: the run's id, or a dict that has it as ``run_id``; if it is None, an empty text or the text
        ``None``, ``match`` selects the run
    :param match: which run to wait for; the log says how the run was selected.

        - ``data_interval``: the run that ingests the data of the DAG run's data interval. It is selected by
          its window. A run that shows no window is selected if it is the first to start after the interval.
          The newest run is selected if the DAG run has no data interval, or if a user or another DAG
          triggered the DAG run with a zero-length data interval
        - ``next``: the run that is in progress, or the first run to end from now on
        - ``latest``: the newest run, also if it has ended
    :param timeout: seconds from the task's start, 9000 (150 minutes) by default. The deadline is absolute:
        deferral and restarts of the triggerer do not extend it
    :param poll_interval: seconds between two polls, or a timedelta; by default ``poke_interval`` if the DAG
        sets it, else 5 s to 5 min, depending on the run's age. A ``mode="reschedule"`` sensor polls every
        60 s by default
    :param poke_interval: the same under Airflow's name; ``poll_interval`` has priority
    :param kwargs: the options of :class:`~airflow_provider_aep.operators.waiting.WaitsForRun`, such as the
        failure thresholds
    :return: ``{"run_id", "status", "records_read", "records_written", "records_failed", "records_skipped",
        "bytes", "seconds", "flow_id", "dataflow", "dataset_id", "started_at", "ended_at", "window_start",
        "window_end"}``, as XCom ``return_value``, and as XCom ``aep_run`` if the task fails. Times are in ISO
        8601 in UTC. Unknown values are None
    :raises AepRunError: the run failed, or too many records failed
    :raises DataflowStoppedError: no run has started, and the dataflow is disabled or deleted
    :raises AirflowSensorTimeout: the run did not end, or no run started, before ``timeout``
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
        poke_interval: timedelta | float | None = None,
        **kwargs: Any,
    ) -> None:
        if poll_interval is None:
            poll_interval = poke_interval
        elif isinstance(poll_interval, int | float | timedelta):
            poke_interval = poll_interval
        if poke_interval is not None:
            kwargs["poke_interval"] = poke_interval
        super().__init__(timeout=timeout, poll_interval=poll_interval, **kwargs)
        self.flow_id = flow_id
        self.run_id = run_id
        self.match = match

    def act(self, context: Any) -> Any:
        """Poll the run, and wait if it has not ended."""
        spec = self.default_spec(context)
        self.thresholds()  # validate the thresholds before waiting
        if self.reschedule and not self.deferrable:
            return BaseSensorOperator.execute(self, context)
        return self.wait_for_run(context, spec)

    def poke(self, context: Any) -> bool | PokeReturnValue:
        """Poll the run once, for ``mode="reschedule"``."""
        with self.push_facts_on_error(context):
            spec, run = self.poll_run(context, self.default_spec(context))
            if run is not None and run.ended:
                return PokeReturnValue(is_done=True, xcom_value=self.finish(context, run))
            if time.time() >= spec.deadline:
                self._too_late(spec, run)
            return False

    def raise_for_airflow(self, error: AepError) -> NoReturn:
        """Raise an error in the form of a sensor, with ``soft_fail``, ``never_fail`` and timeouts."""
        from airflow_provider_aep.flow_service.errors import RunTimeoutError

        if self.never_fail or (self.soft_fail and not error.retryable):
            raise AirflowSkipException(str(error)) from error
        if isinstance(error, RunTimeoutError):
            raise AirflowSensorTimeout(str(error)) from error
        super().raise_for_airflow(error)

    def default_spec(self, context: Any) -> WaitSpec:
        """Return the wait. Check all parameters before the first request.

        :raises AepConfigError: a parameter is invalid
        """
        from airflow_provider_aep.flow_service.validation import check_id

        run_id = none_if_blank(self.run_id)
        if isinstance(run_id, dict):
            run_id = check_id(run_id.get("run_id"), "run_id")
        since = self._since(context)
        return WaitSpec(
            flow_id=check_id(self.flow_id, "flow_id"),
            run_id=None if run_id is None else check_id(run_id, "run_id"),
            deadline=since + self.timeout,
            since=since,
            poll_interval=self.poll_seconds(),
            **self._selector_fields(context),
        )

    def _since(self, context: Any) -> float:
        """Return when the wait started, in epoch seconds.

        Airflow keeps the start of the first poke of a rescheduled sensor.
        """
        now = time.time()
        if not self.reschedule or self.deferrable:
            return now
        ti: Any = context.get("ti")
        kept = getattr(ti, "get_first_reschedule_date", None)
        started = (kept(context) if kept else None) or getattr(ti, "start_date", None)
        return now if started is None else float(started.timestamp())

    def _selector_fields(self, context: Any) -> dict[str, Any]:
        """Return the fields of the wait that select the run."""
        if self.match != "data_interval":
            return {"match": self.match}
        start, end = context.get("data_interval_start"), context.get("data_interval_end")
        start = end if start is None else start
        if end is None:
            why = "has no data interval"
        elif start == end and _run_type(context) in _ON_DEMAND:
            # the data of this time has been ingested already, and the next run may be a day away
            why = f"was triggered with a zero-length data interval at {end.isoformat()}"
        else:
            return {"match": self.match, "start": start.timestamp(), "end": end.timestamp()}
        if none_if_blank(self.run_id) is None:
            self.log.info("The DAG run %s: waiting for the newest run.", why)
        return {"match": "latest"}


def _run_type(context: Any) -> str:
    """Return the type of the DAG run, which Airflow gives as an enum or a text; empty if it is unknown."""
    kind = getattr(context.get("dag_run"), "run_type", None)
    return str(getattr(kind, "value", kind or ""))
