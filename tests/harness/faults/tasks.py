"""How the operators are run, and what stands before."""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import Any

from airflow_provider_aep.flow_runs.spec import WaitSpec
from airflow_provider_aep.operators import connections, dataflows
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
from tests.harness.faults.world import AS_COLUMNS, OFF, ON, Count, Try, World
from tests.harness.platform import COLUMNS, PRODUCTS

DAILY = {"frequency": "day", "interval": 1}
MORE = [*AS_COLUMNS, {"name": "Price", "type": "decimal"}]
UPDATE = {"if_exists": "update", "description": "New"}
RUN = {
    "window_start": 1_700_000_000,
    "window_end": "2027-01-01",
    "delta_column": "Create_Time",
    "wait": False,
}


def task(world: World, kind: Any, done: Count = lambda: 0, **arguments: Any) -> Try:
    """A task: each try is a new object, as it is in a process of its own."""
    return Try(lambda: kind(task_id="task", **arguments).execute(world.task), done)


def again(world: World, kind: Any, done: Callable[[World, Any], Count], **arguments: Any) -> Try:
    """A task that changes what an earlier one, of other words, has made."""
    before = {key: value for key, value in arguments.items() if key not in UPDATE}
    made = kind(task_id="before", description="Old", **before).execute({})
    return task(world, kind, done(world, made), **arguments)


# What the operators are given


def connection(world: World) -> dict[str, Any]:
    return {"name": "Payments", "paypal_conn_id": "paypal_default"}


def source(world: World) -> dict[str, Any]:
    return {"name": "Products source", "connection_id": world.base(), "table": PRODUCTS}


def target(world: World) -> dict[str, Any]:
    schema = world.schema()
    return {"name": "Products target", "schema_id": schema, "dataset_id": world.dataset(schema)}


def dataset(world: World) -> dict[str, Any]:
    return {"name": "Rows", "schema_id": world.schema()}


def dataflow(world: World) -> dict[str, Any]:
    schema = world.schema()
    columns = [{"name": name, "type": "string"} for name in COLUMNS]
    return {
        "name": "Products flow",
        "source_connection_id": world.source(world.base(), columns=columns),
        "target_connection_id": world.target(schema, world.dataset(schema)),
        "mapping_set": world.mapping(schema),
        "schedule": DAILY,
        "delta_column": "Create_Time",
    }


SCHEMA = {"name": "Rows", "columns": AS_COLUMNS}


# Preparations


def creates(kind: Any, counted: str, given: Callable[[World], dict[str, Any]], **more: Any) -> Any:
    """A create of what does not stand yet."""

    def prepare(world: World) -> Try:
        arguments = given(world)
        return task(world, kind, world.more(counted), **arguments, **more)

    return prepare


def updates(kind: Any, counted: str, given: Callable[[World], dict[str, Any]]) -> Any:
    """A create with `if_exists="update"` of what stands, under another description."""

    def prepare(world: World) -> Try:
        arguments = given(world)
        return again(world, kind, lambda own, made: own.described(counted, made), **arguments, **UPDATE)

    return prepare


def update_dataflow(world: World) -> Try:
    arguments = dataflow(world)
    dataflows.CreateDataflowOperator(task_id="before", **arguments).execute({})
    world.advance(10)
    (flow,) = world.api("GET", "/flows").json()["items"]
    done = world.described("flows", flow["id"])
    return task(world, dataflows.CreateDataflowOperator, done, **{**arguments, "schedule": DAILY}, **UPDATE)


def publish(world: World) -> Try:
    arguments = dataflow(world)

    def done() -> int:
        flows = world.api("GET", "/flows").json()["items"]
        return len([flow for flow in flows if flow["state"] in ON])

    return task(world, dataflows.CreateDataflowOperator, done, **arguments)


def update_dataset(world: World) -> Try:
    return again(
        world,
        dataflows.CreateDatasetOperator,
        lambda own, made: own.dataset_described(made),
        **dataset(world),
        **UPDATE,
    )


