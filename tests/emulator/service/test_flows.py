"""Test dataflows: their required fields, states, schedules and drafts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.emulator import PAYPAL_SPEC, Emulator, paypal_body
from tests.harness.platform import CRM, PRODUCTS, Platform, failure, made, spec

FILES = "9753525b-82c7-4dce-8a9b-5ccfce2b9876"
Body = dict[str, Any]


def patch(path: Platform, flow: str, *operations: Body) -> Any:
    """PATCH with the current etag."""
    headers = {"If-Match": path.get("flows", flow)["etag"]}
    return path.api("PATCH", f"/flows/{flow}", json=list(operations), headers=headers)


def replace(pointer: str, value: Any) -> Body:
    """Return one operation."""
    return {"op": "replace", "path": pointer, "value": value}


def action(path: Platform, flow: str, op: str) -> Any:
    """POST to `/action` as the guides do: without `subOp`, `If-Match` and content type."""
    return path.api("POST", f"/flows/{flow}/action", params={"op": op})


def test_flow(emulator: Emulator, path: Platform) -> None:
    """A dataflow is created, shown in the OpenAPI's types, found by its ends, and deleted."""
    body = path.prepared(description="Every night")
    response = path.api("POST", "/flows", json=body)
    flow = made(response)["id"]
    assert response.headers["Location"].endswith(f"/flows/{flow}")
    item = path.get("flows", flow)
    assert (item["state"], item["etag"]) == ("enabled", response.json()["etag"])
    assert item["scheduleParams"] == {**body["scheduleParams"], "interval": "1"}
    assert item["transformations"][1]["params"]["mappingVersion"] == "0"
    assert item["lastOperation"]["operation"] == "create"
    inherited = item["inheritedAttributes"]
    assert inherited["properties"] == {"isSourceFlow": True}
    base = inherited["sourceConnections"][0]["baseConnection"]["id"]
    for condition in (
        f"sourceConnectionIds[]=={body['sourceConnectionIds'][0]}",
        f"inheritedAttributes.sourceConnections[].baseConnection.id=={base}",
        "inheritedAttributes.properties.isSourceFlow==true",
        "state==enabled",
        f"flowSpec.id=={CRM}",
    ):
        found = made(path.api("GET", "/flows", params={"property": condition}), 200)["items"]
        assert [entry["id"] for entry in found] == [flow], condition
    assert emulator.state()["flows"] == 1
    assert path.api("DELETE", f"/flows/{flow}").status_code == 204
    assert failure(path.api("GET", f"/flows/{flow}")) == "1439-404"
    assert emulator.state()["flows"] == 0


def test_strings_are_fine(path: Platform) -> None:
    """All schedule parameters can be strings, as in the tutorials."""
    params = {"startTime": str(path.now()), "frequency": "minute", "interval": "30", "backfill": "true"}
    flow = path.flow(path.prepared(scheduleParams=params))
    shown = path.get("flows", flow)["scheduleParams"]
    assert shown == {**params, "startTime": int(params["startTime"]), "backfill": True}


def changed(name: str, value: Any) -> Callable[[Body], Body]:
    """Return a function that replaces a field of a body; None removes it."""
    return lambda body: {k: v for k, v in {**body, name: value}.items() if v is not None}


def scheduled(**params: Any) -> Callable[[Body], Body]:
    """Return a function that changes the schedule of a body; None removes a parameter."""

    def change(body: Body) -> Body:
        new = {**body["scheduleParams"], **params}
        return {**body, "scheduleParams": {k: v for k, v in new.items() if v is not None}}

    return change


