"""Test runs on demand for a window, and retries of failed runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.harness.emulator import Emulator
from tests.harness.platform import (
    BASE_ROWS,
    DAY,
    NEW_ROWS,
    PRODUCTS,
    Platform,
    decide,
    failure,
    ids,
    made,
    on_demand,
    retrigger,
)


def test_on_demand(path: Platform) -> None:
    """Adjacent windows of a one-time flow share no record; the run's delta column becomes the flow's."""
    body = path.once()
    body["scheduleParams"]["startTime"] += 10 * DAY
    flow = path.flow(body)
    source = path.get("sourceConnections", body["sourceConnectionIds"][0])
    query = {"objectType": "table", "object": PRODUCTS, "preview": "true"}
    explored = path.api("GET", f"/connections/{source['baseConnectionId']}/explore", params=query)
    created = datetime.fromisoformat(made(explored, 200)["data"][50]["Create_Time"].replace("Z", "+00:00"))
    half = int(created.timestamp())  # exactly the time of a row
    made(on_demand(path, flow, windowEndTime=str(half)))
    path.advance(10)
    early = ids(path.rows())
    assert len(early) == 50
    assert path.get("flows", flow)["transformations"][0]["name"] == "Copy"
    reply = made(on_demand(path, flow, windowStartTime=half * 1000, deltaColumn=None))
    assert reply["items"] == [{"id": reply["id"], "etag": reply["etag"]}]
    path.advance(10)
    assert len(set(ids(path.rows()))) == len(path.rows()) == BASE_ROWS
    window = path.get("runs", reply["id"])["activities"][0]["durationSummary"]["extensions"]
    assert window["windowStart"] == half * 1000


def test_a_flow_with_a_run_on_demand_can_be_changed(path: Platform) -> None:
    """A PATCH keeps the delta column of the first run on demand, and cannot set another one."""
    body = path.once()
    flow = path.flow(body)
    made(on_demand(path, flow))
    copy, mapping = path.get("flows", flow)["transformations"]

    def patch(pointer: str, value: Any) -> Any:
        headers = {"If-Match": path.get("flows", flow)["etag"]}
        operation = {"op": "replace", "path": pointer, "value": value}
        return path.api("PATCH", f"/flows/{flow}", json=[operation], headers=headers)

    made(patch("/name", "Renamed"), 200)
    assert path.get("flows", flow)["name"] == "Renamed"
    assert path.get("flows", flow)["transformations"] == [copy, mapping]
    other = {"name": "Copy", "params": {"deltaColumn": {"name": "Product_Id"}}}
    assert failure(patch("/transformations", [other, mapping])) == "1369-400"
    fresh = path.flow({**body, "name": "Another"})
    headers = {"If-Match": path.get("flows", fresh)["etag"]}
    operation = {"op": "replace", "path": "/transformations", "value": [copy, mapping]}
    assert failure(path.api("PATCH", f"/flows/{fresh}", json=[operation], headers=headers)) == "1369-400"


def test_on_demand_later(path: Platform) -> None:
    """A run waits for its start time."""
    body = path.once()
    body["scheduleParams"]["startTime"] += 10 * DAY
    flow = path.flow(body)
    run = made(on_demand(path, flow, startTime=path.now() + 500))["id"]
    path.advance(490)
    assert path.get("runs", run)["state"] == "scheduled"
    path.advance(20)
    assert path.get("runs", run)["state"] == "success"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"startTime": None}, "1304-400"),
        ({"windowStartTime": None}, "1304-400"),
        ({"windowEndTime": None}, "1304-400"),
        ({"windowEndTime": "late"}, "1100-400"),
        ({"windowStartTime": 5000, "windowEndTime": 4000}, "1381-400"),
        ({"deltaColumn": None}, "1383-400"),
        ({"deltaColumn": {}}, "1383-400"),
        ({"deltaColumn": "Create_Time"}, "1383-400"),
    ],
)
def test_on_demand_refusals(path: Platform, change: dict[str, Any], expected: str) -> None:
    """A run on demand needs each of its parameters."""
    flow = path.flow(path.once())
    path.advance(10)
    assert failure(on_demand(path, flow, **change)) == expected
    assert len(path.runs(flow)) == 1


def test_on_demand_of_which_flow(path: Platform) -> None:
    """The flow must be one-time, enabled and existing."""
    body = path.once()
    flow = path.flow(body)
    path.advance(10)
    made(on_demand(path, flow))
    assert failure(on_demand(path, flow, deltaColumn={"name": "Other"})) == "1382-400"
    made(path.api("POST", f"/flows/{flow}/action", params={"op": "disable"}), 200)
    assert failure(on_demand(path, flow)) == "1380-400"
    assert failure(on_demand(path, "nothing")) == "1430-400"
    copy = {"name": "Copy", "params": {"deltaColumn": {"name": "Create_Time"}}}
    schedule = {"startTime": path.now() + 9999, "frequency": "day", "interval": 1}
    daily = {**body, "scheduleParams": schedule, "transformations": [copy, *body["transformations"]]}
    assert failure(on_demand(path, path.flow(daily))) == "1386-400"
    for params in (None, [], "x"):
        response = path.api("POST", "/runs", json={"flowId": flow, "params": params})
        assert response.status_code == 400
    assert failure(path.api("POST", "/runs", json={"params": {}})) == "1304-400"


@pytest.mark.parametrize(("reply", "names"), [("items", {"items"}), ("bare", {"id", "etag"})])
def test_reply_of_a_run(reply: str, names: set[str]) -> None:
    """`--run-reply` selects the on-demand tutorial's reply or the OpenAPI's."""
    with Emulator("--run-reply", reply) as emulator:
        path = Platform(emulator)
        body = path.once()
        body["scheduleParams"]["startTime"] += 1000
        assert set(made(on_demand(path, path.flow(body)))) == names


def test_again(path: Platform) -> None:
    """A retry is a new run over the window of the failed one, which stays."""
    flow = path.flow(path.prepared())
    path.advance(10)
    path.advance(DAY)
    _, failed = path.runs(flow)
    decide(path, failed["id"], status="failed")
    assert len(path.rows()) == BASE_ROWS
    for op in ("re-trigger", "RE_TRIGGER", "retrigger"):
        reply = made(retrigger(path, failed["id"], op), 200)
        assert reply["id"] not in (failed["id"], "")
        path.advance(10)
        again = path.get("runs", reply["id"])
        assert (again["state"], again["flowId"]) == ("success", flow)
        assert again["metrics"]["recordSummary"]["outputRecordCount"] == NEW_ROWS
        assert path.get("runs", failed["id"])["state"] == "failed"
        assert len(path.rows()) == BASE_ROWS + NEW_ROWS
        decide(path, again["id"], status="failed")
    assert path.emulator.state()["runs"] == 5


def test_again_refusals(path: Platform) -> None:
    """Only failed or empty runs of an enabled flow can be retried."""
    flow = path.flow(path.prepared())
    path.advance(10)
    (run,) = path.runs(flow)
    assert failure(retrigger(path, run["id"])) == "1387-400"
    assert failure(retrigger(path, run["id"], "melt")) == "1401-400"
    assert failure(retrigger(path, run["id"], "")) == "1359-400"
    assert failure(retrigger(path, "nothing")) == "1439-404"
    decide(path, run["id"], status="failed")
    made(path.api("POST", f"/flows/{flow}/action", params={"op": "disable"}), 200)
    assert failure(retrigger(path, run["id"])) == "1388-400"
    headers = {"If-Match": run["etag"]}
    assert failure(path.api("PUT", f"/runs/{run['id']}", json={"x": 1}, headers=headers)) == "1427-400"
