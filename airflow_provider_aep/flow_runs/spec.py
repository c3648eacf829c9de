"""One wait for a flow run as plain data, and the requests that find its run and dataflow.

:class:`WaitSpec` is the only statement of a wait's fields. The operators store it with a deferred task, and
the trigger and the poller read it from there.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_aep.flow_service.run_selection import RunSelector
    from airflow_provider_aep.flow_service.runs import Dataflow, Run
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

_STATUSES = ("ended", "timeout", "missing", "error")


@dataclass(frozen=True)
class WaitSpec:
    """One wait as plain data: ids and times, which Airflow's database can store.

    :param flow_id: the dataflow's id; None if only the run is known
    :param run_id: the run's id; None if ``match``, ``since``, ``start`` and ``end`` select the run, see
        :class:`airflow_provider_aep.flow_service.run_selection.RunSelector`
    :param deadline: when the wait ends at the latest, in epoch seconds
    :param match: how to select the run
    :param since: when the wait began, in epoch seconds
    :param start: the begin of the data interval or window, in epoch seconds
    :param end: its end, in epoch seconds
    :param poll_interval: seconds between two polls; None for an adapted interval
    :param grace: seconds after ``since`` in which a new run may not be visible yet
    :param sandbox: the sandbox in which the wait began, even if the connection names another one later
    """

    flow_id: str | None
    run_id: str | None
    deadline: float
    match: str = "latest"
    since: float = 0.0
    start: float | None = None
    end: float | None = None
    poll_interval: float | None = None
    grace: float = 0.0
    sandbox: str | None = None

    def stored(self) -> dict[str, Any]:
        """Return the fields as a dict, which Airflow stores with a deferred task and its trigger."""
        return asdict(self)

    @property
    def selector(self) -> RunSelector:
        """Return the run selector."""
        from airflow_provider_aep.flow_service.run_selection import RunSelector

        return RunSelector(self.match, self.since, self.start, self.end)

    def words(self, dataflow: Dataflow | None) -> str:
        """Return the run of this wait in words, for log and errors."""
        of = f" of {dataflow or f'dataflow {self.flow_id}'}" if self.flow_id else ""
        if self.run_id:
            return f"run {self.run_id}{of}"
        if self.match == "data_interval" and self.end is not None:
            start = self.end if self.start is None else self.start
            return f"run{of} for the data interval {shown(start)} to {shown(self.end)}"
        return f"{'next' if self.match == 'next' else 'newest'} run{of}"


def find_run(hook: FlowServiceHook, wait: WaitSpec) -> tuple[Run | None, str]:
    """Find the run of a wait.

    :return: the run, or None while no run matches; and in words how it was selected
    :raises AepConfigError: the run belongs to another dataflow
    """
    from airflow_provider_aep.flow_service.errors import AepConfigError, AepRequestError
    from airflow_provider_aep.flow_service.requests import list_runs_of
    from airflow_provider_aep.flow_service.run_selection import choose
    from airflow_provider_aep.flow_service.runs import read_run

    if wait.run_id is not None:
        run = read_run(hook.get_run(wait.run_id))
        if wait.flow_id and run.flow_id and run.flow_id != wait.flow_id:
            raise AepConfigError(
                f"Run {run.id} belongs to dataflow {run.flow_id}, not to {wait.flow_id}: check `run_id`.",
                parameter="run_id",
            )
        return run, ""
    selector, flow_ids = wait.selector, [wait.flow_id or ""]
    try:
        items = hook.every_page(list_runs_of(flow_ids, selector.started_from))
    except AepRequestError:
        if selector.started_from is None:
            raise
        items = hook.every_page(list_runs_of(flow_ids))  # Flow Service may refuse the filter by start
    choice = choose((read_run(item) for item in items if item.get("flowId") == wait.flow_id), selector)
    return (None, "") if choice is None else (choice.run, choice.by)


def find_dataflow(hook: FlowServiceHook, flow_id: str, known: Dataflow | None) -> Dataflow:
    """Read the dataflow. An error does not stop the wait: then return the known facts.

    :param known: the dataflow of an earlier poll, whose dataset is not read again
    """
    from airflow_provider_aep.flow_service.errors import AepError, AepNotFoundError
    from airflow_provider_aep.flow_service.runs import Dataflow, deleted, read_dataflow

    try:
        item = hook.get_flow(flow_id)
    except AepNotFoundError:
        return deleted(flow_id).after(known)
    except AepError as error:
        hook.log.debug("Dataflow %s cannot be read: %s", flow_id, error)
        return known or Dataflow(flow_id)
    dataflow = read_dataflow(item, flow_id, hook.scrub).after(known)
    first = known is None or known.name is None
    return replace(dataflow, dataset_id=hook.find_dataset(item)) if first else dataflow


def read_event(event: Any, wait: WaitSpec) -> tuple[str, str | None]:
    """Return the status in the trigger's event, and the id of the run that the trigger found.

    :raises AepReplyError: the event is invalid, or belongs to another run
    """
    from airflow_provider_aep.flow_service.errors import AepReplyError
    from airflow_provider_aep.flow_service.validation import is_id

    if isinstance(event, dict) and event.get("status") in _STATUSES:
        run_id = event.get("run_id")
        if run_id is None or (is_id(run_id) and run_id == (wait.run_id or run_id)):
            return event["status"], run_id
    raise AepReplyError(
        "The trigger fired an invalid event, or an event of another run. Install the same version of this "
        "provider in triggerer and workers, then clear the task to wait again.",
        retryable=False,
    )


def shown(epoch: float) -> str:
    """Return a time in epoch seconds as log and errors show it."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(epoch))


class Conditions:
    """Remember the conditions that the log has reported, so that each is reported once while it lasts."""

    def __init__(self) -> None:
        self._lasting: set[str] = set()

    def begins(self, condition: str, text: str | None) -> bool:
        """Return whether a condition begins now. ``text`` None says that the condition is over."""
        if text is None:
            self._lasting.discard(condition)
            return False
        known = condition in self._lasting
        self._lasting.add(condition)
        return not known
