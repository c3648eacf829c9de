"""Test base connections: create, read, test, explore, change, delete."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from tests.harness import canary
from tests.harness.emulator import PAYPAL_AUTH, PAYPAL_SECRET, PAYPAL_SPEC, Api, Emulator, paypal_body
from tests.harness.platform import failure

ETAG = re.compile(r'"[0-9a-f]{8}-0000-0200-0000-[0-9a-f]{8}0000"')
MYSQL = "26d738e0-8963-47ea-aadf-c60de735468a"
TABLES = [
    "PayPal.Billing_Plans",
    "PayPal.Billing_Plans_Payment_Definition",
    "PayPal.Billing_Plans_Payment_Definition_Charge_Models",
    "PayPal.Catalog_Products",
]


def item(api: Api, connection_id: str) -> dict[str, Any]:
    """Return the one item of a GET."""
    response = api("GET", f"/connections/{connection_id}")
    assert response.status_code == 200, response.text
    (found,) = response.json()["items"]
    return dict(found)


def test_create_and_get(emulator: Emulator, api: Api) -> None:
    """The exchange is that of Adobe's PayPal tutorial."""
    response = api.create(description="For tests")
    assert response.status_code == 201
    created = response.json()
    assert set(created) == {"id", "etag"}
    assert response.headers["Location"].endswith("/connections/" + created["id"])
    assert ETAG.fullmatch(created["etag"])
    found = item(api, created["id"])
    assert found["etag"] == found["version"] == created["etag"]
    assert found["state"] == "enabled"
    assert (found["name"], found["description"]) == ("PayPal connection", "For tests")
    assert found["connectionSpec"] == {"id": PAYPAL_SPEC, "version": "1.0"}
    assert found["auth"] == {"specName": PAYPAL_AUTH, "params": {"host": "api.sandbox.paypal.com"}}
    assert found["sandboxName"] == "prod"
    assert emulator.state()["connections"] == 1


def test_names_are_not_unique(api: Api) -> None:
    """Two connections can have the same name: no document forbids it."""
    assert api.create("Same").json()["id"] != api.create("Same").json()["id"]


def test_created_at(emulator: Emulator, api: Api) -> None:
    """`createdAt` increases strictly over all kinds of a sandbox, on the emulator's clock."""
    ids = [api.create(str(n)).json()["id"] for n in range(20)]
    source = api.create_source(ids[0]).json()["id"]
    times = [item(api, connection_id)["createdAt"] for connection_id in ids]
    times.append(api("GET", f"/sourceConnections/{source}").json()["items"][0]["createdAt"])
    assert times == sorted(set(times))
    emulator.advance(5000)
    late = emulator.api().create("later").json()["id"]
    assert item(api, late)["createdAt"] - times[-1] > 4_900_000


def test_defaults(api: Api) -> None:
    """The spec's version and PayPal's host are optional."""
    body = paypal_body(connectionSpec={"id": PAYPAL_SPEC})
    del body["auth"]["params"]["host"]
    found = item(api, api("POST", "/connections", json=body).json()["id"])
    assert found["connectionSpec"]["version"] == "1.0"
    assert found["auth"]["params"] == {"host": "api.sandbox.paypal.com"}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the tutorial's body with one value replaced; `...` removes it."""
    body: dict[str, Any] = copy.deepcopy(paypal_body())
    *steps, last = path.split(".")
    node = body
    for step in steps:
        node = node[step]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (changed("connectionSpec", ...), "1413-400"),
        (changed("connectionSpec", PAYPAL_SPEC), "1413-400"),
        (changed("connectionSpec.id", "nothing"), "1413-400"),
        (changed("connectionSpec.id", 7), "1413-400"),
        (changed("connectionSpec.version", "9.9"), "1413-400"),
        (changed("name", ...), "1304-400"),
        (changed("name", 7), "1100-400"),
        (changed("description", {"a": 1}), "1100-400"),
        (changed("auth", ...), "1304-400"),
        (changed("auth", "x"), "1100-400"),
        (changed("auth.specName", ...), "1304-400"),
        (changed("auth.specName", PAYPAL_AUTH.lower()), "1415-400"),
        (changed("auth.specName", [1]), "1100-400"),
        (changed("auth.params", ...), "1304-400"),
        (changed("auth.params", []), "1100-400"),
        (changed("auth.params.clientSecret", ...), "1304-400"),
        (changed("auth.params.clientSecret", 7), "1100-400"),
        (changed("auth.params.clientSecret", ""), "1100-400"),
        (changed("auth.params.host", None), "1100-400"),
        ([], "1405-400"),
        ({}, "1405-400"),
        ([1], "1100-400"),
        ("text", "1100-400"),
    ],
)
def test_refused_bodies(emulator: Emulator, api: Api, body: Any, expected: str) -> None:
    """An invalid body gets the catalogue's error, and nothing is stored."""
    response = api("POST", "/connections", json=body)
    assert response.status_code == 400
    assert failure(response) == expected
    assert PAYPAL_SECRET not in response.text
    assert emulator.state()["connections"] == 0


