"""The emulator's clock: real time, moved ahead on request."""

from __future__ import annotations

import time

LIMIT_SECONDS = 10 * 365 * 86400  # etags carry a 32-bit time; ten years leave them room


class Clock:
    """Token expiry, `createdAt` and schedules read this clock, never the computer's."""

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset

    def now_ms(self) -> int:
        """Milliseconds since the epoch, the unit of `createdAt`."""
        return int(self.now() * 1000)
