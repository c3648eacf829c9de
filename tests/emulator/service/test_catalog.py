"""Test Catalog's datasets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.emulator import Emulator
from tests.harness.platform import Platform, made


def test_dataset(emulator: Emulator, path: Platform) -> None:
    """POST returns 201 with a reference and `Location`, GET a map by id, DELETE 200 with a reference."""
    schema = path.schema()
    body = {"name": "Products", "description": "Daily", "schemaRef": {"id": schema}}
    response = path.catalog("POST", "/dataSets", json=body)
    (reference,) = made(response)
    dataset = reference.removeprefix("@/dataSets/")
    assert len(dataset) == 24
    assert response.headers["Location"].endswith("/dataSets/" + dataset)
    item = made(path.catalog("GET", f"/dataSets/{dataset}"), 200)[dataset]
    assert (item["name"], item["description"], item["schemaRef"]["id"]) == ("Products", "Daily", schema)
    assert made(path.catalog("GET", f"/datasets/{dataset}"), 200)[dataset] == item
    assert Platform(emulator, "dev").catalog("GET", f"/dataSets/{dataset}").status_code == 404
    assert emulator.state()["datasets"] == 1
    assert made(path.catalog("DELETE", f"/dataSets/{dataset}"), 200) == [reference]
    assert path.catalog("GET", f"/dataSets/{dataset}").status_code == 404
    assert path.catalog("DELETE", f"/dataSets/{dataset}").status_code == 404


def test_changing(path: Platform) -> None:
    """PATCH accepts a partial object or JSON Patch; the schema cannot be changed."""
    dataset = path.dataset(path.schema())
    url = f"/dataSets/{dataset}"
    assert made(path.catalog("PATCH", url, json={"description": "Daily"}), 200) == [f"@{url}"]
    patch = [{"op": "add", "path": "/tags/owner", "value": ["me"]}]
    made(path.catalog("PATCH", url, json=patch), 200)
    item = made(path.catalog("GET", url), 200)[dataset]
    assert (item["name"], item["description"], item["tags"]) == ("Products", "Daily", {"owner": ["me"]})
    assert item["version"] == "1.0.2"
    for bad in (
        {"name": ""},
        {"tags": 7},
        {"schemaRef": {"id": "x"}},
        7,
        None,
        [7],
        [{"op": "remove", "path": "/name"}],
        [{"op": "add", "path": "/a/b", "value": 1}],
    ):
        assert path.catalog("PATCH", url, json=bad).status_code == 400, bad
    assert made(path.catalog("GET", url), 200)[dataset] == item
    assert path.catalog("PATCH", "/dataSets/nothing", json={"name": "x"}).status_code == 404


def test_lists(path: Platform) -> None:
    """A list is filtered by name and property, paged, and reduced to some fields."""
    schema = path.schema()
    ids = [path.dataset(schema, name) for name in ("b", "a", "b")]

    def found(**query: Any) -> list[str]:
        return list(made(path.catalog("GET", "/dataSets", params=query), 200))

    assert found() == ids[::-1]
    assert found(name="b") == [ids[2], ids[0]]
    assert found(name="a,b", limit=2) == [ids[2], ids[1]]
    assert found(name="a,b", limit=2, start=2) == [ids[0]]
    assert found(property="name==a") == [ids[1]]
    assert found(property="name!=b") == [ids[1]]
    assert found(property="created>0", orderBy="asc:created") == ids
    assert found(property="schemaRef.id==" + schema, orderBy="desc:name")[-1] == ids[1]
    assert found(name="nothing") == []
    reply = made(path.catalog("GET", "/dataSets", params={"properties": "name"}), 200)
    assert list(reply.values()) == [{"name": "b"}, {"name": "a"}, {"name": "b"}]
    for query in ({"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"start": "-1"}, {"orderBy": "up:name"}):
        assert path.catalog("GET", "/dataSets", params=query).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"name": None},
        {"name": ""},
        {"name": {}},
        {"description": 7},
        {"tags": []},
        {"schemaRef": None},
        {"schemaRef": {"id": 7}},
        {"schemaRef": {"id": "https://ns.adobe.com/emulator/schemas/none"}},
        {"schemaRef": "x"},
    ],
)
def test_bad_datasets(path: Platform, change: dict[str, Any]) -> None:
    """An invalid dataset is refused, and nothing is stored."""
    body = {"name": "Products", "schemaRef": {"id": path.schema()}, **change}
    response = path.catalog("POST", "/dataSets", json=body)
    assert response.status_code == 400, response.text
    assert path.emulator.state()["datasets"] == 0