def schema(world: World, kind: str) -> Try:
    return task(world, dataflows.CreateSchemaOperator, world.more_resources(kind), **SCHEMA)


def update_schema(world: World) -> Try:
    return again(
        world,
        dataflows.CreateSchemaOperator,
        lambda own, made: own.resource_holds("schemas", made, "New"),
        **SCHEMA,
        **UPDATE,
    )


def update_group(world: World) -> Try:
    dataflows.CreateSchemaOperator(task_id="before", **SCHEMA).execute({})
    (group,) = world.resources("fieldgroups")
    done = world.resource_holds("fieldgroups", group["$id"], "Price")
    arguments = {"name": "Rows", "columns": MORE, "if_exists": "update"}
    return task(world, dataflows.CreateSchemaOperator, done, **arguments)


def mapping_set(world: World) -> Try:
    arguments = {"schema_id": world.schema(), "columns": AS_COLUMNS}
    return task(world, dataflows.CreateMappingSetOperator, world.more("mappingSets"), **arguments)


def update_mapping_set(world: World) -> Try:
    body = world.prepared(name="Products flow")
    world.flow(body)
    world.advance(10)
    own = body["transformations"][1]["params"]["mappingId"]
    target = world.get("targetConnections", body["targetConnectionIds"][0])
    arguments = {
        "schema_id": target["data"]["schema"]["id"],
        "mapping": {"Product_Name": "_emulator.Product_Id"},
        "dataflow": "Products flow",
        "if_exists": "update",
    }
    return task(world, dataflows.CreateMappingSetOperator, world.maps(own, 1), **arguments)


def rotate(world: World) -> Try:
    base = world.base(secret="expired")

    def works() -> int:
        return int(world.api("GET", f"/connections/{base}/test").json()["result"])

    arguments = {"connection_id": base, "source_conn_id": "paypal_default"}
    return task(world, connections.RotateCredentialsOperator, works, **arguments)


def delete_connection(world: World) -> Try:
    base = world.base()
    return task(world, connections.DeleteConnectionOperator, world.fewer("connections"), connection_id=base)


def delete_dataflow(world: World, counted: str) -> Try:
    flow = world.flow_of()
    arguments = {"flow_id": flow, "with_connections": True}
    return task(world, dataflows.DeleteDataflowOperator, world.fewer(counted), **arguments)


def enable(world: World) -> Try:
    flow = world.disabled()
    return task(world, dataflows.EnableDataflowOperator, world.in_state("flows", flow, *ON), flow_id=flow)


def disable(world: World) -> Try:
    flow = world.flow_of()
    return task(world, dataflows.DisableDataflowOperator, world.in_state("flows", flow, *OFF), flow_id=flow)


def run_dataflow(world: World) -> Try:
    flow = world.once_flow()
    return task(world, dataflows.RunDataflowOperator, world.more("runs"), flow_id=flow, **RUN)


def retry_run(world: World) -> Try:
    run = world.failed_run()
    return task(world, dataflows.RetryFlowRunOperator, world.more("runs"), run_id=run, wait=False)


def on_kill(world: World) -> Try:
    flow = world.flow_of()

    def call() -> None:
        sensor = FlowRunSensor(task_id="wait", flow_id=flow, disable_on_kill=True)
        sensor.waits_for = WaitSpec(flow, None, time() + 600)
        sensor.on_kill()

    return Try(call, world.in_state("flows", flow, *OFF))


# What only reads


def reads(kind: Any, given: Callable[[World], dict[str, Any]]) -> Any:
    def prepare(world: World) -> Try:
        return task(world, kind, **given(world))

    return prepare


def on_base(world: World) -> dict[str, Any]:
    return {"connection_id": world.base()}


def wait(world: World) -> dict[str, Any]:
    flow = world.once_flow()
    return {"flow_id": flow, "run_id": world.runs(flow)[0]["id"], "deferrable": False}
