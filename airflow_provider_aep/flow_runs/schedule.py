"""Decide when to poll next. Pure functions of times.

The shortest schedule of a batch run is 15 minutes, so polls that are more frequent than one a minute tell
little. Polls are frequent only when an end is likely: while the run is young, because many runs are short,
and near the time that runs of its dataflow usually take.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_aep.flow_service.errors import AepError

SHORTEST = 5.0
"""The minimum of seconds between two polls of a run."""

LONGEST = 300.0
"""The maximum of seconds between two polls of a run."""

LONGEST_REQUESTED = 3600.0
"""The maximum of seconds to pause because AEP asked for it with a 429."""

DATAFLOWS = 300.0
"""Seconds between two reads of the dataflow once its run is known."""

TOGETHER = 0.25
"""A poll also takes the waits that are due within this share of their interval."""

_SHARE_OF_AGE = 0.1
_NEAR = 0.15


def interval(age: float, usual: float | None, jitter: float) -> float:
    """Return the seconds until the next poll of a run.

    :param age: seconds since the run started, or since the wait started
    :param usual: seconds that runs of its dataflow usually take; None if unknown
    :param jitter: a random number from 0 to 1, which varies the result by up to 10 %
    """
    wait = age * _SHARE_OF_AGE
    if usual is not None and abs(age - usual) <= max(SHORTEST, usual * _NEAR):
        wait = min(wait, usual * 0.02)
    elif usual is not None and age < usual:
        wait = min(wait, usual * (1 - _NEAR) - age)  # next poll: the start of the time near the usual end
    return min(LONGEST, max(SHORTEST, wait) * (0.9 + jitter * 0.2))


def slowed(error: AepError, failures: int, jitter: float) -> float:
    """Return the seconds to pause after ``failures`` errors of the service in a row."""
    backoff = min(LONGEST, SHORTEST * 2.0 ** min(failures - 1, 10)) * (0.9 + jitter * 0.2)
    return max(requested(error), min(LONGEST, backoff))


def requested(error: AepError) -> float:
    """Return the seconds to pause because AEP asked for it; 0 if it did not."""
    from airflow_provider_aep.flow_service.errors import AepThrottledError

    longest = LONGEST_REQUESTED if isinstance(error, AepThrottledError) else LONGEST
    return min(error.retry_after or 0.0, longest)


def is_due(due: float, now: float, last: float) -> bool:
    """Return whether to poll now although the poll is due a little later, to poll many waits together."""
    return due <= now + TOGETHER * max(due - last, 0.0)


class Durations:
    """The usual duration of runs by dataflow: the median of the last nine."""

    def __init__(self) -> None:
        self._by_flow: dict[str, deque[tuple[str | None, float]]] = {}

    def add(self, flow_id: str | None, run_id: str | None, seconds: float | None) -> None:
        """Add the duration of a run that ended, once for all its waits."""
        if flow_id and seconds:
            runs = self._by_flow.setdefault(flow_id, deque(maxlen=9))
            if not any(run_id == known for known, _ in runs):
                runs.append((run_id, seconds))

    def usual(self, flow_id: str | None) -> float | None:
        """Return the usual duration in seconds, or None if no run of the dataflow has ended yet."""
        taken = sorted(seconds for _, seconds in self._by_flow.get(flow_id or "", ()))
        return taken[len(taken) // 2] if taken else None


class Deadline:
    """A deadline in epoch seconds, measured by two clocks. The clock that reaches it first counts.

    The wall clock includes the time that the machine slept, and the monotonic clock of Linux does not. The
    monotonic clock continues if the wall clock is set back.
    """

    def __init__(self, at: float) -> None:
        self._at = at
        self._ends = time.monotonic() + at - time.time()

    @property
    def left(self) -> float:
        """Return the seconds left; zero or less once the deadline has passed."""
        return min(self._at - time.time(), self._ends - time.monotonic())
