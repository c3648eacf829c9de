"""The emulator's clock: real time, moved ahead on request."""

from __future__ import annotations

import time

LIMIT_SECONDS = 10 * 365 * 86400  # etags carry a 32-bit time; ten years leave them room


class Clock:
    """Token expiry, `createdAt` and schedules read this clock, never the computer's."""

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset
        self._stopped_at: float | None = None

    def stop(self) -> None:
        """Stand still, so that a test can look at what lasts a second: only `offset` moves it now."""
        if self._stopped_at is None:
            self._stopped_at = time.time()

    def run(self) -> None:
        """Go on from where it stands."""
        if self._stopped_at is not None:
            self.offset -= time.time() - self._stopped_at
            self._stopped_at = None

    def reset(self) -> None:
        """Real time again."""
        self.offset, self._stopped_at = 0.0, None

    def now(self) -> float:
        """Seconds since the epoch."""
        return (time.time() if self._stopped_at is None else self._stopped_at) + self.offset

    def now_ms(self) -> int:
        """Milliseconds since the epoch, the unit of `createdAt`."""
        return int(self.now() * 1000)
