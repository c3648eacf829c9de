"""Starting a run of a dataflow, at most once a task instance."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from airflow_provider_aep.exactly_once.runs import start_once
from airflow_provider_aep.flow_service.runs import read_run
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.operators._memory import TaskMemory


def start_run(
    hook: FlowServiceHook,
    context: Any,
    *,
    flow_id: str,
    window: tuple[float, float],
    delta_column: dict[str, str] | None,
    log: Any,
) -> str:
    """``POST /runs`` for a window, once; the same flow and window is the same order.

    :raises AmbiguousRunError: a run may have been started, and it cannot be told
    """
    start, end = int(window[0]), int(window[1])
    params: dict[str, Any] = {"startTime": int(time.time()), "windowStartTime": start, "windowEndTime": end}
    if delta_column is not None:
        params["deltaColumn"] = delta_column
    order = {"flow": flow_id, "window": f"{start}-{end}"}
    return _once(hook, context, order, flow_id, window, lambda: hook.create_run(flow_id, params), log)


def retrigger(hook: FlowServiceHook, context: Any, *, run_id: str, log: Any) -> tuple[str, str]:
    """``POST /runs/{id}/action?op=re-trigger``, once a task instance; the ids of dataflow and new run."""
    flow_id = str(hook.get_run(run_id).get("flowId"))
    order = {"flow": flow_id, "run": run_id}
    return flow_id, _once(hook, context, order, flow_id, None, lambda: hook.retrigger_run(run_id), log)


def _once(
    hook: FlowServiceHook,
    context: Any,
    order: dict[str, str],
    flow_id: str,
    window: tuple[float, float] | None,
    post: Callable[[], str],
    log: Any,
) -> str:
    identity = {"org": hook.settings.org_id, "sandbox": hook.sandbox, **order}
    return start_once(
        notes=TaskMemory(context, "aep_flow_run", identity, log),
        look=lambda: [read_run(item) for item in hook.list_runs(flow_id)],
        post=post,
        window=window,
        log=log,
        sleep=hook.slot.sleep,
    )
