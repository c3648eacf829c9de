"""When to poll next. Pure: times come in, times go out.

Polling a batch run more often than about once a minute tells little (its shortest schedule is a quarter of
an hour). So polls are frequent only when an end is likely: while the run is young, since many are
short, and near the time that runs of its dataflow usually take.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_aep.flow_service.errors import AepError

SHORTEST = 5.0
"""The fewest seconds between two polls of a run."""

LONGEST = 300.0
"""The most seconds between two polls of a run."""

_SHARE_OF_AGE = 0.1
_NEAR = 0.15
_TOGETHER = 0.25


def interval(age: float, usual: float | None, jitter: float) -> float:
    """Return the seconds until the next poll of a run.

    :param age: seconds since it started, or since the wait for it began
    :param usual: seconds that runs of its dataflow take, where known
    :param jitter: in [0, 1); spreads the result by a tenth to either side
    """
    wait = age * _SHARE_OF_AGE
    if usual is not None and abs(age - usual) <= max(SHORTEST, usual * _NEAR):
        wait = min(wait, usual * 0.02)
    elif usual is not None and age < usual:
        wait = min(wait, usual * (1 - _NEAR) - age)  # do not poll past its usual end
    return min(LONGEST, max(SHORTEST, wait) * (0.9 + jitter * 0.2))


def slowed(error: AepError, failures: int, jitter: float) -> float:
    """Seconds that everybody pauses after the service failed or throttled ``failures`` times in a row."""
    steps = min(LONGEST, SHORTEST * 2.0 ** min(failures - 1, 10)) * (0.9 + jitter * 0.2)
    wish = min(error.retry_after, LONGEST) if error.retry_after is not None else 0.0
    return max(wish, min(LONGEST, steps))


def joins(due: float, now: float, last: float) -> bool:
    """Whether a poll that is due soon is made now, so that many waits are polled together."""
    return due <= now + _TOGETHER * max(due - last, 0.0)


class Durations:
    """How long runs took, by dataflow: the middle of the last few."""

    def __init__(self) -> None:
        self._by_flow: dict[str, deque[float]] = {}

    def add(self, flow_id: str | None, seconds: float | None) -> None:
        """Remember a run that ended."""
        if flow_id and seconds:
            self._by_flow.setdefault(flow_id, deque(maxlen=9)).append(seconds)

    def usual(self, flow_id: str | None) -> float | None:
        """Return seconds, or None if no run of the dataflow has ended yet."""
        taken = sorted(self._by_flow.get(flow_id or "", ()))
        return taken[len(taken) // 2] if taken else None


class Deadline:
    """A time in epoch seconds, and how far ahead it was when this object was made.

    The earlier of two clocks counts. The wall clock knows that the machine slept, and the monotonic clock of
    Linux does not. The monotonic clock goes on if the wall clock is set back.
    """

    def __init__(self, at: float) -> None:
        self._at = at
        self._ends = time.monotonic() + at - time.time()

    @property
    def left(self) -> float:
        """Seconds from now; not above zero once it has passed."""
        return min(self._at - time.time(), self._ends - time.monotonic())
