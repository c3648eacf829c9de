"""Test connection specs, flow specs and source connections."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.emulator import PAYPAL_AUTH, PAYPAL_SPEC, Api, Emulator

CRM = "14518937-270c-4525-bdec-c2ba7cce3860"
FILES = "9753525b-82c7-4dce-8a9b-5ccfce2b9876"
MYSQL = "26d738e0-8963-47ea-aadf-c60de735468a"
LANDING_ZONE = "26f526f2-58f4-4712-961d-e41bf1ccc0e8"


def test_paypal_spec(api: Api) -> None:
    """The spec has the documented parameters; the secret is marked, the host has its default."""
    (spec,) = api("GET", f"/connectionSpecs/{PAYPAL_SPEC}").json()["items"]
    assert (spec["id"], spec["name"], spec["version"]) == (PAYPAL_SPEC, "PayPal", "1.0")
    (auth,) = spec["authSpec"]
    assert auth["name"] == PAYPAL_AUTH
    properties = auth["spec"]["properties"]
    assert set(properties) == {"host", "clientId", "clientSecret"}
    assert properties["clientSecret"]["format"] == "password"
    assert "format" not in properties["clientId"]
    assert properties["host"]["default"] == "api.sandbox.paypal.com"
    assert auth["spec"]["required"] == ["clientId", "clientSecret"]


def test_all_specs(api: Api) -> None:
    """There are 65 ids; every authentication type has `required` and marks its secrets."""
    specs = api("GET", "/connectionSpecs").json()["items"]
    assert len({spec["id"] for spec in specs}) == len(specs) == 65
    for spec in specs:
        for auth in spec["authSpec"]:
            assert set(auth["spec"]["required"]) <= set(auth["spec"]["properties"])
            for name, schema in auth["spec"]["properties"].items():
                secret = any(word in name.lower() for word in ("secret", "password", "connectionstring"))
                assert not secret or schema["format"] == "password", name
    found = api("GET", "/connectionSpecs", params={"property": 'name=="Amazon S3"'}).json()["items"]
    assert [auth["name"] for auth in found[0]["authSpec"]] == ["Access Key", "IAMRole Based"]
    assert api("GET", "/connectionSpecs/nothing").status_code == 404
    assert api("GET", "/connectionSpecs", params={"limit": 1}).status_code == 400


def test_flow_specs(api: Api) -> None:
    """Flow specs are found by name and by id."""
    (crm,) = api("GET", "/flowSpecs", params={"property": 'name=="CRMToAEP"'}).json()["items"]
    assert crm == api("GET", f"/flowSpecs/{CRM}").json()["items"][0]
    assert {PAYPAL_SPEC, MYSQL} <= set(crm["sourceConnectionSpecIds"])
    assert [t["name"] for t in crm["transformationSpecs"]] == ["Copy", "Mapping"]
    assert crm["scheduleSpec"]["spec"]["required"] == ["startTime", "frequency"]
    everything = api("GET", "/flowSpecs").json()["items"]
    assert [spec["id"] for spec in everything][:2] == [CRM, FILES]
    assert api("GET", "/flowSpecs/nothing").status_code == 404


def test_source_connection(emulator: Emulator, api: Api) -> None:
    """A source connection is created for a base connection, and found by it."""
    base, other = api.create("a").json()["id"], api.create("b").json()["id"]
    response = api.create_source(base)
    assert response.status_code == 201
    source = response.json()["id"]
    assert response.headers["Location"].endswith("/sourceConnections/" + source)
    (item,) = api("GET", f"/sourceConnections/{source}").json()["items"]
    assert item["baseConnectionId"] == base
    assert item["inheritedAttributes"]["baseConnection"]["id"] == base
    assert item["params"] == {"tableName": "PayPal.Catalog_Products"}
    assert item["etag"] == response.json()["etag"]
    api.create_source(other)

    def found(condition: str) -> list[str]:
        reply = api("GET", "/sourceConnections", params={"property": condition}).json()
        return [entry["id"] for entry in reply["items"]]

    assert found(f"baseConnectionId=={base}") == [source]
    assert found("params.tableName==PayPal.Catalog_Products")[0] == source
    assert emulator.state()["sourceConnections"] == 2
    assert api("DELETE", f"/sourceConnections/{source}").status_code == 204
    assert api("GET", f"/sourceConnections/{source}").status_code == 404
    assert emulator.state()["sourceConnections"] == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"baseConnectionId": "nothing"}, "1101-404"),
        ({"baseConnectionId": None}, "1304-400"),
        ({"baseConnectionId": 7}, "1100-400"),
        ({"connectionSpec": {"id": MYSQL, "version": "1.0"}}, "1413-400"),
        ({"connectionSpec": None}, "1413-400"),
        ({"name": None}, "1304-400"),
        ({"data": None}, "1100-400"),
        ({"data": {}}, "1304-400"),
        ({"data": {"format": "xml"}}, "1327-400"),
        ({"data": {"format": ["tabular"]}}, "1100-400"),
        ({"data": {"format": {}}}, "1100-400"),
        ({"params": "x"}, "1100-400"),
    ],
)
def test_source_connection_refusals(api: Api, change: dict[str, Any], expected: str) -> None:
    """Each missing or mistyped field is refused."""
    body = {
        "name": "Products",
        "baseConnectionId": api.create().json()["id"],
        "data": {"format": "tabular"},
        "connectionSpec": {"id": PAYPAL_SPEC, "version": "1.0"},
        **change,
    }
    response = api("POST", "/sourceConnections", json=body)
    assert response.json()["type"].endswith(f"FLOW-{expected}"), response.text


def test_source_without_base(api: Api) -> None:
    """A source without authentication types needs no base connection."""
    body = {
        "name": "Files",
        "data": {"format": "delimited"},
        "connectionSpec": {"id": LANDING_ZONE, "version": "1.0"},
    }
    assert api("POST", "/sourceConnections", json=body).status_code == 201
