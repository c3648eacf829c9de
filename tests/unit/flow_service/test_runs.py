"""Runs as data: states, counts, windows, and which one is meant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_aep.flow_service.collections import RUNS
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.requests import (
    Call,
    list_newest_runs_of,
    list_runs,
    list_runs_from,
    list_runs_of,
)
from airflow_provider_aep.flow_service.run_selection import RunSelector, choose
from airflow_provider_aep.flow_service.runs import (
    Dataflow,
    Phase,
    Run,
    deleted,
    epoch_seconds,
    iso_time,
    read_dataflow,
    read_phase,
    read_run,
    read_snapshot,
)

KEYS = [
    "run_id",
    "status",
    "records_read",
    "records_written",
    "records_failed",
    "records_skipped",
    "bytes",
    "seconds",
    "flow_id",
    "dataflow",
    "dataset_id",
    "started_at",
    "ended_at",
    "window_start",
    "window_end",
]


def item(status: str = "success", **parts: Any) -> dict[str, Any]:
    """A run as the monitoring tutorial shows it."""
    metrics = {
        "durationSummary": {"startedAtUTC": 1_700_000_000_000, "completedAtUTC": 1_700_000_009_500},
        "sizeSummary": {"inputBytes": 900, "outputBytes": 700},
        "recordSummary": {"inputRecordCount": 101, "outputRecordCount": 99, "failedRecordCount": 1},
        "statusSummary": {"status": status},
    }
    return {"id": "run-1", "flowId": "flow-1", "metrics": {**metrics, **parts}, "activities": []}


def windowed(run_id: str, start: int, end: int, started: int, status: str = "success") -> Any:
    """A run over a window, all in epoch seconds."""
    one = item(status, durationSummary={"startedAtUTC": started * 1000})
    window = {"windowStart": start * 1000, "windowEnd": end * 1000}
    return read_run({**one, "id": run_id, "activities": [{"durationSummary": {"extensions": window}}]})


def started(run_id: str, at: int | None, status: str = "success", completed: int | None = None) -> Any:
    """A run that shows no window."""
    duration = {"startedAtUTC": at, "completedAtUTC": completed}
    return read_run({**item(status, durationSummary=duration), "id": run_id})


DAY = 86_400
BASE = 1_700_000_000


@pytest.mark.parametrize(
    ("spelling", "one", "phase"),
    [
        *(
            (word, "success", Phase.GOOD)
            for word in ("success", "SUCCESS", "Success", "COMPLETED", " completed ")
        ),
        *(
            (word, "partialSuccess", Phase.PARTIAL)
            for word in ("partialSuccess", "PARTIAL_SUCCESS", "partial success", "Partial-Success")
        ),
        *((word, "partialFailure", Phase.PARTIAL) for word in ("PARTIAL_FAILURE", "partialFailure")),
        *((word, "failed", Phase.BAD) for word in ("failed", "Failed", "FAILED")),
        *(
            (word, word, Phase.RUNNING)
            for word in ("inProgress", "IN_PROGRESS", "QUEUED", "Waiting", "scheduled", "successful-ish", "")
        ),
    ],
)
def test_every_spelling_of_a_status_is_one(spelling: str, one: str, phase: Phase) -> None:
    """Case, underscores and blanks differ from document to document; what is not known still runs."""
    run = read_run(item(spelling))
    assert (run.status, run.phase, read_phase(item(spelling))) == (one, phase, phase)


@pytest.mark.parametrize("odd", [{}, {"metrics": None}, {"metrics": {"statusSummary": []}}, {"status": 7}])
def test_an_item_with_nothing_in_it_still_runs(odd: dict[str, Any]) -> None:
    """A run with missing or unusual fields can be read. It does not count as ended."""
    run = read_run({"id": "run-1", **odd})
    assert not run.ended
    assert list(run.result()) == KEYS


def test_the_openapis_status_is_understood_too() -> None:
    """It puts `value` into an object beside the metrics."""
    assert read_phase({"id": "a", "status": {"value": "PARTIAL_SUCCESS"}}) is Phase.PARTIAL


def test_the_result_of_a_run() -> None:
    """All keys, milliseconds told from seconds, what a filled summary leaves out is zero, times in UTC."""
    params = {"windowStartTime": "0", "windowEndTime": 1_700_000_000}
    run = replace(read_run({**item(), "params": params}), dataflow="Orders", dataset_id="set-1")
    assert run.result() == {
        "run_id": "run-1",
        "status": "success",
        "records_read": 101,
        "records_written": 99,
        "records_failed": 1,
        "records_skipped": 0,
        "bytes": 700,
        "seconds": 9.5,
        "flow_id": "flow-1",
        "dataflow": "Orders",
        "dataset_id": "set-1",
        "started_at": "2023-11-14T22:13:20+00:00",
        "ended_at": "2023-11-14T22:13:29.500+00:00",
        "window_start": "1970-01-01T00:00:00+00:00",
        "window_end": "2023-11-14T22:13:20+00:00",
    }


@pytest.mark.parametrize(
    ("epoch", "text"),
    [
        (None, None),
        (1_700_000_000, "2023-11-14T22:13:20+00:00"),
        (1_700_000_000.0004, "2023-11-14T22:13:20+00:00"),
        (1_700_000_000.9996, "2023-11-14T22:13:21+00:00"),
        (1_700_000_000.25, "2023-11-14T22:13:20.250+00:00"),
        (9e14, None),
    ],
)
def test_times_are_in_iso_8601_in_utc(epoch: float | None, text: str | None) -> None:
    """Every Python's `datetime.fromisoformat` reads the result. A time beyond all calendars gives None."""
    assert iso_time(epoch) == text


