"""Sources of every family keep to Adobe's OpenAPI, or to the tutorial that contradicts it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.contract.test_path import Checked
from tests.harness.contract import openapi
from tests.harness.documented import rows
from tests.harness.emulator import Emulator
from tests.harness.emulator_path import spec

pytestmark = pytest.mark.skipif(
    openapi.openapi_dir() is None,
    reason="AEP_OPENAPI_DIR does not name the folder of Adobe's OpenAPI files",
)
LANDING_ZONE, LAVA = "26f526f2-58f4-4712-961d-e41bf1ccc0e8", "232dfabe-27aa-41c0-a7cf-9961661dc68b"
FILES, REST = "9753525b-82c7-4dce-8a9b-5ccfce2b9876", "6499120c-0b15-42dc-936e-847ea3c24d72"
GENERIC = "e77fde5a-22a8-11ed-861d-0242ac120002"
COLUMNS = {"id": {"type": "string"}}


@pytest.fixture
def path(emulator: Emulator) -> Checked:
    """Checked calls; the clock stands."""
    path = Checked(emulator)
    path.stop_clock()
    return path


def test_specs(path: Checked) -> None:
    """All of them, with one that the control plane added."""
    path.emulator.control("POST", "connectionSpecs", {"name": "Abacus"})
    for kind in ("connectionSpecs", "flowSpecs"):
        for one in path.flows(200, "GET", f"/{kind}")["items"]:
            path.flows(200, "GET", f"/{kind}/{one['id']}")


@pytest.mark.parametrize("row", rows(), ids=str)
def test_base_connections(path: Checked, row: Any) -> None:
    """Created, shown, tested, explored, refused."""
    base = path.flows(201, "POST", "/connections", json=row.body(**row.params(optional=True)))["id"]
    path.flows(200, "GET", f"/connections/{base}")
    path.flows(200, "GET", "/connections")
    path.flows(200, "GET", f"/connections/{base}/test")
    path.flows(200, "GET", f"/connections/{base}/explore", params={"objectType": "root"})
    path.flows(400, "POST", "/connections", json=row.body(**{row.required[0]: None}))


def test_files(path: Checked) -> None:
    """The landing zone, from its folders to a dataflow."""
    place = f"/connectionSpecs/{LANDING_ZONE}/explore"
    path.flows(200, "GET", place, params={"objectType": "root"})
    path.flows(200, "GET", place, params={"objectType": "folder", "object": "dlz-user-container/orders"})
    read = {"objectType": "file", "object": "dlz-user-container/customers.csv", "preview": "true"}
    path.flows(200, "GET", place, params={**read, "determineProperties": "true"})
    path.flows(200, "GET", place, params={**read, "fileType": "delimited", "columnDelimiter": ","})
    path.flows(400, "GET", place, params=read)
    source = {"name": "Zone", "connectionSpec": spec(LANDING_ZONE), "data": {"format": "delimited"}}
    source["params"] = {"path": "dlz-user-container/orders/*.csv", "recursive": "true"}
    source_id = path.flows(201, "POST", "/sourceConnections", json=source)["id"]
    path.flows(200, "GET", f"/sourceConnections/{source_id}")
    schedule = {"startTime": path.now(), "frequency": "once"}
    flow = path.flow(path.joined(source_id, FILES, COLUMNS, scheduleParams=schedule))
    path.advance(10)
    path.flows(200, "GET", f"/flows/{flow}")
    path.flows(200, "GET", f"/runs/{path.runs(flow)[0]['id']}")


def test_resources(path: Checked) -> None:
    """A self-serve source."""
    row = next(row for row in rows() if row.source["family"] == "rest")
    base = path.flows(201, "POST", "/connections", json=row.body())["id"]
    query = {"objectType": "rest", "object": "json", "fileType": "json", "preview": "true"}
    path.flows(200, "GET", f"/connections/{base}/explore", params={**query, "sourceParams": "e30"})
    source = {"name": "Records", "connectionSpec": spec(row.source["id"]), "data": {"format": "json"}}
    source |= {"baseConnectionId": base, "params": {"resourcePath": "charges"}}
    source_id = path.flows(201, "POST", "/sourceConnections", json=source)["id"]
    path.flows(200, "GET", f"/flows/{path.flow(path.joined(source_id, REST, COLUMNS))}")


def test_webhooks(path: Checked) -> None:
    """A stream without a base connection."""
    source = {"name": "LAVA", "connectionSpec": spec(LAVA), "data": {"format": "json"}}
    source_id = path.flows(201, "POST", "/sourceConnections", json=source)["id"]
    flow = path.flow(path.joined(source_id, GENERIC, COLUMNS))
    path.flows(200, "GET", f"/flows/{flow}")
    path.flows(200, "GET", "/flows")
    path.flows(400, "GET", f"/connectionSpecs/{LAVA}/explore", params={"objectType": "root"})
