"""Test fleets: many dataflows at once, of every health, with runs of the last hours."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.emulator import Emulator
from tests.harness.figures import KeepFigure
from tests.harness.platform import DAY, Platform, made, replaced

MARK = re.compile(r"\[airflow:[^\[\]\s]+\.[^\[\]\s]+ [0-9a-f]{8}\]\Z")
MIXED = {
    "flows": 40, "runs": 3, "failed": 4, "partial": 3, "late": 2, "never_ran": 2, "running": 1, "disabled": 2,
    "drafts": 1,
}  # fmt: skip
SOURCE_FLOWS = "inheritedAttributes.properties.isSourceFlow==true"


def seed(emulator: Emulator, **numbers: Any) -> dict[str, int]:
    """Seed a fleet; return the number of its entities."""
    return dict(emulator.control("POST", "fleet", numbers))


def every(platform: Platform, kind: str, *conditions: str) -> Iterator[dict[str, Any]]:
    """Yield all entities of a kind, page by page."""
    params: dict[str, Any] | None = {"property": list(conditions), "limit": 100}
    href = f"/{kind}"
    while href:
        page = made(platform.api("GET", href, params=params), 200)
        yield from page["items"]
        href, params = page["_links"].get("next", {}).get("href"), None


def lost(run: dict[str, Any]) -> int:
    """Return the number of records that a run lost; 0 for a failed one."""
    count = run["metrics"].get("recordSummary", {}).get("failedRecordCount", 0)
    return int(count) if run["state"] in ("success", "partialSuccess") else 0


def test_numbers(path: Platform) -> None:
    """A fleet has the numbers of dataflows and runs that were asked for, in the last day."""
    assert seed(path.emulator, flows=30, runs=4, failed=5, partial=3) == {
        "flows": 30, "runs": 120, "connections": path.emulator.state()["connections"],
    }  # fmt: skip
    since = (path.now() - DAY) * 1000
    runs = list(every(path, "runs", f"metrics.durationSummary.startedAtUTC>{since}"))
    assert len({run["id"] for run in runs}) == len({run["createdAt"] for run in runs}) == 120
    flows = list(every(path, "flows", SOURCE_FLOWS))
    last = {flow["lastRunDetails"]["id"] for flow in flows}
    states = Counter("partial" if lost(run) else run["state"] for run in runs if run["id"] in last)
    assert states == {"failed": 5, "partial": 3, "success": 22}
    newest = max(runs, key=lambda run: (run["flowId"] == flows[0]["id"], run["createdAt"]))
    assert newest["id"] == flows[0]["lastRunDetails"]["id"]
    partial = path.api("GET", "/runs", params={"property": "state==failed", "count": "true"}).json()["count"]
    assert partial >= 5


def test_connections(path: Platform) -> None:
    """Each has a name of its own, and sources take turns."""
    assert seed(path.emulator, flows=0, connections=200) == {"flows": 0, "runs": 0, "connections": 200}
    found = list(every(path, "connections"))
    assert len({one["name"] for one in found}) == len({one["createdAt"] for one in found}) == 200
    assert len({one["connectionSpec"]["id"] for one in found}) > 10


def test_health(path: Platform) -> None:
    """Each health has its sign: state, schedule, runs or none."""
    seed(path.emulator, **MIXED)
    flows = list(every(path, "flows"))
    assert Counter(flow["state"] for flow in flows) == {"enabled": 37, "disabled": 2, "draft": 1}
    idle = [flow for flow in flows if "lastRunDetails" not in flow]
    assert Counter(flow["state"] for flow in idle) == {"enabled": 2, "draft": 1}
    (running,) = every(path, "runs", "state==inProgress")
    assert len(path.runs(running["flowId"])) == 1
    seconds = {"minute": 60, "hour": 3600, "day": DAY, "week": 7 * DAY}
    late = [
        flow
        for flow in flows
        if "lastRunDetails" in flow
        and path.now() - flow["lastRunDetails"]["startedAtUTC"] / 1000
        > 2 * seconds[flow["scheduleParams"]["frequency"]] * int(flow["scheduleParams"]["interval"])
    ]
    assert len(late) == 2
    before = path.emulator.state()["runs"]
    path.advance(60)
    assert path.emulator.state()["runs"] == before, "the next runs are due later"


def test_variety(path: Platform) -> None:
    """Sources, schedules and names differ; some datasets are shared, some dataflows made by DAGs."""
    seed(path.emulator, flows=60, runs=2, destinations=2)
    flows = list(every(path, "flows", SOURCE_FLOWS))
    assert len(flows) == len({flow["name"] for flow in flows}) == 60
    assert len(list(every(path, "flows"))) == 62
    sources = list(every(path, "sourceConnections"))
    assert len({source["connectionSpec"]["id"] for source in sources}) >= 10
    assert len({tuple(flow["scheduleParams"][n] for n in ("frequency", "interval")) for flow in flows}) >= 4
    marked = [flow for flow in flows if MARK.search(flow.get("description", ""))]
    assert len(marked) == 20
    assert {flow["createdClient"] for flow in flows if flow not in marked} == {"exc_app"}
    targets = [target["params"]["dataSetId"] for target in every(path, "targetConnections")]
    assert 50 < len(set(targets)) < 60
    found = made(path.catalog("GET", "/dataSets", params={"limit": 100}), 200)
    assert set(targets) == set(found)


def test_failures_differ(path: Platform) -> None:
    """Failed runs show credentials, a source that does not answer, files and records as reasons."""
    seed(path.emulator, flows=40, runs=1, failed=24)
    found: set[str] = set()
    for run in every(path, "runs", "state==failed"):
        summary = run["activities"][-1]["statusSummary"]["extensions"]
        found |= {error["code"] for error in summary["errors"]}
        found |= {summary["errorDetail"].partition(",")[0]} if "errorDetail" in summary else set()
    assert found >= {"133", "106", "2200", "INGEST-1211-400", "INGEST-1555-400", "MAPPER-3700-400"}
    details = {code for code in found if code.startswith("ErrorCode=")}
    assert details >= {"ErrorCode=UserErrorUnauthorized", "ErrorCode=UserErrorSourceTimeout"}


def test_lost_records_are_about_persons(path: Platform) -> None:
    """The records that partial runs lost have e-mail addresses."""
    seed(path.emulator, flows=20, runs=1, partial=20)
    for run in every(path, "runs"):
        manifest = run["activities"][1]["statusSummary"]["extensions"].get("manifest")
        if manifest:
            samples = path.api.http.get(manifest["sampleErrors"], timeout=30).text
            assert "@example.com" in samples


def test_the_dags_of_a_fleet(path: Platform) -> None:
    """The ownership marks name the DAGs that were asked for, in turn."""
    seed(path.emulator, flows=9, runs=1, dags=["one", "two.b"])
    marks = [MARK.search(flow.get("description", "")) for flow in every(path, "flows")]
    assert Counter(mark[0].rpartition(".ingest_")[0] for mark in marks if mark) == {
        "[airflow:one": 2, "[airflow:two.b": 1,
    }  # fmt: skip


def test_a_dataflow_of_a_fleet_works_as_any_other(path: Platform) -> None:
    """Its runs come by its schedule and read its source; it can be changed, its failed records fetched."""
    seed(path.emulator, flows=20, runs=1, partial=20)
    flow = next(flow for flow in every(path, "flows") if flow["options"]["errorDiagnosticsEnabled"])
    (run,) = path.runs(flow["id"])
    files = run["activities"][1]["statusSummary"]["extensions"]["manifest"]["failedRecords"]
    names = [file["name"] for file in path.api.http.get(files, timeout=30).json()["data"]]
    rows = [
        line
        for name in names
        for line in path.api.http.get(f"{files}%2F{name}", timeout=30).text.splitlines()
    ]
    assert len(rows) == lost(run) > 0
    headers = {"If-Match": flow["etag"]}
    made(path.api("PATCH", f"/flows/{flow['id']}", json=replaced("/name", "Ours"), headers=headers), 200)
    path.advance(DAY)
    assert {run["state"] for run in path.runs(flow["id"])[1:]} == {"success"}
    (target,) = flow["targetConnectionIds"]
    assert path.rows(path.get("targetConnections", target)["params"]["dataSetId"])


def test_two_fleets(path: Platform) -> None:
    """A second fleet adds to the first one; the other sandbox stays empty."""
    seed(path.emulator, flows=5, runs=2, failed=1)
    seed(path.emulator, flows=5, runs=2)
    seed(path.emulator, flows=3, runs=1, sandbox="dev")
    assert path.emulator.state()["flows"] == 13
    assert len(list(every(path, "flows"))) == 10
    assert len(list(every(Platform(path.emulator, "dev"), "runs"))) == 3


@pytest.mark.parametrize(
    "numbers",
    [
        {"flow": 1},
        {"flows": "1"},
        {"flows": -1},
        {"flows": True},
        {"flows": 2, "failed": 2, "late": 1},
        {"flows": 2, "runs": 0, "failed": 1},
        {"flows": 10_000, "runs": 100},
        {"sandbox": "x"},
        {"dags": []},
        {"dags": ["two words"]},
    ],
)
def test_what_is_invalid(path: Platform, numbers: dict[str, Any]) -> None:
    """Unknown fields, and numbers that contradict each other, are refused."""
    url = f"{path.emulator.url}/_emulator/fleet"
    assert path.emulator.http.post(url, json=numbers).status_code == 400
    assert path.emulator.state()["flows"] == 0


@pytest.mark.nightly
def test_a_large_fleet(path: Platform, figure: KeepFigure) -> None:
    """1,000 dataflows with 24 runs each are seeded in seconds, and listed in 10 and 240 pages."""
    start = time.monotonic()
    reply = path.emulator.http.post(
        f"{path.emulator.url}/_emulator/fleet", json={"flows": 1000, "runs": 24, "failed": 20}, timeout=300
    )
    seconds = time.monotonic() - start
    assert reply.json()["runs"] == 24_000
    figure("a fleet of 1,000 dataflows with 24 runs each", f"{seconds:.1f} s")
    start = time.monotonic()
    assert len({run["id"] for run in every(path, "runs")}) == 24_000
    figure("240 pages of its runs", f"{time.monotonic() - start:.1f} s")
    assert len(path.emulator.requests("GET", "/runs")) == 240
