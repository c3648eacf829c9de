"""Use one task group as a template: ingest each table of a list with it.

Each table has its own dataset and its own delta column, which shows which rows are new. To add a pipeline,
add an entry to the list. The groups run at the same time, and a group that fails does not stop the others.

Each dataset is an asset: `on_data_landed` starts when new records have landed in one of them.

Run `paypal_ingestion` first: it is one such pipeline.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_aep.assets import aep_dataset
from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator
from airflow_provider_aep.task_groups import paypal_ingestion

log = logging.getLogger(__name__)

DAILY = {"frequency": "day", "interval": 1}

PIPELINES = {
    "products": {
        "table": "PayPal.Catalog_Products",
        "dataset": "PayPal catalogue",
        "delta_column": "Create_Time",
    },
    "plans": {
        "table": "PayPal.Billing_Plans",
        "dataset": "PayPal billing plans",
        "delta_column": "Update_Time",
    },
    "payments": {
        "table": "PayPal.Billing_Plans_Payment_Definition",
        "dataset": "PayPal payment definitions",
        "delta_column": "Update_Time",
    },
}

with DAG(
    dag_id="payments_templates",
    dag_display_name="payments_templates: ingest three tables with one task group",
    description="Ingest three PayPal tables into three datasets with the same task group",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    tags=["aep", "paypal"],
    default_args={
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "aep_conn_id": "{{ params.aep_conn_id }}",
        "sandbox": "{{ params.sandbox }}",
    },
    params={
        "aep_conn_id": Param(
            "aep_default",
            type="string",
            minLength=1,
            title="AEP connection",
            description="The Airflow connection of type Adobe Experience Platform.",
        ),
        "paypal_conn_id": Param(
            "paypal_default",
            type="string",
            minLength=1,
            title="PayPal connection",
            description="The Airflow connection of type PayPal.",
        ),
        "sandbox": Param(
            None,
            type=["null", "string"],
            title="Sandbox",
            description="The AEP sandbox's name. Empty: the one of the AEP connection.",
        ),
    },
):
    connection = CreatePayPalConnectionOperator(
        task_id="create_connection", paypal_conn_id="{{ params.paypal_conn_id }}"
    )
    results = {
        name: paypal_ingestion.override(group_id=name)(
            connection_id=connection.output,
            schedule=DAILY,
            outlets=aep_dataset(pipeline["dataset"]),
            **pipeline,
        )
        for name, pipeline in PIPELINES.items()
    }

    @task
    def report(results: dict[str, dict]) -> None:
        """Log a table of the records that each pipeline ingested."""
        rows = [
            f"{name:<10} | {run['records_written']:>7} | {run['records_failed']:>6} | {run['seconds']:>7}"
            for name, run in results.items()
        ]
        log.info("\n%s\n%s", "pipeline   | written | failed | seconds", "\n".join(rows))

    report(results)
