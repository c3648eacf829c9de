"""A refusal for a missing permission names the permission, which differs by service."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepPermissionError
from tests.harness.emulator import Emulator

SERVICES = {
    "flow_service.FlowServiceHook": (
        "list_connections", (), {"View Sources", "Manage Sources"}),
    "schema_registry.SchemaRegistryHook": (
        "list_resources", ("schemas",), {"View Schemas", "Manage Schemas"}),
    "catalog.CatalogHook": (
        "list_datasets", (), {"View Datasets", "Manage Datasets"}),
    "data_prep.DataPrepHook": (
        "get_mapping_set", ("0" * 32,), {"Manage Sources", "View Schemas"}),
}  # fmt: skip
BODIES: dict[str, dict[str, Any]] = {
    "bare": {},
    "without permission": {"type": "https://ns.adobe.com/aep/errors/FLOW-2118-403"},
    "access labels": {"type": "https://ns.adobe.com/aep/errors/FLOW-2120-403"},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("service", SERVICES)
def test_a_403_names_the_services_own_permissions(
    emulator: Emulator, hook: Any, service: str, body: dict[str, Any]
) -> None:
    """Who is sent to *Manage Sources* for a schema grants too much and is refused again."""
    module, kind = service.split(".")
    method, arguments, named = SERVICES[service]
    other = hook.to(getattr(importlib.import_module(f"airflow_provider_aep.hooks.{module}"), kind))
    emulator.fault(method="GET", status=403, body=body)
    with pytest.raises(AepPermissionError, match="in sandbox 'prod'") as caught:
        getattr(other, method)(*arguments)
    assert set(re.findall(r"\*([A-Z][^*]+)\*", str(caught.value))) == named


def test_manage_sources_it_is_where_adobe_says_so(emulator: Emulator, hook: Any) -> None:
    """2121-403 is about "resource Enterprise Source"."""
    body = {"type": "https://ns.adobe.com/aep/errors/FLOW-2121-403"}
    emulator.fault(method="GET", status=403, body=body)
    with pytest.raises(AepPermissionError, match=r"\*Manage Sources\*"):
        hook.list_connections()
