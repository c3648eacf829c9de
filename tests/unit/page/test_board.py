"""The board of the page: what is known, what is asked, and in which order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepTimeoutError
from airflow_provider_aep.page.board import FORCED, KEPT, Answer, Board, FullError


class Clock:
    """A monotonic clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that does not move."""
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    """Return a board for four answers."""
    return Board(4, clock)


def settled(answer: Answer) -> None:
    """Wait for the reading under way."""
    if answer.pending is not None:
        answer.pending.result(timeout=60)


def fail() -> Any:
    raise AepTimeoutError("AEP is slow.")


def test_ten_viewers_cause_one_collection(board: Board, clock: Clock) -> None:
    """While it goes on, and for a minute after it ended."""
    gate, done = threading.Event(), []

    def collect() -> str:
        gate.wait(60)
        done.append(1)
        return "data"

    answers = [board.ask("prod", collect) for _ in range(10)]
    assert [answer.value for answer in answers] == [None] * 10
    gate.set()
    settled(answers[9])
    for later in (0.0, KEPT - 1):
        clock.now = 1000 + later
        answer = board.ask("prod", collect)
        assert (answer.value, answer.pending, answer.problem) == ("data", None, None)
    assert len(done) == 1
    clock.now = 1000 + KEPT
    old = board.ask("prod", collect)
    assert old.value == "data"
    settled(old)
    assert len(done) == 2


def test_the_button_asks_again_after_some_seconds(board: Board, clock: Clock) -> None:
    """And not at once: many viewers can press it."""
    settled(board.ask("prod", lambda: "old"))
    assert board.ask("prod", lambda: "new", force=True).pending is None
    clock.now += FORCED
    settled(board.ask("prod", lambda: "new", force=True))
    assert board.ask("prod", fail).value == "new"


def test_a_failure_keeps_the_old_answer(board: Board, clock: Clock) -> None:
    """With its time, beside the error in words. The next success removes the error."""
    settled(board.ask("prod", lambda: "data"))
    at = board.ask("prod", fail).at
    clock.now += KEPT
    settled(board.ask("prod", fail))
    answer = board.ask("prod", fail)
    assert (answer.value, answer.at) == ("data", at)
    assert answer.problem is not None
    assert (answer.problem.code, "AEP is slow." in answer.problem.text) == ("AEP-E204", True)
    clock.now += KEPT
    settled(board.ask("prod", lambda: "new"))
    answer = board.ask("prod", fail)
    assert (answer.value, answer.problem) == ("new", None)


def test_an_unexpected_error_is_shown_without_its_text(board: Board) -> None:
    """It can hold anything. The thread goes on."""

    def explode() -> Any:
        raise RuntimeError("the password is swordfish")

    settled(board.ask("prod", explode))
    problem = board.ask("prod", explode).problem
    assert problem is not None
    assert "RuntimeError" in problem.text
    assert "swordfish" not in problem.text
    settled(board.ask("dev", lambda: 1))
    assert board.ask("dev", lambda: 1).value == 1


def blocked(board: Board, order: list[str]) -> tuple[threading.Event, Callable[[str], Callable[[], str]]]:
    """Occupy the thread until the event is set. Return also a maker of works that note their order."""
    gate = threading.Event()
    board.ask("busy", lambda: gate.wait(60))

    def noting(name: str) -> Callable[[], str]:
        def work() -> str:
            order.append(name)
            return name

        return work

    return gate, noting


def test_what_failed_waits_for_all_others(board: Board, clock: Clock) -> None:
    """A dead connection does not hold up a connection that works, and quick work is first."""
    settled(board.ask("dead", fail))
    clock.now += KEPT
    order: list[str] = []
    gate, noting = blocked(board, order)
    answers = [
        board.ask("dead", noting("dead")),
        board.ask("sound", noting("sound")),
        board.ask("runs", noting("runs"), quick=True),
    ]
    gate.set()
    for answer in answers:
        settled(answer)
    assert order == ["runs", "sound", "dead"]


def test_a_connection_that_failed_waits_with_all_its_questions(board: Board, clock: Clock) -> None:
    """Also with those that are new and quick, and that were asked before it failed."""
    begun, gate = threading.Event(), threading.Event()
    order: list[str] = []

    def die() -> Any:
        begun.set()
        gate.wait(60)
        fail()

    def note(name: str, owner: str, *, quick: bool = False) -> Answer:
        return board.ask(name, lambda: order.append(name), owner=owner, quick=quick)

    board.ask("fleet of dead", die, owner="dead")
    assert begun.wait(60)
    asked = [note("runs of dead", "dead", quick=True), note("fleet of sound", "sound")]
    gate.set()
    for answer in asked:
        settled(answer)
    assert order == ["fleet of sound", "runs of dead"]


def test_work_that_fails_gives_way_to_other_long_work(board: Board, clock: Clock) -> None:
    """A connection that is slow until it fails does not hold up the dataflows of one that works."""
    settled(board.ask("slow", fail))
    clock.now += KEPT
    order: list[str] = []
    begun, gate = threading.Event(), threading.Event()

    def drip() -> None:
        begun.set()
        gate.wait(60)
        board.give_way()
        order.append("slow")

    answers = [board.ask("slow", drip)]
    assert begun.wait(60)
    answers.append(board.ask("sound", lambda: order.append("sound")))
    gate.set()
    for answer in answers:
        settled(answer)
    assert order == ["sound", "slow"]


def test_quick_work_is_done_between_the_requests_of_long_work(board: Board) -> None:
    """Who opens a dataflow does not wait until all dataflows are read."""
    order: list[str] = []
    gate, noting = threading.Event(), lambda name: lambda: order.append(name)

    def collect() -> str:
        gate.wait(60)
        board.give_way()
        order.append("fleet")
        return "fleet"

    answers = [board.ask("fleet", collect), board.ask("other", noting("other"))]
    answers.append(board.ask("runs", noting("runs"), quick=True))
    gate.set()
    for answer in answers:
        settled(answer)
    assert order == ["runs", "fleet", "other"]


def test_answers_are_bounded(board: Board) -> None:
    """The one that was not asked for longest is forgotten, unless AEP is being asked."""
    for name in ("a", "b", "c", "d"):
        settled(board.ask(name, lambda: "old"))
    board.ask("a", fail)
    settled(board.ask("e", lambda: "old"))
    assert [board.ask(name, lambda: "new").value for name in ("a", "c", "d", "e")] == ["old"] * 4
    settled(board.ask("b", lambda: "new"))
    assert board.ask("b", fail).value == "new"


def test_questions_are_bounded(board: Board) -> None:
    """Invented names cannot fill the memory while AEP is slow."""
    gate, _ = blocked(board, [])
    waiting = [board.ask(n, lambda: 1) for n in range(3)]
    with pytest.raises(FullError):
        board.ask("one more", lambda: 1)
    gate.set()
    for answer in waiting:
        settled(answer)
    settled(board.ask("one more", lambda: 1))
