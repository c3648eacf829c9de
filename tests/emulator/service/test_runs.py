"""Test runs: their states by the emulator's clock, their number, and their records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.emulator.tables import paypal, table
from tests.harness.emulator import Emulator
from tests.harness.platform import BASE_ROWS, DAY, NEW_ROWS, PRODUCTS, Platform, decide, failure, ids, made


def test_life(path: Platform) -> None:
    """A run is scheduled, in progress and successful; then all mapped records exist."""
    body = path.prepared()
    body["scheduleParams"]["startTime"] += 100
    flow = path.flow(body)
    path.advance(99)
    assert path.runs(flow) == []
    path.advance(1)
    (run,) = path.runs(flow)
    assert (run["state"], run["metrics"]["statusSummary"]["status"]) == ("scheduled", "scheduled")
    assert (run["activities"], run["flowId"]) == ([], flow)
    path.advance(2)
    (run,) = path.runs(flow)
    started = run["metrics"]["durationSummary"]["startedAtUTC"]
    assert started - 1000 * body["scheduleParams"]["startTime"] <= 5000
    assert run["metrics"]["statusSummary"]["status"] == "inProgress"
    last = path.get("flows", flow)["lastRunDetails"]
    assert last == {"id": run["id"], "state": "inProgress", "startedAtUTC": started}
    assert path.rows() == []
    path.advance(8)
    (run,) = path.runs(flow)
    metrics = run["metrics"]
    completed = metrics["durationSummary"]["completedAtUTC"]
    assert 0 < completed - started <= 10_000
    assert metrics["statusSummary"]["status"] == "success"
    details = {"id": run["id"], "state": "success", "startedAtUTC": started, "completedAtUTC": completed}
    assert path.get("flows", flow)["lastRunDetails"] == details
    rows = path.rows()
    assert len(set(ids(rows))) == len(rows) == BASE_ROWS
    assert set(rows[0]["_emulator"]) == {"Product_Id", "Product_Name", "Description", "Create_Time"}


def test_metrics_are_counted(path: Platform) -> None:
    """Records, bytes and activities have the monitoring tutorial's shape."""
    flow = path.flow(path.prepared())
    path.advance(10)
    (run,) = path.runs(flow)
    records = run["metrics"]["recordSummary"]
    assert (records["inputRecordCount"], records["outputRecordCount"]) == (BASE_ROWS, BASE_ROWS)
    assert (records["failedRecordCount"], records["skippedRecordCount"]) == (0, 0)
    assert run["metrics"]["sizeSummary"]["inputBytes"] > 10_000
    copy, promotion = run["activities"]
    assert (copy["id"], promotion["id"]) == ("copyActivity", "promotionActivity")
    window = copy["durationSummary"]["extensions"]
    assert window["windowStart"] == 0
    assert window["windowEnd"] <= copy["durationSummary"]["startedAtUTC"]
    assert promotion["recordSummary"] == records
    (batch,) = promotion["targetInfo"][0]["reference"]["ids"]
    item = made(path.catalog("GET", f"/batches/{batch}"), 200)[batch]
    assert (item["status"], item["recordCount"]) == ("success", BASE_ROWS)
    found = made(path.catalog("GET", "/batches", params={"dataSet": path.dataset_id}), 200)
    assert list(found) == [batch]
    assert made(path.catalog("GET", "/batches", params={"dataSet": "other"}), 200) == {}


def test_only_what_is_new(path: Platform) -> None:
    """Each day's run writes the records of that day, and none twice."""
    flow = path.flow(path.prepared())
    path.advance(10)
    for day in (1, 2, 3):
        path.advance(DAY)
        runs = path.runs(flow)
        assert len(runs) == day + 1
        assert runs[-1]["metrics"]["recordSummary"]["outputRecordCount"] == NEW_ROWS
        assert len(path.rows()) == BASE_ROWS + day * NEW_ROWS
    assert len(set(ids(path.rows()))) == len(path.rows())
    ends = [r["activities"][0]["durationSummary"]["extensions"] for r in runs]
    assert [e["windowStart"] for e in ends[1:]] == [e["windowEnd"] for e in ends[:-1]]


