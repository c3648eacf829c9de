"""SIGKILL at every request of a create, and the retry that follows: one connection, and its id."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.harness.emulator import PAYPAL_SPEC, Emulator
from tests.harness.faults import AFTER, HELD, LOST, NONE_LISTED, How, at
from tests.harness.workers import FOREIGN_MARK, NAME, Worker, Workers, existing, wait_until

WHOLE = pytest.mark.nightly
RANDOM_KILLS = [pytest.param(3, id="3"), pytest.param(30, id="30", marks=WHOLE)]
LEAVES, BEFORE_EFFECT, AFTER_EFFECT, UNUSED = STAGES = (
    "before it leaves",
    "held before its effect",
    "held after its effect",
    "before its reply is used",
)


@dataclass(frozen=True)
class Request:
    """One request of a create, its fault if it has one, and how many more connections exist after it."""

    words: str
    request: str
    how: How = field(default_factory=dict)
    effect: int = 0


@dataclass(frozen=True)
class Scenario:
    """A create as a sequence of requests, each of which may be the last.

    :param rival: the description of a connection that exists before
    :param brief: which requests and stages `make test` takes
    """

    name: str
    requests: tuple[Request, ...]
    brief: frozenset[tuple[str, str]]
    rival: str | None = None

    def begin(self, emulator: Emulator, held: int, stage: str) -> str | None:
        """Inject the faults, hold the request number `held`, and return the rival's id if there is one."""
        rival = None
        if self.rival is not None:
            rival = emulator.api().create(NAME, description=self.rival).json()["id"]
        for number, request in enumerate(self.requests, 1):
            how: tuple[How, ...] = (request.how,)
            if number == held and stage == BEFORE_EFFECT:
                how = ({"delay": HELD},)
            elif number == held and stage == AFTER_EFFECT:
                how = (request.how, AFTER, {"delay": HELD})
            emulator.fault(**at(request.request, *how))
        emulator.forget_requests()
        return rival

    def kill_while_held(self, emulator: Emulator, worker: Worker, held: int, stage: str) -> None:
        """Kill once the request has arrived, and its effect exists if the stage says so."""
        wait_until(lambda: len(emulator.requests()) >= held or worker.ended(), f"request {held}")
        assert not worker.ended(), worker.said()
        assert emulator.requests()[held - 1]["status"] is None
        done = self.requests[: held if stage == AFTER_EFFECT else held - 1]
        count = (self.rival is not None) + sum(request.effect for request in done)
        wait_until(lambda: emulator.state()["connections"] == count, "the effect")
        worker.kill()

    def kills(self) -> list[Any]:
        """Return every request at every stage, as pytest parameters."""
        return [
            pytest.param(
                self,
                number,
                stage,
                id=f"{self.name}, {request.words}, {stage}".replace(" ", "_"),
                marks=() if (request.words, stage) in self.brief else WHOLE,
            )
            for number, request in enumerate(self.requests, 1)
            for stage in STAGES
        ]


TOKEN = Request("token", "POST /ims/token/v3")
LIST = Request("first list", "GET /connections")
SPEC = Request("spec", f"GET /connectionSpecs/{PAYPAL_SPEC}")
POST = Request("POST", "POST /connections", effect=1)
LIST_AGAIN = Request("second list", "GET /connections")

FIRST = Scenario(
    "first create",
    (TOKEN, LIST, SPEC, POST, LIST_AGAIN),
    frozenset({("token", UNUSED), ("first list", UNUSED), *(("POST", stage) for stage in STAGES)}),
)
HEAL = Scenario(
    "heal",
    (
        TOKEN,
        LIST,
        SPEC,
        Request("POST", "POST /connections", {**LOST, **AFTER}, effect=1),
        Request("healing list", "GET /connections"),
        LIST_AGAIN,
    ),
    frozenset({("POST", UNUSED), ("healing list", UNUSED)}),
)


def lost_race(name: str, rival: str, brief: set[tuple[str, str]]) -> Scenario:
    """Return a create whose first list is that of before the rival: it is about to lose."""
    first_list = Request("first list", "GET /connections", NONE_LISTED)
    delete = Request("DELETE", "DELETE", effect=-1)
    return Scenario(name, (TOKEN, first_list, SPEC, POST, LIST_AGAIN, delete), frozenset(brief), rival)


# Where two are left, the retry waits some 8 s for the race to settle: one such kill is nightly only.
LOSER = lost_race(
    "lost race", f"Somebody's {FOREIGN_MARK}", {("POST", BEFORE_EFFECT), ("DELETE", AFTER_EFFECT)}
)
LOSER_TO_A_STRANGER = lost_race("race lost to a stranger", "made by hand", set())


