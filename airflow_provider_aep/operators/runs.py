"""A run of a dataflow: started on demand or again, and waited for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.flow_runs.spec import WaitSpec
from airflow_provider_aep.operators.base import none_if_blank
from airflow_provider_aep.operators.waiting import DEFAULT_TIMEOUT, WaitsForRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.flow_service.runs import Run
    from airflow_provider_aep.operators._runs import Started


class _StartsRun(WaitsForRun):
    """Base of what starts a run. Subclasses write :meth:`start`.

    :param wait: whether to wait until the run ended
    :param timeout: seconds to wait, from the run's start by this task
    :param kwargs: how to wait and what may be missing: the options of
        :class:`~airflow_provider_aep.operators.waiting.WaitsForRun`
    :return: the wait's result; without ``wait`` the run's id
    """

    def __init__(
        self,
        *,
        wait: bool = True,
        timeout: float = DEFAULT_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait = wait
        self.timeout = timeout

    def start(self, context: Any) -> Started:
        """Start the run, at most once."""
        raise NotImplementedError

    def act(self, context: Any) -> Any:
        """Check the limits, start the run, wait for it."""
        from airflow_provider_aep.flow_service.validation import check_seconds

        self.thresholds()
        seconds, pause = check_seconds(self.timeout, "timeout"), self.poll_seconds()
        flow_id, run_id, window = self.start(context)
        now, (start, end) = time.time(), window or (None, None)
        wait = WaitSpec(
            flow_id, run_id, now + seconds, since=now, start=start, end=end, poll_interval=pause, grace=60
        )
        self.waits_for = wait
        if not self.wait:
            self._push_links(context, wait)
            return run_id
        return self.wait_for_run(context, wait)

    def finish(self, run: Run) -> dict[str, Any]:
        """Return the result of a run that ended.

        :raises AmbiguousRunError: the run shows another window than the one that was ordered
        """
        from airflow_provider_aep.flow_service.errors import AmbiguousRunError
        from airflow_provider_aep.flow_service.schedules import shown

        wait = self.waits_for
        if wait is not None and wait.end is not None and run.window is not None:
            first, last = run.window
            if first > (wait.start or 0.0) or last < wait.end:
                raise AmbiguousRunError(
                    f"Run {run.id} brought in the window {shown(first, last)}, and this task ordered "
                    f"{shown(wait.start or 0.0, wait.end)}. The ordered window may be missing in the "
                    "dataset. Look at the dataflow's runs in AEP. Clear the task to start a new run. "
                    f"{self.link}"
                )
        return super().finish(run)


class RunDataflowOperator(_StartsRun):
    """Run a dataflow on demand for a window of source data, at most once.

    A run has no name: dataflow and window identify it. A retry continues with the run of an earlier try. A
    cleared task starts a new run, unless a run of the same window is under way: then it joins that run.
    Before Airflow 3.3 it also takes the result of a run of the same window that did not fail. If a reply is
    lost and no new run of the window shows, the task fails with ``AmbiguousRunError`` rather than move rows
    twice. On Airflow 3.3 the task state store must be readable and writable before the run is
    started, else the task fails with ``TaskStoreError`` for a retry. Flow Service runs on demand only
    dataflows with ``frequency`` ``once`` (1386-400).

    :param flow_id: the dataflow's id
    :param window_start: from when, inclusive: a datetime, an ISO text or epoch seconds
    :param window_end: until when
    :param delta_column: the column that the window is about, by name; needed by the first run only
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
        """``POST /runs``."""
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
            self.hook, context, flow_id=flow_id, window=window, delta_column=delta, log=self.log
        )
        return Started(flow_id, run_id, window)

    def _check_column(self, flow_id: str, column: str) -> None:
        """A run by a column that there is not would start, and fail."""
        from airflow_provider_aep.flow_service.bodies import check_delta_column, columns_of

        for source_id in self.hook.get_flow(flow_id).get("sourceConnectionIds") or ():
            check_delta_column(column, columns_of(self.hook.get_source_connection(source_id)))


class RetryFlowRunOperator(_StartsRun):
    """Run a failed run again, at most once a task instance. The failed run stays as it is.

    The new run is recognized by the failed run's window, see :class:`RunDataflowOperator`. If the failed run
    shows no window, a lost reply ends in ``AmbiguousRunError``.

    :param run_id: the failed run's id, or a dict that holds it as ``run_id``
    """

    template_fields: Sequence[str] = ("run_id", *WaitsForRun.template_fields)

    def __init__(self, *, run_id: str | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id

    def start(self, context: Any) -> Started:
        """``POST /runs/{id}/action?op=re-trigger``."""
        from airflow_provider_aep.flow_service.validation import check_id
        from airflow_provider_aep.operators._runs import retrigger

        given = self.run_id.get("run_id") if isinstance(self.run_id, dict) else self.run_id
        return retrigger(self.hook, context, run_id=check_id(given, "run_id"), log=self.log)
