"""Test Schema Registry: `Accept`, titles, namespaces, versions, and the fields of a schema."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.harness.emulator import Emulator
from tests.harness.platform import FULL, PLAIN, PROFILE, SHORT, Platform, made

SCHEMAS = "/tenant/schemas"


def code(response: Any) -> str:
    """Return the error's code."""
    return str(response.json()["type"]).rsplit("/", 1)[-1]


def test_schema(emulator: Emulator, path: Platform) -> None:
    """A schema is found by `$id` and by `meta:altId`, with its class and all its fields."""
    schema_id = path.schema()
    assert schema_id.startswith("https://ns.adobe.com/emulator/schemas/")
    item = made(path.registry("GET", f"{SCHEMAS}/{quote(schema_id, safe='')}", headers=PLAIN), 200)
    assert item["$id"] == schema_id
    assert (item["title"], item["version"], item["meta:class"]) == ("Products", "1.0", PROFILE)
    assert item["meta:tenantNamespace"] == "_emulator"
    assert len(item["meta:registryMetadata"]["eTag"]) == 64
    by_alt = path.registry("GET", f"{SCHEMAS}/{item['meta:altId']}", headers=PLAIN)
    assert made(by_alt, 200) == item
    whole = made(path.registry("GET", f"{SCHEMAS}/{item['meta:altId']}", headers=FULL), 200)
    assert "allOf" not in whole
    assert whole["properties"]["_emulator"]["properties"]["Create_Time"]["format"] == "date-time"
    assert whole["properties"]["_id"]["type"] == "string"
    assert emulator.state()["schemas"] == 1


@pytest.mark.parametrize(
    ("accept", "status", "expected"),
    [
        (None, 400, "XDM-1007-400"),
        ("application/json", 400, "XDM-1007-400"),
        ("application/vnd.adobe.xed+json", 400, "XDM-1007-400"),
        ("application/vnd.adobe.xed-full+json; version=7", 406, "uri"),
        ("application/vnd.adobe.xed-full+json; version=1.0", 200, ""),
        ("application/vnd.adobe.xed-full-notext+json;version=1", 200, ""),
    ],
)
def test_accept_of_a_lookup(path: Platform, accept: str | None, status: int, expected: str) -> None:
    """A lookup needs a format and an existing version."""
    alt_id = "_emulator.schemas." + path.schema().rsplit("/", 1)[-1]
    response = path.registry("GET", f"{SCHEMAS}/{alt_id}", headers={"Accept": accept})
    assert response.status_code == status, response.text
    if status > 200:
        assert code(response) == expected
        assert response.json()["detail"] == response.json()["report"]["detailed-message"]


def test_notext(path: Platform) -> None:
    """`-notext` removes titles and descriptions, but not a field with the name `Description`."""
    columns = {"description": {"type": "string", "title": "A title", "description": "A text"}}
    schema_id = path.schema(columns=columns)
    headers = {"Accept": "application/vnd.adobe.xed-full-notext+json; version=1"}
    item = made(path.registry("GET", f"{SCHEMAS}/{quote(schema_id, safe='')}", headers=headers), 200)
    assert "title" not in item
    assert set(item["properties"]["_emulator"]["properties"]["description"]) == {"type"}


def test_lists(path: Platform) -> None:
    """A list is short or whole, filtered and paged; it needs no version."""
    ids = [path.schema(title) for title in ("Cherries", "Apples", "Bananas")]
    page = made(path.registry("GET", SCHEMAS, headers=SHORT, params={"limit": 2}), 200)
    assert [set(item) for item in page["results"]] == [{"title", "$id", "meta:altId", "version"}] * 2
    assert [item["title"] for item in page["results"]] == ["Apples", "Bananas"]
    rest = {"start": page["_page"]["next"], "limit": 2}
    (last,) = made(path.registry("GET", SCHEMAS, headers=SHORT, params=rest), 200)["results"]
    assert last["$id"] == ids[0]
    query = {"property": "title==Apples"}
    whole = {"Accept": "application/vnd.adobe.xed+json"}
    (found,) = made(path.registry("GET", SCHEMAS, headers=whole, params=query), 200)["results"]
    assert (found["$id"], found["meta:class"]) == (ids[1], PROFILE)
    assert code(path.registry("GET", SCHEMAS)) == "XDM-1006-400"
    assert code(path.registry("GET", SCHEMAS, headers=PLAIN)) == "XDM-1006-400"


def test_global_resources(path: Platform) -> None:
    """Adobe's classes and field groups exist, and schemas can use them."""
    classes = made(path.registry("GET", "/global/classes", headers=SHORT), 200)["results"]
    assert PROFILE in [item["$id"] for item in classes]
    groups = made(path.registry("GET", "/global/mixins", headers=SHORT), 200)["results"]
    assert groups == made(path.registry("GET", "/global/fieldgroups", headers=SHORT), 200)["results"]
    details = next(item["$id"] for item in groups if item["title"] == "Demographic Details")
    body = {"type": "object", "title": "People", "allOf": [{"$ref": PROFILE}, {"$ref": details}]}
    schema_id = made(path.registry("POST", SCHEMAS, json=body))["$id"]
    item = made(path.registry("GET", f"{SCHEMAS}/{quote(schema_id, safe='')}", headers=FULL), 200)
    assert item["properties"]["person"]["properties"]["name"]["properties"]["firstName"]["type"] == "string"
    assert made(path.registry("GET", "/stats"), 200)["tenantId"] == "emulator"


