"""One wait for a flow run as plain data, and the event that ends its deferral.

:class:`WaitSpec` and its base, :class:`~airflow_provider_aep.flow_service.run_selection.RunSelector`, state
each field of a wait once. Airflow stores the fields with a deferred task and its trigger. The poller reads
them from the trigger.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.flow_service.run_selection import RunSelector

if TYPE_CHECKING:
    from airflow_provider_aep.flow_service.runs import Dataflow

ENDED, MISSING, ERROR, TIMEOUT = "ended", "missing", "error", "timeout"
"""How a wait ends: the run ended; the run does not exist; an error is permanent; the deadline passed."""

STATUSES = (ENDED, MISSING, ERROR, TIMEOUT)
"""The statuses of the trigger's event."""


@dataclass(frozen=True, kw_only=True)
class WaitSpec(RunSelector):
    """One wait as plain data: ids and times, which Airflow's database can store. Times are in epoch seconds.

    The fields of :class:`~airflow_provider_aep.flow_service.run_selection.RunSelector` select the run if
    ``run_id`` is None. To add a field, add it here: it is stored and restored with the others.

    :param flow_id: the dataflow's id; None if only the run is known, as when ``dag.test()`` resumes a
        ``RetryFlowRunOperator``
    :param run_id: the run's id
    :param deadline: when the wait ends at the latest
    :param poll_interval: seconds between two polls; None for 5 s to 5 min, depending on the run's age
    :param grace: seconds after ``since`` in which a new run may not be visible yet. The task reads it; the
        poller counts its polls without the run
    :param sandbox: the sandbox in which the wait started, even if the connection names another one later
    """

    flow_id: str | None
    run_id: str | None
    deadline: float
    poll_interval: float | None = None
    grace: float = 0.0
    sandbox: str | None = None

    def stored(self) -> dict[str, Any]:
        """Return the fields as a dict, which Airflow stores with a deferred task and its trigger."""
        return asdict(self)

    @classmethod
    def restore(cls, stored: Mapping[str, Any]) -> WaitSpec:
        """Return the wait of a dict that :meth:`stored` returned, also in an earlier version.

        :raises AepReplyError: a newer version of this provider has stored the dict
        """
        from airflow_provider_aep.flow_service.errors import AepReplyError

        if unknown := sorted(set(stored) - {field.name for field in fields(cls)}):
            raise AepReplyError(
                f"A newer version of this provider has stored this wait: its fields {', '.join(unknown)} are "
                "unknown. Install the same version in triggerers and workers, triggerers first. Then clear "
                "the task to wait again.",
                retryable=False,
            )
        return cls(**{"flow_id": None, "run_id": None, **stored})

    def words(self, dataflow: Dataflow | None) -> str:
        """Return the run of this wait in words, for log and errors."""
        of = f" of {dataflow or f'dataflow {self.flow_id}'}" if self.flow_id else ""
        if self.run_id:
            return f"run {self.run_id}{of}"
        if self.match == "data_interval" and self.end is not None:
            start = self.end if self.start is None else self.start
            return f"run{of} for the data interval {format_time(start)} to {format_time(self.end)}"
        return f"{'next' if self.match == 'next' else 'newest'} run{of}"


def read_event(event: Any, wait: WaitSpec) -> tuple[str, str | None]:
    """Return the status in the trigger's event, and the id of the run that the trigger found.

    :raises AepReplyError: the event is invalid, or belongs to another run
    """
    from airflow_provider_aep.flow_service.errors import AepReplyError
    from airflow_provider_aep.flow_service.validation import is_id

    if isinstance(event, dict) and event.get("status") in STATUSES:
        run_id = event.get("run_id")
        if run_id is None or (is_id(run_id) and run_id == (wait.run_id or run_id)):
            return event["status"], run_id
    raise AepReplyError(
        "The trigger fired an invalid event, or an event of another run. Install the same version of this "
        "provider in triggerer and workers, then clear the task to wait again.",
        retryable=False,
    )


def format_time(epoch: float) -> str:
    """Return a time in epoch seconds as log and errors show it."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(epoch))