@pytest.mark.parametrize(
    ("status", "unknown"),
    [("inProgress", None), ("QUEUED", None), ("", None), ("success", None), ("pondering", "pondering")],
)
def test_a_status_that_no_document_names(status: str, unknown: str | None) -> None:
    """It is told apart from those under way; both count as still running."""
    assert read_run(item(status)).unknown == read_snapshot(item(status)).unknown == unknown


def test_minus_one_is_unknown() -> None:
    """-1 in the samples of failed runs is not a count."""
    run = read_run(
        item(sizeSummary={"inputBytes": -1, "outputBytes": -1}, recordSummary={"failedRecordCount": -1})
    )
    assert (run.bytes, run.records_failed, run.records_read) == (None, None, None)
    assert read_run(item(recordSummary={})).records_failed is None


def test_written_is_what_was_created_and_updated() -> None:
    """If the sum is missing, its parts are added."""
    run = read_run(item(recordSummary={"createdRecordCount": 3, "updatedRecordCount": 4}))
    assert run.records_written == 7


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1_700_000_000, 1.7e9),
        (1_700_000_000_000, 1.7e9),
        ("1663735590", 1663735590.0),
        (0, None),
        (-1, None),
        (True, None),
        ("yesterday", None),
        (float("nan"), None),
        (None, None),
    ],
)
def test_times_come_in_two_units(value: object, seconds: float | None) -> None:
    """Documents print both; 0 and -1 are no times."""
    assert epoch_seconds(value) == seconds


def test_the_window_is_read_from_either_place() -> None:
    """From an activity, or from the parameters of an on-demand run."""
    assert windowed("a", 0, BASE, BASE).window == (0.0, BASE)
    params = {"windowStartTime": str(BASE), "windowEndTime": str(BASE + 5)}
    assert read_run({"id": "b", "params": params}).window == (BASE, BASE + 5)
    assert started("c", BASE).window is None


def choice(runs: list[Any], **selector: Any) -> tuple[str, str] | None:
    """Which run is chosen, and the first words of why."""
    found = choose(runs, RunSelector(**selector))
    return None if found is None else (found.run.id, found.by)


INTERVAL = {"match": "data_interval", "start": BASE, "end": BASE + DAY}


def test_a_backfill_finds_the_run_of_its_own_month() -> None:
    """The run whose window contains the interval is selected, not the newest run."""
    runs = [
        windowed(f"day-{n}", BASE + n * DAY, BASE + (n + 1) * DAY, BASE + (n + 1) * DAY) for n in range(-3, 9)
    ]
    assert choice(runs, **INTERVAL) == ("day-0", "its window contains the whole data interval")


