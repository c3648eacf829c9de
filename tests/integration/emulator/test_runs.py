"""Runs: their life on the emulator's clock, the rows they move, on demand and again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path as File
from typing import Any

import pytest
import requests

from airflow_provider_aep.emulator.tables import growth
from tests.integration.emulator.path import PRODUCTS, Path, failure, made
from tests.support.emulator import PAYPAL_SPEC, Emulator

DAY = 86400
BASE_ROWS = 320  # of PayPal.Catalog_Products
NEW_ROWS = 3  # a day


@pytest.fixture
def path(emulator: Emulator) -> Path:
    """The services of sandbox `prod`; the clock stands."""
    path = Path(emulator)
    path.stop_clock()
    return path


def on_demand(path: Path, flow: str, **params: Any) -> requests.Response:
    """POST a run for a window, by default for all time."""
    window = {"startTime": path.now(), "windowStartTime": 0, "windowEndTime": path.now()}
    body = {"flowId": flow, "params": {**window, "deltaColumn": {"name": "Create_Time"}, **params}}
    body["params"] = {name: value for name, value in body["params"].items() if value is not None}
    return path.api("POST", "/runs", json=body)


def retrigger(path: Path, run: str, op: str = "re-trigger") -> requests.Response:
    """POST to the run's `/action`."""
    return path.api("POST", f"/runs/{run}/action", params={"op": op})


def decide(path: Path, run: str, **order: Any) -> dict[str, Any]:
    """How it ends."""
    return dict(path.emulator.control("POST", f"runs/{run}", order))


def ids(rows: list[dict[str, Any]]) -> list[str]:
    """The products' ids."""
    return [row["_emulator"]["Product_Id"] for row in rows]


def test_life(path: Path) -> None:
    """Scheduled, in progress, success; the rows appear with the success, and are all there, mapped."""
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


def test_metrics_are_counted(path: Path) -> None:
    """Records, bytes and activities, in the monitoring tutorial's shape."""
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


def test_only_what_is_new(path: Path) -> None:
    """Each day's run brings the rows of that day, and no row twice."""
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


def test_a_leap(path: Path) -> None:
    """Every run that was due in a leap of the clock; beyond two hundred, one for all that lies before."""
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
    """A leap of a year reads the table for each of its runs: made anew each time, that took seconds."""
    first, second = (growth.live(PAYPAL_SPEC, "PayPal.Catalog_Products", 0, at) for at in (DAY, 2 * DAY))
    assert first
    assert second
    assert len(second.rows) > len(first.rows)
    assert all(a is b for a, b in zip(first.rows, second.rows, strict=False))


def test_no_backfill(path: Path) -> None:
    """Only what comes after the start."""
    body = path.prepared()
    body["scheduleParams"]["backfill"] = "false"
    flow = path.flow(body)
    path.advance(10)
    assert [run["state"] for run in path.runs(flow)] == ["success"]
    assert path.rows() == []
    path.advance(DAY)
    assert len(path.rows()) == NEW_ROWS


def test_one_time(path: Path) -> None:
    """Exactly one run of its own, with everything."""
    flow = path.flow(path.once())
    path.emulator.advance(10)
    path.advance(30 * DAY)
    assert path.emulator.state()["runs"] == 1
    (run,) = path.runs(flow)
    assert run["activities"][0]["statusSummary"]["extensions"]["type"] == "one-time"
    assert len(path.rows()) == BASE_ROWS


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("PayPal.Billing_Plans", ("Id", "Name", "Create_Time")),
        ("PayPal.Billing_Plans_Payment_Definition", ("Id", "Plan_Id", "Amount_Value")),
    ],
)
def test_other_tables(path: Path, table: str, columns: tuple[str, ...]) -> None:
    """Columns go by the mapping set, whatever the table; numbers stay numbers."""
    kinds = {"Amount_Value": {"type": "number"}}
    fields = {name: kinds.get(name, {"type": "string"}) for name in columns}
    schema = path.schema("Plans", fields)
    dataset = path.dataset(schema, "Plans")
    body = {
        **path.once(),
        "sourceConnectionIds": [path.source(path.base(), table)],
        "targetConnectionIds": [path.target(schema, dataset)],
        "transformations": [{"name": "Mapping", "params": {"mappingId": path.mapping(schema, fields)}}],
    }
    path.flow(body)
    path.advance(10)
    rows = path.rows(dataset)
    assert len(rows) >= 240
    assert all(set(row["_emulator"]) == set(columns) for row in rows)
    if "Amount_Value" in columns:
        assert all(isinstance(row["_emulator"]["Amount_Value"], (int, float)) for row in rows)


