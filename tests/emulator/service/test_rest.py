"""Test self-serve REST sources: resources instead of tables, records in JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.harness.documented_sources import Row, rows
from tests.harness.platform import Platform, failure, made, replaced, spec

REST = "6499120c-0b15-42dc-936e-847ea3c24d72"
SOURCES = [row for row in rows() if row.source["family"] == "rest"]
STRIPE = next(row for row in SOURCES if row.source["name"] == "Stripe")
ZENDESK = next(row for row in SOURCES if row.source["name"] == "Zendesk")
PATHS = ["charges", "subscriptions", "refunds", "balance_transactions", "customers", "prices"]
CHARGE = {"id": {"type": "string"}, "amount": {"type": "integer"}, "paid": {"type": "boolean"}}
DAY = 86400


def base(path: Platform, row: Row = STRIPE, **params: Any) -> str:
    """Create a base connection."""
    return str(made(path.api("POST", "/connections", json=row.body(**params)))["id"])


def encoded(params: object) -> str:
    """Encode `sourceParams` as the tutorials do."""
    return base64.b64encode(json.dumps(params).encode()).decode()


def explore(path: Platform, base_id: str, **query: str) -> Any:
    """Return the reply, or the code of the error."""
    given = {"objectType": "rest", "object": "json", "fileType": "json", "preview": "true", **query}
    response = path.api("GET", f"/connections/{base_id}/explore", params=given)
    return response.json() if response.status_code == 200 else failure(response)


@pytest.mark.parametrize("row", SOURCES, ids=str)
def test_explore(path: Platform, row: Row) -> None:
    """A source with a single resource shows records and their schema without `sourceParams`."""
    found = explore(path, base(path, row), sourceParams="e30")
    assert found["format"] == "hierarchical"
    (record, *_) = found["data"]
    assert set(record) == set(found["schema"]["properties"])
    listed = explore(path, base(path, row), objectType="root")
    assert {entry["type"] for entry in listed} == {"rest"}
    for entry in listed:
        named = encoded({"resourcePath": entry["path"]})
        assert explore(path, base(path, row), object=entry["path"]) == explore(
            path, base(path, row), sourceParams=named
        )


def test_resources(path: Platform) -> None:
    """Each resource of Stripe has its own records, below `data` as in its tutorial."""
    base_id = base(path)
    assert [entry["path"] for entry in explore(path, base_id, objectType="root")] == PATHS
    keys = set()
    for resource in PATHS:
        found = explore(path, base_id, sourceParams=encoded({"resourcePath": resource}))
        schema = found["schema"]["properties"]["data"]["properties"]
        assert set(found["data"][0]["data"]) == set(schema)
        assert schema["created"] == {"type": "integer"}
        keys.add(found["data"][0]["data"]["id"])
    assert len(keys) == len(PATHS)
    assert "data" not in explore(path, base_id, preview="false")
    assert explore(path, base(path, ZENDESK))["data"][0]["result"]["id"]


def test_source_params(path: Platform) -> None:
    """`sourceParams` can lack padding, be percent-encoded or have a stray back-tick; the rest is refused."""
    base_id = base(path)
    refunds = encoded({"resourcePath": "refunds"})
    tick = base64.b64encode(b'`{"resourcePath": "refunds"}').decode()
    expected = explore(path, base_id, sourceParams=refunds)
    assert expected["data"][0]["data"]["id"].startswith("re_")
    for text in (refunds.rstrip("="), tick):
        assert explore(path, base_id, sourceParams=text) == expected
    for bad in ("{}", "%%%", encoded([]), encoded("refunds"), base64.b64encode(b"\xff").decode()):
        assert explore(path, base_id, sourceParams=bad) == "1389-400"
    for unknown in ("nothing", 7, ["refunds"]):
        text = encoded({"resourcePath": unknown})
        assert explore(path, base_id, sourceParams=text) == "1312-400"
    assert explore(path, base_id, fileType="delimited") == "1312-400"
    assert explore(path, base_id, objectType="table", object="charges") == "1358-400"
    assert explore(path, base_id, object="") == "1337-400"


def body(base_id: str, row: Row = STRIPE, **params: Any) -> dict[str, Any]:
    """Return the body of a source connection."""
    return {
        "name": "Records",
        "baseConnectionId": base_id,
        "data": {"format": "json"},
        "params": params,
        "connectionSpec": spec(row.source["id"]),
    }


def test_dataflow(path: Platform) -> None:
    """Records pass the mapping, whose columns are below `data`; the next run reads only new ones."""
    source = made(path.api("POST", "/sourceConnections", json=body(base(path), resourcePath="charges")))["id"]
    schedule = {"startTime": path.now(), "frequency": "day", "interval": 1}
    flow = path.flow(path.joined(source, REST, CHARGE, prefix="data.", scheduleParams=schedule))
    path.advance(10)
    assert len(path.rows()) == 300
    assert path.rows()[0]["_emulator"]["id"] == "ch_00000"
    assert isinstance(path.rows()[0]["_emulator"]["paid"], bool)
    path.advance(DAY)
    assert [run["state"] for run in path.runs(flow)] == ["success", "success"]
    assert len(path.rows()) == 303


def test_an_unknown_resource(path: Platform) -> None:
    """The run fails and names the unknown resource."""
    source = made(path.api("POST", "/sourceConnections", json=body(base(path), resourcePath="none")))["id"]
    flow = path.flow(path.joined(source, REST, CHARGE))
    path.advance(10)
    (run,) = path.runs(flow)
    assert run["state"] == "failed"
    assert "none" in run["activities"][0]["statusSummary"]["extensions"]["errorDetail"]


def test_format(path: Platform) -> None:
    """Only the format JSON is accepted."""
    response = path.api(
        "POST", "/sourceConnections", json={**body(base(path)), "data": {"format": "tabular"}}
    )
    assert failure(response) == "1327-400"


def test_when_credentials_are_checked(path: Platform) -> None:
    """A source with `authorizationTestUrl` checks at once (Generic REST tutorial), others at collection."""
    told = next(row for row in SOURCES if "authorizationTestUrl" in row.auth["optional"])
    url = "https://example.com/me"
    response = path.api("POST", "/connections", json=told.body(accessToken="wrong", authorizationTestUrl=url))
    assert failure(response) == "1308-400"
    assert path.emulator.state()["connections"] == 0
    base(path, told, authorizationTestUrl=url)
    late = base(path, told, accessToken="wrong")
    assert failure(path.api("POST", "/sourceConnections", json=body(late, told))) == "1308-400"
    etag = path.get("connections", late)["etag"]
    patch = replaced("/auth/params/accessToken", "right")
    made(path.api("PATCH", f"/connections/{late}", json=patch, headers={"If-Match": etag}), 200)
    made(path.api("POST", "/sourceConnections", json=body(late, told)))
