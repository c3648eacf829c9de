"""SIGKILL at every request of a create, and the retry that follows: one connection, and its id."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.harness import stories
from tests.harness.emulator import Emulator
from tests.harness.stories import Story
from tests.harness.workers import Workers, standing

WHOLE = pytest.mark.nightly
RANDOM_KILLS = [pytest.param(5, id="5"), pytest.param(30, id="30", marks=WHOLE)]


def kill_then_retry(
    emulator: Emulator, workers: Workers, story: Story, number: int, stage: str, store: Path | None = None
) -> None:
    """The first try dies at that moment; the retry must end with one connection and say which."""
    rival = story.begin(emulator, held=number, stage=stage)
    point = stories.kill_point(stage, number)
    first = workers.start(emulator.url, kill=point, store=store)
    if point is None:
        story.kill_while_held(emulator, first, number, stage)
    assert first.was_killed, first.said()
    emulator.clear_faults()
    left = standing(emulator)
    made = workers.start(emulator.url, store=store).returned()
    assert standing(emulator) == [made]
    if left:
        assert made == (rival or left[0]), "what stood was replaced"


@pytest.mark.parametrize(("story", "number", "stage"), stories.FIRST.moments())
def test_a_first_create_survives_a_kill(
    emulator: Emulator, workers: Workers, story: Story, number: int, stage: str
) -> None:
    """A worker that dies (power, memory, eviction) leaves the retry to find what it did."""
    kill_then_retry(emulator, workers, story, number, stage)


@pytest.mark.parametrize(("story", "number", "stage"), stories.LOSER.moments())
def test_the_loser_of_a_race_survives_a_kill(
    emulator: Emulator, workers: Workers, story: Story, number: int, stage: str
) -> None:
    """Killed before it removed its own, the loser leaves two: the retry removes what its mark shows."""
    kill_then_retry(emulator, workers, story, number, stage)


@pytest.mark.parametrize(("story", "number", "stage"), stories.HEAL.moments())
def test_a_heal_survives_a_kill(
    emulator: Emulator, workers: Workers, story: Story, number: int, stage: str
) -> None:
    """Two faults at once: the reply is lost, and the process that looks for its effect dies."""
    kill_then_retry(emulator, workers, story, number, stage)


@pytest.mark.nightly
@pytest.mark.parametrize(("story", "number", "stage"), stories.LOSER_TO_A_STRANGER.moments())
def test_the_loser_to_a_stranger_survives_a_kill(
    emulator: Emulator, workers: Workers, story: Story, number: int, stage: str
) -> None:
    """A connection made by hand is never deleted, whatever becomes of ours."""
    kill_then_retry(emulator, workers, story, number, stage)


@pytest.mark.nightly
@pytest.mark.parametrize(("story", "number", "stage"), stories.FIRST.moments() + stories.HEAL.moments())
def test_a_kill_with_the_state_store(
    emulator: Emulator, workers: Workers, tmp_path: Path, story: Story, number: int, stage: str
) -> None:
    """Airflow 3.3 keeps a memory of the task: what it holds at any moment must not mislead the retry."""
    kill_then_retry(emulator, workers, story, number, stage, tmp_path / "store.json")


def test_a_kill_between_return_and_xcom(emulator: Emulator, workers: Workers, tmp_path: Path) -> None:
    """The last moment: everything is done, and Airflow has not heard of it."""
    store = tmp_path / "store.json"
    assert workers.start(emulator.url, kill=("return", 0), store=store).was_killed
    left = standing(emulator)
    assert [workers.start(emulator.url, store=store).returned()] == left
    assert standing(emulator) == left


@pytest.mark.parametrize("kills", RANDOM_KILLS)
def test_kills_at_random_moments(
    emulator: Emulator, workers: Workers, kills: int, record_property: object
) -> None:
    """Moments that nobody thought of, anywhere between the first line of `execute` and its last."""
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
        left = standing(emulator)
        made = workers.start(emulator.url).returned()
        told = f"seed {seed}, turn {turn}"
        assert standing(emulator) == [made], told
        assert left in ([], [made]), told
    assert died == kills
