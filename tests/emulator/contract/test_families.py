"""Sources of every family conform to Adobe's OpenAPI, or to the tutorial that contradicts it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.contract.recording import CheckedPath
from tests.harness.documented_sources import rows
from tests.harness.platform import spec

LANDING_ZONE, LAVA = "26f526f2-58f4-4712-961d-e41bf1ccc0e8", "232dfabe-27aa-41c0-a7cf-9961661dc68b"
FILES, REST = "9753525b-82c7-4dce-8a9b-5ccfce2b9876", "6499120c-0b15-42dc-936e-847ea3c24d72"
GENERIC = "e77fde5a-22a8-11ed-861d-0242ac120002"
COLUMNS = {"id": {"type": "string"}}


def test_specs(path: CheckedPath) -> None:
    """Every spec conforms, an added one too."""
    path.emulator.control("POST", "connectionSpecs", {"name": "Abacus"})
    for kind in ("connectionSpecs", "flowSpecs"):
        for one in path.flows(200, "GET", f"/{kind}")["items"]:
            path.flows(200, "GET", f"/{kind}/{one['id']}")


@pytest.mark.parametrize("row", rows(), ids=str)
def test_base_connections(path: CheckedPath, row: Any) -> None:
    """A base connection conforms when it is created, read, tested, explored and refused."""
    base = path.flows(201, "POST", "/connections", json=row.body(**row.params(optional=True)))["id"]
    path.flows(200, "GET", f"/connections/{base}")
    path.flows(200, "GET", "/connections")
    path.flows(200, "GET", f"/connections/{base}/test")
    path.flows(200, "GET", f"/connections/{base}/explore", params={"objectType": "root"})
    path.flows(400, "POST", "/connections", json=row.body(**{row.required[0]: None}))


def test_files(path: CheckedPath) -> None:
    """The landing zone conforms, from its folders to a dataflow."""
    url = f"/connectionSpecs/{LANDING_ZONE}/explore"
    path.flows(200, "GET", url, params={"objectType": "root"})
    path.flows(200, "GET", url, params={"objectType": "folder", "object": "dlz-user-container/orders"})
    read = {"objectType": "file", "object": "dlz-user-container/customers.csv", "preview": "true"}
    path.flows(200, "GET", url, params={**read, "determineProperties": "true"})
    path.flows(200, "GET", url, params={**read, "fileType": "delimited", "columnDelimiter": ","})
    path.flows(400, "GET", url, params=read)
    source = {"name": "Zone", "connectionSpec": spec(LANDING_ZONE), "data": {"format": "delimited"}}
    source["params"] = {"path": "dlz-user-container/orders/*.csv", "recursive": "true"}
    source_id = path.flows(201, "POST", "/sourceConnections", json=source)["id"]
    path.flows(200, "GET", f"/sourceConnections/{source_id}")
    schedule = {"startTime": path.now(), "frequency": "once"}
    flow = path.flow(path.joined(source_id, FILES, COLUMNS, scheduleParams=schedule))
    path.advance(10)
    path.flows(200, "GET", f"/flows/{flow}")
    path.flows(200, "GET", f"/runs/{path.runs(flow)[0]['id']}")


def test_resources(path: CheckedPath) -> None:
    """A self-serve source conforms."""
    row = next(row for row in rows() if row.source["family"] == "rest")
    base = path.flows(201, "POST", "/connections", json=row.body())["id"]
    query = {"objectType": "rest", "object": "json", "fileType": "json", "preview": "true"}
    path.flows(200, "GET", f"/connections/{base}/explore", params={**query, "sourceParams": "e30"})
    source = {"name": "Records", "connectionSpec": spec(row.source["id"]), "data": {"format": "json"}}
    source |= {"baseConnectionId": base, "params": {"resourcePath": "charges"}}
    source_id = path.flows(201, "POST", "/sourceConnections", json=source)["id"]
    path.flows(200, "GET", f"/flows/{path.flow(path.joined(source_id, REST, COLUMNS))}")


def test_webhooks(path: CheckedPath) -> None:
    """A stream without a base connection conforms."""
    source = {"name": "LAVA", "connectionSpec": spec(LAVA), "data": {"format": "json"}}
    source_id = path.flows(201, "POST", "/sourceConnections", json=source)["id"]
    flow = path.flow(path.joined(source_id, GENERIC, COLUMNS))
    path.flows(200, "GET", f"/flows/{flow}")
    path.flows(200, "GET", "/flows")
    path.flows(400, "GET", f"/connectionSpecs/{LAVA}/explore", params={"objectType": "root"})
