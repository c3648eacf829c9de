"""The emulator's clock: real time, moved ahead on request. It does not go back until a reset."""

from __future__ import annotations

import time

MAX_ADVANCE_SECONDS = 10 * 365 * 86400  # etags carry a 32-bit time; ten years fit into it


class Clock:
    """Give the time for token expiry, `createdAt` and schedules, independent of the computer's clock.

    If the computer's clock is set back, this clock continues from its last time: due runs are not delayed.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset
        self._stopped_at: float | None = None
        self._read = time.time()

    def stop(self) -> None:
        """Stop, so that a test can observe a short state: only `offset` moves the clock now."""
        if self._stopped_at is None:
            self._stopped_at = self._real()

    def run(self) -> None:
        """Continue from the time at which the clock stopped."""
        if self._stopped_at is not None:
            self._read = time.time()
            self.offset -= self._read - self._stopped_at
            self._stopped_at = None

    def reset(self) -> None:
        """Return to real time."""
        self.offset, self._stopped_at, self._read = 0.0, None, time.time()

    def now(self) -> float:
        """Return seconds since the epoch."""
        # Read first: it may move the offset.
        real = self._real() if self._stopped_at is None else self._stopped_at
        return real + self.offset

    def now_ms(self) -> int:
        """Return milliseconds since the epoch, the unit of `createdAt`."""
        return int(self.now() * 1000)

    def _real(self) -> float:
        """Return the computer's time, and compensate if it was set back."""
        before, self._read = self._read, time.time()
        self.offset += max(0.0, before - self._read)
        return self._read