def mapped(**params: Any) -> Callable[[Body], Body]:
    """Return a function that changes the mapping's params of a body."""

    def change(body: Body) -> Body:
        copy, mapping = body["transformations"]
        return {**body, "transformations": [copy, {**mapping, "params": {**mapping["params"], **params}}]}

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (changed("name", None), "1304-400"),
        (changed("name", 7), "1100-400"),
        (changed("state", "enabled"), "1410-400"),
        (changed("flowSpec", None), "1413-400"),
        (changed("flowSpec", spec("nothing")), "1413-400"),
        (changed("flowSpec", spec(FILES)), "1100-400"),
        (changed("sourceConnectionIds", None), "1321-400"),
        (changed("sourceConnectionIds", []), "1321-400"),
        (changed("sourceConnectionIds", ["a", "b"]), "1321-400"),
        (changed("sourceConnectionIds", "a"), "1100-400"),
        (changed("sourceConnectionIds", ["nothing"]), "1101-404"),
        (changed("targetConnectionIds", []), "1321-400"),
        (changed("targetConnectionIds", [{}]), "1100-400"),
        (changed("targetConnectionIds", ["nothing"]), "1101-404"),
        (changed("transformations", None), "1367-400"),
        (changed("transformations", {}), "1100-400"),
        (changed("transformations", [7]), "1100-400"),
        (changed("transformations", [{"name": "Magic", "params": {}}]), "1100-400"),
        (changed("transformations", [{"name": "Copy", "params": {}}]), "1304-400"),
        (changed("transformations", [{"name": "Copy", "params": {"deltaColumn": {}}}]), "1304-400"),
        (changed("transformations", [{"name": "Copy", "params": {"deltaColumn": "x"}}]), "1100-400"),
        (mapped(mappingId="nothing"), "1419-400"),
        (mapped(mappingVersion=7), "1412-400"),
        (changed("scheduleParams", []), "1100-400"),
        (changed("options", {"partialIngestionPercent": 0}), "1100-400"),
        (changed("options", {"errorDiagnosticsEnabled": "perhaps"}), "1100-400"),
        (scheduled(startTime=None), "1304-400"),
        (scheduled(startTime="soon"), "1100-400"),
        (scheduled(startTime=1567411548), "1360-400"),
        (scheduled(frequency="month"), "1397-400"),
        (scheduled(frequency=7), "1397-400"),
        (scheduled(interval=None), "1304-400"),
        (scheduled(frequency="minute", interval=14), "1362-400"),
        (scheduled(frequency="hour", interval=0), "1363-400"),
        (scheduled(interval="often"), "1100-400"),
        (scheduled(backfill="perhaps"), "1100-400"),
        (scheduled(frequency="once"), "1361-400"),
        (scheduled(frequency="once", interval=None, backfill=True), "1364-400"),
        (scheduled(frequency="once", interval=None), "1369-400"),
    ],
)
def test_refusals(emulator: Emulator, path: Platform, change: Callable[[Body], Body], expected: str) -> None:
    """Each invalid body gets the catalogue's code, and nothing is stored."""
    response = path.api("POST", "/flows", json=change(path.prepared()))
    assert failure(response) == expected, response.text
    assert emulator.state()["flows"] == 0


def test_schemas_must_agree(path: Platform) -> None:
    """Dataset, target connection and mapping set must use the same schema."""
    body = path.prepared()
    other = path.mapping(path.schema("Another"))
    assert failure(path.api("POST", "/flows", json=mapped(mappingId=other)(body))) == "1425-400"
    dev = Platform(path.emulator, "dev").mapping(Platform(path.emulator, "dev").schema())
    assert failure(path.api("POST", "/flows", json=mapped(mappingId=dev)(body))) == "1419-400"


