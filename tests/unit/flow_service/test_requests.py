"""Each request as data: method, path, query, body and headers, as Adobe's documents print them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service import (
    bodies,
    collections,
    datasets,
    mappings,
    requests,
    source_objects,
    xdm,
)
from airflow_provider_aep.flow_service.collections import FLOWS
from airflow_provider_aep.flow_service.datasets import DATASETS
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.mappings import MAPPING_SETS
from airflow_provider_aep.flow_service.requests import Call

ID = "24151d58-ffa7-4960-951d-58ffa7396097"
GROUP = "https://ns.adobe.com/acme/mixins/0123abcd"
SCHEMA = "https://ns.adobe.com/acme/schemas/0123abcd"
SCHEMAS, GROUPS = xdm.resources("schemas"), xdm.resources("fieldgroups")
LIMIT = ("limit", "100")
REMOVE = [{"op": "remove", "path": "/x"}]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: collections.CONNECTIONS.get_call(ID), Call("GET", f"/connections/{ID}")),
        (lambda: collections.CONNECTIONS.delete_call(ID), Call("DELETE", f"/connections/{ID}")),
        (lambda: requests.test_connection(ID), Call("GET", f"/connections/{ID}/test")),
        (lambda: collections.CONNECTIONS.patch_call(ID, REMOVE, '"e"'),
         Call("PATCH", f"/connections/{ID}", [], REMOVE, {"If-Match": '"e"'})),
        (lambda: collections.SOURCE_CONNECTIONS.list_call([("baseConnectionId", ID)]),
         Call("GET", "/sourceConnections", [("property", f"baseConnectionId=={ID}"), LIMIT])),
        (lambda: collections.CONNECTIONS.list_call([("connectionSpec.id", ID)], name="a b"),
         Call("GET", "/connections",
              [("property", f"connectionSpec.id=={ID}"), ("property", "name==a b"), LIMIT])),
        (lambda: collections.CONNECTIONS.list_call(), Call("GET", "/connections", [LIMIT])),
        (lambda: collections.CONNECTION_SPECS.get_call(ID), Call("GET", f"/connectionSpecs/{ID}")),
        (lambda: collections.CONNECTION_SPECS.list_call(), Call("GET", "/connectionSpecs")),
        (lambda: FLOWS.list_call(), Call("GET", "/flows", [LIMIT])),
        (lambda: FLOWS.list_call([("a.b", "c")], name="n"),
         Call("GET", "/flows", [("property", "a.b==c"), ("property", "name==n"), LIMIT])),
        (lambda: FLOWS.list_call(name="a,b"), Call("GET", "/flows", [LIMIT])),
        (lambda: FLOWS.get_call(ID), Call("GET", f"/flows/{ID}")),
        (lambda: FLOWS.create_call({"a": 1}), Call("POST", "/flows", [], {"a": 1})),
        (lambda: FLOWS.create_call({"a": 1}, draft=True),
         Call("POST", "/flows", [("mode", "draft")], {"a": 1})),
        (lambda: FLOWS.patch_call(ID, FLOWS.patch_body(REMOVE), '"e"'),
         Call("PATCH", f"/flows/{ID}", [], REMOVE, {"If-Match": '"e"'})),
        (lambda: FLOWS.delete_call(ID), Call("DELETE", f"/flows/{ID}")),
        (lambda: FLOWS.act_call(ID, "enable"),
         Call("POST", f"/flows/{ID}/action", [("op", "enable")])),
        (lambda: collections.FLOW_SPECS.list_call(), Call("GET", "/flowSpecs")),
        (lambda: DATASETS.list_call(name="a b"),
         Call("GET", "/dataSets",
              [("name", "a b"), ("orderBy", "asc:created"),
               ("properties", "created,description,name,schemaRef"), LIMIT, ("start", "0")])),
        (lambda: DATASETS.list_call(name="a,b"),
         Call("GET", "/dataSets",
              [("orderBy", "asc:created"), ("properties", "created,description,name,schemaRef"), LIMIT,
               ("start", "0")])),
        (lambda: DATASETS.list_call().query[0], ("orderBy", "asc:created")),
        (lambda: DATASETS.get_call("5e89"),
         Call("GET", "/dataSets/5e89", [("properties", "created,description,name,schemaRef")])),
        (lambda: DATASETS.create_call({"name": "n"}),
         Call("POST", "/dataSets", [("requestDataSource", "true")], {"name": "n"})),
        (lambda: DATASETS.patch_call("5e89", {"a": 1}), Call("PATCH", "/dataSets/5e89", [], {"a": 1})),
        (lambda: DATASETS.patch_body([{"op": "add", "path": "/a", "value": 1}]), {"a": 1}),
        (lambda: DATASETS.delete_call("5e89"), Call("DELETE", "/dataSets/5e89")),
        (lambda: datasets.BATCHES.list_call([("dataSet", "5e89")]),
         Call("GET", "/batches", [("dataSet", "5e89"), ("limit", "1")])),
        (lambda: MAPPING_SETS.create_call({"a": 1}), Call("POST", "/mappingSets", [], {"a": 1})),
        (lambda: MAPPING_SETS.get_call(ID), Call("GET", f"/mappingSets/{ID}")),
        (lambda: MAPPING_SETS.get_call(ID, [("version", "0")]),
         Call("GET", f"/mappingSets/{ID}", [("version", "0")])),
        (lambda: MAPPING_SETS.list_call([("name", "n")]),
         Call("GET", "/mappingSets", [("name", "n"), ("limit", "100"), ("start", "0")])),
        (lambda: mappings.replace_mapping_set(ID, {"a": 1}),
         Call("PUT", f"/mappingSets/{ID}", [], {"a": 1})),
        (lambda: xdm.stats(), Call("GET", "/stats")),
        (lambda: SCHEMAS.list_call(),
         Call("GET", "/tenant/schemas", [("orderby", "title"), ("limit", "300")],
              headers={"Accept": "application/vnd.adobe.xed+json"})),
        (lambda: SCHEMAS.list_call(name="a b"),
         Call("GET", "/tenant/schemas",
              [("property", "title==a b"), ("orderby", "title"), ("limit", "300")],
              headers={"Accept": "application/vnd.adobe.xed+json"})),
        (lambda: SCHEMAS.list_call(name="a,b").query,
         [("orderby", "title"), ("limit", "300")]),
        (lambda: GROUPS.get_call(GROUP),
         Call("GET", "/tenant/fieldgroups/_acme.mixins.0123abcd",
              headers={"Accept": "application/vnd.adobe.xed+json; version=1"})),
        (lambda: xdm.get_whole_schema(SCHEMA),
         Call("GET", "/tenant/schemas/_acme.schemas.0123abcd",
              headers={"Accept": "application/vnd.adobe.xed-full+json; version=1"})),
        (lambda: SCHEMAS.create_call({"a": 1}),
         Call("POST", "/tenant/schemas", [], {"a": 1})),
        (lambda: GROUPS.patch_call(GROUP, REMOVE),
         Call("PATCH", "/tenant/fieldgroups/_acme.mixins.0123abcd", [], REMOVE)),
        (lambda: GROUPS.delete_call(GROUP),
         Call("DELETE", "/tenant/fieldgroups/_acme.mixins.0123abcd")),
    ],
)  # fmt: skip
def test_a_request(call: Any, expected: object) -> None:
    """Nothing more, nothing less, nothing elsewhere: a filter too few finds, and a header too few changes."""
    assert call() == expected


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (collections.CONNECTIONS.get_call, "connection_id"),
        (lambda bad: collections.CONNECTIONS.patch_call(bad, [], "e"), "connection_id"),
        (lambda bad: collections.CONNECTIONS.patch_call(ID, [], bad), "etag"),
        (lambda _bad: collections.CONNECTIONS.patch_call(ID, []), "etag"),
        (collections.CONNECTIONS.delete_call, "connection_id"),
        (requests.test_connection, "connection_id"),
        (lambda bad: requests.explore(bad, "root", None, False), "connection_id"),
        (
            lambda bad: requests.explore(None, "root", None, False, connection_spec_id=bad),
            "connection_spec_id",
        ),
        (collections.CONNECTION_SPECS.get_call, "connection_spec_id"),
        (FLOWS.get_call, "flow_id"),
        (lambda bad: FLOWS.patch_call(bad, [], "e"), "flow_id"),
        (lambda bad: FLOWS.patch_call(ID, [], bad), "etag"),
        (FLOWS.delete_call, "flow_id"),
        (lambda bad: FLOWS.act_call(bad, "enable"), "flow_id"),
        (DATASETS.get_call, "dataset_id"),
        (lambda bad: DATASETS.patch_call(bad, {}), "dataset_id"),
        (DATASETS.delete_call, "dataset_id"),
        (MAPPING_SETS.get_call, "mapping_set_id"),
        (lambda bad: mappings.replace_mapping_set(bad, {}), "mapping_set_id"),
        (SCHEMAS.get_call, "resource_id"),
        (lambda bad: SCHEMAS.patch_call(bad, []), "resource_id"),
        (SCHEMAS.delete_call, "resource_id"),
        (xdm.get_whole_schema, "schema_id"),
    ],
)
def test_what_would_change_a_request_is_refused_by_name(call: Any, parameter: str) -> None:
    """An id that is a path calls another endpoint with our token; who wrote it must find it."""
    with pytest.raises(AepConfigError, match=rf"^`{parameter}`") as caught:
        call("a\r\n/../b")
    assert caught.value.parameter == parameter


def test_a_base_connection() -> None:
    """The version is always sent; no description is no description."""
    facts: dict[str, Any] = {
        "name": "n",
        "connection_spec_id": ID,
        "auth_spec_name": "a",
        "auth_params": {"k": "v"},
        "connection_spec_version": "1.0",
    }
    body = {
        "name": "n",
        "auth": {"specName": "a", "params": {"k": "v"}},
        "connectionSpec": {"id": ID, "version": "1.0"},
    }
    assert bodies.base_connection(**facts, description=None) == body
    assert bodies.base_connection(**facts, description="d") == {**body, "description": "d"}
    with pytest.raises(AepConfigError) as caught:
        bodies.base_connection(**{**facts, "connection_spec_id": "a/b"}, description=None)
    assert caught.value.parameter == "connection_spec_id"


def test_exploring() -> None:
    """The tutorials' query: the type in small letters, the object unless it is the root, then the rest."""
    explore = requests.explore
    assert explore(ID, "root", "x", False) == Call(
        "GET", f"/connections/{ID}/explore", [("objectType", "root")]
    )
    assert explore(ID, "Table", "T", True, options={"fileType": "json"}).query == [
        ("objectType", "table"),
        ("object", "T"),
        ("preview", "true"),
        ("fileType", "json"),
    ]
    below_spec = explore(None, "file", "/a", False, connection_spec_id=ID)
    assert below_spec == Call(
        "GET", f"/connectionSpecs/{ID}/explore", [("objectType", "file"), ("object", "/a")]
    )
    assert explore(ID, "root", None, False, connection_spec_id="x").path == f"/connections/{ID}/explore"


