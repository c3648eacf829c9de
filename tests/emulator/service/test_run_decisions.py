"""The control plane decides how a run ends, before or after its end."""

from __future__ import annotations

from tests.harness.platform import BASE_ROWS, DAY, Platform, decide


def test_a_decision_before_the_end(path: Platform) -> None:
    """A decision applies at once and outlasts the run's end; a failed run writes no records."""
    flow = path.flow(path.prepared())
    (run,) = path.runs(flow)
    errors = [{"code": "CONNECTOR-1001-500", "message": "No"}]
    counts = {"recordSummary": {"failedRecordCount": 7}}
    decide(path, run["id"], status="failed", metrics=counts, errors=errors)
    path.advance(100)
    run = path.get("runs", run["id"])
    assert run["metrics"]["statusSummary"]["status"] == "failed"
    assert run["metrics"]["statusSummary"]["errors"] == errors
    assert run["metrics"]["recordSummary"]["failedRecordCount"] == 7
    assert run["metrics"]["recordSummary"]["outputRecordCount"] == 0
    assert path.get("flows", flow)["lastRunDetails"]["state"] == "failed"
    assert path.rows() == []


def test_a_decision_after_the_end(path: Platform) -> None:
    """A changed decision removes the records of a success, and restores them."""
    flow = path.flow(path.prepared())
    path.advance(10)
    (run,) = path.runs(flow)
    for status, rows in (("failed", 0), ("PARTIAL_SUCCESS", BASE_ROWS), ("success", BASE_ROWS)):
        decide(path, run["id"], status=status)
        after = path.get("runs", run["id"])
        assert after["metrics"]["statusSummary"]["status"] == status
        assert path.get("flows", flow)["lastRunDetails"]["state"] == status
        assert len(path.rows()) == rows
    assert after["etag"] != run["etag"]


def test_a_success_confirmed_moves_nothing(path: Platform) -> None:
    """A confirmed success keeps the records of the run's own time."""
    flow = path.flow(path.once())
    path.advance(10)
    path.advance(DAY)
    (run,) = path.runs(flow)
    after = decide(path, run["id"], status="success")
    assert after["metrics"]["recordSummary"] == run["metrics"]["recordSummary"]
    assert after["metrics"]["durationSummary"] == run["metrics"]["durationSummary"]
    assert len(path.rows()) == BASE_ROWS


def test_metrics_alone(path: Platform) -> None:
    """Metrics are merged now and at the end; the other counts stay."""
    flow = path.flow(path.prepared())
    (run,) = path.runs(flow)
    decide(path, run["id"], metrics={"recordSummary": {"failedRecordCount": 3}})
    path.advance(10)
    (run,) = path.runs(flow)
    assert run["state"] == "success"
    records = run["metrics"]["recordSummary"]
    assert (records["failedRecordCount"], records["outputRecordCount"]) == (3, BASE_ROWS)


def test_an_invalid_decision_changes_nothing_else(path: Platform) -> None:
    """A decision with invalid times is shown, and the next decision still works."""
    flow = path.flow(path.prepared())
    (run,) = path.runs(flow)
    decide(path, run["id"], metrics={"durationSummary": {"startedAtUTC": "never"}})
    decide(path, run["id"], status="failed")
    assert decide(path, run["id"], status="success")["metrics"]["statusSummary"]["status"] == "success"
    assert len(path.rows()) == BASE_ROWS


def test_held(path: Platform) -> None:
    """An unknown or running status holds a run until another decision."""
    flow = path.flow(path.prepared())
    (run,) = path.runs(flow)
    decide(path, run["id"], status="inProgress")
    path.advance(5000)
    assert path.get("runs", run["id"])["state"] == "inProgress"
    decide(path, run["id"], status="success")
    assert path.get("runs", run["id"])["state"] == "success"
    assert len(path.rows()) == BASE_ROWS


def test_bad_decisions(path: Platform) -> None:
    """An unknown run or dataset gets 404, a malformed decision 400."""
    flow = path.flow(path.prepared())
    (run,) = path.runs(flow)
    url = f"{path.emulator.url}/_emulator"
    http = path.emulator.http
    assert http.post(f"{url}/runs/nothing", json={"status": "failed"}).status_code == 404
    assert http.get(f"{url}/datasets/nothing/rows").status_code == 404
    for decision in ({}, [], "x", {"stat": "failed"}, {"status": 7}, {"status": ""}, {"metrics": []},
                  {"metrics": {"statusSummary": 7}}):  # fmt: skip
        assert http.post(f"{url}/runs/{run['id']}", json=decision).status_code == 400, decision
    for decision in ({"running": "yes"}, {"running": 1}, {"running": True, "advance": "x"}, {}):
        assert http.post(f"{url}/clock", json=decision).status_code == 400, decision