def test_wrong_credentials(api: Api) -> None:
    """By default wrong credentials are accepted; `/test` fails, and `/explore` is refused."""
    wrong = api.create(secret=canary.OTHER_SECRET).json()["id"]
    assert item(api, wrong)["state"] == "enabled"
    response = api("GET", f"/connections/{wrong}/test")
    assert (response.status_code, response.json()) == (200, {"result": False})
    response = api("GET", f"/connections/{wrong}/explore", params={"objectType": "root"})
    assert failure(response) == "1308-400"
    assert "could not be processed. Error message:" in response.text
    right = api.create().json()["id"]
    assert api("GET", f"/connections/{right}/test").json() == {"result": True}


@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_explore(api: Api, case: Any) -> None:
    """The root is an array of tables; a table has the tutorial's columns, and rows on request."""
    path = f"/connections/{api.create().json()['id']}/explore"
    tables = api("GET", path, params={"objectType": case("root")}).json()
    assert [table["path"] for table in tables] == TABLES
    assert all(table["type"] == "table" and table["canPreview"] for table in tables)
    query = {"objectType": case("table"), "object": "PayPal.Catalog_Products"}
    reply = api("GET", path, params=query).json()
    assert reply["format"] == "flat"
    assert "data" not in reply
    assert [c["name"] for c in reply["schema"]["columns"]] == [
        "Product_Id", "Product_Name", "Description", "Create_Time",
    ]  # fmt: skip
    assert reply["schema"]["columns"][-1] == {
        "name": "Create_Time",
        "type": "string",
        "meta:xdmType": "date-time",
        "xdm": {"type": "string", "format": "date-time"},
    }
    for table in tables:
        query = {"objectType": "table", "object": table["path"], "preview": "true"}
        reply = api("GET", path, params=query).json()
        names = {column["name"] for column in reply["schema"]["columns"]}
        assert len(reply["data"]) == 100
        assert all(set(row) == names for row in reply["data"])
        assert any(c.get("meta:xdmType") == "date-time" for c in reply["schema"]["columns"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "1359-400"),
        ({"objectType": "galaxy"}, "1358-400"),
        ({"objectType": "file", "object": "x"}, "1358-400"),
        ({"objectType": "table"}, "1337-400"),
        ({"objectType": "table", "object": "PayPal.Nothing"}, "1330-400"),
        ({"objectType": "table", "object": TABLES[0], "filters": "e30="}, "1353-400"),
    ],
)
def test_explore_refusals(api: Api, query: dict[str, str], expected: str) -> None:
    """Each invalid query gets the sources catalogue's error."""
    response = api("GET", f"/connections/{api.create().json()['id']}/explore", params=query)
    assert failure(response) == expected


def patch(api: Api, connection_id: str, operations: Any, etag: str | None = None) -> Any:
    """PATCH with the current etag, or with another one."""
    headers = {"If-Match": etag or item(api, connection_id)["etag"]}
    return api("PATCH", f"/connections/{connection_id}", json=operations, headers=headers)


def test_patch(api: Api) -> None:
    """PATCH accepts operations in any case, a list or a single one; each PATCH sets a new etag."""
    connection = api.create(description="Old").json()["id"]
    before = item(api, connection)
    operations = [
        {"op": "REPLACE", "path": "/name", "value": "New"},
        {"op": "remove", "path": "/description"},
    ]
    response = patch(api, connection, operations)
    assert response.status_code == 200
    after = item(api, connection)
    assert response.json() == {"id": connection, "etag": after["etag"]}
    assert after["etag"] != before["etag"]
    assert after["name"] == "New"
    assert "description" not in after
    assert after["createdAt"] == before["createdAt"] < after["updatedAt"]
    assert patch(api, connection, {"op": "Add", "path": "/description", "value": "x"}).status_code == 200
    assert item(api, connection)["description"] == "x"


