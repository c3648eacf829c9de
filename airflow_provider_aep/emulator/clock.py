"""The emulator's clock: real time, moved ahead on request, and never back."""

from __future__ import annotations

import time

LIMIT_SECONDS = 10 * 365 * 86400  # etags carry a 32-bit time; ten years leave them room


class Clock:
    """Token expiry, `createdAt` and schedules read this clock, never the computer's.

    Where the computer's is set back, this one goes on from where it stood: what is due does not wait until
    the hour has passed a second time.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset
        self._stopped_at: float | None = None
        self._read = time.time()

    def stop(self) -> None:
        """Stand still, so that a test can look at what lasts a second: only `offset` moves it now."""
        if self._stopped_at is None:
            self._stopped_at = self._real()

    def run(self) -> None:
        """Go on from where it stands."""
        if self._stopped_at is not None:
            self._read = time.time()
            self.offset -= self._read - self._stopped_at
            self._stopped_at = None

    def reset(self) -> None:
        """Real time again."""
        self.offset, self._stopped_at, self._read = 0.0, None, time.time()

    def now(self) -> float:
        """Seconds since the epoch."""
        # Read first: it may move the offset.
        real = self._real() if self._stopped_at is None else self._stopped_at
        return real + self.offset

    def now_ms(self) -> int:
        """Milliseconds since the epoch, the unit of `createdAt`."""
        return int(self.now() * 1000)

    def _real(self) -> float:
        """The computer's time; what it was set back is made up for."""
        before, self._read = self._read, time.time()
        self.offset += max(0.0, before - self._read)
        return self._read
