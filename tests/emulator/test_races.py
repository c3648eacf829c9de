"""Many tasks want the same connection at once, and none of them sees another's: one exists in the end."""

from __future__ import annotations

import pytest

from tests.harness.emulator import Emulator
from tests.harness.workers import Worker, Workers, existing, wait_until

COUNTS = [pytest.param(6, id="6"), pytest.param(20, id="20", marks=pytest.mark.nightly)]
BEFORE_THE_POST = ("after", 3)


def line_up(
    emulator: Emulator, workers: Workers, count: int, kills: dict[int, tuple[str, int]], **options: object
) -> list[Worker]:
    """Let all list nothing, and wait. Half are one task, in part one run of it; half are other DAGs'."""
    started = [
        workers.start(
            emulator.url,
            pause=BEFORE_THE_POST,
            kill=kills.get(number),
            dag_id="one_dag" if number % 2 else f"dag_{number}",
            run_id="one_run" if number % 4 == 1 else f"run_{number}",
            **options,  # type: ignore[arg-type]
        )
        for number in range(count)
    ]
    for worker in started:
        worker.wait_stopped()
    assert existing(emulator) == [], "all list none"
    return started


def let_go(started: list[Worker]) -> None:
    """Open every gate."""
    for worker in started:
        worker.go_on()


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("if_exists", ["reuse", "update"])
def test_a_race(emulator: Emulator, workers: Workers, count: int, if_exists: str) -> None:
    """A doubled schedule, a zombie beside its retry, two DAGs that share a name: all return the same id."""
    started = line_up(emulator, workers, count, {}, if_exists=if_exists)
    let_go(started)
    returned = {worker.returned() for worker in started}
    assert len(emulator.requests("POST", "/connections")) == count, "it was no race"
    assert list(returned) == existing(emulator)


@pytest.mark.nightly
@pytest.mark.parametrize("count", COUNTS)
def test_a_race_with_three_killed_for_good(emulator: Emulator, workers: Workers, count: int) -> None:
    """The dead leave what they made. Who finishes names the oldest, and one more run clears up."""
    kills = {0: ("after", 4), 1: ("before", 4), count - 1: ("after", 5)}
    started = line_up(emulator, workers, count, kills)
    let_go(started)
    for number in kills:
        assert started[number].was_killed, started[number].said()
    returned = {worker.returned() for number, worker in enumerate(started) if number not in kills}
    oldest = existing(emulator)[0]
    assert returned == {oldest}
    assert workers.start(emulator.url, run_id="one_more").returned() == oldest
    assert existing(emulator) == [oldest]


@pytest.mark.parametrize("count", COUNTS)
def test_the_winner_is_killed(emulator: Emulator, workers: Workers, count: int) -> None:
    """Whoever makes the oldest dies on the spot: the others still agree on it, and none is created again."""
    started = line_up(emulator, workers, count, {})
    emulator.fault(method="POST", path="/connections", when="after", delay=600)
    let_go(started)
    wait_until(lambda: sum(worker.ended() for worker in started) == count - 1, "the others")
    (winner,) = [worker for worker in started if not worker.ended()]
    winner.kill()
    assert winner.was_killed
    returned = {worker.returned() for worker in started if worker is not winner}
    assert list(returned) == existing(emulator)


def test_a_race_where_one_may_win(emulator: Emulator, workers: Workers) -> None:
    """Under `fail` the losers say that one exists, and leave nothing of their own."""
    started = line_up(emulator, workers, 6, {}, if_exists="fail")
    let_go(started)
    results = [worker.result() for worker in started]
    (left,) = existing(emulator)
    refused = [result["error"] for result in results if "error" in result]
    assert {result["id"] for result in results if "error" not in result} == {left}
    assert all("EntityExistsError" in error["kinds"] and left in error["text"] for error in refused)
