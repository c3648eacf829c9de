"""Test changed offers: withdrawn sources, new sources, and specs that differ from the documented ones."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
import requests

from tests.harness.documented_sources import rows
from tests.harness.emulator import PAYPAL_SPEC, PRODUCTS, Api, Emulator
from tests.harness.platform import BASE_ROWS, Platform, failure, made

CRM = "14518937-270c-4525-bdec-c2ba7cce3860"
MYSQL = "26d738e0-8963-47ea-aadf-c60de735468a"
NEW = {
    "name": "Abacus",
    "authSpec": [
        {
            "name": "Bead Authentication",
            "spec": {
                "type": "object",
                "properties": {
                    "rods": {"type": "integer", "minimum": 1},
                    "beadKey": {"type": "string", "format": "password"},
                },
                "required": ["rods", "beadKey"],
            },
        }
    ],
}


def create(api: Api, spec_id: str, **params: Any) -> requests.Response:
    """Create a connection of the new source."""
    auth = {"specName": "Bead Authentication", "params": params}
    body = {"name": "Abacus", "auth": auth, "connectionSpec": {"id": spec_id, "version": "1.0"}}
    return api("POST", "/connections", json=body)


def test_a_spec_nobody_knows(emulator: Emulator, api: Api) -> None:
    """A new spec is validated by its own schema, explored, and in a flow spec; a reset removes it."""
    spec = emulator.control("POST", "connectionSpecs", NEW)
    assert made(api("GET", f"/connectionSpecs/{spec['id']}"), 200)["items"] == [spec]
    assert made(api("GET", "/connectionSpecs?property=name==Abacus"), 200)["items"] == [spec]
    for params, complaint in (
        ({"rods": 13}, "1304-400"),
        ({"rods": 0, "beadKey": "x"}, "1100-400"),
        ({"rods": "13", "beadKey": "x"}, "1100-400"),
    ):
        assert failure(create(api, spec["id"], **params)) == complaint
    base = made(create(api, spec["id"], rods=13, beadKey="canary"))["id"]
    assert "canary" not in api("GET", f"/connections/{base}").text
    assert made(api("GET", f"/connections/{base}/test"), 200) == {"result": True}
    root = made(api("GET", f"/connections/{base}/explore", params={"objectType": "root"}), 200)
    assert [entry["type"] for entry in root] == ["table"] * len(root)
    assert spec["id"] in made(api("GET", f"/flowSpecs/{CRM}"), 200)["items"][0]["sourceConnectionSpecIds"]
    emulator.reset()
    assert emulator.api()("GET", f"/connectionSpecs/{spec['id']}").status_code == 404


def test_any_schema(emulator: Emulator, api: Api) -> None:
    """For any JSON Schema, an error names the field and the failed rule."""
    schema = {
        "properties": {
            "mode": {"enum": ["fast", "slow"]},
            "tls": {"type": "object", "properties": {"key": {}}, "required": ["key"]},
        },
        "additionalProperties": False,
        "anyOf": [{"required": ["mode"]}, {"required": ["tls"]}],
    }
    offer = {"name": "Abacus", "authSpec": [{"name": "Bead Authentication", "spec": schema}]}
    spec = emulator.control("POST", "connectionSpecs", offer)
    for params, complaint, words in (
        ({"mode": "idle"}, "1100-400", "auth.params.mode does not match enum"),
        ({"tls": {}}, "1304-400", "The mandatory field tls.key"),
        ({"mode": "fast", "more": 1}, "1100-400", "auth.params does not match additionalProperties"),
        ({}, "1100-400", "auth.params does not match anyOf"),
    ):
        response = create(api, spec["id"], **params)
        assert failure(response) == complaint
        assert words in response.json()["errorMessage"]
    made(create(api, spec["id"], mode="fast"))


def test_a_spec_that_changed(emulator: Emulator, api: Api) -> None:
    """A documented source can have a live spec with other parameters."""
    (row,) = (row for row in rows() if row.source["id"] == MYSQL)
    (spec,) = made(api("GET", f"/connectionSpecs/{MYSQL}"), 200)["items"]
    spec["authSpec"][0]["spec"]["required"].append("sslMode")
    spec["authSpec"][0]["spec"]["properties"]["sslMode"] = {"type": "string"}
    assert emulator.control("POST", "connectionSpecs", spec) == spec
    assert len(made(api("GET", "/connectionSpecs"), 200)["items"]) == 65
    assert failure(api("POST", "/connections", json=row.body())) == "1304-400"
    made(api("POST", "/connections", json=row.body(sslMode="require")))


def test_withdrawn_by_the_control_plane(emulator: Emulator, api: Api) -> None:
    """A withdrawn source does not exist until the control plane or a reset restores it."""
    base = made(api.create())["id"]
    emulator.control("DELETE", f"connectionSpecs/{PAYPAL_SPEC}")
    assert failure(api.create()) == "1413-400"
    assert failure(api("GET", f"/connectionSpecs/{PAYPAL_SPEC}")) == "1439-404"
    (crm,) = made(api("GET", f"/flowSpecs/{CRM}"), 200)["items"]
    assert PAYPAL_SPEC not in crm["sourceConnectionSpecIds"]
    assert made(api("GET", f"/connections/{base}"), 200)
    assert failure(api("GET", f"/connections/{base}/explore", params={"objectType": "root"})) == "1413-400"
    with pytest.raises(requests.HTTPError, match="404"):
        emulator.control("DELETE", f"connectionSpecs/{PAYPAL_SPEC}")
    emulator.reset()
    made(emulator.api().create())


def test_offers_survive_a_restart(tmp_path: Path) -> None:
    """With `--state`, changed offers survive a restart."""
    file = str(tmp_path / "state.db")
    with Emulator("--state", file) as emulator:
        spec = emulator.control("POST", "connectionSpecs", {**NEW, "family": "file"})
        emulator.control("DELETE", f"connectionSpecs/{MYSQL}")
    with Emulator("--state", file) as emulator:
        api = emulator.api()
        assert made(api("GET", f"/connectionSpecs/{spec['id']}"), 200)["items"] == [spec]
        assert api("GET", f"/connectionSpecs/{MYSQL}").status_code == 404


@pytest.mark.parametrize(
    "offer",
    [
        [],
        {},
        {"name": ""},
        {"name": 7},
        {"name": "x", "id": 7},
        {"name": "x", "family": "cloud"},
        {"name": "x", "authSpec": {}},
        {"name": "x", "authSpec": [{"name": "y"}]},
        {"name": "x", "authSpec": [{"name": "y", "spec": {"type": "nonsense"}}]},
        {"name": "x", "authSpec": [{"name": "y", "spec": {"properties": {"a": True}}}]},
        {"name": "x", "authSpec": [{"name": "y", "spec": {"required": "a"}}]},
        {"name": "x", "sourceSpec": 7},
    ],
    ids=str,
)
def test_bad_offers(emulator: Emulator, offer: Any) -> None:
    """An invalid spec gets 400, and none is offered."""
    with pytest.raises(requests.HTTPError, match="400"):
        emulator.control("POST", "connectionSpecs", offer)
    assert len(emulator.api()("GET", "/connectionSpecs").json()["items"]) == 65


def test_withdrawn_from_the_start() -> None:
    """`--withdrawn` accepts names in any spelling and ids, can repeat, and outlasts a reset."""
    arguments = ("--withdrawn", f"paypal, Salesforce-Marketing-Cloud,{MYSQL}", "--withdrawn", "amazon s3")
    with Emulator(*arguments) as emulator:
        emulator.reset()
        api = emulator.api()
        names = {spec["name"] for spec in api("GET", "/connectionSpecs").json()["items"]}
        assert len(names) == 61
        assert names.isdisjoint({"PayPal", "Salesforce Marketing Cloud", "MySQL", "Amazon S3"})
        assert failure(api.create()) == "1413-400"


def test_withdrawn_needs_a_source() -> None:
    """A typo in `--withdrawn` ends the emulator with an error."""
    command = [sys.executable, "-m", "airflow_provider_aep.emulator", "--withdrawn", "paypal,paypall"]
    result = run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "there is no source 'paypall'" in result.stderr


def shown(path: Platform, base: str, table: str = PRODUCTS) -> dict[str, Any]:
    """Explore a table of PayPal, with its first rows."""
    query = {"objectType": "table", "object": table, "preview": "true"}
    reply: dict[str, Any] = made(path.api("GET", f"/connections/{base}/explore", params=query), 200)
    return reply


def test_changed_columns(emulator: Emulator, path: Platform) -> None:
    """`/explore` and runs have the new columns and types until a reset; other tables keep theirs."""
    base = path.base()
    before, other = shown(path, base), shown(path, base, "PayPal.Billing_Plans")
    change = {"Colour": "string", "Weight": "double", "Description": None, "Product_Name": "boolean"}
    order = {"table": PRODUCTS, "columns": change}
    reply = emulator.control("POST", f"connectionSpecs/{PAYPAL_SPEC}/columns", order)
    after = shown(path, base)
    assert after["schema"]["columns"] == reply["items"]
    types = {column["name"]: column["type"] for column in reply["items"]}
    assert types == {
        "Product_Id": "string",
        "Product_Name": "boolean",
        "Create_Time": "string",
        "Colour": "string",
        "Weight": "double",
    }
    assert [set(row) for row in after["data"]] == [set(types)] * len(after["data"])
    assert all(isinstance(row["Product_Name"], bool) and row["Weight"] > 0 for row in after["data"])
    assert shown(path, base, "PayPal.Billing_Plans") == other
    path.flow(path.once())
    path.advance(10)
    assert len(path.rows()) == BASE_ROWS
    assert not any("Description" in row["_emulator"] for row in path.rows())
    emulator.control("POST", f"connectionSpecs/{PAYPAL_SPEC}/columns", {**order, "columns": {"Weight": None}})
    assert "Weight" not in shown(path, base)["data"][0]
    emulator.reset()
    fresh = Platform(emulator)
    assert shown(fresh, fresh.base()) == before


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"table": PRODUCTS},
        {"table": "PayPal.None", "columns": {}},
        {"table": PRODUCTS, "columns": {"Colour": "colour"}},
        {"table": PRODUCTS, "columns": {"Colour": []}},
        {"table": PRODUCTS, "columns": {"": "string"}},
        {"table": PRODUCTS, "columns": {"Product_Id": None}},
        {"table": PRODUCTS, "columns": {"Description": None, "Product_Id": "string"}},
    ],
    ids=str,
)
def test_changed_columns_that_are_invalid(emulator: Emulator, path: Platform, order: dict[str, Any]) -> None:
    """Refused whole: 400, and every column stays. An unknown spec is 404."""
    base = path.base()
    before = shown(path, base)
    for spec_id, status in ((PAYPAL_SPEC, 400), ("nowhere", 404)):
        url = f"{emulator.url}/_emulator/connectionSpecs/{spec_id}/columns"
        assert requests.post(url, json=order, timeout=10).status_code == status
    assert shown(path, base) == before