def test_a_leap(path: Platform) -> None:
    """A leap of the clock makes every due run; beyond two hundred, the first covers the time before."""
    body = path.prepared()
    body["scheduleParams"] = {"startTime": path.now(), "frequency": "minute", "interval": 15}
    flow = path.flow(body)
    path.advance(10)
    path.advance(DAY)
    assert len(path.runs(flow)) == 1 + 96
    path.advance(365 * DAY)
    assert path.emulator.state()["runs"] <= 97 + 202
    assert len(path.rows()) == BASE_ROWS + 366 * NEW_ROWS
    assert len(set(ids(path.rows()))) == len(path.rows())


def test_new_rows_are_made_once() -> None:
    """A leap of a year creates new rows once, although each of its runs reads the table."""
    products = paypal.tables()["PayPal.Catalog_Products"]
    first, second = (table.table_at(products, 0, at) for at in (DAY, 2 * DAY))
    assert len(second.rows) > len(first.rows)
    assert all(a is b for a, b in zip(first.rows, second.rows, strict=False))


def test_no_backfill(path: Platform) -> None:
    """Without backfill, a run reads only rows from after the start."""
    body = path.prepared()
    body["scheduleParams"]["backfill"] = "false"
    flow = path.flow(body)
    path.advance(10)
    assert [run["state"] for run in path.runs(flow)] == ["success"]
    assert path.rows() == []
    path.advance(DAY)
    assert len(path.rows()) == NEW_ROWS


def test_one_time(path: Platform) -> None:
    """A one-time flow has exactly one run, which reads everything."""
    flow = path.flow(path.once())
    path.emulator.advance(10)
    path.advance(30 * DAY)
    assert path.emulator.state()["runs"] == 1
    (run,) = path.runs(flow)
    assert run["activities"][0]["statusSummary"]["extensions"]["type"] == "one-time"
    assert len(path.rows()) == BASE_ROWS


@pytest.mark.parametrize(
    ("cause", "word"),
    [("secret", "credentials"), ("table", "unknown table"), ("column", "unknown column")],
)
def test_failures(path: Platform, cause: str, word: str) -> None:
    """An error of the source fails the run with the copy's code, and writes no records."""
    body = path.prepared()
    if cause == "column":
        body["transformations"][0]["params"]["deltaColumn"]["name"] = "Nothing"
    else:
        base = path.base(secret="wrong") if cause == "secret" else path.base()
        table = "PayPal.Nothing" if cause == "table" else PRODUCTS
        body["sourceConnectionIds"] = [path.source(base, table)]
    flow = path.flow(body)
    path.advance(10)
    (run,) = path.runs(flow)
    summary = run["metrics"]["statusSummary"]
    assert (summary["status"], summary["errors"][0]["code"]) == ("failed", "CONNECTOR-1001-500")
    assert run["metrics"]["sizeSummary"] == {"inputBytes": -1, "outputBytes": -1}
    (copy,) = run["activities"]
    assert word in copy["statusSummary"]["extensions"]["errorDetail"]
    assert path.get("flows", flow)["lastRunDetails"]["state"] == "failed"
    assert path.rows() == []


def test_nothing_overtakes_what_was_due(path: Platform) -> None:
    """A run that is due before a change uses the state before the change, whichever request comes first."""
    body = path.prepared()
    flow = path.flow(body)
    source = path.get("sourceConnections", body["sourceConnectionIds"][0])
    base = path.get("connections", source["baseConnectionId"])
    path.advance(10)
    patch = [{"op": "replace", "path": "/auth/params/clientSecret", "value": "wrong"}]
    url = f"/connections/{base['id']}"
    made(path.api("PATCH", url, json=patch, headers={"If-Match": base["etag"]}), 200)
    assert [run["state"] for run in path.runs(flow)] == ["success"]
    path.advance(DAY)
    path.advance(10)
    assert [run["state"] for run in path.runs(flow)] == ["success", "failed"]


