"""Test Data Prep's mapping sets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.emulator import Emulator
from tests.harness.platform import Platform, made


def openapi_body(schema: str, **change: Any) -> dict[str, Any]:
    """Return the OpenAPI's body."""
    mapping = {"sourceType": "ATTRIBUTE", "source": "Product_Id", "destination": "_emulator.Product_Id"}
    reference = {"id": schema, "contentType": "application/vnd.adobe.xed-full+json;version=1"}
    return {"outputSchema": {"schemaRef": reference}, "mappings": [{**mapping, **change}]}


def test_both_bodies(emulator: Emulator, path: Platform) -> None:
    """The tutorials' and the OpenAPI's body both get 200, and GET shows them in the same form."""
    schema = path.schema()
    old = path.mapping(schema)
    assert len(old) == 32
    body = made(path.conversion("POST", "/mappingSets", json=openapi_body(schema)), 200)
    assert (body["version"], body["createdDate"]) == (0, body["modifiedDate"])
    for mapping_set in (old, body["id"]):
        item = made(path.conversion("GET", f"/mappingSets/{mapping_set}"), 200)
        assert item["outputSchema"]["schemaRef"]["id"] == schema
        first = item["mappings"][0]
        assert (first["sourceType"], first["source"]) == ("ATTRIBUTE", "Product_Id")
        assert first["destination"] == "_emulator.Product_Id"
    assert emulator.state()["mappingSets"] == 2
    assert path.conversion("GET", "/mappingSets/nothing").status_code == 404
    assert Platform(emulator, "dev").conversion("GET", f"/mappingSets/{old}").status_code == 404


def test_list(path: Platform) -> None:
    """`limit` and `start` are both required."""
    schema = path.schema()
    ids = [path.mapping(schema) for _ in range(3)]
    page = made(path.conversion("GET", "/mappingSets", params={"limit": 2, "start": 0}), 200)
    assert [item["id"] for item in page["data"]] == ids[:2]
    assert page["_page"] == {"count": 2, "limit": 2}
    assert page["_links"]["next"]["href"].endswith("start=2")
    rest = made(path.conversion("GET", "/mappingSets", params={"limit": 2, "start": 2}), 200)
    assert ([item["id"] for item in rest["data"]], rest["_links"]) == (ids[2:], {})
    for query in ({}, {"limit": 2}, {"start": 0}, {"limit": "x", "start": 0}, {"limit": 0, "start": 0}):
        assert path.conversion("GET", "/mappingSets", params=query).status_code == 400


def test_replace(path: Platform) -> None:
    """PUT keeps the id and increases the version; GET returns every version."""
    schema = path.schema()
    mapping_set = path.mapping(schema)
    for number, source in enumerate(("Product_Name", "Description"), 1):
        body = {**openapi_body(schema, source=source), "name": f"Version {number}"}
        item = made(path.conversion("PUT", f"/mappingSets/{mapping_set}", json=body), 200)
        assert (item["id"], item["version"]) == (mapping_set, number)
    url = f"/mappingSets/{mapping_set}"
    for query, version, name, source in (
        ({}, 2, "Version 2", "Description"),
        ({"version": 2}, 2, "Version 2", "Description"),
        ({"version": 1}, 1, "Version 1", "Product_Name"),
        ({"version": 0}, 0, None, "Product_Id"),
    ):
        item = made(path.conversion("GET", url, params=query), 200)
        assert (item["version"], item.get("name"), item["mappings"][0]["source"]) == (version, name, source)
    assert path.conversion("GET", url, params={"version": 3}).status_code == 404
    assert path.conversion("GET", url, params={"version": "x"}).status_code == 400


def test_found_by_name(path: Platform) -> None:
    """The list's `name` filters by name, as in the guide."""
    body = openapi_body(path.schema())
    own = made(path.conversion("POST", "/mappingSets", json={**body, "name": "Products"}), 200)["id"]
    made(path.conversion("POST", "/mappingSets", json={**body, "name": "Products, too"}), 200)
    query = {"limit": 10, "start": 0, "name": "Products"}
    page = made(path.conversion("GET", "/mappingSets", params=query), 200)
    assert [item["id"] for item in page["data"]] == [own]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"destination": "_emulator.Nothing"}, "_emulator.Nothing"),
        ({"destination": "_emulator"}, "_emulator"),
        ({"destination": None}, "destination"),
        ({"source": ""}, "source"),
        ({"source": 7}, "source"),
        ({"sourceType": "MAGIC"}, "sourceType"),
        ({"sourceType": []}, "sourceType"),
        ({"sourceType": "EXPRESSION", "source": "magic(Product_Id)"}, "magic"),
        ({"sourceType": "EXPRESSION", "source": "concat(Product_Id"}, "expression"),
        ({"sourceType": "EXPRESSION", "source": "lower(" * 100}, "expression"),
    ],
)
def test_bad_mappings(path: Platform, change: dict[str, Any], word: str) -> None:
    """An invalid mapping gets 400 with the reason; `/validate` reports the same and stores nothing."""
    body = openapi_body(path.schema(), **change)
    response = path.conversion("POST", "/mappingSets", json=body)
    assert response.status_code == 400
    assert word in response.json()["detail"]
    assert path.emulator.state()["mappingSets"] == 0


def test_mapped_twice(path: Platform) -> None:
    """Two mappings cannot have the same destination."""
    body = openapi_body(path.schema())
    body["mappings"].append({**body["mappings"][0], "source": "Product_Name"})
    response = path.conversion("POST", "/mappingSets", json=body)
    assert response.status_code == 400
    assert "twice" in response.json()["detail"]


def test_validate(path: Platform) -> None:
    """`/validate` reports a status for each mapping."""
    body = openapi_body(path.schema())
    body["mappings"].append({**body["mappings"][0], "destination": "_emulator.Nothing"})
    verdicts = made(path.conversion("POST", "/mappingSets/validate", json=body), 200)["validationResponse"]
    assert [verdict["status"] for verdict in verdicts] == ["SUCCESS", "FAILED"]
    assert verdicts[1]["errors"][0]["destination"] == "_emulator.Nothing"
    assert path.emulator.state()["mappingSets"] == 0


@pytest.mark.parametrize(
    "change", [{"mappings": None}, {"mappings": []}, {"mappings": [7]}, {"outputSchema": 7}]
)
def test_bad_bodies(path: Platform, change: dict[str, Any]) -> None:
    """A body in neither documented form is refused."""
    body = {**openapi_body(path.schema()), **change}
    assert path.conversion("POST", "/mappingSets", json=body).status_code == 400
    body = openapi_body("https://ns.adobe.com/emulator/schemas/none")
    assert path.conversion("POST", "/mappingSets", json=body).status_code == 400
