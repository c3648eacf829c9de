"""Every hook method that changes something, as data."""

from __future__ import annotations

from functools import partial

from airflow_provider_aep.flow_service.collections import CONNECTIONS, SOURCE_CONNECTIONS
from tests.harness.faults import hook_calls as calls
from tests.harness.faults.operation import ANOTHER, GONE, ONE, REFUSED, Operation
from tests.harness.faults.world import OFF, ON, World

hook_post = partial(Operation, rule="hook POST", twice=ANOTHER)
hook_patch = partial(Operation, rule="hook PATCH")
hook_delete = partial(Operation, rule="hook DELETE", twice=GONE)

HOOK_METHODS = (
    hook_post("FlowServiceHook.create_connection", "POST /connections", calls.create_connection),
    hook_post(
        "CollectionHook.create_entity",
        "POST /sourceConnections",
        calls.create("sourceConnections", "create_entity", World.source_body, SOURCE_CONNECTIONS),
    ),
    hook_post(
        "FlowServiceHook.create_source_connection",
        "POST /sourceConnections",
        calls.create("sourceConnections", "create_source_connection", World.source_body),
    ),
    hook_post(
        "FlowServiceHook.create_target_connection",
        "POST /targetConnections",
        calls.create("targetConnections", "create_target_connection", World.target_order),
    ),
    hook_post(
        "FlowServiceHook.create_flow", "POST /flows", calls.create("flows", "create_flow", World.prepared)
    ),
    hook_post("FlowServiceHook.create_run", "POST /runs", calls.create_run),
    hook_post("FlowServiceHook.retrigger_run", "POST /action", calls.retrigger_run),
    hook_post("FlowServiceHook.run, a POST", "POST /sourceConnections", calls.run),
    hook_post("CatalogHook.create_dataset", "POST /dataSets", calls.create_dataset),
    hook_post(
        "SchemaRegistryHook.create_resource", "POST /tenant/schemas", calls.create_resource, twice=REFUSED
    ),
    hook_post("DataPrepHook.create_mapping_set", "POST /mappingSets", calls.create_mapping_set),
    hook_post("CollectionHook.act_on", "POST /action", calls.act_on, twice=REFUSED),
    hook_post(
        "FlowServiceHook.act_on_flow, enable",
        "POST /action",
        calls.action(World.disabled, "enable", *ON),
        twice=REFUSED,
    ),
    hook_post(
        "FlowServiceHook.act_on_flow, disable",
        "POST /action",
        calls.action(World.flow_of, "disable", *OFF),
        twice=REFUSED,
    ),
    hook_post(
        "FlowServiceHook.act_on_flow, publish",
        "POST /action",
        calls.action(World.draft, "publish", *ON),
        twice=REFUSED,
    ),
    hook_patch("FlowServiceHook.patch_connection", f"PATCH /connections{ONE}", calls.patch_connection),
    hook_patch("CollectionHook.patch_entity", f"PATCH /connections{ONE}", calls.patch_entity),
    hook_patch("CatalogHook.patch_dataset", f"PATCH /dataSets{ONE}", calls.patch_dataset),
    hook_patch("DataPrepHook.replace_mapping_set", f"PUT /mappingSets{ONE}", calls.replace_mapping_set),
    hook_patch("SchemaRegistryHook.patch_resource", f"PATCH /schemas{ONE}", calls.patch_resource),
    hook_delete(
        "FlowServiceHook.delete_connection",
        f"DELETE /connections{ONE}",
        calls.delete("connections", "delete_connection", World.base),
    ),
    hook_delete(
        "CollectionHook.delete_entity",
        f"DELETE /connections{ONE}",
        calls.delete("connections", "delete_entity", World.base, CONNECTIONS),
    ),
    hook_delete(
        "FlowServiceHook.delete_source_connection",
        f"DELETE /sourceConnections{ONE}",
        calls.delete("sourceConnections", "delete_source_connection", calls.make_source),
    ),
    hook_delete(
        "FlowServiceHook.delete_target_connection",
        f"DELETE /targetConnections{ONE}",
        calls.delete("targetConnections", "delete_target_connection", calls.make_target),
    ),
    hook_delete(
        "FlowServiceHook.delete_flow",
        f"DELETE /flows{ONE}",
        calls.delete("flows", "delete_flow", World.flow_of),
    ),
    hook_delete("CatalogHook.delete_dataset", f"DELETE /dataSets{ONE}", calls.delete_dataset),
    hook_delete("SchemaRegistryHook.delete_resource", f"DELETE /schemas{ONE}", calls.delete_resource),
)