def test_the_retry_of_a_run_counts() -> None:
    """If two runs have the same window, the newer is selected."""
    first = windowed("first", BASE, BASE + DAY, BASE + DAY, "failed")
    retried = windowed("retried", BASE, BASE + DAY, BASE + DAY + 60)
    assert choice([retried, first], **INTERVAL) == (
        "retried",
        "its window contains the whole data interval",
    )


def test_hourly_runs_in_a_daily_interval() -> None:
    """The last one needed is the one that reaches the interval's end."""
    runs = [
        windowed(f"h{n}", BASE + n * 3600, BASE + (n + 1) * 3600, BASE + (n + 1) * 3600) for n in range(30)
    ]
    assert choice(runs, **INTERVAL) == ("h23", "its window reaches the end of the data interval")


def test_a_zero_length_interval_selects_the_run_up_to_it() -> None:
    """`@daily` has zero-length intervals in Airflow 3. Two windows touch one, and the later begins at it."""
    zero_length = {"match": "data_interval", "start": BASE, "end": BASE}
    upto = windowed("up to it", BASE - DAY, BASE, BASE)
    after = windowed("after it", BASE, BASE + DAY, BASE + DAY)
    assert choice([upto, after], **zero_length) == ("up to it", "its window contains the whole data interval")
    assert choice([after], **zero_length) is None


def test_without_windows_the_first_start_after_the_interval() -> None:
    """A run with a delta column brings all that came before it started."""
    runs = [started("late", BASE + DAY + 90), started("early", BASE + 5), started("right", BASE + DAY)]
    assert choice(runs, **INTERVAL) == ("right", "it is the first run that started after the data interval")


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [started("before", BASE)],
        [started("not yet", None, "queued")],
        [windowed("next day", BASE + DAY, BASE + 2 * DAY, BASE + 2 * DAY)],
    ],
)
def test_no_run_covers_the_interval_yet(runs: list[Any]) -> None:
    """Then the wait goes on."""
    assert choice(runs, **INTERVAL) is None


def test_next_and_latest() -> None:
    """`next` takes what is under way or ends later, `latest` the newest as it is."""
    old = started("old", BASE, completed=BASE + 10)
    going = started("going", BASE + 50, "inProgress")
    assert choice([old], match="next", since=BASE + 20) is None
    assert choice([old, going], match="next", since=BASE + 20) == ("going", "it is still running")
    quick = started("quick", BASE + 30, completed=BASE + 31)
    assert choice([old, quick], match="next", since=BASE + 20) == (
        "quick",
        "it is the first run that ended after the wait began",
    )
    assert choice([going, old], match="latest") == ("going", "it is the newest run")
    assert choice([], match="latest") is None


def test_an_unknown_way_to_match_is_refused() -> None:
    """The error names the parameter."""
    with pytest.raises(AepConfigError) as caught:
        RunSelector(match="nearest")
    assert caught.value.parameter == "match"


def test_the_calls() -> None:
    """IN lists and filters in the documented grammar; ids are checked before they enter a URL."""
    assert RUNS.get_call("run-1") == Call("GET", "/runs/run-1")
    assert list_runs(["a", "b"]) == Call("GET", "/runs", [("property", "id==a,b"), ("limit", "100")])
    everything = Call("GET", "/runs", [("property", "flowId==f,g"), ("limit", "100")])
    for unbounded in (None, 0.0, -1.0):
        assert list_runs_of(["f", "g"], unbounded) == everything
    assert len(list_runs_of(["f"], 1.0).query) == 3
    assert list_runs_of(["f"], 1_700_000_000.5).query == [
        ("property", "flowId==f"),
        ("property", "metrics.durationSummary.startedAtUTC>1700000000499"),
        ("limit", "100"),
    ]
    for bad in ("a,b", "../a", "", "a==b", None):
        for call, parameter in ((list_runs, "run_id"), (list_runs_of, "flow_id")):
            with pytest.raises(AepConfigError) as caught:
                call(["a", bad])
            assert caught.value.parameter == parameter
    with pytest.raises(AepConfigError, match=r"^`run_id`"):
        RUNS.get_call("../a")


