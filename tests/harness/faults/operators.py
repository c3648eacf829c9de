"""Every operator, as data; which of them change something, a run without faults tells."""

from __future__ import annotations

from functools import partial

from airflow_provider_aep.operators import connections, dataflows, explore
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
from tests.harness.faults import tasks
from tests.harness.faults.operation import ONE, Operation
from tests.harness.platform import PRODUCTS

recipe = partial(Operation, rule="create")
update = partial(Operation, rule="update")
switch = partial(Operation, rule="switch")
remove = partial(Operation, rule="delete")
start = partial(Operation, rule="run")

BASE = partial(tasks.creates, connections.CreatePayPalConnectionOperator, "connections", tasks.connection)
OPERATORS = (
    recipe(
        "CreateBaseConnectionOperator",
        "POST /connections",
        tasks.creates(
            connections.CreateBaseConnectionOperator,
            "connections",
            lambda _: {"name": "Payments", "source": "paypal", "source_conn_id": "paypal_default"},
        ),
    ),
    recipe("CreatePayPalConnectionOperator", "POST /connections", BASE()),
    recipe("CreatePayPalConnectionOperator, if_exists='fail'", "POST /connections", BASE(if_exists="fail")),
    recipe("CreatePayPalConnectionOperator, without a mark", "POST /connections", BASE(mark=False)),
    update(
        "CreatePayPalConnectionOperator, update",
        f"PATCH /connections{ONE}",
        tasks.updates(connections.CreatePayPalConnectionOperator, "connections", tasks.connection),
    ),
    update("RotateCredentialsOperator", f"PATCH /connections{ONE}", tasks.rotate),
    remove("DeleteConnectionOperator", f"DELETE /connections{ONE}", tasks.delete_connection),
    recipe(
        "CreateSourceConnectionOperator",
        "POST /sourceConnections",
        tasks.creates(dataflows.CreateSourceConnectionOperator, "sourceConnections", tasks.source),
    ),
    update(
        "CreateSourceConnectionOperator, update",
        f"PATCH /sourceConnections{ONE}",
        tasks.updates(dataflows.CreateSourceConnectionOperator, "sourceConnections", tasks.source),
    ),
    recipe(
        "CreateTargetConnectionOperator",
        "POST /targetConnections",
        tasks.creates(dataflows.CreateTargetConnectionOperator, "targetConnections", tasks.target),
    ),
    update(
        "CreateTargetConnectionOperator, update",
        f"PATCH /targetConnections{ONE}",
        tasks.updates(dataflows.CreateTargetConnectionOperator, "targetConnections", tasks.target),
    ),
    recipe(
        "CreateSchemaOperator, its field group",
        "POST /tenant/fieldgroups",
        partial(tasks.schema, kind="fieldgroups"),
    ),
    recipe("CreateSchemaOperator, the schema", "POST /tenant/schemas", partial(tasks.schema, kind="schemas")),
    update("CreateSchemaOperator, update of its field group", f"PATCH /fieldgroups{ONE}", tasks.update_group),
    update("CreateSchemaOperator, update", f"PATCH /schemas{ONE}", tasks.update_schema),
    recipe(
        "CreateDatasetOperator",
        "POST /dataSets",
        tasks.creates(dataflows.CreateDatasetOperator, "datasets", tasks.dataset),
    ),
    update("CreateDatasetOperator, update", f"PATCH /dataSets{ONE}", tasks.update_dataset),
    recipe("CreateMappingSetOperator", "POST /mappingSets", tasks.mapping_set),
    update("CreateMappingSetOperator, update", f"PUT /mappingSets{ONE}", tasks.update_mapping_set),
    recipe(
        "CreateDataflowOperator, the draft",
        "POST /flows",
        tasks.creates(dataflows.CreateDataflowOperator, "flows", tasks.dataflow),
    ),
    recipe(
        "CreateDataflowOperator, without a mark",
        "POST /flows",
        tasks.creates(dataflows.CreateDataflowOperator, "flows", tasks.dataflow, mark=False),
    ),
    switch("CreateDataflowOperator, publish", "POST /action", tasks.publish),
    update("CreateDataflowOperator, update", f"PATCH /flows{ONE}", tasks.update_dataflow),
    switch("EnableDataflowOperator", "POST /action", tasks.enable),
    switch("DisableDataflowOperator", "POST /action", tasks.disable),
    remove(
        "DeleteDataflowOperator, the dataflow",
        f"DELETE /flows{ONE}",
        partial(tasks.delete_dataflow, counted="flows"),
    ),
    remove(
        "DeleteDataflowOperator, its source connection",
        f"DELETE /sourceConnections{ONE}",
        partial(tasks.delete_dataflow, counted="sourceConnections"),
    ),
    remove(
        "DeleteDataflowOperator, its target connection",
        f"DELETE /targetConnections{ONE}",
        partial(tasks.delete_dataflow, counted="targetConnections"),
    ),
    start("RunDataflowOperator", "POST /runs", tasks.run_dataflow),
    start("RetryFlowRunOperator", "POST /action", tasks.retry_run),
    switch("FlowRunSensor, killed with disable_on_kill", "POST /action", tasks.on_kill),
)

READERS = {
    "FlowRunSensor": tasks.reads(FlowRunSensor, tasks.wait),
    "GetInletOperator": tasks.reads(dataflows.GetInletOperator, lambda world: {"flow_id": world.flow_of()}),
    "InspectTableOperator": tasks.reads(
        explore.InspectTableOperator, lambda world: {**tasks.on_base(world), "table": PRODUCTS}
    ),
    "ListFilesOperator": tasks.reads(explore.ListFilesOperator, tasks.on_base),
    "ListTablesOperator": tasks.reads(explore.ListTablesOperator, tasks.on_base),
    "PreviewTableOperator": tasks.reads(
        explore.PreviewTableOperator, lambda world: {**tasks.on_base(world), "table": PRODUCTS}
    ),
    "TestConnectionOperator": tasks.reads(connections.TestConnectionOperator, tasks.on_base),
}
"""Operators of which a run without faults sends nothing that changes anything."""
