"""Run a dataflow on demand, or run a failed run again, and wait for the run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.assets import is_aep_dataset
from airflow_provider_aep.flow_runs.spec import WaitSpec
from airflow_provider_aep.operators.base import none_if_blank
from airflow_provider_aep.operators.waiting import DEFAULT_TIMEOUT, WaitsForRun, read_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow_provider_aep.flow_service.runs import Run
    from airflow_provider_aep.operators._runs import Started


class _StartsRun(WaitsForRun):
    """Base of the operators that start a run. Subclasses write :meth:`start`.

    :param wait: wait until the run has ended
    :param timeout: seconds to wait, or a timedelta. The time counts from when this try knows the run: a retry
        sets a new deadline
    :param kwargs: the options of :class:`~airflow_provider_aep.operators.waiting.WaitsForRun`, such as the
        failure thresholds
    :return: the wait's result; the run's id if ``wait`` is False
    """

    def __init__(
        self,
        *,
        wait: bool = True,
        timeout: timedelta | float = DEFAULT_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not wait and any(map(is_aep_dataset, self.outlets)):
            raise ValueError(
                "`outlets` has an AEP dataset, and `wait` is False: Airflow would report new data before the "
                "run has ended. Set `wait=True`, or move the outlet to the task that waits."
            )
        self.wait = wait
        self.timeout = timeout

    def start(self, context: Any) -> Started:
        """Start the run, at most once."""
        raise NotImplementedError

    def act(self, context: Any) -> Any:
        """Check the options, start the run, and wait for it."""
        self.thresholds()
        self._make_spec(None, None)  # check the options before the first request
        flow_id, run_id, window = self.start(context)
        spec = self._make_spec(flow_id, run_id, window)
        self.waits_for = spec
        if not self.wait:
            for key, url in self.links_of(spec).items():
                self.keep_link(key, url)
            return run_id
        return self.wait_for_run(context, spec)

    def default_spec(self, context: Any) -> WaitSpec:
        """Return the wait of a task that resumes without its stored wait. The event names the run."""
        return self._make_spec(getattr(self, "flow_id", None), None)

    def _make_spec(
        self, flow_id: str | None, run_id: str | None, window: tuple[float, float] | None = None
    ) -> WaitSpec:
        """Return the wait for the run that this task starts.

        :raises AepConfigError: ``timeout`` or ``poll_interval`` is invalid
        """
        now = time.time()
        start, end = window or (None, None)
        return WaitSpec(
            flow_id=flow_id,
            run_id=run_id,
            deadline=now + read_seconds(self.timeout, "timeout"),
            since=now,
            start=start,
            end=end,
            poll_interval=self.poll_seconds(),
            grace=60,
        )

    def _before_post(self, flow_id: str) -> None:
        """Prepare for a kill between the POST and its reply: the run may exist, and its id is unknown."""
        self._prepare_for_kill(self._make_spec(flow_id, None))

    def finish(self, context: Any, run: Run) -> dict[str, Any]:
        """Return the result of a run that ended.

        :raises AmbiguousRunError: the run shows another window than the requested one
        """
        from airflow_provider_aep.flow_service.errors import AmbiguousRunError
        from airflow_provider_aep.flow_service.schedules import shown

        spec = self.waits_for
        if spec is not None and spec.end is not None and run.window is not None:
            first, last = run.window
            if first > (spec.start or 0.0) or last < spec.end:
                raise AmbiguousRunError(
                    f"Run {run.id} ingested the window {shown(first, last)}, and this task requested "
                    f"{shown(spec.start or 0.0, spec.end)}. The requested window may be missing in the "
                    "dataset. Check the dataflow's runs in AEP. Clear the task to start a new run. "
                    f"{self.link}"
                )
        return super().finish(context, run)


class RunDataflowOperator(_StartsRun):
    """Run a dataflow on demand for a window of source data, at most once.

    A run has no name: dataflow and window identify it. A retry continues with the run of an earlier try. A
    cleared task starts a new run, unless a run of the same window is in progress: then the task waits for
    that run. Before Airflow 3.3 a cleared task also takes the result of a run of the same window that did not
    fail.

    If a reply is lost and no new run of the window is visible, the task fails with ``AmbiguousRunError``: a
    second run could ingest records twice. On Airflow 3.3 the task reads and writes the task state store
    before it starts the run. If that fails, the task fails with ``TaskStoreError`` for a retry.

    Flow Service runs a dataflow on demand only if its ``frequency`` is ``once`` (1386-400).

    :param flow_id: the dataflow's id
    :param window_start: the start of the window, inclusive: a datetime, an ISO 8601 text or epoch seconds
    :param window_end: its end, in the same forms
    :param delta_column: the name of the column that the window refers to; only the first run needs it
    :raises AmbiguousRunError: a run may have been started, and which one is unknown
    :raises AepRunError: the run failed, or too many records failed
    """

    template_fields: Sequence[str] = (
        "flow_id",
        "window_start",
        "window_end",
        "delta_column",
        *WaitsForRun.template_fields,
    )

    def __init__(
        self,
        *,
        flow_id: str,
        window_start: Any = "{{ data_interval_start }}",
        window_end: Any = "{{ data_interval_end }}",
        delta_column: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.flow_id = flow_id
        self.window_start = window_start
        self.window_end = window_end
        self.delta_column = delta_column

    def start(self, context: Any) -> Started:
        """Start the run with ``POST /runs``."""
        from airflow_provider_aep.flow_service.schedules import read_window
        from airflow_provider_aep.flow_service.validation import check_id
        from airflow_provider_aep.operators._runs import Started, start_run

        flow_id = check_id(self.flow_id, "flow_id")
        window = read_window(self.window_start, self.window_end)
        column = none_if_blank(self.delta_column)
        delta = {"name": str(column)} if column else None
        if delta is not None:
            self._check_column(flow_id, delta["name"])
        run_id = start_run(
            self.hook,
            context,
            flow_id=flow_id,
            window=window,
            delta_column=delta,
            before_post=self._before_post,
            log=self.log,
        )
        return Started(flow_id, run_id, window)

    def _check_column(self, flow_id: str, column: str) -> None:
        """Check that the column exists. Flow Service would start the run, and the run would fail."""
        from airflow_provider_aep.flow_service.bodies import check_delta_column, columns_of

        for source_id in self.hook.get_flow(flow_id).get("sourceConnectionIds") or ():
            check_delta_column(column, columns_of(self.hook.get_source_connection(source_id)))


class RetryFlowRunOperator(_StartsRun):
    """Run a failed run again, at most once for each task instance. The failed run does not change.

    The task recognizes the new run by the failed run's window, see :class:`RunDataflowOperator`. If the
    failed run shows no window, a lost reply ends in ``AmbiguousRunError``.

    :param run_id: the failed run's id, or a dict that has it as ``run_id``
    :raises AmbiguousRunError: a run may have been started, and which one is unknown
    """

    template_fields: Sequence[str] = ("run_id", *WaitsForRun.template_fields)

    def __init__(self, *, run_id: str | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id

    def start(self, context: Any) -> Started:
        """Start the run with ``POST /runs/{id}/action?op=re-trigger``."""
        from airflow_provider_aep.flow_service.validation import check_id
        from airflow_provider_aep.operators._runs import retrigger

        given = self.run_id.get("run_id") if isinstance(self.run_id, dict) else self.run_id
        run_id = check_id(given, "run_id")
        return retrigger(self.hook, context, run_id=run_id, before_post=self._before_post, log=self.log)
