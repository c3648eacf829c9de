"""Schedules and windows as a DAG writes them: what they come to, and what is refused by name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.schedules import (
    LEAD,
    ExistingSchedule,
    Schedule,
    epoch_seconds,
    read_existing,
    read_schedule,
    read_window,
    shown,
)

NOW = 1_800_000_000.0
START = datetime(2027, 1, 15, 8, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("given", "params"),
    [
        ({}, {"frequency": "once"}),
        ({"frequency": None, "interval": ""}, {"frequency": "once"}),
        ({"frequency": " Day ", "interval": "1"}, {"frequency": "day", "interval": 1}),
        ({"frequency": "minute", "interval": 15}, {"frequency": "minute", "interval": 15}),
        ({"frequency": "hour", "interval": 1, "backfill": False},
         {"frequency": "hour", "interval": 1, "backfill": False}),
        ({"frequency": "week", "interval": 2, "backfill": True},
         {"frequency": "week", "interval": 2, "backfill": True}),
    ],
)  # fmt: skip
def test_what_is_sent(given: dict[str, Any], params: dict[str, Any]) -> None:
    """Numbers are numbers, only given keys are sent, and the start is some seconds ahead."""
    schedule = read_schedule({**given, "start": None}, NOW)
    assert schedule.params() == {"startTime": int(NOW + LEAD), **params}
    assert schedule.once is (params["frequency"] == "once")


@pytest.mark.parametrize(
    ("start", "begins"),
    [(START, int(NOW)), (" 1800000001 ", int(NOW) + 1), (NOW + 2.9, int(NOW) + 2), ("", int(NOW + LEAD))],
)
def test_a_start_that_is_given(start: object, begins: int) -> None:
    """In whole seconds. An empty text counts as missing."""
    assert read_schedule({"start": start}, NOW).start == begins


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "must be a dict .*not NoneType"),
        ("day", "must be a dict .*not str"),
        (
            {"frequncy": "day", "x": 1},
            "unknown keys: frequncy, x. It knows backfill, frequency, interval, st",
        ),
        ({"frequency": "month"}, "'month'; it must be one of once, minute, hour, day, week"),
        ({"frequency": "day", "interval": 1, "backfill": "yes"}, "neither True nor False"),
        ({"frequency": "once", "backfill": False}, "takes no backfill"),
        ({"frequency": "once", "interval": 1}, "takes no interval"),
        ({"interval": 0}, "takes no interval"),
        ({"frequency": "day"}, "at least 1, with frequency 'day'"),
        ({"frequency": "day", "interval": 0}, "at least 1,"),
        ({"frequency": "day", "interval": 1.5}, "at least 1,"),
        ({"frequency": "minute", "interval": 14}, "at least 15, with frequency 'minute'"),
        ({"start": "soon"}, "has a start that is neither"),
        ({"start": False}, "has a start that is neither"),
    ],
)
def test_what_is_refused(given: Any, said: str) -> None:
    """Before anything is made, in words that say which part is wrong."""
    with pytest.raises(AepConfigError, match=rf"^`schedule` .*{said}") as caught:
        read_schedule(given, NOW)
    assert caught.value.parameter == "schedule"


def test_a_start_that_has_passed_is_refused() -> None:
    """The error names the time. The present second has not passed."""
    Schedule("once", None, int(NOW)).check_start(NOW)
    with pytest.raises(AepConfigError, match=r"in the past, at 2027-01-15T07:59:59\+00:00\."):
        Schedule("once", None, int(NOW) - 1).check_start(NOW)


@pytest.mark.parametrize(
    ("frequency", "interval", "warned"),
    [("day", 15, True), ("week", 60, True), ("day", 14, False), ("minute", 15, False), ("hour", 15, False),
     ("once", None, False), ("day", None, False)],
)  # fmt: skip
def test_what_is_seldom_meant(frequency: str, interval: int | None, warned: bool) -> None:
    """Every fifteen days instead of every fifteen minutes."""
    warning = Schedule(frequency, interval, 0).warning()
    assert (warning is not None) is warned
    if warning:
        assert f"every {interval} {frequency}s" in warning


@pytest.fixture(params=["UTC", "Asia/Kolkata"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The time zone of the machine has no effect."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (START, 1_800_000_000.0),
        (START.replace(tzinfo=None), 1_800_000_000.0),
        (START.astimezone(timezone(timedelta(hours=2))), 1_800_000_000.0),
        (" 2027-01-15T08:00:00Z ", 1_800_000_000.0),
        ("2027-01-15T10:00:00+02:00", 1_800_000_000.0),
        ("2027-01-15T08:00:00", 1_800_000_000.0),
        (" 1800000000 ", 1_800_000_000.0),
        (1_800_000_000.5, 1_800_000_000.5),
        (0, 0.0),
        (32_503_679_999, 32_503_679_999.0),
        (32_503_680_000, None),
        (1_800_000_000_000, None),
        (-1, None),
        (True, None),
        ("tomorrow", None),
        ("", None),
        (None, None),
        ([], None),
        (10**400, None),
        (datetime.min, None),
    ],
)
def test_a_time_in_any_notation(value: object, seconds: float | None) -> None:
    """All are the same second. Milliseconds, the far future and times before 1970 are invalid."""
    assert epoch_seconds(value) == seconds


def test_a_window() -> None:
    """Whole seconds, in whichever notation."""
    assert read_window(START, "1800000060") == (1_800_000_000.0, 1_800_000_060.0)
    assert read_window(0.9, 1.9) == (0.0, 1.0)


@pytest.mark.usefixtures("zone")
def test_a_window_in_messages() -> None:
    """Messages show it in UTC, to the second."""
    assert shown(1_800_000_000.0, 1_800_003_661.9) == "2027-01-15 08:00:00 to 2027-01-15 09:01:01 UTC"


@pytest.mark.parametrize(
    ("start", "end", "parameter", "said"),
    [
        (
            "x",
            START,
            "window_start",
            "interval of a DAG run, give `{{ data_interval_start }}` and `{{ data_interval_end }}`.",
        ),
        (START, None, "window_end", "neither a datetime"),
        (START, START, "window_end", "`window_end` is not after `window_start`"),
        (START, START - timedelta(seconds=1), "window_end", "`window_end` is not after `window_start`"),
    ],
)
def test_no_window(start: object, end: object, parameter: str, said: str) -> None:
    """The platform would refuse it, or run over nothing."""
    with pytest.raises(AepConfigError, match=rf"^`{parameter}`") as caught:
        read_window(start, end)
    assert said in str(caught.value)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    ("params", "schedule", "seconds"),
    [
        ({"frequency": "day", "interval": "2", "startTime": "1800000000"}, ("day", 2, NOW), 172800),
        ({"frequency": " Hour ", "interval": 1, "startTime": 1_800_000_000_000}, ("hour", 1, NOW), 3600),
        ({"frequency": "minute", "interval": 15, "startTime": 0}, ("minute", 15, None), 900),
        ({"frequency": "week", "interval": 1}, ("week", 1, None), 604800),
        ({"frequency": "once", "startTime": NOW}, ("once", None, NOW), None),
        ({"frequency": "month", "interval": 1}, ("month", 1, None), None),
        ({"frequency": "day", "interval": 0}, ("day", None, None), None),
        ({"frequency": "day", "interval": [1]}, ("day", None, None), None),
        ({"frequency": " ", "interval": 1}, (None, 1, None), None),
        ({"frequency": 7, "interval": 1}, (None, 1, None), None),
    ],
)
def test_an_existing_schedule_is_read_as_far_as_it_is_known(
    params: dict[str, Any], schedule: tuple[Any, ...], seconds: float | None
) -> None:
    """Adobe shows numbers also as text. Unknown parts are None."""
    found = read_existing(params)
    assert found == ExistingSchedule(*schedule)
    assert found is not None
    assert found.seconds == seconds
    start = "2027-01-15T08:00:00+00:00" if schedule[2] else None
    assert found.as_dict() == {"frequency": schedule[0], "interval": schedule[1], "start": start}


@pytest.mark.parametrize("params", [None, {}, [], "day"])
def test_a_dataflow_without_a_schedule(params: object) -> None:
    """A stream has none."""
    assert read_existing(params) is None