def test_chosen_columns(path: Path) -> None:
    """A source connection that names columns brings no others."""
    columns = [{"name": name, "type": "string"} for name in ("Product_Id", "Description")]
    body = path.once()
    body["sourceConnectionIds"] = [path.source(path.base(), columns=columns)]
    path.flow(body)
    path.advance(10)
    assert {frozenset(row["_emulator"]) for row in path.rows()} == {frozenset(("Product_Id", "Description"))}


def run_mapped(path: Path, mappings: list[dict[str, str]], columns: Any = None, **changes: Any) -> Any:
    """One run through a mapping of its own; the run."""
    body = path.once(**changes)
    fields = columns or {"Product_Id": {"type": "string"}, "Label": {"type": "string"}}
    schema = path.schema("Labels", fields)
    path.dataset_id = path.dataset(schema, "Labels")
    mapping = {"outputSchema": {"schemaRef": {"id": schema}}, "mappings": mappings}
    mapping_id = made(path.conversion("POST", "/mappingSets", json=mapping), 200)["id"]
    body["targetConnectionIds"] = [path.target(schema, path.dataset_id)]
    body["transformations"] = [{"name": "Mapping", "params": {"mappingId": mapping_id}}]
    flow = path.flow(body)
    path.advance(10)
    (run,) = path.runs(flow)
    return run


def test_expressions(path: Path) -> None:
    """Columns, text of one's own, and a few functions; what has no value leaves no trace."""
    label = "upper(concat('<', Product_Name, \">\"))"
    run_mapped(
        path,
        [
            {"sourceType": "STATIC", "source": "paypal", "destination": "_id"},
            {"sourceType": "EXPRESSION", "source": label, "destination": "_emulator.Label"},
            {"sourceType": "ATTRIBUTE", "source": "No_Such_Column", "destination": "_emulator.Product_Id"},
        ],
    )
    row = path.rows()[0]
    assert row["_id"] == "paypal"
    assert row["_emulator"] == {"Label": row["_emulator"]["Label"].upper()}
    assert row["_emulator"]["Label"][0] + row["_emulator"]["Label"][-1] == "<>"


NUMBER = {"Number": {"type": "integer"}, "Id": {"type": "string"}}
AS_NUMBER = [
    {"sourceType": "ATTRIBUTE", "source": "Product_Name", "destination": "_emulator.Number"},
    {"sourceType": "ATTRIBUTE", "source": "Product_Id", "destination": "_emulator.Id"},
]


def test_records_that_do_not_fit(path: Path) -> None:
    """Without partial ingestion they fail the run; with it, only themselves."""
    run = run_mapped(path, AS_NUMBER, NUMBER)
    assert run["state"] == "failed"
    assert run["metrics"]["statusSummary"]["errors"][0]["code"] == "CONNECTOR-2001-500"
    assert run["metrics"]["recordSummary"]["failedRecordCount"] == BASE_ROWS
    assert path.rows() == []


def test_partial_ingestion(path: Path) -> None:
    """`options.partialIngestionPercent`: a success that carries failures."""
    run = run_mapped(path, AS_NUMBER, NUMBER, options={"partialIngestionPercent": "100"})
    assert run["state"] == "success"
    records = run["metrics"]["recordSummary"]
    assert (records["failedRecordCount"], records["outputRecordCount"]) == (BASE_ROWS, 0)
    codes = [e["code"] for e in run["activities"][1]["statusSummary"]["extensions"]["errors"]]
    assert codes == ["INGEST-1212-400", "MAPPER-3700-400"]


@pytest.mark.parametrize(
    ("cause", "word"),
    [("secret", "credentials"), ("table", "no table"), ("column", "no column")],
)
def test_failures(path: Path, cause: str, word: str) -> None:
    """The source's troubles end a run with the copy's code, and nothing lands."""
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