def test_many_at_once(path: Platform) -> None:
    """Runs are listed by ids, states in any case, times, pages and counts."""
    body = path.prepared()
    flows = [path.flow(body) for _ in range(5)]
    path.advance(10)

    def found(*conditions: str, **query: Any) -> Any:
        return made(path.api("GET", "/runs", params={"property": conditions, **query}), 200)

    runs = found(f"flowId=={','.join(flows[:3])}")["items"]
    assert [run["flowId"] for run in runs] == flows[:3]
    expected = ",".join(run["id"] for run in runs[1:])
    assert [run["id"] for run in found(f"id=={expected}")["items"]] == expected.split(",")
    first, second, _ = (f"id=={run['id']},{run['id']},none" for run in runs)
    assert found(first)["items"] == found(first, f"flowId=={flows[0]}")["items"] == runs[:1]
    assert found(f"flowId=={flows[1]}", second)["items"] == runs[1:2]
    assert found(f"flowId=={flows[1]}", first)["items"] == found(first, second)["items"] == []
    assert found(f"flowId!={flows[0]}", count="true") == {"count": 4}
    decide(path, runs[0]["id"], status="failed")
    for condition in ("metrics.statusSummary.status==Failed", "state==failed"):
        assert [run["id"] for run in found(condition)["items"]] == [runs[0]["id"]]
    assert found(f"flowId=={flows[0]}", "state==success")["items"] == []
    since = runs[0]["metrics"]["durationSummary"]["startedAtUTC"]
    assert found(f"metrics.durationSummary.startedAtUTC>={since}", count="true") == {"count": 5}
    page = found("state==success", limit=3)
    assert len(page["items"]) == 3
    rest = made(path.api("GET", page["_links"]["next"]["href"]), 200)
    assert len(rest["items"]) == 1
    assert failure(path.api("GET", "/runs", params={"property": "nothing==1"})) == "1449-400"


def test_sandboxes_apart(path: Platform) -> None:
    """A run exists in its own sandbox only."""
    flow = path.flow(path.prepared())
    (run,) = path.runs(flow)
    dev = Platform(path.emulator, "dev")
    assert failure(dev.api("GET", f"/runs/{run['id']}")) == "1439-404"
    assert dev.runs(flow) == []


def test_deleting_a_dataset(path: Platform) -> None:
    """Deleting a dataset deletes its records, and the next run fails in the second step."""
    flow = path.flow(path.prepared())
    path.advance(10)
    path.catalog("DELETE", f"/dataSets/{path.dataset_id}")
    path.advance(DAY)
    run = path.runs(flow)[-1]
    assert run["metrics"]["statusSummary"]["errors"][0]["code"] == "CONNECTOR-2001-500"
    assert made(path.catalog("GET", "/batches", params={"status": "success"}), 200) == {}


def test_restart(tmp_path: Path) -> None:
    """After a restart entities, records, a run in progress and due times are the same."""
    arguments = ("--state", str(tmp_path / "state"))
    with Emulator(*arguments) as emulator:
        path = Platform(emulator)
        flow = path.flow(path.prepared())
        path.advance(10)
        path.advance(DAY - 8)
        path.runs(flow)  # the second run is now in progress, unless this machine is slow
        before = path.get("flows", flow)
        counts, dataset = emulator.state(), path.dataset_id
    with Emulator(*arguments) as emulator:
        path = Platform(emulator)
        path.dataset_id = dataset
        assert emulator.state() == counts
        after = path.get("flows", flow)
        for name in ("id", "name", "createdAt", "scheduleParams", "transformations", "inheritedAttributes"):
            assert after[name] == before[name]
        path.advance(10)
        assert [run["state"] for run in path.runs(flow)] == ["success", "success"]
        assert len(path.rows()) == BASE_ROWS + NEW_ROWS
        path.advance(DAY)
        path.advance(10)
        assert len(path.rows()) == BASE_ROWS + 2 * NEW_ROWS
        emulator.reset()
        assert set(emulator.state().values()) == {0}


def test_growth_outlives_a_restart(tmp_path: Path) -> None:
    """The tables grow from the start or the last reset, not from the last restart."""
    arguments = ("--state", str(tmp_path / "state"))
    with Emulator(*arguments) as emulator:
        emulator.reset()
        emulator.advance(2 * DAY)
    with Emulator(*arguments) as emulator:
        path = Platform(emulator)
        path.flow(path.once())
        path.advance(10)
        assert len(path.rows()) == BASE_ROWS + 2 * NEW_ROWS
