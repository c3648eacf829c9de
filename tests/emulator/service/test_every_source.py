"""Test every documented source with every documented authentication type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.harness import canary
from tests.harness import documented_sources as documented
from tests.harness.documented_sources import Row, is_secret
from tests.harness.emulator import Api, Emulator
from tests.harness.platform import failure

ROWS = pytest.mark.parametrize("row", documented.rows(), ids=str)


@ROWS
def test_schema(api: Api, row: Row) -> None:
    """The spec has the documented parameters, which are required, and marks the secrets."""
    (spec,) = api("GET", f"/connectionSpecs/{row.source['id']}").json()["items"]
    assert spec["name"] == row.source["name"]
    (auth,) = (auth for auth in spec["authSpec"] if auth["name"] == row.auth["name"])
    schema = auth["spec"]
    assert list(schema["properties"]) == row.auth["required"] + row.auth["optional"]
    assert schema["required"] == row.required
    for name, prop in schema["properties"].items():
        assert (prop.get("format") == "password") == is_secret(name), name
        assert prop.get("default") == row.auth.get("defaults", {}).get(name), name


@ROWS
def test_right_parameters(api: Api, row: Row) -> None:
    """The documented parameters are accepted, also with the optional ones; the credentials are right."""
    for body in (row.body(), row.body(**row.params(optional=True))):
        response = api("POST", "/connections", json=body)
        assert response.status_code == 201, response.text
        assert api("GET", f"/connections/{response.json()['id']}/test").json() == {"result": True}


@ROWS
def test_missing_parameters(emulator: Emulator, api: Api, row: Row) -> None:
    """An error names each required parameter that is missing or empty, and nothing is stored."""
    for name in row.required:
        response = api("POST", "/connections", json=row.body(**{name: None}))
        assert failure(response) == "1304-400"
        assert f" {name} " in response.json()["errorMessage"]
        for bad in (7.5, {}, []):
            response = api("POST", "/connections", json=row.body(**{name: bad}))
            assert failure(response) == "1100-400"
            assert name in response.json()["errorMessage"]
    assert emulator.state()["connections"] == 0


@ROWS
def test_wrong_parameters(api: Api, row: Row) -> None:
    """Any parameter whose value contains `wrong` makes the credentials wrong."""
    name = next((name for name in reversed(row.auth["required"]) if name not in documented.NUMBERS), "")
    base = api("POST", "/connections", json=row.body(**{name: "the wrong one"})).json()["id"]
    assert api("GET", f"/connections/{base}/test").json() == {"result": False}
    response = api("GET", f"/connections/{base}/explore", params={"objectType": "root"})
    assert failure(response) == "1308-400"


@ROWS
def test_explore(api: Api, row: Row) -> None:
    """The root has entries, and its first readable entry has columns and rows."""
    base = api("POST", "/connections", json=row.body()).json()["id"]

    def explore(**query: str) -> Any:
        response = api("GET", f"/connections/{base}/explore", params=query)
        assert response.status_code == 200, response.text
        return response.json()

    root = explore(objectType="root")
    entries = root["items"] if isinstance(root, dict) else root
    entry = next(entry for entry in entries if entry["canPreview"] and entry["canFetchSchema"])
    more = {"determineProperties": "true"} if entry["type"] == "file" else {}
    found = explore(objectType=entry["type"], object=entry["path"], preview="true", **more)
    schema = found["schema"]
    names = [c["name"] for c in schema["columns"]] if "columns" in schema else list(schema["properties"])
    assert found["data"]
    assert all(list(record) == names for record in found["data"])


def test_no_secret_is_kept(tmp_path: Path) -> None:
    """GET shows no secret; the search after the test finds none in state file, log and output."""
    with Emulator("--state", str(tmp_path / "state.db")) as emulator:
        api = emulator.api()
        for row in documented.rows():
            made = api("POST", "/connections", json=row.body())
            assert made.status_code == 201, made.text
            assert canary.find_any(api("GET", f"/connections/{made.json()['id']}").text) == [], row