def test_titles_are_unique(path: Platform) -> None:
    """Titles are unique over all kinds of a sandbox, as in the troubleshooting guide."""
    path.schema("Products")
    body = {"type": "object", "title": "Products fields", "allOf": [{"$ref": PROFILE}]}
    assert code(path.registry("POST", SCHEMAS, json=body)) == "XDM-1521-400"
    Platform(path.emulator, "dev").schema("Products")


@pytest.mark.parametrize(
    "change",
    [
        {"type": "string"},
        {"type": None},
        {"title": None},
        {"title": ""},
        {"title": 7},
        {"description": []},
        {"allOf": []},
        {"allOf": "x"},
        {"allOf": ["x"]},
        {"allOf": [{"$ref": "#/definitions/x"}]},
        {"allOf": [{"$ref": PROFILE}, {"$ref": "https://ns.adobe.com/xdm/context/experienceevent"}]},
    ],
)
def test_bad_schemas(path: Platform, change: dict[str, Any]) -> None:
    """An invalid schema is refused, and nothing is stored."""
    body = {"type": "object", "title": "Products", "allOf": [{"$ref": PROFILE}], **change}
    response = path.registry("POST", SCHEMAS, json=body)
    assert response.status_code == 400, response.text
    assert path.emulator.state()["schemas"] == 0


def test_bad_bodies(path: Platform) -> None:
    """Invalid JSON, or JSON that is not an object, gets a 400 in JSON."""
    for data in (b"{", b"[]", b"null", b"NaN", b'"\\ud800"', b"[" * 100_000):
        headers = {"Content-Type": "application/json"}
        response = path.registry("POST", SCHEMAS, data=data, headers=headers)
        assert response.status_code == 400
        assert response.json()["status"] == 400


def test_namespace(path: Platform) -> None:
    """Custom fields must be under the tenant's id."""
    own = {"definitions": {"x": {"properties": {"Product_Id": {"type": "string"}}}}}
    body = {"type": "object", "title": "x", "meta:intendedToExtend": [PROFILE], **own}
    body["allOf"] = [{"$ref": "#/definitions/x"}]
    assert code(path.registry("POST", "/tenant/fieldgroups", json=body)) == "XDM-1021-400"
    del body["meta:intendedToExtend"]
    body["definitions"] = {}
    assert path.registry("POST", "/tenant/fieldgroups", json=body).status_code == 400


def test_not_found(path: Platform) -> None:
    """A 404 has the guide's text; a schema of another sandbox does not exist."""
    schema_id = Platform(path.emulator, "dev").schema()
    for expected in (schema_id, "https://ns.adobe.com/emulator/schemas/0", "nothing"):
        response = path.registry("GET", f"{SCHEMAS}/{quote(expected, safe='')}", headers=PLAIN)
        assert (response.status_code, code(response)) == (404, "XDM-1010-404")
        assert expected in response.json()["detail"]
    missing = {"type": "object", "title": "x", "allOf": [{"$ref": "https://ns.adobe.com/xdm/none"}]}
    assert code(path.registry("POST", SCHEMAS, json=missing)) == "XDM-1010-404"
    assert path.registry("GET", "/tenant/nothing", headers=SHORT).status_code == 404
    assert path.registry("DELETE", f"{SCHEMAS}/nothing").status_code == 404


def test_changing(path: Platform) -> None:
    """PATCH and PUT increase the minor version and change the etag; DELETE is final."""
    schema_id = path.schema()
    url = f"{SCHEMAS}/{quote(schema_id, safe='')}"
    before = made(path.registry("GET", url, headers=PLAIN), 200)
    group = path.field_group("More", {"Price": {"type": "number"}})
    patch = [{"op": "add", "path": "/allOf/-", "value": {"$ref": group}}]
    after = made(path.registry("PATCH", url, json=patch), 200)
    assert after["version"] == "1.1"
    assert after["meta:registryMetadata"]["eTag"] != before["meta:registryMetadata"]["eTag"]
    whole = made(path.registry("GET", url, headers=FULL), 200)
    assert set(whole["properties"]["_emulator"]["properties"]) >= {"Price", "Product_Id"}
    body = {"type": "object", "title": "Renamed", "allOf": [{"$ref": PROFILE}]}
    assert made(path.registry("PUT", url, json=body), 200)["version"] == "1.2"
    for bad in ([{"op": "remove", "path": "/allOf/9"}], [{"op": "replace", "path": "/title"}], "x", 7):
        assert path.registry("PATCH", url, json=bad).status_code == 400
    assert path.registry("DELETE", url).status_code == 204
    assert path.registry("GET", url, headers=PLAIN).status_code == 404


def test_a_recursive_data_type(path: Platform) -> None:
    """A data type that contains itself is resolved once."""
    body = {"type": "object", "title": "Tree", "properties": {"leaf": {"type": "string"}}}
    tree = made(path.registry("POST", "/tenant/datatypes", json=body))["$id"]
    branches = {name: {"$ref": tree} for name in "ab"}
    url = f"/tenant/datatypes/{quote(tree, safe='')}"
    made(path.registry("PUT", url, json={**body, "properties": branches}), 200)
    schema_id = path.schema(columns={"tree": {"$ref": tree}})
    whole = made(path.registry("GET", f"{SCHEMAS}/{quote(schema_id, safe='')}", headers=FULL), 200)
    assert "tree" in whole["properties"]["_emulator"]["properties"]
