"""One wait, as its poller sees it."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep.flow_service.run_selection import Aim
from airflow_provider_aep.flow_service.runs import Dataflow
from airflow_provider_aep.triggers._deadline import Deadline
from airflow_provider_aep.triggers._told import Told

ENDED, MISSING, ERROR, TIMEOUT = "ended", "missing", "error", "timeout"
"""How a wait ends: its run did; there is no such run; something refuses; the deadline passed."""

DIED = "died"
"""The poller did: not an end, the wait goes on with another one."""

DATAFLOWS = 300.0
"""Seconds between two looks at the dataflow of a run that is known."""


def _future() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


@dataclass(eq=False)
class Wait:
    """One wait. ``deadline`` in epoch seconds; ``poll_interval`` in seconds, None for an adapted one.

    What it tells goes to the task's log: ``log`` is called in the context in which the wait was made, by
    which Airflow knows a trigger's lines. ``link`` gets the URL of the run once the run is found.
    ``dataflow`` as it was seen last.
    ``failures``: how often in a row reading its run alone failed; ``misses``: how often there was none.
    """

    flow_id: str | None
    run_id: str | None
    deadline: float
    aim: Aim = field(default_factory=Aim)
    poll_interval: float | None = None
    log: Any = field(default_factory=lambda: logging.getLogger(__name__))
    answer: asyncio.Future[str] = field(default_factory=_future)
    link: asyncio.Future[str] = field(default_factory=_future)
    joined: float = field(default_factory=time.time)
    due: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)
    misses: int = 0
    failures: int = 0
    timer: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self._until = Deadline(self.deadline)
        self._context = contextvars.copy_context()
        self._told = Told()
        self.dataflow = Dataflow(self.flow_id) if self.flow_id else None
        # one without a run depends on its dataflow at each look
        self.dataflow_due = 0.0 if self.run_id is None else time.monotonic() + DATAFLOWS

    @property
    def key(self) -> str:
        """What is read for it: the run, or the runs of the dataflow."""
        return self.run_id or self.flow_id or ""

    def end(self, how: str) -> None:
        """The one answer. A second one changes nothing."""
        if not self.answer.done():
            self.answer.set_result(how)

    def renew(self) -> None:
        """Go on: that answer was none."""
        self.answer = _future()

    def found(self, run_id: str, link: str) -> None:
        """From now on it is a wait for this run."""
        self.run_id = run_id
        self.dataflow_due = time.monotonic() + DATAFLOWS
        if not self.link.done():
            self.link.set_result(link)

    def tell(self, text: str, level: int = logging.WARNING) -> None:
        """Write a line into the task's log."""
        self._context.run(self.log.log, level, "%s", text)

    def tell_once(self, what: str, text: str | None) -> None:
        """Warn when ``what`` begins; None when it does not go on."""
        if self._told.is_news(what, text):
            self.tell(str(text))

    def watch_the_deadline(self) -> None:
        """End in time, also where the machine slept meanwhile or its clock was set back."""
        left = self._until.left
        if left <= 0:
            self.end(TIMEOUT)
        else:
            self.timer = asyncio.get_running_loop().call_later(min(left, 3600.0), self.watch_the_deadline)
