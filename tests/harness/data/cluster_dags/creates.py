"""Creates connections, several tasks for each name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

again = {"retries": 20, "retry_delay": timedelta(seconds=1)}

with DAG("creates", schedule=None, params={"names": []}, max_active_tasks=1000, default_args=again):

    @task
    def names(params: Any = None) -> list[str]:
        """Return the names of this run."""
        return list(params["names"])

    CreatePayPalConnectionOperator.partial(
        task_id="create", aep_conn_id="aep_cluster", paypal_conn_id="paypal_cluster"
    ).expand(name=names())
