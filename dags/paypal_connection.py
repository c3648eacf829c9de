"""Connect PayPal to Adobe Experience Platform and list its tables.

Create exactly one connection, test it, list its tables, read each table's columns, and log them as a table.
Trigger the DAG in Airflow's UI (a form shows the parameters), or give it a schedule. Each run finds the
existing connection again. The DAG runs unchanged against the emulator and against AEP.

**Start here.** The DAG needs the Airflow connections `aep_default` and `paypal_default`. Next:
`paypal_ingestion`.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator, TestConnectionOperator
from airflow_provider_aep.operators.explore import InspectTableOperator, ListTablesOperator

log = logging.getLogger(__name__)

with DAG(
    dag_id="paypal_connection",
    dag_display_name="paypal_connection: connect PayPal and list its tables (start here)",
    description="Connect PayPal to Adobe Experience Platform and list its tables",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    tags=["aep", "paypal", "start-here"],
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
    create_connection = CreatePayPalConnectionOperator(
        task_id="create_connection",
        name="{{ params.name }}",
        paypal_conn_id="{{ params.paypal_conn_id }}",
    )
    test_connection = TestConnectionOperator(
        task_id="test_connection", connection_id=create_connection.output
    )
    list_tables = ListTablesOperator(task_id="list_tables", connection_id=create_connection.output)
    inspect_table = InspectTableOperator.partial(
        task_id="inspect_table", connection_id=create_connection.output
    ).expand(table=list_tables.output)

    @task
    def summary(connection_id: str, tables: list[dict], columns: list[list[dict]]) -> None:
        """Log a table of all tables and their columns."""
        width = max((len(table["name"]) for table in tables), default=5)
        lines = [
            f"{table['name']:<{width}} | {len(own):>7} | {', '.join(column['name'] for column in own)}"
            for table, own in zip(tables, columns[:], strict=True)
        ]
        head = f"{'table':<{width}} | columns | names"
        log.info("connection %s\n%s\n%s\n%s", connection_id, head, "-" * len(head), "\n".join(lines))

    test_connection >> list_tables
    summary(create_connection.output, list_tables.output, inspect_table.output)