def test_changing(path: Platform) -> None:
    """A PATCH needs `If-Match`, and applies all operations or none."""
    flow = path.flow(path.prepared())
    before = path.get("flows", flow)
    url = f"/flows/{flow}"
    name = replace("/name", "Renamed")
    assert failure(path.api("PATCH", url, json=[name])) == "1403-400"
    assert failure(path.api("PATCH", url, json=[name], headers={"If-Match": "old"})) == "1404-412"
    for bad, expected in (
        (replace("/state", "disabled"), "1455-400"),
        (replace("/sourceConnectionIds", []), "1455-400"),
        (replace("/scheduleParams/interval", 0), "1363-400"),
        (replace("/scheduleParams/startTime", path.now() + 100), "1366-400"),
        (replace("/scheduleParams/backfill", False), "1404-400"),
        (replace("/scheduleParams", {"frequency": "once", "startTime": path.now()}), "1369-400"),
        (replace("/transformations/7", {}), "1455-400"),
        ({"op": "remove", "path": "/transformations/0"}, "1367-400"),
        ({"op": "remove", "path": "/description"}, "1455-400"),
    ):
        assert failure(patch(path, flow, name, bad)) == expected, bad
        assert path.get("flows", flow) == before
    reply = made(patch(path, flow, name, replace("/scheduleParams/frequency", "hour")), 200)
    after = path.get("flows", flow)
    assert (after["name"], after["scheduleParams"]["frequency"]) == ("Renamed", "hour")
    assert after["etag"] == reply["etag"] != before["etag"]
    assert after["lastOperation"]["operation"] == "update"
    missing = path.api("PATCH", "/flows/nothing", json=[name], headers={"If-Match": "x"})
    assert failure(missing) == "1439-404"


def test_a_changed_schedule_counts(path: Platform) -> None:
    """The next run follows a changed schedule."""
    flow = path.flow(path.prepared())
    path.advance(10)
    assert len(path.runs(flow)) == 1
    made(patch(path, flow, replace("/scheduleParams/frequency", "hour")), 200)
    path.advance(3600)
    assert len(path.runs(flow)) == 2


def test_start_not_yet_passed(path: Platform) -> None:
    """A start in the future can be changed, but not into the past."""
    start = path.now() + 1000
    flow = path.flow(scheduled(startTime=start)(path.prepared()))
    assert failure(patch(path, flow, replace("/scheduleParams/startTime", start - 5000))) == "1360-400"
    made(patch(path, flow, replace("/scheduleParams/startTime", start + 1000)), 200)
    path.advance(1010)
    assert path.runs(flow) == []
    path.advance(1000)
    assert len(path.runs(flow)) == 1


def test_disabled_flows_do_not_run(path: Platform) -> None:
    """A disabled flow does not run; its first run afterwards covers the whole time."""
    flow = path.flow(path.prepared())
    path.advance(10)
    for op, state in (("disable", "disabled"), ("ENABLE", "enabled"), ("DISABLE", "disabled")):
        etag = path.get("flows", flow)["etag"]
        reply = made(action(path, flow, op), 200)
        item = path.get("flows", flow)
        assert (item["state"], item["etag"]) == (state, reply["etag"])
        assert reply["etag"] != etag
    assert failure(action(path, flow, "disable")) == "1422-400"
    path.advance(3 * 86400)
    assert len(path.runs(flow)) == 1
    made(action(path, flow, "enable"), 200)
    assert failure(action(path, flow, "enable")) == "1422-400"
    assert len(path.runs(flow)) == 1
    path.advance(86400)
    _first, second = path.runs(flow)
    assert second["metrics"]["recordSummary"]["outputRecordCount"] == 4 * 3
    assert len(path.rows()) == 320 + 12
    for op, expected in (("", "1359-400"), ("melt", "1434-400"), ("FINALIZE", "1402-400")):
        assert failure(action(path, flow, op)) == expected
    assert failure(action(path, "nothing", "enable")) == "1439-404"
    stale = path.api("POST", f"/flows/{flow}/action", params={"op": "disable"}, headers={"If-Match": "x"})
    assert failure(stale) == "1404-412"


def test_a_disabled_one_time_flow(path: Platform) -> None:
    """A disabled one-time flow runs once when it is enabled, and only once."""
    body = path.once()
    body["scheduleParams"]["startTime"] += 100
    flow = path.flow(body)
    made(action(path, flow, "disable"), 200)
    path.advance(200)
    assert path.runs(flow) == []
    made(action(path, flow, "enable"), 200)
    path.advance(10)
    for op in ("disable", "enable"):
        made(action(path, flow, op), 200)
        path.advance(10)
    assert len(path.runs(flow)) == 1
    assert len(path.rows()) == 320


