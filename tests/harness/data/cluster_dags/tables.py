"""Ingests tables, each into a dataset of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator
from airflow_provider_aep.task_groups import paypal_ingestion

again = {"retries": 20, "retry_delay": timedelta(seconds=1)}

with DAG("tables", schedule=None, params={"tables": []}, max_active_tasks=1000, default_args=again):

    @task
    def tables(params: Any = None) -> list[dict[str, str]]:
        """Return `table`, `dataset` and `delta_column` of each ingestion."""
        return list(params["tables"])

    connection = CreatePayPalConnectionOperator(
        task_id="create_connection", aep_conn_id="aep_cluster", paypal_conn_id="paypal_cluster"
    )
    paypal_ingestion.partial(
        connection_id=connection.output,
        schedule={"frequency": "day", "interval": 1},
        aep_conn_id="aep_cluster",
    ).expand_kwargs(tables())
