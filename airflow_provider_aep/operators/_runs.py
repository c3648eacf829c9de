"""Start a run of a dataflow, at most once for each task instance."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from airflow_provider_aep.exactly_once.runs import DesiredRun, start_once
from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.flow_service.runs import read_run
from airflow_provider_aep.flow_service.validation import is_id
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.operators._services import TaskMemory


class Started(NamedTuple):
    """A run that this task has started. ``window`` is in epoch seconds, or None if it is unknown."""

    flow_id: str
    run_id: str
    window: tuple[float, float] | None


def start_run(
    hook: FlowServiceHook,
    context: Any,
    *,
    flow_id: str,
    window: tuple[float, float],
    delta_column: dict[str, str] | None,
    before_post: Callable[[str], None] = lambda _flow_id: None,
    log: Any,
) -> str:
    """Start a run of a window with ``POST /runs``, once. The same flow and window is the same run.

    :param window: start and end in epoch seconds
    :param before_post: called with the dataflow's id directly before the POST
    :return: the run's id
    :raises AmbiguousRunError: a run may have been started, and which one is unknown
    """
    start, end = int(window[0]), int(window[1])
    params: dict[str, Any] = {"startTime": int(time.time()), "windowStartTime": start, "windowEndTime": end}
    if delta_column is not None:
        params["deltaColumn"] = delta_column
    desired = DesiredRun(window, first_try=is_first_try(context))
    identity = {"flow": flow_id, "window": f"{start}-{end}"}

    def post() -> str:
        before_post(flow_id)
        return hook.create_run(flow_id, params)

    return _once(hook, context, desired, identity, post, log)


def retrigger(
    hook: FlowServiceHook,
    context: Any,
    *,
    run_id: str,
    before_post: Callable[[str], None] = lambda _flow_id: None,
    log: Any,
) -> Started:
    """Run a failed run again with ``POST /runs/{id}/action?op=re-trigger``, once for each task instance.

    :param before_post: called with the dataflow's id directly before the POST
    :raises AepReplyError: the failed run names no dataflow
    :raises AmbiguousRunError: a run may have been started, and which one is unknown
    """
    failed = read_run(hook.get_run(run_id))
    if not is_id(flow_id := failed.flow_id or ""):
        raise AepReplyError(
            f"Flow Service shows no valid dataflow ID for run {run_id}, so the run cannot be started again. "
            "Check `run_id` and the run in AEP.",
            retryable=False,
        )
    desired = DesiredRun(failed.window, after=failed.created_at, first_try=is_first_try(context))
    identity = {"flow": flow_id, "run": run_id}

    def post() -> str:
        before_post(flow_id)
        return hook.retrigger_run(run_id)

    return Started(flow_id, _once(hook, context, desired, identity, post, log), failed.window)


def is_first_try(context: Any) -> bool:
    """Return whether this is the first try since the task was last cleared; False if that is unknown.

    Clearing sets ``max_tries`` to the tries so far plus ``retries``. Airflow finds the first try by the same
    rule (``RuntimeTaskInstance.get_first_reschedule_date``).
    """
    ti = context.get("ti")
    retries = getattr(getattr(ti, "task", None), "retries", None)
    match getattr(ti, "try_number", None), getattr(ti, "max_tries", None), retries:
        case int(number), int(most), int(configured):
            return number == most - configured + 1
    return False


def _once(
    hook: FlowServiceHook,
    context: Any,
    desired: DesiredRun,
    identity: dict[str, str],
    post: Callable[[], str],
    log: Any,
) -> str:
    scope = {"org": hook.settings.org_id, "sandbox": hook.sandbox}
    return start_once(
        desired=desired,
        notes=TaskMemory(context, "aep_flow_run", {**scope, **identity}, log, decides=True),
        list_runs=lambda: [read_run(item) for item in hook.list_runs(identity["flow"])],
        post=post,
        log=log,
        sleep=hook.sleep_budget.sleep,
    )