def test_nothing_overtakes_what_was_due(path: Path) -> None:
    """A run due before a change is done by what was true then, whoever looks first."""
    body = path.prepared()
    flow = path.flow(body)
    source = path.get("sourceConnections", body["sourceConnectionIds"][0])
    base = path.get("connections", source["baseConnectionId"])
    path.advance(10)
    patch = [{"op": "replace", "path": "/auth/params/clientSecret", "value": "wrong"}]
    place = f"/connections/{base['id']}"
    made(path.api("PATCH", place, json=patch, headers={"If-Match": base["etag"]}), 200)
    assert [run["state"] for run in path.runs(flow)] == ["success"]
    path.advance(DAY)
    path.advance(10)
    assert [run["state"] for run in path.runs(flow)] == ["success", "failed"]


def test_on_demand(path: Path) -> None:
    """For a window of a one-time flow; windows that meet share no row; its column becomes the flow's."""
    body = path.once()
    body["scheduleParams"]["startTime"] += 10 * DAY
    flow = path.flow(body)
    source = path.get("sourceConnections", body["sourceConnectionIds"][0])
    query = {"objectType": "table", "object": PRODUCTS, "preview": "true"}
    explored = path.api("GET", f"/connections/{source['baseConnectionId']}/explore", params=query)
    moment = datetime.fromisoformat(made(explored, 200)["data"][50]["Create_Time"].replace("Z", "+00:00"))
    half = int(moment.timestamp())  # where a row stands
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


def test_on_demand_later(path: Path) -> None:
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
def test_on_demand_refusals(path: Path, change: dict[str, Any], expected: str) -> None:
    """What a run must be told."""
    flow = path.flow(path.once())
    path.advance(10)
    assert failure(on_demand(path, flow, **change)) == expected
    assert len(path.runs(flow)) == 1


def test_on_demand_of_which_flow(path: Path) -> None:
    """One-time, enabled, and there."""
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


def test_again(path: Path) -> None:
    """A failed run is tried again as a new one over its window; the failed one stays."""
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


def test_again_refusals(path: Path) -> None:
    """Only what failed or brought nothing, and only of an enabled flow."""
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


def test_a_decision_before_the_end(path: Path) -> None:
    """It stands at once and the clock does not undo it; nothing lands from a run that is to fail."""
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


def test_a_decision_after_the_end(path: Path) -> None:
    """Rows go with a success taken back, and return once with one given again."""
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


def test_a_success_confirmed_moves_nothing(path: Path) -> None:
    """The rows are those of the time it ran, not of the time of the order."""
    flow = path.flow(path.once())
    path.advance(10)
    path.advance(DAY)
    (run,) = path.runs(flow)
    after = decide(path, run["id"], status="success")
    assert after["metrics"]["recordSummary"] == run["metrics"]["recordSummary"]
    assert after["metrics"]["durationSummary"] == run["metrics"]["durationSummary"]
    assert len(path.rows()) == BASE_ROWS


def test_metrics_alone(path: Path) -> None:
    """Merged into the tree now and at the end; the rest stays counted."""
    flow = path.flow(path.prepared())
    (run,) = path.runs(flow)
    decide(path, run["id"], metrics={"recordSummary": {"failedRecordCount": 3}})
    path.advance(10)
    (run,) = path.runs(flow)
    assert run["state"] == "success"
    records = run["metrics"]["recordSummary"]
    assert (records["failedRecordCount"], records["outputRecordCount"]) == (3, BASE_ROWS)


def test_an_odd_order_spoils_nothing_else(path: Path) -> None:
    """What a test writes over the times is shown, and the next order works all the same."""
    flow = path.flow(path.prepared())
    (run,) = path.runs(flow)
    decide(path, run["id"], metrics={"durationSummary": {"startedAtUTC": "never"}})
    decide(path, run["id"], status="failed")
    assert decide(path, run["id"], status="success")["metrics"]["statusSummary"]["status"] == "success"
    assert len(path.rows()) == BASE_ROWS


def test_held(path: Path) -> None:
    """A status that is no end holds a run until another decision."""
    flow = path.flow(path.prepared())
    (run,) = path.runs(flow)
    decide(path, run["id"], status="inProgress")
    path.advance(5000)
    assert path.get("runs", run["id"])["state"] == "inProgress"
    decide(path, run["id"], status="success")
    assert path.get("runs", run["id"])["state"] == "success"
    assert len(path.rows()) == BASE_ROWS