def test_if_match(api: Api) -> None:
    """`If-Match` is required and must be current, with or without quotes."""
    created = api.create().json()
    path, rename = f"/connections/{created['id']}", [{"op": "add", "path": "/name", "value": "x"}]
    assert failure(api("PATCH", path, json=rename)) == "1403-400"
    stale = patch(api, created["id"], rename, '"0400117f-0000-0200-0000-62d9bca50000"')
    assert (stale.status_code, failure(stale)) == (412, "1404-412")
    assert created["etag"].strip('"') in stale.json()["errorMessage"]
    assert patch(api, created["id"], rename, created["etag"].strip('"')).status_code == 200
    assert patch(api, created["id"], rename, created["etag"]).status_code == 412
    assert patch(api, created["id"], rename).status_code == 200


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "replace", "path": "/connectionSpec", "value": {"id": MYSQL}}, "1414-400"),
        ({"op": "replace", "path": "/connectionSpec/id", "value": MYSQL}, "1414-400"),
        ({"op": "replace", "path": "/keyWhichDoesNotExist", "value": 1}, "1455-400"),
        ({"op": "replace", "path": "/id", "value": "x"}, "1455-400"),
        ({"op": "move", "path": "/name", "from": "/description"}, "1434-400"),
        ({"op": "replace", "path": "/name"}, "1455-400"),
        ({"op": "replace", "path": "/name", "value": 7}, "1455-400"),
        ({"op": "remove", "path": "/name"}, "1455-400"),
        ({"op": "replace", "path": "name", "value": "x"}, "1455-400"),
        ({"op": "replace", "value": "x"}, "1455-400"),
        ({"path": "/name", "value": "x"}, "1455-400"),
        ({"op": "replace", "path": "/state", "value": "delete-finalizing"}, "1456-400"),
        ({"op": "replace", "path": "/auth/params", "value": {"clientId": "x"}}, "1304-400"),
        ({"op": "replace", "path": "/auth/params", "value": "x"}, "1100-400"),
        ({"op": "replace", "path": "/auth/params/clientSecret", "value": 7}, "1100-400"),
        ({"op": "replace", "path": "/auth/params/nothing", "value": "x"}, "1455-400"),
        ({"op": "remove", "path": "/auth/params/clientSecret"}, "1455-400"),
        ({"op": "remove", "path": "/auth"}, "1455-400"),
        ({"op": "replace", "path": "/auth/specName", "value": "Basic Authentication"}, "1455-400"),
        (7, "1455-400"),
    ],
)
def test_patch_refusals(api: Api, operation: Any, expected: str) -> None:
    """A PATCH applies all operations or none: a valid one before an invalid one has no effect."""
    connection = api.create().json()["id"]
    before = item(api, connection)
    response = patch(api, connection, [{"op": "replace", "path": "/name", "value": "Good"}, operation])
    assert (response.status_code, failure(response)) == (400, expected)
    assert item(api, connection) == before


def test_patch_state(emulator: Emulator, api: Api) -> None:
    """A PATCH sets the catalogue's three states; `initializing` ends as it does after POST on AWS."""
    connection = api.create().json()["id"]
    for state in ("disabled", "enabled", "initializing"):
        assert patch(api, connection, [{"op": "replace", "path": "/state", "value": state}]).ok
        assert item(api, connection)["state"] == state
    emulator.advance(1)
    assert item(api, connection)["state"] == "enabled"


def test_rotation(api: Api) -> None:
    """A PATCH replaces all params or one of them; the id stays."""
    connection = api.create(secret="old").json()["id"]
    tests = f"/connections/{connection}/test"
    params = paypal_body()["auth"]["params"]
    assert patch(api, connection, [{"op": "replace", "path": "/auth/params", "value": params}]).ok
    assert api("GET", tests).json() == {"result": True}
    leaf = "/auth/params/clientSecret"
    assert patch(api, connection, [{"op": "replace", "path": leaf, "value": "wrong again"}]).ok
    assert api("GET", tests).json() == {"result": False}
    assert patch(api, connection, [{"op": "replace", "path": leaf, "value": PAYPAL_SECRET}]).ok
    assert api("GET", tests).json() == {"result": True}
    assert item(api, connection)["auth"]["params"] == {"host": "api.sandbox.paypal.com"}


