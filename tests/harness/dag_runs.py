"""DAG runs whose tasks are killed at a request and retried."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.emulator import Emulator
from tests.harness.workers import Worker, Workers

LOST = "its reply lost"
STAGES = {"before it leaves": "before", LOST: "after", "before its reply is used": "after"}
HOUR = 3600.0
DAY = 86400.0
Kill = tuple[str, str, int]
"""A step, and a point in it: `("create_connection", "after", 3)`."""


@dataclass(frozen=True)
class Point:
    """The request of a step at which a task dies (0: the end of `execute`), and the stage of that request."""

    number: int
    stage: str

    def kill(self, step: str) -> Kill:
        """Return the kill for :meth:`DagRun.go_on`."""
        return step, STAGES.get(self.stage, self.stage), self.number


@dataclass(frozen=True)
class Step:
    """The requests of an undisturbed task, and the number of requests before them."""

    name: str
    requests: list[dict[str, Any]]
    begins: int

    def points(self, whole: bool) -> list[Point]:
        """Return all points, or in the short form the lost replies to changes and a random point."""
        numbers = range(1, len(self.requests) + 1)
        found = [Point(0, "return"), *(Point(number, stage) for number in numbers for stage in STAGES)]
        if whole:
            return found
        lost = [Point(number, LOST) for number, sent in enumerate(self.requests, 1) if changes(sent)]
        return [*lost, random.choice(found)]

    def begin(self, emulator: Emulator, point: Point) -> None:
        """Inject the loss of the reply, if that is the point, and count requests from here on."""
        emulator.forget_requests()
        if point.stage == LOST:
            if spared := self.begins + point.number - 1:
                emulator.fault(times=spared)
            emulator.fault(when="after", drop=True)


class DagRun:
    """One DAG run. After a killed try, the next try continues after the last task that ended.

    `build` and `arguments` make its tasks; with `memory` they have Airflow 3.3's state store.
    """

    def __init__(
        self,
        emulator: Emulator,
        workers: Workers,
        directory: Path,
        build: str,
        arguments: dict[str, Any],
        *,
        memory: bool,
    ) -> None:
        directory.mkdir()
        now = emulator.control("GET", "clock")["now"]
        self._emulator = emulator
        self._xcoms = directory / "xcoms.json"
        self._order: dict[str, Any] = {
            "build": build,
            "arguments": arguments,
            "xcoms": self._xcoms,
            "store": directory if memory else None,
            "interval": (now - DAY, now),
            "run_id": directory.name,
        }
        self._start: Callable[..., Worker] = workers.start_dag
        self.sent: dict[str, int] = {}
        self.deaths = 0

    def go_on(self, *kills: Kill, max_tries: int = 2) -> dict[str, Any] | None:
        """Run to the end, or return the error of a failed task. A deferred wait moves the clock."""
        left, resumed = list(kills), None
        for _ in range(20):
            order = {**self._order, "kills": left, "resumed": resumed, "max_tries": max_tries}
            worker = self._start(self._emulator.url, **order)
            if worker.was_killed:
                self._emulator.clear_faults()
                self.deaths += 1
                resumed = None  # a retry starts from the beginning
                left = left[1:]
                continue
            result = worker.result()
            self.sent.update(result["sent"])
            resumed = result.get("deferred")
            if resumed is None:
                return {**result["error"], "said": worker.said()} if "error" in result else None
            self._emulator.advance(HOUR)
        raise AssertionError("the DAG run does not come to an end")

    def finish(self, *kills: Kill, max_tries: int = 2) -> dict[str, Any]:
        """Run to the end, and return what each task returned, without the group's name."""
        error = self.go_on(*kills, max_tries=max_tries)
        assert error is None, f"{error['text']}\n{error['said']}"
        return {name.rpartition(".")[2]: value for name, value in json.loads(self._xcoms.read_text()).items()}

    def steps(self) -> list[Step]:
        """Return the requests of each step of an undisturbed run, without those of the trigger."""
        log = self._emulator.requests()
        found, begins = [], 0
        for number, (name, count) in enumerate(self.sent.items(), 1):
            if number == len(self.sent):
                begins = len(log) - count
            found.append(Step(name, log[begins : begins + count], begins))
            begins += count
        return found


def changes(sent: dict[str, Any]) -> bool:
    """Return whether a request may have an effect, other than for a token."""
    return sent["method"] != "GET" and "/ims/" not in sent["path"]