def test_bad_orders(path: Path) -> None:
    """Unknown runs and datasets are a 404, malformed orders a 400."""
    flow = path.flow(path.prepared())
    (run,) = path.runs(flow)
    url = f"{path.emulator.url}/_emulator"
    http = path.emulator.http
    assert http.post(f"{url}/runs/nothing", json={"status": "failed"}).status_code == 404
    assert http.get(f"{url}/datasets/nothing/rows").status_code == 404
    for order in ({}, [], "x", {"stat": "failed"}, {"status": 7}, {"status": ""}, {"metrics": []},
                  {"metrics": {"statusSummary": 7}}):  # fmt: skip
        assert http.post(f"{url}/runs/{run['id']}", json=order).status_code == 400, order
    for order in ({"running": "yes"}, {"running": 1}, {"running": True, "advance": "x"}, {}):
        assert http.post(f"{url}/clock", json=order).status_code == 400, order


def test_many_at_once(path: Path) -> None:
    """Lists of ids, states in any case, times, pages, counts."""
    body = path.prepared()
    flows = [path.flow(body) for _ in range(5)]
    path.advance(10)

    def found(*conditions: str, **query: Any) -> Any:
        return made(path.api("GET", "/runs", params={"property": conditions, **query}), 200)

    runs = found(f"flowId=={','.join(flows[:3])}")["items"]
    assert [run["flowId"] for run in runs] == flows[:3]
    wanted = ",".join(run["id"] for run in runs[1:])
    assert [run["id"] for run in found(f"id=={wanted}")["items"]] == wanted.split(",")
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


def test_sandboxes_apart(path: Path) -> None:
    """A run is found in its own sandbox only."""
    flow = path.flow(path.prepared())
    (run,) = path.runs(flow)
    dev = Path(path.emulator, "dev")
    assert failure(dev.api("GET", f"/runs/{run['id']}")) == "1439-404"
    assert dev.runs(flow) == []


def test_deleting_a_dataset(path: Path) -> None:
    """Its rows go with it, and the next run fails in the second step."""
    flow = path.flow(path.prepared())
    path.advance(10)
    path.catalog("DELETE", f"/dataSets/{path.dataset_id}")
    path.advance(DAY)
    run = path.runs(flow)[-1]
    assert run["metrics"]["statusSummary"]["errors"][0]["code"] == "CONNECTOR-2001-500"
    assert made(path.catalog("GET", "/batches", params={"status": "success"}), 200) == {}


def test_restart(tmp_path: File) -> None:
    """Everything comes back: entities, rows, a run that was under way, and what is due next."""
    arguments = ("--state", str(tmp_path / "state"))
    with Emulator(*arguments) as emulator:
        path = Path(emulator)
        flow = path.flow(path.prepared())
        path.advance(10)
        path.advance(DAY - 8)
        path.runs(flow)  # the second run is under way now, if this machine is not a slow one
        before = path.get("flows", flow)
        counts, dataset = emulator.state(), path.dataset_id
    with Emulator(*arguments) as emulator:
        path = Path(emulator)
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


def test_growth_outlives_a_restart(tmp_path: File) -> None:
    """The tables grow from the start or the last reset, not from the last restart."""
    arguments = ("--state", str(tmp_path / "state"))
    with Emulator(*arguments) as emulator:
        emulator.reset()
        emulator.advance(2 * DAY)
    with Emulator(*arguments) as emulator:
        path = Path(emulator)
        path.flow(path.once())
        path.advance(10)
        assert len(path.rows()) == BASE_ROWS + 2 * NEW_ROWS


@pytest.mark.parametrize(("reply", "names"), [("items", {"items"}), ("bare", {"id", "etag"})])
def test_reply_of_a_run(reply: str, names: set[str]) -> None:
    """`--run-reply`: as the on-demand tutorial has it, or as the OpenAPI."""
    with Emulator("--run-reply", reply) as emulator:
        path = Path(emulator)
        body = path.once()
        body["scheduleParams"]["startTime"] += 1000
        assert set(made(on_demand(path, path.flow(body)))) == names
