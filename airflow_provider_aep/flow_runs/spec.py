"""One wait for a flow run as plain data: the only statement of its fields, and how its run is found."""

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
    """One wait as plain data: ids and times, which go through Airflow's database as they are.

    ``deadline``, ``since``, ``start`` and ``end`` in epoch seconds. Where ``run_id`` is not known, the other
    four say which run is meant (see :class:`airflow_provider_aep.flow_service.run_selection.RunSelector`).
    ``poll_interval`` in seconds, None for an adapted one. ``grace``: seconds after ``since`` in which a run
    that cannot be found may only not be visible yet. ``sandbox`` is the one it began in, even if the
    connection names another one meanwhile.
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
        """As it is stored with a deferred task and its trigger: plain JSON."""
        return asdict(self)

    @property
    def selector(self) -> RunSelector:
        """Which run is meant."""
        from airflow_provider_aep.flow_service.run_selection import RunSelector

        return RunSelector(self.match, self.since, self.start, self.end)

    def words(self, dataflow: Dataflow | None) -> str:
        """Return in words what is waited for, for log and errors."""
        of = f" of {dataflow or f'dataflow {self.flow_id}'}" if self.flow_id else ""
        if self.run_id:
            return f"run {self.run_id}{of}"
        if self.match == "data_interval" and self.end is not None:
            start = self.end if self.start is None else self.start
            return f"run{of} for the data interval {shown(start)} to {shown(self.end)}"
        return f"{'next' if self.match == 'next' else 'newest'} run{of}"


def find_run(hook: FlowServiceHook, wait: WaitSpec) -> tuple[Run | None, str]:
    """Return the run, or None while there is none, and in words how it was matched."""
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
        items = hook.every_page(list_runs_of(flow_ids))  # the filter by start may not be taken here
    choice = choose((read_run(item) for item in items if item.get("flowId") == wait.flow_id), selector)
    return (None, "") if choice is None else (choice.run, choice.by)


def find_dataflow(hook: FlowServiceHook, flow_id: str, known: Dataflow | None) -> Dataflow:
    """The dataflow as it is now, as far as Flow Service tells it.

    :param known: the dataflow of an earlier poll: its dataset is not read again
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
    unasked = known is None or known.name is None
    return replace(dataflow, dataset_id=hook.find_dataset(item)) if unasked else dataflow


def read_event(event: Any, wait: WaitSpec) -> tuple[str, str | None]:
    """The status that the trigger fired, and the id of the run it found.

    :raises AepReplyError: it is no event of our trigger's, or one of another run
    """
    from airflow_provider_aep.flow_service.errors import AepReplyError
    from airflow_provider_aep.flow_service.validation import is_id

    if isinstance(event, dict) and event.get("status") in _STATUSES:
        run_id = event.get("run_id")
        if run_id is None or (is_id(run_id) and run_id == (wait.run_id or run_id)):
            return event["status"], run_id
    raise AepReplyError(
        "The trigger fired an event that is not one of this provider's, or of another run. Clear the task to "
        "wait again; triggerer and workers need the same version of the provider.",
        retryable=False,
    )


def shown(epoch: float) -> str:
    """Return a time in epoch seconds as log and errors show it."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(epoch))


class Told:
    """Remembers what was said. What is over is said again if it comes back."""

    def __init__(self) -> None:
        self._lasting: set[str] = set()

    def is_news(self, what: str, text: str | None) -> bool:
        """Whether ``text``, that ``what`` goes on, is to be said now. None: it does not go on."""
        if text is None:
            self._lasting.discard(what)
            return False
        known = what in self._lasting
        self._lasting.add(what)
        return not known
