"""The last runs of one dataflow, and their errors."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_aep.flow_service.run_errors import RunError, errors_of
from airflow_provider_aep.flow_service.run_evaluation import outcome
from airflow_provider_aep.flow_service.runs import Run, iso_time, read_run
from airflow_provider_aep.flow_service.validation import check_id
from airflow_provider_aep.hooks.flow_service import FlowServiceHook


@dataclass(frozen=True)
class RecentRun:
    """A run of a dataflow. What is unknown is None.

    :param outcome: ``running``, ``failed``, ``partial`` or ``success``, as a wait without thresholds judges
    :param started_at: ISO 8601 in UTC, as ``ended_at``
    :param errors: the errors that the run names, without secrets and values of records
    """

    id: str
    status: str | None
    outcome: str
    started_at: str | None
    ended_at: str | None
    seconds: float | None
    records_read: int | None
    records_written: int | None
    records_failed: int | None
    errors: tuple[RunError, ...]
    url: str

    def as_dict(self) -> dict[str, Any]:
        """Return the run as JSON shows it."""
        return asdict(self)


def recent_runs(hook: FlowServiceHook, flow_id: str, most: int = 20) -> list[RecentRun]:
    """Return the newest runs of a dataflow, newest first, with one request.

    :raises AepError: the id is invalid, or AEP cannot be read
    """
    items, _ = hook.list_newest_runs([check_id(flow_id, "flow_id")])
    runs = [read_run(item) for item in items]
    own = [run for run in runs if run.flow_id == flow_id]
    own.sort(key=lambda run: run.started_at or run.created_at or 0.0, reverse=True)
    return [_read(hook, run) for run in own[:most]]


def _read(hook: FlowServiceHook, run: Run) -> RecentRun:
    return RecentRun(
        id=run.id,
        status=run.status or None,
        outcome=outcome(run),
        started_at=iso_time(run.started_at),
        ended_at=iso_time(run.completed_at if run.ended else None),
        seconds=run.seconds if run.ended else None,
        records_read=run.records_read,
        records_written=run.records_written,
        records_failed=run.records_failed,
        errors=tuple(errors_of(run, hook.scrub)),
        url=hook.link("run", run.id, run.flow_id),
    )