@pytest.mark.parametrize(
    ("object_type", "object", "parameter", "said"),
    [
        ("view", "x", "object_type", "'view'; Flow Service knows root, table, folder, file, rest"),
        ("table", " ", "object", "objectType table needs the path"),
    ],
)
def test_what_cannot_be_explored(object_type: str, object: Any, parameter: str, said: str) -> None:
    """By its parameter, with what would do."""
    with pytest.raises(AepConfigError, match=rf"^`{parameter}` is") as caught:
        requests.explore(ID, object_type, object, False)
    assert said in str(caught.value)
    assert caught.value.parameter == parameter


def test_how_a_place_is_explored() -> None:
    """Each kind in a way of its own; files whose form nobody said are asked about it."""
    read = source_objects.read_source_object
    assert read({"table": "T"}).explore_query() == ("table", "T", {})
    assert read({"file": "/o/"}).explore_query() == ("folder", "/o/", {})
    assert read({"file": "/a"}).explore_query() == ("file", "/a", {"determineProperties": "true"})
    said = {"path": "/a", "file_type": "delimited", "column_delimiter": ";"}
    assert read({"file": said}).explore_query() == (
        "file",
        "/a",
        {"fileType": "delimited", "columnDelimiter": ";"},
    )
    bare = {"path": "/a", "file_type": "json"}
    assert read({"file": bare}).explore_query() == ("file", "/a", {"fileType": "json"})
    assert read({"resource": "orders"}).explore_query() == (
        "rest",
        "json",
        {"fileType": "json", "sourceParams": "eyJyZXNvdXJjZVBhdGgiOiAib3JkZXJzIn0="},
    )