@pytest.mark.parametrize(
    ("completed", "began", "since", "found"),
    [
        (200, 50, 100.0, True),
        (100, 50, 100.0, True),
        (99, 150, 100.0, False),
        (None, 150, 100.0, True),
        (None, 50, 100.0, False),
        (None, None, 0.5, False),
    ],
)
def test_what_counts_as_the_next_run(completed: Any, began: Any, since: float, found: bool) -> None:
    """Told by its end; by its start where the end is not told; one that tells neither ended long ago."""
    one = Run("a", "f", "success", Phase.GOOD, started_at=began, completed_at=completed)
    assert (choose([one], RunSelector("next", since=since)) is not None) is found


def test_which_run_is_newest() -> None:
    """Runs are ordered by start, creation and id. A run that has not started comes last."""

    def run(id: str, began: float | None, made: float | None = None) -> Run:
        return Run(id, "f", "", Phase.RUNNING, started_at=began, created_at=made)

    for runs, newest in (
        ([run("a", 1), run("b", 3), run("c", 2)], "b"),
        ([run("a", 3), run("b", None), run("c", 2)], "b"),
        ([run("a", 1, 0.5), run("b", 1, 0.2), run("c", 1)], "a"),
        ([run("b", 1), run("a", 1)], "b"),
    ):
        choice = choose(runs, RunSelector("latest"))
        assert choice is not None
        assert choice.run.id == newest


def test_an_interval_without_a_start_is_zero_length() -> None:
    """It selects the run for the data before it."""
    runs = [
        Run("whole", "f", "", Phase.GOOD, started_at=1.0, window=(0.0, 20.0)),
        Run("late", "f", "", Phase.GOOD, started_at=2.0, window=(15.0, 20.0)),
    ]
    choice = choose(runs, RunSelector("data_interval", end=20.0))
    assert choice is not None
    assert choice.run.id == "late"


@pytest.mark.parametrize(
    ("item", "dataflow"),
    [
        ({"name": "Orders", "state": "enabled"}, Dataflow("f", "Orders")),
        ({"name": "Orders", "state": "disabled"}, Dataflow("f", "Orders", "disabled")),
        ({"name": "Orders of s3cret"}, Dataflow("f", "Orders of ***")),
        ({"name": " "}, Dataflow("f")),
        ({"name": 5}, Dataflow("f")),
        ({}, Dataflow("f")),
    ],
    ids=repr,
)
def test_a_dataflow_is_read(item: dict[str, Any], dataflow: Dataflow) -> None:
    """A known secret in its name is removed. A disabled dataflow starts no run."""
    assert read_dataflow(item, "f", lambda text: text.replace("s3cret", "***")) == dataflow


@pytest.mark.parametrize(
    ("known", "dataflow"),
    [
        (None, Dataflow("f", None, "disabled")),
        (Dataflow("f", "Orders", None, "set"), Dataflow("f", "Orders", "disabled", "set")),
    ],
)
def test_an_earlier_reply_fills_in_what_a_dataflow_lacks(known: Dataflow | None, dataflow: Dataflow) -> None:
    """Its state is always that of the last reply."""
    assert Dataflow("f", None, "disabled").after(known) == dataflow
    complete = Dataflow("f", "New name", None, "other set")
    assert complete.after(known) == complete


def test_a_dataflow_that_starts_no_run_says_so() -> None:
    """By its name if the name is known. Flow Service does not find a deleted dataflow."""
    assert Dataflow("f", "Orders", "disabled").no_run == (
        "The dataflow 'Orders' (f) is disabled: it starts no flow run."
    )
    assert deleted("f").no_run == (
        "The dataflow f is deleted, or not visible to the credential: it starts no flow run."
    )
    assert deleted("f") == Dataflow("f", stopped=deleted("f").stopped)
    assert Dataflow("f").run_continues is None
    assert str(Dataflow("f", stopped="disabled").run_continues).startswith("The dataflow f is disabled. The ")


def test_runs_of_all_dataflows() -> None:
    """A window has no dataflow in its query. The newest runs of some dataflows come first."""
    started = ("property", "metrics.durationSummary.startedAtUTC>1700000000499")
    assert list_runs_from(1_700_000_000.5) == Call("GET", "/runs", [started, ("limit", "100")])
    assert list_newest_runs_of(["f", "g"]).query == [
        ("property", "flowId==f,g"), ("orderby", "-createdAt"), ("limit", "100"),
    ]  # fmt: skip
    with pytest.raises(AepConfigError) as caught:
        list_newest_runs_of(["f/g"])
    assert caught.value.parameter == "flow_id"
