"""A run was waited for, and did not end as wanted."""

from __future__ import annotations

from airflow_provider_aep.flow_service.errors.base import AepError


class AepRunError(AepError):
    """A run did not end as wanted. ``run_id`` names it, where it is known; ``result`` is the wait's result.

    Waiting once more finds the same run in the same state, so a retry of a mere wait cannot help.
    """

    stable_code = "AEP-E400"
    what = "A run of a dataflow did not end as the task wants it."
    why = "The run says it itself; the message repeats it."
    todo = "Look at the run by the task's link, then start another one."

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        result: dict[str, object] | None = None,
        retryable: bool | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, code=code, retryable=retryable)
        self.run_id = run_id
        self.result = result


class RunFailedError(AepRunError):
    """The run failed. ``code`` is the connector's, such as ``CONNECTOR-1001-500``."""

    stable_code = "AEP-E401"
    what = "The run failed on the platform."
    why = "The source could not be read, or its rows could not be brought in; the message has the codes."
    todo = "Mend what the run names, then start it again, by `RetryFlowRunOperator` or by clearing the task."


class RunPartialError(AepRunError):
    """The run ended, but not with every record: see ``max_failed_records`` and its siblings."""

    stable_code = "AEP-E402"
    what = "The run ended, and more records failed than the task allows."
    why = "Rows did not fit the schema or the mapping."
    todo = (
        "Look at the failed records by the task's link, and mend source or mapping; or allow them by "
        "`max_failed_records`, `max_failed_ratio` or `fail_on_partial=False`."
    )


class RunTimeoutError(AepRunError):
    """The run did not end, or none began, before the deadline."""

    stable_code = "AEP-E403"
    what = "The run did not end, or none began, before `timeout`."
    why = "It takes longer than usual, or the dataflow's schedule is another."
    todo = (
        "Look at the dataflow by the task's link. Raise `timeout` if a run may take that long. A "
        "`FlowRunSensor` raises Airflow's `AirflowSensorTimeout` in its place, with this error as the cause."
    )


class DataflowStoppedError(AepRunError):
    """The dataflow is disabled or deleted, so the run that is waited for will not begin."""

    stable_code = "AEP-E404"
    what = "The wait ended before a run began: the dataflow starts none."
    why = "The dataflow is disabled or deleted. AEP disables a dataflow that failed for 30 days running."
    todo = (
        "Enable the dataflow, in AEP or by `EnableDataflowOperator`, or create it again; then clear the task."
    )
