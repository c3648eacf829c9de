"""Clocks. Sides take turns in short blocks, so that other load of the machine slows all of them alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Calls = list[Callable[[], object]]


@dataclass(frozen=True)
class Cost:
    """Seconds a call, medians over the rounds; ratios are medians too, of each round's own ratio."""

    cpu: float
    wall: float
    cpu_ratio: float
    wall_ratio: float


def compare(sides: Mapping[str, Callable[[], Calls]], *, base: str, rounds: int) -> dict[str, Cost]:
    """Let every side make its calls `rounds` times, in turns, and set it against `base`.

    A side is asked for its next calls before the clock starts. The first round warms up and is forgotten.
    The order turns round by round: nobody always runs after the same neighbour.
    """
    names = list(sides)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for number in range(rounds + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            sample = _time(sides[name]())
            if number:
                taken[name].append(sample)
    return {name: _cost(taken[name], taken[base]) for name in names}


def _time(calls: Calls) -> tuple[float, float]:
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    for call in calls:
        call()
    return (time.process_time() - cpu) / len(calls), (time.perf_counter() - wall) / len(calls)


def _cost(own: list[tuple[float, float]], base: list[tuple[float, float]]) -> Cost:
    cpu, wall = (statistics.median(column) for column in zip(*own, strict=True))
    cpu_ratio, wall_ratio = (
        statistics.median(one[clock] / other[clock] for one, other in zip(own, base, strict=True))
        for clock in (0, 1)
    )
    return Cost(cpu, wall, cpu_ratio, wall_ratio)