def test_drafts(emulator: Emulator, path: Platform) -> None:
    """A draft never runs, can lack fields, needs published ends, and runs when it is published."""
    draft = path.flow({"name": "Draft", "flowSpec": spec(CRM)}, mode="draft")
    assert path.get("flows", draft)["state"] == "draft"
    assert failure(action(path, draft, "enable")) == "1422-400"
    assert failure(action(path, draft, "publish")) == "1321-400"
    body = path.prepared()
    source = {
        "name": "Draft source",
        "baseConnectionId": path.base(),
        "data": {"format": "tabular"},
        "params": {"tableName": PRODUCTS},
        "connectionSpec": spec(),
    }
    source_id = made(path.api("POST", "/sourceConnections", json=source, params={"mode": "draft"}))["id"]
    body["sourceConnectionIds"] = [source_id]
    assert "draft" in path.api("POST", "/flows", json=body).text
    fields = ("sourceConnectionIds", "targetConnectionIds", "transformations", "scheduleParams")
    made(patch(path, draft, *({"op": "add", "path": f"/{f}", "value": body[f]} for f in fields)), 200)
    assert "draft" in action(path, draft, "publish").text
    made(path.api("POST", f"/sourceConnections/{source_id}/action", params={"op": "publish"}), 200)
    path.advance(300)
    assert path.runs(draft) == []
    made(action(path, draft, "PUBLISH"), 200)
    assert path.get("flows", draft)["state"] == "enabled"
    path.advance(10)
    assert [run["state"] for run in path.runs(draft)] == ["success"]
    assert emulator.state()["flows"] == 1


def test_no_drafts() -> None:
    """With `--drafts off` the flow spec reports it, and a draft is refused."""
    with Emulator("--drafts", "off") as emulator:
        path = Platform(emulator)
        (crm,) = made(path.api("GET", f"/flowSpecs/{CRM}"), 200)["items"]
        assert crm["attributes"]["isDraftModeSupported"] is False
        (paypal,) = made(path.api("GET", f"/connectionSpecs/{PAYPAL_SPEC}"), 200)["items"]
        assert paypal["attributes"]["isDraftModeSupported"] is False
        refused = path.api("POST", "/connections", json=paypal_body(), params={"mode": "draft"})
        assert failure(refused) == "1368-400"
        response = path.api("POST", "/flows", json=path.prepared(), params={"mode": "draft"})
        assert failure(response) == "1368-400"


def test_gradual_states() -> None:
    """With `--flow-states gradual` each change has a transitional state that refuses further changes."""
    with Emulator("--flow-states", "gradual") as emulator:
        path = Platform(emulator)
        path.stop_clock()
        body = path.prepared()
        body["scheduleParams"]["startTime"] += 1000
        flow = path.flow(body)
        name = replace("/name", "Renamed")
        for passing, end, begin in (
            ("initializing", "enabled", lambda: None),
            ("updating", "enabled", lambda: made(patch(path, flow, name), 200)),
            ("disabling", "disabled", lambda: made(action(path, flow, "disable"), 200)),
            ("enabling", "enabled", lambda: made(action(path, flow, "enable"), 200)),
        ):
            begin()
            assert path.get("flows", flow)["state"] == passing
            assert failure(patch(path, flow, name)) == "1420-400"
            assert failure(action(path, flow, "disable")) == "1421-400"
            path.advance(1)
            assert path.get("flows", flow)["state"] == end


def test_on_aws() -> None:
    """On AWS every creation is asynchronous; the records arrive."""
    with Emulator("--cloud", "aws") as emulator:
        path = Platform(emulator)
        path.stop_clock()
        flow = path.flow(path.prepared())
        assert path.get("flows", flow)["state"] == "initializing"
        path.advance(10)
        item = path.get("flows", flow)
        assert (item["state"], len(item["etag"])) == ("enabled", 38)
        assert len(path.rows()) == 320
