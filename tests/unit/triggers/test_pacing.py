"""When the poller polls next."""

from __future__ import annotations

import pytest

from airflow_provider_aep.flow_runs.schedule import LONGEST, SHORTEST, Durations, interval, is_due, slowed
from airflow_provider_aep.flow_service.errors import AepServerError, AepThrottledError


@pytest.mark.parametrize(
    ("age", "usual", "expected"),
    [
        (0, None, 5),
        (60, None, 6),
        (600, None, 60),
        (36_000, None, 300),
        (1800, 3600, 180),
        (3590, 3600, 72),
        (3000, 3600, 60),
        (2900, 3600, 160),
        (60, 60, 5),
        (7200, 3600, 300),
    ],
)
def test_the_interval_follows_age_and_what_is_usual(age: float, usual: float | None, expected: float) -> None:
    """Short while young and near the usual end, which no interval passes over."""
    assert interval(age, usual, 0.5) == pytest.approx(expected)


def test_intervals_stay_in_their_bounds_and_differ() -> None:
    """5 s to 5 min, a tenth of jitter to either side."""
    for age in (0, 1, 100, 10_000, 1e7):
        assert SHORTEST * 0.9 <= interval(age, None, 0.0) < interval(age, None, 0.999) + 1e-9
        assert interval(age, None, 0.999) <= LONGEST


def test_trouble_slows_down_step_by_step() -> None:
    """Doubling from 5 s to 5 min; what the service wishes counts where it is longer, within the bound."""
    assert [slowed(AepServerError("x"), n, 0.5) for n in (1, 2, 3, 9, 99)] == [5, 10, 20, 300, 300]
    assert slowed(AepThrottledError("x", retry_after=60), 1, 0.5) == 60
    assert slowed(AepThrottledError("x", retry_after=900), 1, 0.5) == 900
    assert slowed(AepThrottledError("x", retry_after=9999), 1, 0.5) == 3600
    assert slowed(AepServerError("x", retry_after=900), 1, 0.5) == 300


def test_what_is_due_soon_goes_along() -> None:
    """Within a quarter of its own interval."""
    assert is_due(due=100, now=100, last=0)
    assert is_due(due=100, now=76, last=0)
    assert not is_due(due=100, now=74, last=0)


def test_what_is_usual_is_the_middle_of_the_last_runs() -> None:
    """A dataflow without an ended run has no usual duration."""
    durations = Durations()
    assert durations.usual("flow-1") is None
    for number, seconds in enumerate((10, 1000, 12, 11, None)):
        durations.add("flow-1", f"run-{number}", seconds)
    durations.add(None, "run-5", 5)
    assert durations.usual("flow-1") == 12


def test_many_waits_for_one_run_count_once() -> None:
    """Otherwise nine waits for one odd run would decide what is usual."""
    durations = Durations()
    for run_id in ("run-1", "run-2", *["odd"] * 9):
        durations.add("flow-1", run_id, 1000 if run_id == "odd" else 10)
    assert durations.usual("flow-1") == 10