def kill_point(stage: str, number: int) -> tuple[str, int] | None:
    """Return where the process kills itself; None where the test does, while the request is held."""
    return {LEAVES: ("before", number), UNUSED: ("after", number)}.get(stage)


def kill_then_retry(
    emulator: Emulator,
    workers: Workers,
    scenario: Scenario,
    number: int,
    stage: str,
    store: Path | None = None,
) -> None:
    """The first try dies there; the retry must end with one connection and say which."""
    rival = scenario.begin(emulator, number, stage)
    point = kill_point(stage, number)
    first = workers.start(emulator.url, kill=point, store=store)
    if point is None:
        scenario.kill_while_held(emulator, first, number, stage)
    assert first.was_killed, first.said()
    emulator.clear_faults()
    left = existing(emulator)
    made = workers.start(emulator.url, store=store).returned()
    assert existing(emulator) == [made]
    if left:
        assert made == (rival or left[0]), "the existing one was replaced"


@pytest.mark.parametrize(("scenario", "number", "stage"), FIRST.kills())
def test_a_first_create_survives_a_kill(
    emulator: Emulator, workers: Workers, scenario: Scenario, number: int, stage: str
) -> None:
    """A worker that dies (power, memory, eviction) leaves the retry to find what it did."""
    kill_then_retry(emulator, workers, scenario, number, stage)


@pytest.mark.parametrize(("scenario", "number", "stage"), LOSER.kills())
def test_the_loser_of_a_race_survives_a_kill(
    emulator: Emulator, workers: Workers, scenario: Scenario, number: int, stage: str
) -> None:
    """Killed before it removed its own, the loser leaves two: the retry removes what its mark shows."""
    kill_then_retry(emulator, workers, scenario, number, stage)


@pytest.mark.parametrize(("scenario", "number", "stage"), HEAL.kills())
def test_a_heal_survives_a_kill(
    emulator: Emulator, workers: Workers, scenario: Scenario, number: int, stage: str
) -> None:
    """Two faults at once: the reply is lost, and the process that polls for its effect dies."""
    kill_then_retry(emulator, workers, scenario, number, stage)


@pytest.mark.nightly
@pytest.mark.parametrize(("scenario", "number", "stage"), LOSER_TO_A_STRANGER.kills())
def test_the_loser_to_a_stranger_survives_a_kill(
    emulator: Emulator, workers: Workers, scenario: Scenario, number: int, stage: str
) -> None:
    """A connection made by hand is never deleted, whatever becomes of ours."""
    kill_then_retry(emulator, workers, scenario, number, stage)


@pytest.mark.nightly
@pytest.mark.parametrize(("scenario", "number", "stage"), FIRST.kills() + HEAL.kills())
def test_a_kill_with_the_state_store(
    emulator: Emulator, workers: Workers, tmp_path: Path, scenario: Scenario, number: int, stage: str
) -> None:
    """Airflow 3.3 keeps a memory of the task: whatever it holds must not mislead the retry."""
    kill_then_retry(emulator, workers, scenario, number, stage, tmp_path / "store.json")


def test_a_kill_between_return_and_xcom(emulator: Emulator, workers: Workers, tmp_path: Path) -> None:
    """Everything is done, and Airflow does not know it."""
    store = tmp_path / "store.json"
    assert workers.start(emulator.url, kill=("return", 0), store=store).was_killed
    left = existing(emulator)
    assert [workers.start(emulator.url, store=store).returned()] == left
    assert existing(emulator) == left


@pytest.mark.parametrize("kills", RANDOM_KILLS)
def test_kills_at_random_times(
    emulator: Emulator, workers: Workers, kills: int, record_property: object
) -> None:
    """Anywhere between the first line of `execute` and its last."""
    began = time.monotonic()
    workers.start(emulator.url).returned()
    lasts = time.monotonic() - began
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    died = 0
    for turn in range(kills):
        emulator.reset()
        while True:
            first = workers.start(emulator.url, pause=("start", 0))
            first.wait_stopped()
            first.go_on()
            time.sleep(chance.uniform(0, lasts))
            first.kill()
            if first.was_killed:
                break
            emulator.reset()  # it was faster than the kill: once more
        died += 1
        left = existing(emulator)
        made = workers.start(emulator.url).returned()
        told = f"seed {seed}, turn {turn}"
        assert existing(emulator) == [made], told
        assert left in ([], [made]), told
    assert died == kills
