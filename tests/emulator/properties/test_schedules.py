"""A schedule is refused by name or works at the platform, and means what was written."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.schedules import FREQUENCIES, Schedule, read_schedule
from tests.harness.emulator import Emulator
from tests.harness.platform import Platform

NOW = 1_800_000_000.0
SECONDS = st.integers(-2 * 86_400, 400 * 86_400)
"""Seconds from now, a few of them past."""

JUNK = st.sampled_from(
    [None, "", " ", 0, -1, 1.5, math.nan, math.inf, True, False, [], {}, b"1", "²", "1e3", "None"]
)
FREQUENCY = st.sampled_from([*FREQUENCIES, " Day ", "HOUR", "month"]) | JUNK
INTERVAL = st.integers(-1, 100_000) | st.integers(1, 100_000).map(str) | st.just(" 15 ") | JUNK


def starts(now: float) -> st.SearchStrategy[Any]:
    """In every notation, and in none."""

    def point_in_time(seconds: int) -> datetime:
        return datetime.fromtimestamp(now, timezone.utc) + timedelta(seconds=seconds)

    east = timezone(timedelta(hours=5, minutes=30))
    notations: list[Callable[[int], Any]] = [
        lambda s: int(now) + s,
        lambda s: now + s,
        lambda s: str(int(now) + s),
        point_in_time,
        lambda s: point_in_time(s).astimezone(east),
        lambda s: point_in_time(s).replace(tzinfo=None),
        lambda s: point_in_time(s).isoformat(),
        lambda s: point_in_time(s).astimezone(east).isoformat(),
        lambda s: point_in_time(s).strftime("%Y-%m-%dT%H:%M:%SZ"),
    ]
    extremes = st.sampled_from([datetime.min, datetime.max, 10**30, "9" * 5000, str(int(now) * 1000)])
    written = st.tuples(st.sampled_from(notations), SECONDS).map(lambda pair: pair[0](pair[1]))
    return written | extremes | st.datetimes() | st.datetimes(timezones=st.timezones()) | JUNK


def schedules(now: float) -> st.SearchStrategy[Any]:
    """Dicts with good and bad of everything, and what is no dict."""
    parts = {
        "frequency": FREQUENCY,
        "interval": INTERVAL,
        "start": starts(now),
        "backfill": st.booleans() | JUNK,
    }
    likely = st.fixed_dictionaries({}, optional=parts)
    return likely | st.dictionaries(st.sampled_from([*parts, "interal", 1, None]), JUNK) | JUNK


def read(given_schedule: Any, now: float) -> Schedule | None:
    """None where it is refused, by its parameter's name."""
    try:
        schedule = read_schedule(given_schedule, now)
        schedule.check_start(now)
    except AepConfigError as error:
        refused = error
    else:
        return schedule
    assert refused.parameter == "schedule"
    assert str(refused).startswith("`schedule` ")
    return None


@given(schedules(NOW))
def test_refused_by_name_or_whole(given_schedule: Any) -> None:
    """An accepted schedule has exactly the fields that Flow Service needs, as plain numbers."""
    schedule = read(given_schedule, NOW)
    if schedule is None:
        return
    params = schedule.params()
    assert json.loads(json.dumps(params)) == params
    assert params["frequency"] in FREQUENCIES
    assert isinstance(params["startTime"], int)
    assert params["startTime"] >= int(NOW)
    if params["frequency"] == "once":
        assert params.keys() == {"startTime", "frequency"}
    else:
        assert params["interval"] >= (15 if params["frequency"] == "minute" else 1)
        assert params.keys() - {"backfill"} == {"startTime", "frequency", "interval"}
    schedule.warning()


@given(st.integers(1, 10**12), SECONDS.filter(lambda seconds: seconds > 0))
def test_it_means_what_was_written(interval: int, seconds: int) -> None:
    """The interval as a number and as text, the start in any notation: the same, or refused."""
    point_in_time = datetime.fromtimestamp(NOW + seconds, timezone.utc)
    for written in (interval, str(interval)):
        for start in (int(NOW) + seconds, str(int(NOW) + seconds), point_in_time, point_in_time.isoformat()):
            schedule = read({"frequency": "hour", "interval": written, "start": start}, NOW)
            if schedule is not None:
                assert (schedule.interval, schedule.start) == (interval, int(NOW) + seconds)


def test_the_platform_takes_what_is_accepted(emulator: Emulator) -> None:
    """It has rules of its own, and is asked last: by then everything else is made."""
    path = Platform(emulator)
    path.stop_clock()
    body = path.prepared()

    @settings(max_examples=max(30, settings.default.max_examples // 10))
    @given(schedules(path.now()))
    def holds(given_schedule: Any) -> None:
        schedule = read(given_schedule, path.now())
        if schedule is not None:
            copy = body["transformations"][1 if schedule.once else 0 :]
            order = {**body, "transformations": copy, "scheduleParams": schedule.params()}
            reply = path.api("POST", "/flows", json=order, params={"mode": "draft"})
            assert reply.status_code == 201, reply.text
            assert path.api("DELETE", f"/flows/{reply.json()['id']}").ok

    holds()
