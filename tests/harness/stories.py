"""How a create can go, request by request: each request of each story is a moment to die at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.harness.emulator import PAYPAL_SPEC, Emulator
from tests.harness.workers import NAME, Worker, wait_until

FOREIGN_MARK = "[airflow:other_dag.create 0123abcd]"
NOTHING_STANDS = {"status": 200, "body": {"items": []}}
REPLY_LOST = {"when": "after", "drop": True}
HELD = 600

STAGES = ("before it leaves", "held before its effect", "held after its effect", "before its reply is used")


@dataclass(frozen=True)
class Request:
    """One request of a story, how the emulator spoils it if it does, and how many more stand after it."""

    words: str
    method: str
    path: str
    fault: dict[str, Any] = field(default_factory=dict)
    effect: int = 0


@dataclass(frozen=True)
class Story:
    """A create as a sequence of requests; `rival` is the description of one that stands before.

    `brief` are the moments of the short form; None for all.
    """

    name: str
    requests: tuple[Request, ...]
    rival: str | None = None
    brief: frozenset[tuple[str, str]] | None = None

    def begin(self, emulator: Emulator, *, held: int = 0, stage: str = "") -> str | None:
        """Order the faults, hold the request number `held`, and return the rival's id if there is one."""
        rival = None
        if self.rival is not None:
            rival = emulator.api().create(NAME, description=self.rival).json()["id"]
        for number, request in enumerate(self.requests, 1):
            fault = request.fault
            if number == held and stage == "held before its effect":
                fault = {"delay": HELD}
            elif number == held and stage == "held after its effect":
                fault = {**fault, "when": "after", "delay": HELD}
            emulator.fault(method=request.method, path=request.path, **fault)
        emulator.forget_requests()
        return rival

    def kill_while_held(self, emulator: Emulator, worker: Worker, held: int, stage: str) -> None:
        """SIGKILL once the request has arrived, and its effect stands if the stage says so."""
        wait_until(lambda: len(emulator.requests()) >= held or worker.ended.is_set(), f"request {held}")
        assert not worker.ended.is_set(), worker.said()
        assert emulator.requests()[held - 1]["status"] is None
        done = self.requests[: held if stage == "held after its effect" else held - 1]
        count = (self.rival is not None) + sum(request.effect for request in done)
        wait_until(lambda: emulator.state()["connections"] == count, "the effect")
        worker.kill()

    def moments(self) -> list[Any]:
        """Every request at every stage, as pytest parameters; the longer ones are marked `nightly`."""
        return [
            pytest.param(
                self,
                number,
                stage,
                id=f"{self.name}, {request.words}, {stage}".replace(" ", "_"),
                marks=()
                if self.brief is None or (request.words, stage) in self.brief
                else pytest.mark.nightly,
            )
            for number, request in enumerate(self.requests, 1)
            for stage in STAGES
        ]


_TOKEN = Request("token", "POST", "/ims/token/v3")
_LOOK = Request("first look", "GET", "/connections")
_SPEC = Request("spec", "GET", f"/connectionSpecs/{PAYPAL_SPEC}")
_POST = Request("POST", "POST", "/connections", effect=1)
_LOOK_AGAIN = Request("second look", "GET", "/connections")

FIRST = Story("first create", (_TOKEN, _LOOK, _SPEC, _POST, _LOOK_AGAIN))
HEAL = Story(
    "heal",
    (
        _TOKEN,
        _LOOK,
        _SPEC,
        Request("POST", "POST", "/connections", REPLY_LOST, effect=1),
        Request("healing look", "GET", "/connections"),
        _LOOK_AGAIN,
    ),
    brief=frozenset((words, stage) for words in ("POST", "healing look", "second look") for stage in STAGES),
)


# Where two are left the retry waits for a race to settle, some 8 s: one moment of these is enough here.
_BRIEF_RACE = frozenset(
    {
        ("first look", "before its reply is used"),
        ("POST", "before it leaves"),
        ("POST", "held before its effect"),
        ("DELETE", "held before its effect"),
        ("DELETE", "held after its effect"),
        ("DELETE", "before its reply is used"),
    }
)


def _lost_race(name: str, rival: str) -> Story:
    """The first look is answered as of before the rival: what a task sees that is about to lose."""
    look = Request("first look", "GET", "/connections", NOTHING_STANDS)
    delete = Request("DELETE", "DELETE", "", effect=-1)
    return Story(name, (_TOKEN, look, _SPEC, _POST, _LOOK_AGAIN, delete), rival, _BRIEF_RACE)


LOSER = _lost_race("lost race", f"Somebody's {FOREIGN_MARK}")
LOSER_TO_A_STRANGER = _lost_race("race lost to a stranger", "made by hand")


def kill_point(stage: str, number: int) -> tuple[str, int] | None:
    """Where the process kills itself; None where the test does, while the emulator holds the request."""
    return {"before it leaves": ("before", number), "before its reply is used": ("after", number)}.get(stage)