def test_delete(emulator: Emulator, api: Api) -> None:
    """DELETE returns 204; it is refused while a source connection uses the connection."""
    connection = api.create().json()["id"]
    source = api.create_source(connection).json()["id"]
    response = api("DELETE", f"/connections/{connection}")
    assert (response.status_code, failure(response)) == (400, "1418-400")
    assert connection in response.json()["errorMessage"]
    assert api("DELETE", f"/sourceConnections/{source}").status_code == 204
    response = api("DELETE", f"/connections/{connection}/")
    assert (response.status_code, response.content) == (204, b"")
    for method in ("GET", "DELETE"):
        response = api(method, f"/connections/{connection}")
        assert (response.status_code, failure(response)) == (404, "1439-404")
        assert response.json()["report"]["id"] == connection
        assert response.json()["report"]["type"] == "connections"
    assert emulator.state()["connections"] == 0


def test_other_sandbox(emulator: Emulator, api: Api) -> None:
    """An entity of `prod` does not exist in `dev`."""
    created = api.create().json()
    dev = emulator.api(sandbox="dev")
    path = f"/connections/{created['id']}"
    assert dev("GET", path).status_code == 404
    assert dev("GET", path + "/test").status_code == 404
    assert dev("DELETE", path).status_code == 404
    rename = [{"op": "add", "path": "/name", "value": "x"}]
    assert dev("PATCH", path, json=rename, headers={"If-Match": created["etag"]}).status_code == 404
    assert dev("GET", "/connections").json()["items"] == []
    assert dev.create_source(created["id"]).status_code == 404
    assert emulator.state()["connections"] == 1


def test_other_source(api: Api) -> None:
    """Any documented source can be connected; a value that contains `wrong` is wrong."""
    body = {
        "name": "MySQL",
        "auth": {"specName": "Connection String Based Authentication", "params": {"connectionString": "x"}},
        "connectionSpec": {"id": MYSQL, "version": "1.0"},
    }
    right = api("POST", "/connections", json=body).json()["id"]
    assert api("GET", f"/connections/{right}/test").json()["result"]
    assert api("GET", f"/connections/{right}/explore", params={"objectType": "root"}).json()
    assert item(api, right)["auth"]["params"] == {}
    body["auth"]["params"]["connectionString"] = "wrong"  # type: ignore[index]
    wrong = api("POST", "/connections", json=body).json()["id"]
    assert not api("GET", f"/connections/{wrong}/test").json()["result"]


def test_drafts(api: Api) -> None:
    """A draft can lack credentials, cannot be used, and becomes a connection when it is published."""
    body = {name: part for name, part in paypal_body().items() if name != "auth"}
    draft = api("POST", "/connections?mode=draft", json=body).json()["id"]
    url = f"/connections/{draft}"

    def item() -> Any:
        return api("GET", url).json()["items"][0]

    assert item()["state"] == "draft"
    assert api("GET", f"{url}/test").json() == {"result": False}
    assert failure(api.create_source(draft)) == "1100-400"
    assert failure(api("POST", f"{url}/action?op=publish")) == "1304-400"
    for path, value, status in (
        ("/state", "enabled", 400),
        ("/auth/params", paypal_body()["auth"]["params"], 400),
        ("/auth", {"specName": "Another", "params": {}}, 400),
        ("/auth", {"specName": 7}, 400),
        ("/auth", paypal_body()["auth"], 200),
    ):
        patch = [{"op": "add", "path": path, "value": value}]
        response = api("PATCH", url, json=patch, headers={"If-Match": item()["etag"]})
        assert response.status_code == status, response.text
    etag = item()["etag"]
    reply = api("POST", f"{url}/action?op=PUBLISH&subOp=APPLY").json()
    assert reply == {"id": draft, "etag": item()["etag"]} != {"id": draft, "etag": etag}
    assert item()["state"] == "enabled"
    assert api("GET", f"{url}/test").json() == {"result": True}
    assert api.create_source(draft).status_code == 201
    assert failure(api("POST", f"{url}/action?op=publish")) == "1422-400"
    assert failure(api("POST", "/connections?mode=other", json=body)) == "1368-400"
