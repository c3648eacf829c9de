"""A pipeline moves from PayPal to Square, and its dataset stays: those who read it notice nothing.

The DAG `payments_templates` brings PayPal's payment definitions into a dataset; this one goes on from there.
Square gets a connection and a dataflow of its own into the same dataset: the mapping says which of its
columns fills which field. When all of that is ready PayPal's dataflow is disabled, and only then Square's is
made, so that no row comes twice. Rows that came from PayPal stay. Run again, it finds what it made.

`payments_templates` should lose that group then: it would wait for runs that come no more.

It wants the Airflow connection that `python -m airflow_provider_aep sources square` prints. PayPal's own
credentials are not needed, nor is its source: it may be withdrawn.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_aep.operators.connections import CreateBaseConnectionOperator, TestConnectionOperator
from airflow_provider_aep.operators.dataflows import DisableDataflowOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
from airflow_provider_aep.task_groups import source_ingestion

log = logging.getLogger(__name__)

DAILY = {"frequency": "day", "interval": 1}

with DAG(
    dag_id="payments_to_square",
    dag_display_name="payments_to_square: move a pipeline from PayPal to Square",
    description="Move a pipeline from PayPal to Square and keep its dataset",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    tags=["aep", "paypal", "square"],
    default_args={
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "aep_conn_id": "{{ params.aep_conn_id }}",
        "sandbox": "{{ params.sandbox }}",
    },
    params={
        "dataset": Param(
            "PayPal payment definitions",
            type="string",
            minLength=1,
            maxLength=230,
            title="Dataset",
            description="The name of the dataset that PayPal has filled. Its schema has the same name.",
        ),
        "paypal_dataflow": Param(
            "PayPal payment definitions",
            type="string",
            minLength=1,
            title="PayPal's dataflow",
            description="The name of the dataflow to disable.",
        ),
        "table": Param(
            "Payments", type="string", minLength=1, title="Table", description="The path of Square's table."
        ),
        "mapping": Param(
            {
                "id": "Id",
                "amount": "Amount_Value",
                "currency": "Amount_Currency",
                "updated_at": "Update_Time",
            },
            type=["null", "object"],
            additionalProperties={"type": "string"},
            title="Mapping",
            description="Square's columns, and the dataset's fields they go to. Empty: by name.",
        ),
        "delta_column": Param(
            "updated_at",
            type="string",
            minLength=1,
            title="Delta column",
            description="What tells Square's new rows from old ones.",
        ),
        "aep_conn_id": Param(
            "aep_default",
            type="string",
            minLength=1,
            title="AEP connection",
            description="The Airflow connection of type Adobe Experience Platform.",
        ),
        "square_conn_id": Param(
            "square_default",
            type="string",
            minLength=1,
            title="Square connection",
            description="The Airflow connection with Square's credentials.",
        ),
        "sandbox": Param(
            None,
            type=["null", "string"],
            title="Sandbox",
            description="The AEP sandbox's name. Empty: the one of the AEP connection.",
        ),
    },
):

    @task(retries=0)
    def find_dataflow(params: dict) -> str:
        """The id of PayPal's dataflow. Before anything is made: without one there is nothing to move."""
        from airflow_provider_aep.hooks.flow_service import FlowServiceHook

        hook = FlowServiceHook(params["aep_conn_id"], params["sandbox"])
        found = [flow["id"] for flow in hook.list_flows(name=params["paypal_dataflow"])]
        if len(found) != 1:
            there = ", ".join(found) or "none"
            raise ValueError(f"Exactly one dataflow must be called {params['paypal_dataflow']!r}: {there}.")
        return found[0]

    @task
    def map_columns(params: dict) -> dict[str, str] | None:
        """The mapping with paths: the fields stand under the tenant's namespace."""
        from airflow_provider_aep.flow_service.xdm import namespace
        from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook

        if not params["mapping"]:
            return None
        own = namespace(SchemaRegistryHook(params["aep_conn_id"], params["sandbox"]).tenant_id)
        return {column: f"{own}.{field}" for column, field in params["mapping"].items()}

    paypal = find_dataflow()
    create_connection = CreateBaseConnectionOperator(
        task_id="create_connection",
        source="square",
        name="Square connection",
        source_conn_id="{{ params.square_conn_id }}",
    )
    test_connection = TestConnectionOperator(
        task_id="test_connection", connection_id=create_connection.output
    )
    square = source_ingestion.override(group_id="square_ingestion")(
        connection_id=create_connection.output,
        table="{{ params.table }}",
        dataset="{{ params.dataset }}",
        dataflow="{{ params.dataset }}, from Square",
        schedule=DAILY,
        delta_column="{{ params.delta_column }}",
        mapping=map_columns(),
        wait=False,
    )
    disable_paypal = DisableDataflowOperator(task_id="disable_paypal", flow_id=paypal)
    wait_for_run = FlowRunSensor(task_id="wait_for_run", flow_id=square)

    @task
    def report(paypal: str, square: str, result: dict) -> None:
        """Log which dataflow fills the dataset now, and what its run moved."""
        rows = [f"{name.replace('_', ' '):<15} | {value}" for name, value in result.items()]
        log.info("dataflow %s is disabled, %s at work; its run\n%s", paypal, square, "\n".join(rows))

    create_dataflow = square.operator
    group = create_dataflow.task_group
    paypal >> create_connection >> test_connection >> group
    # Up to here nothing has changed for the dataset: a mistake leaves PayPal's dataflow at work.
    ready = [group.get_child_by_label(f"create_{name}") for name in ("source_connection", "mapping_set")]
    [*ready, group.get_child_by_label("create_target_connection")] >> disable_paypal >> create_dataflow
    report(paypal, square, wait_for_run.output)
