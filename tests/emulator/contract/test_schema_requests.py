"""Every request about schemas, datasets and mapping sets conforms to Adobe's documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.harness.contract.recording import check, run
from tests.harness.platform import PROFILE

COLUMNS = [{"name": "Product_Id", "type": "string"}, {"name": "Price", "type": "decimal"}]
LIST = {"application/vnd.adobe.xed+json", "application/vnd.adobe.xed-id+json"}
LOOKUP = {f"application/vnd.adobe.xed{form}+json; version=1" for form in ("", "-full")}


def schema(**arguments: Any) -> Any:
    return run("dataflows", "CreateSchemaOperator", **{"name": "Products", "columns": COLUMNS, **arguments})


def updated_schema() -> None:
    schema(columns=COLUMNS[:1])
    schema(field_groups=[f"{PROFILE}-person-details"], description="New", if_exists="update")


def updated_dataset() -> None:
    order = {"name": "Products", "schema_id": schema(), "if_exists": "update"}
    for description in ("Old", "New"):
        run("dataflows", "CreateDatasetOperator", description=description, **order)


def deleted(hook: Any) -> None:
    from airflow_provider_aep.hooks.catalog import CatalogHook
    from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook

    own = schema(columns=None)
    dataset = run("dataflows", "CreateDatasetOperator", name="Products", schema_id=own)
    catalog, registry = hook.to(CatalogHook), hook.to(SchemaRegistryHook)
    assert catalog.get_dataset(dataset)["name"] == "Products"
    assert catalog.batches_of(dataset) == []
    assert registry.get_resource("schemas", own)["title"] == "Products"
    catalog.delete_dataset(dataset)
    registry.delete_resource("schemas", own)


def mapped(hook: Any) -> None:
    from airflow_provider_aep.flow_service.mappings import mapping_set_body
    from airflow_provider_aep.hooks.data_prep import DataPrepHook

    own, prep = schema(), hook.to(DataPrepHook)
    made = run("dataflows", "CreateMappingSetOperator", schema_id=own, columns=COLUMNS)
    assert prep.get_mapping_set(made["id"])["version"] == made["version"]
    body = mapping_set_body(own, {"Price": "_emulator.Price"})
    assert prep.replace_mapping_set(made["id"], body)["version"] == made["version"] + 1
    assert prep.get_mapping_set(made["id"], made["version"])["version"] == made["version"]


ACTIONS: dict[str, Callable[[Any], Any]] = {
    "schema": lambda hook: schema(),
    "schema without columns": lambda hook: schema(columns=None, description="For tests"),
    "schema with a name to be quoted": lambda hook: schema(name='it\'s, "n" == 日本'),
    "schema reused": lambda hook: [schema(columns=COLUMNS[:1]), schema()],
    "schema updated": lambda hook: updated_schema(),
    "dataset": lambda hook: run(
        "dataflows", "CreateDatasetOperator", name="n", schema_id=schema(), description="x"
    ),
    "dataset with a name to be quoted": lambda hook: run(
        "dataflows", "CreateDatasetOperator", name='it\'s, "n" == 日本', schema_id=schema()
    ),
    "dataset updated": lambda hook: updated_dataset(),
    "mapping set": mapped,
    "read and deleted": deleted,
}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_every_request_keeps_to_the_openapi(hook: Any, sent: list[Any], action: Any) -> None:
    """Path, query, headers and bodies of both sides conform to Adobe's OpenAPI files."""
    action(hook)
    check(sent)


def test_each_get_accepts_what_the_registry_has(hook: Any, sent: list[Any]) -> None:
    """A list accepts a type without version, a lookup one with it (`acceptListing`, `accept`)."""
    mapped(hook)
    schema(columns=[*COLUMNS, {"name": "More"}])
    seen = set()
    for reply in sent:
        path = urlsplit(unquote(reply.request.url)).path
        if reply.request.method == "GET" and "/tenant/" in path:
            lookup = path.count("/") > 5
            assert reply.request.headers["Accept"] in (LOOKUP if lookup else LIST), path
            seen.add(lookup)
    assert seen == {True, False}


def test_the_bodies_are_the_documented_ones(hook: Any, sent: list[Any]) -> None:
    """The bodies have exactly the documented fields, although the OpenAPI requires few of them."""
    mapped(hook)
    run("dataflows", "CreateDatasetOperator", name="n", schema_id=schema())
    group, own, mapping_set, dataset = (
        json.loads(reply.request.body)
        for reply in sent
        if reply.request.method == "POST" and "/ims/" not in reply.request.url
    )
    assert {"type", "title", "description", "meta:intendedToExtend", "definitions", "allOf"} == set(group)
    assert list(group["definitions"]["customFields"]["properties"]) == ["_emulator"]
    assert {"type", "title", "description", "allOf"} == set(own)
    assert [set(part) for part in own["allOf"]] == [{"$ref"}, {"$ref"}]
    assert dataset["schemaRef"]["contentType"] == "application/vnd.adobe.xed+json;version=1"
    reference = mapping_set["outputSchema"]["schemaRef"]
    assert reference["contentType"] == "application/vnd.adobe.xed-full+json;version=1"
    assert {one["sourceType"] for one in mapping_set["mappings"]} == {"ATTRIBUTE"}
