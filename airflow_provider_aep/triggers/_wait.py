"""One wait, as its poller sees it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from airflow_provider_aep.flow_service.run_choice import Aim
from airflow_provider_aep.triggers._deadline import Deadline

ENDED, MISSING, ERROR, TIMEOUT = "ended", "missing", "error", "timeout"
"""How a wait ends: its run did; there is no such run; something refuses; the deadline passed."""

DIED = "died"
"""The poller did: not an end, the wait goes on with another one."""


def _future() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


@dataclass(eq=False)
class Wait:
    """One wait. ``deadline`` in epoch seconds; ``poll_interval`` in seconds, None for an adapted one.

    ``notes`` are for the task's log, which the poller cannot reach: whoever waits writes them down.
    """

    flow_id: str | None
    run_id: str | None
    deadline: float
    aim: Aim = field(default_factory=Aim)
    poll_interval: float | None = None
    notes: list[str] = field(default_factory=list)
    answer: asyncio.Future[str] = field(default_factory=_future)
    joined: float = field(default_factory=time.time)
    due: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)
    misses: int = 0
    timer: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self._until = Deadline(self.deadline)

    def end(self, how: str) -> None:
        """The one answer. A second one changes nothing."""
        if not self.answer.done():
            self.answer.set_result(how)

    def renew(self) -> None:
        """Go on: that answer was none."""
        self.answer = _future()

    def watch_the_deadline(self) -> None:
        """End in time, also where the machine slept meanwhile or its clock was set back."""
        left = self._until.left
        if left <= 0:
            self.end(TIMEOUT)
        else:
            self.timer = asyncio.get_running_loop().call_later(min(left, 3600.0), self.watch_the_deadline)
