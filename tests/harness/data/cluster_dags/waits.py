"""Waits for many runs at a time. A wait has one try."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

with DAG("waits", schedule=None, params={"runs": []}, max_active_tasks=1000):

    @task
    def runs(params: Any = None) -> list[str]:
        """Return the runs to wait for."""
        return list(params["runs"])

    FlowRunSensor.partial(task_id="wait", flow_id="flow-1", timeout=7200, aep_conn_id="aep_runs").expand(
        run_id=runs()
    )
