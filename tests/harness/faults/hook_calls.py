"""How the hook methods that change something are called, and what stands before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_aep.flow_service import mappings, xdm
from airflow_provider_aep.flow_service.collections import CONNECTIONS, FLOWS, Collection
from airflow_provider_aep.hooks.catalog import CatalogHook
from airflow_provider_aep.hooks.data_prep import DataPrepHook
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook
from tests.harness.emulator import PAYPAL_AUTH, PAYPAL_ID, PAYPAL_SECRET, PAYPAL_SPEC
from tests.harness.faults.world import OFF, Try, World
from tests.harness.platform import PROFILE

DESCRIBED = [{"op": "add", "path": "/description", "value": "New"}]
PARAMS = {"host": "api.sandbox.paypal.com", "clientId": PAYPAL_ID, "clientSecret": PAYPAL_SECRET}


def flow_service() -> Any:
    """A new hook on `aep_default`, as a task has it."""
    return FlowServiceHook("aep_default")


def create_connection(world: World) -> Try:
    order = {
        "name": "Payments",
        "connection_spec_id": PAYPAL_SPEC,
        "auth_spec_name": PAYPAL_AUTH,
        "auth_params": PARAMS,
    }
    return Try(lambda: flow_service().create_connection(**order), world.more("connections"))


def create(
    kind: str, method: str, body: Callable[[World], Any], *given: Collection
) -> Callable[[World], Try]:
    """`create_*` of a collection of Flow Service."""

    def prepare(world: World) -> Try:
        order = body(world)
        return Try(lambda: getattr(flow_service(), method)(*given, order), world.more(kind))

    return prepare


def delete(
    kind: str, method: str, make: Callable[[World], str], *given: Collection
) -> Callable[[World], Try]:
    """`delete_*` of a collection of Flow Service."""

    def prepare(world: World) -> Try:
        entity_id = make(world)
        return Try(lambda: getattr(flow_service(), method)(*given, entity_id), world.fewer(kind))

    return prepare


def patch_connection(world: World) -> Try:
    base = world.base(description="Old")

    def call() -> None:
        hook = flow_service()
        hook.patch_connection(base, hook.get_connection_details(base)["etag"], DESCRIBED)

    return Try(call, world.described("connections", base))


def patch_entity(world: World) -> Try:
    base = world.base(description="Old")

    def call() -> None:
        hook = flow_service()
        etag = hook.get_entity(CONNECTIONS, base)["etag"]
        hook.patch_entity(CONNECTIONS, base, DESCRIBED, etag)

    return Try(call, world.described("connections", base))


def action(make: Callable[[World], str], op: str, *states: str) -> Callable[[World], Try]:
    """`act_on_flow`."""

    def prepare(world: World) -> Try:
        flow = make(world)
        return Try(lambda: flow_service().act_on_flow(flow, op), world.in_state("flows", flow, *states))

    return prepare


def act_on(world: World) -> Try:
    flow = world.flow_of()
    done = world.in_state("flows", flow, *OFF)
    return Try(lambda: flow_service().act_on(FLOWS, flow, "disable"), done)


def create_run(world: World) -> Try:
    flow = world.once_flow()
    now = world.now()
    params = {
        "startTime": now,
        "windowStartTime": now - 7200,
        "windowEndTime": now,
        "deltaColumn": {"name": "Create_Time"},
    }
    return Try(lambda: flow_service().create_run(flow, params), world.more("runs"))


def retrigger_run(world: World) -> Try:
    run = world.failed_run()
    return Try(lambda: flow_service().retrigger_run(run), world.more("runs"))


def run(world: World) -> Try:
    body = world.source_body()
    return Try(
        lambda: flow_service().run("sourceConnections", method="POST", json=body),
        world.more("sourceConnections"),
    )


def create_dataset(world: World) -> Try:
    schema = world.schema()
    return Try(
        lambda: CatalogHook("aep_default").create_dataset(name="Rows", schema_id=schema),
        world.more("datasets"),
    )


def patch_dataset(world: World) -> Try:
    dataset = world.dataset(world.schema())
    return Try(
        lambda: CatalogHook("aep_default").patch_dataset(dataset, {"description": "New"}),
        world.dataset_described(dataset),
    )


def delete_dataset(world: World) -> Try:
    dataset = world.dataset(world.schema())
    return Try(lambda: CatalogHook("aep_default").delete_dataset(dataset), world.fewer("datasets"))


def create_resource(world: World) -> Try:
    body = xdm.schema_body(title="Rows", description="", class_id=PROFILE, groups=[])
    return Try(
        lambda: SchemaRegistryHook("aep_default").create_resource(xdm.SCHEMAS, body),
        world.more("schemas"),
    )


def patch_resource(world: World) -> Try:
    schema = world.schema()
    operations = [{"op": "replace", "path": "/description", "value": "New"}]
    return Try(
        lambda: SchemaRegistryHook("aep_default").patch_resource(xdm.SCHEMAS, schema, operations),
        world.resource_holds("schemas", schema, "New"),
    )


def delete_resource(world: World) -> Try:
    schema = world.schema()
    return Try(
        lambda: SchemaRegistryHook("aep_default").delete_resource(xdm.SCHEMAS, schema),
        world.fewer("schemas"),
    )


def create_mapping_set(world: World) -> Try:
    body = mappings.mapping_set_body(world.schema(), {"Product_Id": "_emulator.Product_Id"})
    return Try(lambda: DataPrepHook("aep_default").create_mapping_set(body), world.more("mappingSets"))


def replace_mapping_set(world: World) -> Try:
    schema = world.schema()
    own = world.mapping(schema)
    body = mappings.mapping_set_body(schema, {"Product_Name": "_emulator.Product_Id"})
    return Try(lambda: DataPrepHook("aep_default").replace_mapping_set(own, body), world.maps(own, 1))


def make_source(world: World) -> str:
    return world.source(world.base())


def make_target(world: World) -> str:
    schema = world.schema()
    return world.target(schema, world.dataset(schema))
