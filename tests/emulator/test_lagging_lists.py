"""Two tasks create the same connection at the same time, and AEP's list lags: the bound, on both sides of it.

Both tasks run their real steps against a real emulator. Sleeping moves the emulator's clock, which is stopped
otherwise, and so does the lag: nothing here depends on how fast the machine is.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from airflow_provider_aep.exactly_once import Outcome, create_once
from airflow_provider_aep.exactly_once import steps as s
from airflow_provider_aep.exactly_once.driver import _perform
from airflow_provider_aep.exactly_once.reconciler import SETTLING
from airflow_provider_aep.flow_service.errors import AepError
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator

SETTLE = 1.0
BOUND = SETTLE + sum(SETTLING)
log = logging.getLogger(__name__)


class NoMemory:
    """A task on an Airflow without a state store."""

    def recall(self) -> None:
        return None

    def keep(self, id: str) -> None:
        pass


def play(reconciler: Any, service: Any) -> Generator[float, None, Outcome]:
    """Drive the reconciler's steps with the real driver; yield each sleep."""
    reply: Any = None
    while True:
        try:
            step = reconciler.throw(reply) if isinstance(reply, AepError) else reconciler.send(reply)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        if isinstance(step, s.Sleep):
            yield step.seconds
            reply = None
            continue
        try:
            reply = _perform(step, service, NoMemory(), log, lambda _: None)
        except AepError as error:
            reply = error
        if isinstance(step, s.ListExisting | s.Post):
            yield 0.0  # the other task's turn: both have listed before either posts


@pytest.fixture(autouse=True)
def _settle_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the default."""
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", str(SETTLE))


def at_the_same_time(emulator: Emulator, tasks: list[Generator[float, None, Outcome]]) -> list[Outcome]:
    """All of them to their ends, each waking when its time has come."""
    outcomes: dict[int, Outcome] = {}
    waiting = [(0.0, number) for number in range(len(tasks))]
    now = 0.0
    while waiting:
        wakes, number = heapq.heappop(waiting)
        emulator.advance(wakes - now)
        now = wakes
        try:
            heapq.heappush(waiting, (now + next(tasks[number]), number))
        except StopIteration as done:
            outcomes[number] = done.value
    return [outcomes[number] for number in range(len(tasks))]


def create(name: str) -> Generator[float, None, Outcome]:
    from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

    desired, service = CreatePayPalConnectionOperator(task_id=name).plan({"run_id": "r"})
    assert desired.settle == SETTLE
    return play(create_once(desired), service)


@pytest.fixture(params=["0", "0.9", "3", "8.9", "9.1"])
def lagging(request: pytest.FixtureRequest, make_hook: MakeHook, paypal: str) -> Iterator[Any]:
    """An emulator whose lists lag, and by how much."""
    with Emulator("--list-lag", request.param) as emulator:
        make_hook(emulator.url)
        emulator.control("POST", "clock", {"running": False})
        yield emulator, float(request.param)


def test_two_tasks_and_a_list_that_lags(
    lagging: tuple[Emulator, float], caplog: pytest.LogCaptureFixture
) -> None:
    """Within `settle` + 8 s one connection and one id; beyond it two, and each task warns of that."""
    emulator, lag = lagging
    with caplog.at_level(logging.INFO, __name__):
        outcomes = at_the_same_time(emulator, [create("a"), create("b")])
    ids = {outcome.id for outcome in outcomes}
    within = lag <= BOUND
    assert emulator.state()["connections"] == len(ids) == (1 if within else 2)
    warnings = [r.getMessage() for r in caplog.records if "AEP listed" in r.getMessage()]
    assert len(warnings) == (2 if lag > SETTLE else 0)
    assert all(f"within {BOUND:g} s, and entities in the order" in text for text in warnings)
    assert all(("Check in AEP for a second one" in text) == (not within) for text in warnings)


def test_a_longer_settle_moves_the_bound(
    make_hook: MakeHook, paypal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lag that made two makes one, as the warning advises."""
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "10")
    monkeypatch.setattr(f"{__name__}.SETTLE", 10.0)
    with Emulator("--list-lag", "9.1") as emulator:
        make_hook(emulator.url)
        emulator.control("POST", "clock", {"running": False})
        outcomes = at_the_same_time(emulator, [create("a"), create("b")])
        assert len({outcome.id for outcome in outcomes}) == emulator.state()["connections"] == 1
