"""Move a pipeline from PayPal to Square and keep its dataset, so that its readers need no change.

The DAG `payments_templates` ingests PayPal's payment definitions into a dataset. This DAG creates a
connection to Square and a dataflow into the same dataset. The mapping says which column goes to which field.
When everything else is ready, the DAG disables PayPal's dataflow, and then creates Square's dataflow. So only
one of them is enabled at a time. Records from PayPal stay in the dataset. A second run of this DAG finds the
existing entities.

Afterwards, remove the group `payments` from `payments_templates`: it would wait for runs that AEP no longer
starts.

This DAG needs the Airflow connection that `python -m airflow_provider_aep sources square` prints. It needs
neither PayPal's credentials nor PayPal's source, so it works if the source is withdrawn.
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
            description="The name of the dataset with PayPal's records. Its schema has the same name.",
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
            description="Square's columns, each with the dataset's field for it. Empty: by name.",
        ),
        "delta_column": Param(
            "updated_at",
            type="string",
            minLength=1,
            title="Delta column",
            description="The column of Square's table that shows which rows are new.",
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
        """Return the id of PayPal's dataflow, or fail before anything is created."""
        from airflow_provider_aep.hooks.flow_service import FlowServiceHook

        hook = FlowServiceHook(params["aep_conn_id"], params["sandbox"])
        found = [flow["id"] for flow in hook.list_flows(name=params["paypal_dataflow"])]
        if len(found) != 1:
            raise ValueError(
                f"Exactly one dataflow must have the name {params['paypal_dataflow']!r}. Found: "
                f"{', '.join(found) or 'none'}. Correct `paypal_dataflow`, or rename the others."
            )
        return found[0]

    @task
    def map_columns(params: dict) -> dict[str, str] | None:
        """Return the mapping with the fields' paths, which begin with the tenant's namespace."""
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
        """Log which dataflow ingests into the dataset now, and the result of its run."""
        rows = [f"{name.replace('_', ' '):<15} | {value}" for name, value in result.items()]
        log.info(
            "dataflow %s is disabled, dataflow %s is enabled; its run:\n%s", paypal, square, "\n".join(rows)
        )

    create_dataflow = square.operator
    group = create_dataflow.task_group
    paypal >> create_connection >> test_connection >> group
    # All tasks that can fail come first: then PayPal's dataflow stays enabled.
    ready = [group.get_child_by_label(f"create_{name}") for name in ("source_connection", "mapping_set")]
    [*ready, group.get_child_by_label("create_target_connection")] >> disable_paypal >> create_dataflow
    report(paypal, square, wait_for_run.output)
