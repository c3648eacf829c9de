"""Test source and target connections: create, list, change, draft, and the order of deletion."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.emulator import PAYPAL_SPEC, Emulator
from tests.harness.platform import LAKE, PRODUCTS, Platform, failure, made, spec, target_body

KINDS = ["sourceConnections", "targetConnections"]


def one(path: Platform, kind: str) -> str:
    """Create an entity of the kind."""
    if kind == "sourceConnections":
        return path.source(path.base())
    schema = path.schema()
    return path.target(schema, path.dataset(schema))


@pytest.mark.parametrize("kind", KINDS)
def test_life(emulator: Emulator, path: Platform, kind: str) -> None:
    """Each step from POST to DELETE succeeds; PATCH replies in the OpenAPI's and in the guides' form."""
    entity = one(path, kind)
    item = path.get(kind, entity)
    assert item["state"] == "enabled"
    assert emulator.state()[kind] == 1
    query = {"property": f"name=={item['name']}"}
    assert made(path.api("GET", f"/{kind}", params=query), 200)["items"] == [item]
    patch = [{"op": "REPLACE", "path": "/name", "value": "Renamed"}]
    url = f"/{kind}/{entity}"
    assert failure(path.api("PATCH", url, json=patch)) == "1403-400"
    assert failure(path.api("PATCH", url, json=patch, headers={"If-Match": '"old"'})) == "1404-412"
    reply = made(path.api("PATCH", url, json=patch, headers={"If-Match": item["etag"]}), 200)
    changed = path.get(kind, entity)
    assert (reply["id"], reply["etag"], reply["items"]) == (entity, changed["etag"], [changed])
    assert (changed["name"], changed["etag"] != item["etag"]) == ("Renamed", True)
    assert path.api("DELETE", url).status_code == 204
    assert failure(path.api("GET", url)) == "1439-404"
    assert emulator.state()[kind] == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"op": "replace", "path": "/connectionSpec/id", "value": "x"}, "1414-400"),
        ({"op": "replace", "path": "/surprise", "value": "x"}, "1455-400"),
        ({"op": "replace", "path": "/id", "value": "x"}, "1455-400"),
        ({"op": "replace", "path": "/params/a/b", "value": "x"}, "1455-400"),
        ({"op": "remove", "path": "/description"}, "1455-400"),
        ({"op": "remove", "path": "/name"}, "1304-400"),
        ({"op": "move", "path": "/name", "value": "x"}, "1434-400"),
        ({"op": "replace", "path": "/data", "value": 7}, "1100-400"),
    ],
)
def test_bad_patches(path: Platform, kind: str, patch: dict[str, Any], expected: str) -> None:
    """A PATCH applies all operations or none: a valid one before an invalid one has no effect."""
    entity = one(path, kind)
    item = path.get(kind, entity)
    good = {"op": "replace", "path": "/name", "value": "Renamed"}
    headers = {"If-Match": item["etag"]}
    response = path.api("PATCH", f"/{kind}/{entity}", json=[good, patch], headers=headers)
    assert failure(response) == expected
    assert path.get(kind, entity) == item


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"connectionSpec": spec(PAYPAL_SPEC)}, "1307-400"),
        ({"connectionSpec": {"id": LAKE, "version": "9.0"}}, "1307-400"),
        ({"connectionSpec": None}, "1413-400"),
        ({"params": None}, "1100-400"),
        ({"params": {}}, "1325-400"),
        ({"params": {"dataSetId": ""}}, "1325-400"),
        ({"params": {"dataSetId": 7}}, "1100-400"),
        ({"params": {"dataSetId": "nothing"}}, "1101-404"),
        ({"data": {}}, "1304-400"),
        ({"data": {"schema": "x"}}, "1100-400"),
        ({"data": {"schema": {}}}, "1304-400"),
        ({"name": ""}, "1304-400"),
    ],
)
def test_bad_targets(path: Platform, change: dict[str, Any], expected: str) -> None:
    """Only the data lake is a target; the payments tutorial's own sample is refused."""
    schema = path.schema()
    body = {**target_body(schema, path.dataset(schema)), **change}
    assert failure(path.api("POST", "/targetConnections", json=body)) == expected
    assert path.emulator.state()["targetConnections"] == 0


def test_a_dataset_of_another_sandbox(path: Platform) -> None:
    """A dataset of another sandbox does not exist."""
    dev = Platform(path.emulator, "dev")
    schema = dev.schema()
    body = target_body(schema, dev.dataset(schema))
    assert failure(path.api("POST", "/targetConnections", json=body)) == "1101-404"


def test_source_filters(path: Platform) -> None:
    """PayPal does not support filters."""
    body = {
        "name": "x",
        "baseConnectionId": path.base(),
        "data": {"format": "tabular"},
        "params": {"tableName": PRODUCTS, "filters": {"type": "PQL"}},
        "connectionSpec": spec(),
    }
    assert failure(path.api("POST", "/sourceConnections", json=body)) == "1353-400"


def test_deleting_in_order(path: Platform) -> None:
    """A connection that a dataflow uses cannot be deleted before the dataflow."""
    body = path.prepared()
    flow = path.flow(body)
    source, target = body["sourceConnectionIds"][0], body["targetConnectionIds"][0]
    for url in (f"/sourceConnections/{source}", f"/targetConnections/{target}"):
        response = path.api("DELETE", url)
        assert failure(response) == "1447-400"
        assert url.rsplit("/", 1)[1] in response.text
    assert path.api("DELETE", f"/flows/{flow}").status_code == 204
    for url in (f"/sourceConnections/{source}", f"/targetConnections/{target}"):
        assert path.api("DELETE", url).status_code == 204


def test_drafts(path: Platform) -> None:
    """A draft can lack fields that a connection needs; publishing requires them."""
    body = {"name": "Draft", "connectionSpec": spec(LAKE)}
    draft = made(path.api("POST", "/targetConnections", json=body, params={"mode": "draft"}))["id"]
    assert path.get("targetConnections", draft)["state"] == "draft"
    url = f"/targetConnections/{draft}"
    assert failure(path.api("POST", f"{url}/action", params={"op": "publish"})) == "1304-400"
    schema = path.schema()
    whole = target_body(schema, path.dataset(schema))
    patch = [{"op": "add", "path": f"/{name}", "value": whole[name]} for name in ("data", "params")]
    headers = {"If-Match": path.get("targetConnections", draft)["etag"]}
    made(path.api("PATCH", url, json=patch, headers=headers), 200)
    reply = made(path.api("POST", f"{url}/action", params={"op": "PUBLISH"}), 200)
    item = path.get("targetConnections", draft)
    assert (item["state"], item["etag"]) == ("enabled", reply["etag"])
    assert failure(path.api("POST", f"{url}/action", params={"op": "publish"})) == "1422-400"
    assert failure(path.api("POST", f"{url}/action", params={"op": "enable"})) == "1434-400"
    assert failure(path.api("POST", f"{url}/action")) == "1359-400"
    other = path.api("POST", "/targetConnections", json=body, params={"mode": "other"})
    assert failure(other) == "1368-400"
