"""Ingest a PayPal table into a dataset of Adobe Experience Platform, and wait for the run.

Connect PayPal, check that the table exists, create everything from the schema to the dataflow (each once),
wait for the run, and log its result. The dataflow runs in AEP by its own schedule. A run of this DAG waits
for one of those runs. Trigger the DAG in Airflow's UI, or give it the same schedule as the dataflow.

Run `paypal_connection` first: it shows whether connections and permissions are right. Next:
`payments_templates`.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator
from airflow_provider_aep.operators.explore import ListTablesOperator
from airflow_provider_aep.task_groups import paypal_ingestion

log = logging.getLogger(__name__)

DAILY = {"frequency": "day", "interval": 1}

with DAG(
    dag_id="paypal_ingestion",
    dag_display_name="paypal_ingestion: ingest a table into a dataset",
    description="Ingest a PayPal table into a dataset and wait for the run",
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
        "name": Param(
            "PayPal connection",
            type="string",
            minLength=1,
            maxLength=255,
            title="Name",
            description="The base connection's name in AEP. An existing connection of this name is reused.",
        ),
        "table": Param(
            "PayPal.Catalog_Products",
            type="string",
            minLength=1,
            title="Table",
            description="The table's path, as the task list_tables shows it.",
        ),
        "dataset": Param(
            "PayPal products",
            type="string",
            minLength=1,
            maxLength=255,
            title="Dataset",
            description="The dataset's name. Schema, connections and dataflow have the same name.",
        ),
        "schedule": Param(
            DAILY,
            type="object",
            title="Schedule",
            description="When the dataflow runs: frequency (once, minute, hour, day or week) and interval.",
        ),
        "delta_column": Param(
            "Create_Time",
            type=["null", "string"],
            title="Delta column",
            description="The column that shows which rows are new. Empty for frequency once.",
        ),
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
) as dag:
    create_connection = CreatePayPalConnectionOperator(
        task_id="create_connection",
        name="{{ params.name }}",
        paypal_conn_id="{{ params.paypal_conn_id }}",
    )
    list_tables = ListTablesOperator(task_id="list_tables", connection_id=create_connection.output)

    ingestion = paypal_ingestion(
        connection_id=create_connection.output,
        table="{{ params.table }}",
        dataset="{{ params.dataset }}",
        schedule=dag.param("schedule", DAILY),  # Jinja would turn the dict into text
        delta_column="{{ params.delta_column }}",
    )

    @task
    def report(result: dict) -> None:
        """Log the result of the run as a table."""
        rows = [f"{name.replace('_', ' '):<15} | {value}" for name, value in result.items()]
        log.info("the result of the run:\n%s", "\n".join(rows))

    list_tables >> ingestion.operator.task_group
    report(ingestion)
