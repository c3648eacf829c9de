"""A deadline of the wall clock that a wrong clock does not put off."""

from __future__ import annotations

import time


class Deadline:
    """A moment in epoch seconds, and how far it lay ahead when it was first looked at.

    What comes first counts. The wall clock knows that the machine slept, which the monotonic clock of Linux
    does not; the monotonic one goes on where the wall clock is set back.
    """

    def __init__(self, at: float) -> None:
        self._at = at
        self._ends = time.monotonic() + at - time.time()

    @property
    def left(self) -> float:
        """Seconds from now; not above zero once it has passed."""
        return min(self._at - time.time(), self._ends - time.monotonic())
