"""From a table of a base connection's source to a dataset, and the wait for its run.

A group can stand in a DAG several times, and can be mapped over tables:
``paypal_ingestion.partial(connection_id=...).expand_kwargs([{"table": ..., "dataset": ...}, ...])``. All that
it makes carries the dataset's name, so two groups clash only where they fill the same dataset.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import task_group

from airflow_provider_aep.operators.dataflows import (
    CreateDataflowOperator,
    CreateDatasetOperator,
    CreateMappingSetOperator,
    CreateSchemaOperator,
    CreateSourceConnectionOperator,
    CreateTargetConnectionOperator,
)
from airflow_provider_aep.operators.explore import InspectTableOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor


def _ingestion(
    connection_id: Any,
    table: Any,
    dataset: Any,
    schedule: Any,
    delta_column: Any,
    mapping: Any,
    wait: bool,
    options: dict[str, Any],
) -> Any:
    inspect: Any = InspectTableOperator(
        task_id="inspect_table", connection_id=connection_id, table=table, **options
    )
    schema: Any = CreateSchemaOperator(
        task_id="create_schema", name=dataset, columns=inspect.output, **options
    )
    target_dataset: Any = CreateDatasetOperator(
        task_id="create_dataset", name=dataset, schema_id=schema.output, **options
    )
    source: Any = CreateSourceConnectionOperator(
        task_id="create_source_connection",
        name=dataset,
        connection_id=connection_id,
        table=table,
        columns=inspect.output,
        **options,
    )
    target: Any = CreateTargetConnectionOperator(
        task_id="create_target_connection",
        name=dataset,
        dataset_id=target_dataset.output,
        schema_id=schema.output,
        **options,
    )
    mapping_set: Any = CreateMappingSetOperator(
        task_id="create_mapping_set",
        schema_id=schema.output,
        columns=inspect.output,
        mapping=mapping,
        **options,
    )
    flow: Any = CreateDataflowOperator(
        task_id="create_dataflow",
        name=dataset,
        source_connection_id=source.output,
        target_connection_id=target.output,
        mapping_set=mapping_set.output,
        schedule=schedule,
        delta_column=delta_column,
        **options,
    )
    if not wait:
        return flow.output
    sensor: Any = FlowRunSensor(task_id="wait_for_run", flow_id=flow.output, **options)
    return sensor.output


@task_group
def source_ingestion(
    connection_id: Any,
    table: Any,
    dataset: Any,
    schedule: Any = None,
    delta_column: Any = None,
    mapping: Any = None,
    wait: bool = True,
    aep_conn_id: Any = "aep_default",
    sandbox: Any = None,
) -> Any:
    """Bring a table into a dataset, by a dataflow that is made once, and wait for its run.

    :param connection_id: the base connection's id
    :param table: the table's path, or one of the dicts that ``ListTablesOperator`` returns
    :param dataset: the dataset's name, which everything that is made carries
    :param schedule: ``{"frequency", "interval", "start"}``; once and now if not given
    :param delta_column: what tells new rows from old ones; needed by a schedule that recurs
    :param mapping: ``{source column: target path}``; by name if not given
    :param wait: False leaves the last task out
    :return: the wait's result; without ``wait`` the dataflow's id
    """
    options = {"aep_conn_id": aep_conn_id, "sandbox": sandbox}
    return _ingestion(connection_id, table, dataset, schedule, delta_column, mapping, wait, options)


@task_group
def paypal_ingestion(
    connection_id: Any,
    table: Any = "PayPal.Catalog_Products",
    dataset: Any = "PayPal products",
    schedule: Any = None,
    delta_column: Any = None,
    mapping: Any = None,
    wait: bool = True,
    aep_conn_id: Any = "aep_default",
    sandbox: Any = None,
) -> Any:
    """:func:`source_ingestion` with PayPal's product catalogue as its default."""
    options = {"aep_conn_id": aep_conn_id, "sandbox": sandbox}
    return _ingestion(connection_id, table, dataset, schedule, delta_column, mapping, wait, options)
