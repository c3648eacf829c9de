"""The fleet: the health of dataflows, and how few requests it takes to know it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from math import ceil
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aep.flow_service.errors import AepNotFoundError, AepPermissionError
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.flow_service.runs import read_run
from airflow_provider_aep.flow_service.schedules import ExistingSchedule
from airflow_provider_aep.hooks.catalog import CatalogHook
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.operations.fleet import (
    DAY,
    Fleet,
    FleetRow,
    Health,
    History,
    collect,
    health_of,
)

NOW = 1_800_000_000.0
HOUR = 3600.0
PAYPAL = "221c7626-58f6-4eec-8ee2-042b0226f03b"
DAILY = ExistingSchedule("day", 1, NOW - 30 * DAY)
QUARTERS = ExistingSchedule("minute", 15, NOW - 30 * DAY)
ONCE = ExistingSchedule("once", None, NOW - 30 * DAY)
Item = dict[str, Any]


def run(flow: str, status: str, ago: float, *, failed: int = 0, **changes: Any) -> Item:
    """A run that started `ago` seconds before now."""
    records = {"inputRecordCount": 10, "outputRecordCount": 10 - failed, "failedRecordCount": failed}
    times = {"startedAtUTC": (NOW - ago) * 1000}
    metrics = {"statusSummary": {"status": status}, "durationSummary": times, "recordSummary": records}
    return {"id": f"{flow}-{ago:.0f}", "flowId": flow, "createdAt": (NOW - ago) * 1000, "metrics": metrics,
            **changes}  # fmt: skip


def flow(own: str, *, last: Item | None = None, age: float = 30 * DAY, **changes: Any) -> Item:
    """A daily PayPal dataflow that shows its last run."""
    item = {
        "id": own,
        "name": f"Dataflow {own}",
        "state": "enabled",
        "createdAt": (NOW - age) * 1000,
        "targetConnectionIds": [f"{own}-target"],
        "sourceConnectionIds": [f"{own}-source"],
        "inheritedAttributes": {"sourceConnections": [{"connectionSpec": {"id": PAYPAL}}]},
        "scheduleParams": {"frequency": "day", "interval": "1", "startTime": str(int(NOW - age))},
    }
    if last is not None:
        duration = last["metrics"]["durationSummary"]
        item["lastRunDetails"] = {
            "id": last["id"],
            "state": last["metrics"]["statusSummary"]["status"],
            **duration,
        }
    return {**item, **changes}


class Aep:
    """Answer the requests of a fleet from lists in memory."""

    def __init__(self, flows: list[Item], runs: list[Item] | None = None, unrelated: int = 0) -> None:
        self.flows, self.runs, self.unrelated = flows, runs or [], unrelated
        self.calls: list[Call] = []
        self.refused: dict[str, Exception] = {}

    def __call__(self, call: Call) -> Any:
        self.calls.append(call)
        path = call.path.split("/")[1]
        if path in self.refused:
            raise self.refused[path]
        if path == "dataSets":
            return self._datasets(call)
        items: Iterator[Item] | list[Item] = {
            "flows": self.flows,
            "runs": self.runs,
            "targetConnections": [
                {"id": f"{one['id']}-target", "params": {"dataSetId": f"{one['id']}-set"}}
                for one in self.flows
            ],
            "sourceConnections": [
                {"id": f"{one['id']}-source", "connectionSpec": {"id": PAYPAL}} for one in self.flows
            ],
        }[path]
        return self._page(path, items, call)

    def _page(self, path: str, items: list[Item], call: Call) -> Item:
        query = dict(call.query)
        text, _, place = query.get("continuationToken", f"{query.get('property', '')}|0").rpartition("|")
        field, _, value = text.partition("==")
        if field in ("id", "flowId"):
            items = [one for one in items if one.get(field) in value.split(",")]
        elif field.startswith("metrics"):
            bound = float(text.partition(">")[2])
            items = [one for one in items if _started(one) > bound]
        if "orderby" in query:
            items = sorted(items, key=lambda one: -one["createdAt"])
        page, rest = items[int(place) : int(place) + 100], items[int(place) + 100 :]
        link = {"next": {"href": f"/{path}?continuationToken={text}|{int(place) + 100}"}} if rest else {}
        return {"items": page, "_links": link}

    def _datasets(self, call: Call) -> Item:
        ids = [f"unrelated-{one}" for one in range(self.unrelated)] + [
            f"{one['id']}-set" for one in self.flows
        ]
        if "/" in call.path.removeprefix("/dataSets"):
            if "lookup" in self.refused:
                raise self.refused["lookup"]
            ids = call.path.removeprefix("/dataSets/").split(",")
        else:
            start = int(dict(call.query)["start"])
            ids = ids[start : start + 100]
        return {own: {"name": f"Dataset {own}"} for own in ids}


def _started(item: Item) -> float:
    try:
        return float(item["metrics"]["durationSummary"]["startedAtUTC"])
    except (KeyError, TypeError, ValueError):
        return -1.0


class ScriptedHook(FlowServiceHook):
    """A hook without a connection."""

    settings = SimpleNamespace(  # type: ignore[assignment]
        base_url="https://platform.adobe.io", org_id="0@AdobeOrg", tenant="acme"
    )
    sandbox = "prod"

    def __init__(self, aep: Any) -> None:
        self.call = aep  # type: ignore[method-assign]

    def scrub(self, text: str) -> str:
        return text.replace("hunter2", "***")

    def to(self, service: Any) -> Any:
        assert service is CatalogHook
        catalog = CatalogHook.__new__(type("Scripted", (CatalogHook,), {"settings": self.settings}))
        catalog.call = self.call
        return catalog


def fleet_of(aep: Any, window: float = DAY) -> Fleet:
    """The fleet as of NOW, within the requests that it may take."""
    fleet = collect(ScriptedHook(aep), window=window, clock=lambda: NOW)
    if isinstance(aep, Aep):
        in_window = sum(_started(one) > (NOW - window) * 1000 for one in aep.runs)
        budget = 5 + ceil(in_window / 100) + 5 * ceil(len(aep.flows) / 100)
        assert len(aep.calls) + 1 <= budget  # and one for the token
    return fleet


def only(aep: Aep, window: float = DAY) -> FleetRow:
    """The one row."""
    (row,) = fleet_of(aep, window).rows
    return row


def history(*runs: Item, complete: bool = True) -> History:
    found = History(complete=complete)
    for one in runs:
        found.add(read_run(one))
    return found


GOOD, BAD = run("f", "success", HOUR), run("f", "failed", HOUR)
UNDER_WAY = run("f", "inProgress", 60)


@pytest.mark.parametrize(
    ("runs", "schedule", "state", "health"),
    [
        ([GOOD], DAILY, "enabled", Health.OK),
        ([BAD], DAILY, "enabled", Health.FAILED),
        ([run("f", "success", HOUR, failed=1)], DAILY, "enabled", Health.PARTIAL),
        ([run("f", "partialSuccess", HOUR)], DAILY, "enabled", Health.PARTIAL),
        ([], DAILY, "enabled", Health.LATE),
        ([], ONCE, "enabled", Health.NEVER_RAN),
        ([], None, "enabled", Health.NEVER_RAN),
        ([], ExistingSchedule("day", 1, NOW + HOUR), "enabled", Health.NEVER_RAN),
        ([], ExistingSchedule("month", 1, NOW - 99 * DAY), "enabled", Health.NEVER_RAN),
        ([UNDER_WAY], DAILY, "enabled", Health.RUNNING),
        ([GOOD, UNDER_WAY], DAILY, "enabled", Health.OK),
        ([BAD, UNDER_WAY], DAILY, "enabled", Health.FAILED),
        ([UNDER_WAY, BAD], DAILY, "enabled", Health.FAILED),
        ([run("f", "failed", 2 * HOUR), GOOD], DAILY, "enabled", Health.OK),
        ([GOOD, run("f", "failed", 2 * HOUR)], DAILY, "enabled", Health.OK),
        # a run that is worse than late stays so
        ([run("f", "failed", 9 * DAY)], DAILY, "enabled", Health.FAILED),
        ([run("f", "success", 9 * DAY)], DAILY, "enabled", Health.LATE),
        ([GOOD, run("f", "success", 9 * DAY)], DAILY, "enabled", Health.OK),
        ([run("f", "success", 2 * DAY)], DAILY, "enabled", Health.OK),
        ([run("f", "success", 2 * DAY + 1)], DAILY, "enabled", Health.LATE),
        ([run("f", "success", 9 * DAY)], ExistingSchedule("day", 1, NOW - DAY), "enabled", Health.OK),
        ([run("f", "success", 9 * DAY)], ExistingSchedule("day", 1, None), "enabled", Health.LATE),
        ([run("f", "success", 9 * DAY)], ONCE, "enabled", Health.OK),
        # two intervals of 15 minutes are half an hour
        ([run("f", "success", 1800)], QUARTERS, "enabled", Health.OK),
        ([run("f", "success", 1801)], QUARTERS, "enabled", Health.LATE),
        ([run("f", "success", 700)], ExistingSchedule("minute", 5, NOW - DAY), "enabled", Health.OK),
        ([run("f", "success", 1800)], ExistingSchedule("minute", 5, NOW - DAY), "enabled", Health.LATE),
        # a queued run has not started
        ([run("f", "queued", 60, metrics={"statusSummary": {"status": "queued"}})], DAILY, "enabled",
         Health.LATE),
        ([], DAILY, "unheard of", Health.NEVER_RAN),
        ([BAD], DAILY, None, Health.FAILED),
        ([BAD], DAILY, "disabled", Health.DISABLED),
        ([BAD], DAILY, "disabling", Health.DISABLED),
        ([], DAILY, "draft", Health.DISABLED),
        ([GOOD], DAILY, "updating", Health.OK),
    ],
)  # fmt: skip
def test_health(
    runs: list[Item], schedule: ExistingSchedule | None, state: str | None, health: Health
) -> None:
    """The last run that ended decides, then whether a run is overdue. Disabled is disabled."""
    assert health_of({"state": state}, schedule, history(*runs), NOW) is health


@pytest.mark.parametrize(
    ("runs", "health"),
    [([], None), ([UNDER_WAY], None), ([GOOD], Health.OK), ([run("f", "success", 9 * DAY)], Health.LATE)],
)
def test_health_with_an_incomplete_history(runs: list[Item], health: Health | None) -> None:
    """If runs may have been missed, a dataflow is neither new nor late, but unknown."""
    assert health_of({"state": "enabled"}, DAILY, history(*runs, complete=False), NOW) is health


def test_a_row() -> None:
    """Every field, with times in UTC."""
    last = run("f", "partialSuccess", HOUR, failed=2)
    last["metrics"]["durationSummary"]["completedAtUTC"] = (NOW - HOUR + 9) * 1000
    described = {"description": "Payments [airflow:dag.group.task 01234567]", "name": "hunter2 flow"}
    aep = Aep(
        [flow("f", last=last, **described)], [run("f", "failed", 2 * HOUR), last, run("g", "failed", 9)]
    )
    assert only(aep).as_dict() == {
        "id": "f",
        "name": "*** flow",
        "state": "enabled",
        "health": "partial",
        "source": "paypal",
        "dataset": "Dataset f-set",
        "dataset_id": "f-set",
        "schedule": {"frequency": "day", "interval": 1, "start": "2026-12-16T08:00:00+00:00"},
        "last_run": {
            "id": "f-3600",
            "status": "partialSuccess",
            "started_at": "2027-01-15T07:00:00+00:00",
            "ended_at": "2027-01-15T07:00:09+00:00",
            "records_read": 10,
            "records_written": 8,
            "records_failed": 2,
        },
        "runs": {"success": 0, "partial": 1, "failed": 1, "running": 0},
        "made_by": "dag.group.task",
        "url": "https://experience.adobe.com/#/@acme/sname:prod/platform/source/dataflows/f/activity",
    }
    assert [call.path for call in aep.calls] == [
        "/flows", "/runs", "/targetConnections", "/dataSets/f-set",
    ]  # fmt: skip


def test_a_last_run_before_the_window_is_read_with_its_counts() -> None:
    """It is neither counted nor taken for no run: lost records before the window still show."""
    last = run("f", "success", 3 * HOUR, failed=1)
    row = only(Aep([flow("f", last=last)], [last]), window=HOUR)
    assert row.health is Health.PARTIAL
    assert row.last_run is not None
    assert row.last_run.records_failed == 1
    assert not any(row.runs.values())


@pytest.mark.parametrize(
    "shown",
    [
        {"id": "f-3600", "state": "success"},
        {"id": "older", "state": "failed", "startedAtUTC": (NOW - 2 * HOUR) * 1000},
    ],
    ids=["without its start", "a run started meanwhile"],
)
def test_a_last_run_of_the_window_is_not_read_again(shown: Item) -> None:
    """The window has it, or a newer one."""
    aep = Aep([flow("f", lastRunDetails=shown)], [run("f", "success", HOUR)])
    assert only(aep).health is Health.OK
    assert sum(call.path == "/runs" for call in aep.calls) == 1


def test_a_last_run_that_aep_does_not_have_any_more() -> None:
    """The dataflow still shows its end. The counts are unknown."""
    row = only(Aep([flow("f", last=run("f", "failed", 3 * DAY))]))
    assert row.health is Health.FAILED
    assert row.last_run is not None
    assert (row.last_run.status, row.last_run.records_failed) == ("failed", None)


def test_a_run_that_failed_before_it_started_counts() -> None:
    """The filter by start does not find it, but the dataflow shows it."""
    early = run("f", "failed", HOUR)
    early["metrics"]["durationSummary"] = {}
    row = only(Aep([flow("f", last=early)], [early, run("f", "success", 2 * HOUR)]))
    assert row.health is Health.FAILED
    assert row.runs == {"success": 1, "partial": 0, "failed": 1, "running": 0}


@pytest.mark.parametrize("others", [0, 200], ids=["complete", "incomplete"])
@pytest.mark.parametrize(
    ("before", "known", "unsure"),
    [
        ([], Health.RUNNING, None),
        ([run("f", "failed", 20 * DAY)], Health.FAILED, None),
    ],
)
def test_the_run_before_one_under_way(
    others: int, before: list[Item], known: Health, unsure: Health | None
) -> None:
    """It is found, or known not to exist, or the health is unknown: never a guess."""
    runs = [run("g", "inProgress", 100 + place) for place in range(others)]
    flows = [flow("f", last=UNDER_WAY), flow("g")]
    rows = {row.id: row for row in fleet_of(Aep(flows, [*before, UNDER_WAY, *runs])).rows}
    assert rows["f"].health is (unsure if others else known)


@pytest.mark.parametrize(
    ("changes", "health"),
    [
        ({"age": HOUR}, Health.NEVER_RAN),
        ({"scheduleParams": {"frequency": "once"}}, Health.NEVER_RAN),
        ({}, Health.LATE),
        ({"lastRunDetails": "odd", "scheduleParams": None}, Health.NEVER_RAN),
    ],
)
def test_a_dataflow_that_never_ran(changes: Item, health: Health) -> None:
    """An old one is only taken for it when AEP has no run of it."""
    assert only(Aep([flow("f", **changes)])).health is health


def test_a_dataflow_that_hides_its_last_run() -> None:
    """The newest runs of all such dataflows are one request."""
    aep = Aep([flow(str(one)) for one in range(90)], [run(str(one), "success", 2 * DAY) for one in range(90)])
    assert {row.health for row in fleet_of(aep).rows} == {Health.OK}


def test_worst_first() -> None:
    """Then by name. A count of each health."""
    runs = [run("b", "failed", 9), run("a", "failed", 9), run("ok", "success", 9)]
    flows = [flow("ok"), flow("b", name="b"), flow("off", state="disabled"), flow("a", name="A")]
    fleet = fleet_of(Aep(flows, runs))
    assert [row.id for row in fleet.rows] == ["a", "b", "ok", "off"]
    assert {health: count for health, count in fleet.counts().items() if count} == {
        "failed": 2, "ok": 1, "disabled": 1,
    }  # fmt: skip


def test_pages_that_overlap_count_a_run_once() -> None:
    """A list can move on while it is read."""
    runs = [run("f", "success", 9 + one) for one in range(150)]
    row = only(Aep([flow("f")], [*runs[:100], *runs[50:]]))
    assert row.runs["success"] == 150


def test_names_that_cannot_be_read_leave_the_health() -> None:
    """A note says which, and why."""
    aep = Aep([flow("f", inheritedAttributes=None)], [run("f", "failed", 9)])
    aep.refused = dict.fromkeys(
        ("targetConnections", "sourceConnections"), AepPermissionError("Not allowed.")
    )
    fleet = fleet_of(aep)
    (row,) = fleet.rows
    assert (row.health, row.source, row.dataset_id, row.dataset) == (Health.FAILED, None, None, None)
    assert [note.split(" of all")[0] for note in fleet.notes] == [
        "Could not read the datasets", "Could not read the sources",
    ]  # fmt: skip
    assert "[AEP-E304]" in fleet.notes[0]
    aep = Aep([flow("f", inheritedAttributes=None)])
    aep.refused = {"dataSets": AepPermissionError("Not allowed.")}
    (row,) = fleet_of(aep).rows
    assert (row.source, row.dataset_id, row.dataset) == ("paypal", "f-set", None)


def test_one_deleted_dataset_hides_no_other_name() -> None:
    """No document says whether one missing dataset fails the request for all. If so, the list is read."""
    aep = Aep([flow(str(one)) for one in range(250)])
    aep.refused = {"lookup": AepNotFoundError("It is missing.")}
    assert {row.dataset for row in fleet_of(aep).rows} == {f"Dataset {one}-set" for one in range(250)}


def test_the_list_of_datasets_is_not_read_beyond_the_requests_that_are_left() -> None:
    """A sandbox can have many datasets that no dataflow fills."""
    aep = Aep([flow(str(one), inheritedAttributes=None) for one in range(250)], unrelated=1500)
    aep.refused = {"lookup": AepNotFoundError("It is missing.")}
    assert {row.dataset for row in fleet_of(aep).rows} == {None}


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ({"connectionSpec": {"id": "ea1c2a08-b722-11eb-8529-0242ac130003"}}, "salesforce-marketing-cloud"),
        (
            {"connectionSpec": {"id": "59a4b493-a615-40f9-bd38-f823d0909a2b"}},
            "sugarcrm-accounts-contacts or linkedin-ads",
        ),
        ({"connectionSpec": {"id": "unheard-of"}}, "unheard-of"),
        ({"baseConnection": {"connectionSpec": {"id": "another"}}}, "another"),
        ({"connectionSpec": {"id": {}}}, "paypal"),
        ({}, "paypal"),
    ],
)
def test_the_source(source: Item, key: str) -> None:
    """A key of the catalogue, or the id of the spec. A dataflow that shows none has a source connection."""
    assert only(Aep([flow("f", inheritedAttributes={"sourceConnections": [source]})])).source == key


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from([*flow("f"), "lastRunDetails", "description"]), ODD), st.data())
def test_odd_data_of_one_dataflow_leaves_the_others(changes: Item, data: Any) -> None:
    """Nothing of it raises, and it gets a row if it has an id."""
    good = run("good", "success", 9)
    odd = run("odd", "success", 9)
    odd["metrics"] = data.draw(st.dictionaries(st.sampled_from([*odd["metrics"]]), ODD))
    odd["metrics"]["durationSummary"] = data.draw(ODD | st.just({"startedAtUTC": (NOW - 9) * 1000}))
    last = data.draw(st.dictionaries(st.sampled_from(["id", "state", "startedAtUTC", "completedAtUTC"]), ODD))
    flows = [flow("good"), flow("odd", **{"lastRunDetails": last, **changes})]
    rows = {row.id: row for row in collect(ScriptedHook(Aep(flows, [good, odd])), clock=lambda: NOW).rows}
    assert rows["good"].health is Health.OK
    assert rows["good"].runs["success"] == 1
    assert all(row.as_dict() for row in rows.values())
    if "id" not in changes:
        assert set(rows) == {"good", "odd"}


def test_a_dataflow_without_an_id_is_noted() -> None:
    """It cannot be shown, but it is not hidden either."""
    fleet = fleet_of(Aep([flow("f"), flow("f", id=None)]))
    assert len(fleet.rows) == 1
    assert fleet.notes == ("1 dataflows have no valid id and are not shown.",)


class Endless(Aep):
    """Runs that are made when they are asked for."""

    def __init__(self, flows: list[Item], pages: int) -> None:
        super().__init__(flows)
        self.pages = pages

    def _page(self, path: str, items: list[Item], call: Call) -> Item:
        if path != "runs":
            return super()._page(path, items, call)
        page = int(dict(call.query).get("continuationToken", "0"))
        found = [run(f"{one}", "success", page + 1.0) for one in range(100)]
        for one in found:
            one["activities"] = [{"id": str(number), "filler": "x" * 50} for number in range(20)]
        link = {"next": {"href": f"/runs?continuationToken={page + 1}"}} if page < self.pages else {}
        return {"items": found, "_links": link}


def test_memory_does_not_grow_with_the_runs() -> None:
    """A page is forgotten when it was counted."""
    peaks = []
    for pages in (2, 15):
        aep = Endless([flow(str(one)) for one in range(100)], pages)
        tracemalloc.start()
        assert fleet_of_endless(aep) == pages + 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000


def fleet_of_endless(aep: Endless) -> int:
    return collect(ScriptedHook(aep), clock=lambda: NOW).rows[0].runs["success"]


def test_a_window_from_before_1970_has_every_run() -> None:
    """It begins at 1970, so that its start is a time that can be shown."""
    fleet = fleet_of(Aep([flow("f")], [run("f", "success", HOUR)]), window=1e12)
    assert fleet.since == 0
    assert fleet.rows[0].runs["success"] == 1
