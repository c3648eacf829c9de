"""Select the run of a dataflow to wait for, if only the dataflow is known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_aep.flow_service.runs import Run
from airflow_provider_aep.flow_service.validation import check_choice

MATCHES = ("data_interval", "next", "latest")

_LONGEST_RUN = 86_400.0
"""Seconds before the wait began in which a run that it is still going on may have started."""


@dataclass(frozen=True)
class RunSelector:
    """Which run to wait for. All times in epoch seconds.

    ``match``: ``data_interval`` the run that brings the data of ``start`` to ``end``; ``next`` the first run
    that ends after ``since``; ``latest`` the newest, whatever became of it, or the first to come.
    """

    match: str = "latest"
    since: float = 0.0
    start: float | None = None
    end: float | None = None

    def __post_init__(self) -> None:
        check_choice(self.match, "match", MATCHES)

    @property
    def started_from(self) -> float | None:
        """No run that started earlier can be meant; None where any can."""
        if self.match == "data_interval":
            return self.start
        return self.since - _LONGEST_RUN if self.match == "next" else None


@dataclass(frozen=True)
class Choice:
    """The selected run, and how it was recognized, in words for the log."""

    run: Run
    by: str


def choose(runs: Iterable[Run], selector: RunSelector) -> Choice | None:
    """Return the selected run, or None while there is none."""
    ordered = sorted((run for run in runs if run.id), key=_begin)
    if selector.match == "latest":
        return Choice(ordered[-1], "being the newest") if ordered else None
    if selector.match == "next":
        return _next(ordered, selector.since)
    if selector.end is None:
        return None
    start = selector.end if selector.start is None else min(selector.start, selector.end)
    return _of_interval(ordered, start, selector.end)


def _of_interval(ordered: list[Run], start: float, end: float) -> Choice | None:
    """By the runs' windows where they show one, else by when they started.

    Of several runs over the same window the newest counts: it is the retry. Where no window holds all of
    the interval, the run that reaches its end is the last one needed. Without a window a run is taken to
    bring what came before it started, as one with a delta column does. A zero-length data interval is
    what came before it: not the window that begins with it, which is the next one.
    """
    ending = [run for run in ordered if run.window and run.window[0] < end <= run.window[1]]
    whole = [run for run in ending if run.window and run.window[0] <= start]
    if whole:
        return Choice(whole[-1], "its window, which holds the whole data interval")
    if ending:
        return Choice(ending[-1], "its window, which reaches the end of the data interval")
    after = [run for run in ordered if run.window is None and (run.started_at or -math.inf) >= end]
    if after:
        return Choice(after[0], "being the first that started after the data interval")
    return None


def _next(ordered: list[Run], since: float) -> Choice | None:
    for run in ordered:
        if not run.ended:
            return Choice(run, "being under way")
        if (run.completed_at or run.started_at or 0.0) >= since:
            return Choice(run, "being the first that ended after the wait began")
    return None


def _begin(run: Run) -> tuple[float, float, str]:
    """By start, then by creation; what has not started yet comes last."""
    started = math.inf if run.started_at is None else run.started_at
    return started, run.created_at or 0.0, run.id