def test_bodies_of_datasets_mappings_and_schemas() -> None:
    """With a description only where there is one; a schema's is required, so it may be empty."""
    reference = {"id": "s", "contentType": "application/vnd.adobe.xed+json;version=1"}
    assert datasets.dataset_body("n", None, "s") == {"name": "n", "schemaRef": reference}
    assert datasets.dataset_body("n", "d", "s") == {"name": "n", "description": "d", "schemaRef": reference}
    assert mappings.mapping_set_body("s", {"a": "x.y"}) == {
        "name": "airflow-3107dedc16a5ffe32db8367c039aed4b",
        "outputSchema": {
            "schemaRef": {"id": "s", "contentType": "application/vnd.adobe.xed-full+json;version=1"}
        },
        "mappings": [{"sourceType": "ATTRIBUTE", "source": "a", "destination": "x.y"}],
    }
    body = {"type": "object", "title": "t", "description": "", "allOf": [{"$ref": "c"}, {"$ref": "g"}]}
    assert xdm.schema_body(title="t", description=None, class_id="c", groups=["g"]) == body
    described = xdm.schema_body(title="t", description="d", class_id="c", groups=["g"])
    assert described == {**body, "description": "d"}
    assert xdm.group_body(title="t", class_id="c", tenant="acme", fields={"a": {"type": "string"}}) == {
        "type": "object",
        "title": "t",
        "description": "",
        "meta:intendedToExtend": ["c"],
        "definitions": {
            "customFields": {
                "type": "object",
                "properties": {"_acme": {"type": "object", "properties": {"a": {"type": "string"}}}},
            }
        },
        "allOf": [{"$ref": "#/definitions/customFields"}],
    }
