"""Select the run of a dataflow to wait for, if only the dataflow is known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_aep.flow_service.runs import Run

MATCHES = ("data_interval", "next", "latest")

_LONGEST_RUN = 86_400.0
"""Seconds: the longest time that a run may have been running when the wait begins."""


@dataclass(frozen=True)
class RunSelector:
    """Which run to wait for. All times are in epoch seconds.

    :param match: how to select the run

        - ``data_interval``: the run that ingests the data of ``start`` to ``end``
        - ``next``: the first run that ends after ``since``
        - ``latest``: the newest run, ended or not, or the first run if the dataflow has none yet
    :param since: when the wait started
    :param start: the start of the data interval or window
    :param end: the end of the data interval or window
    :raises AepConfigError: ``match`` is invalid
    """

    match: str = "latest"
    since: float = 0.0
    start: float | None = None
    end: float | None = None

    def __post_init__(self) -> None:
        from airflow_provider_aep.flow_service.validation import check_choice  # not at DAG parse

        check_choice(self.match, "match", MATCHES)

    @property
    def started_from(self) -> float | None:
        """Return the earliest start of a run that can be selected; None if there is no bound."""
        if self.match == "data_interval":
            return self.start
        return self.since - _LONGEST_RUN if self.match == "next" else None


@dataclass(frozen=True)
class Choice:
    """The selected run, and in words for the log how it was selected."""

    run: Run
    by: str


def choose(runs: Iterable[Run], selector: RunSelector) -> Choice | None:
    """Return the selected run, or None while no run matches."""
    ordered = sorted((run for run in runs if run.id), key=_begin)
    if selector.match == "latest":
        return Choice(ordered[-1], "it is the newest run") if ordered else None
    if selector.match == "next":
        return _next(ordered, selector.since)
    if selector.end is None:
        return None
    start = selector.end if selector.start is None else min(selector.start, selector.end)
    return _of_interval(ordered, start, selector.end)


def _of_interval(ordered: list[Run], start: float, end: float) -> Choice | None:
    """Select by the runs' windows if they show one, else by their start.

    If several runs have the same window, the newest is selected: it is the retry. If no window contains the
    whole interval, the run whose window reaches the end of the interval is the last one needed. A run that
    shows no window counts as ingesting the data from before its start, as a run with a delta column does. A
    zero-length data interval selects the window that ends at it or contains it, not the window that begins
    at it: that is the next one.
    """
    ending = [run for run in ordered if run.window and run.window[0] < end <= run.window[1]]
    whole = [run for run in ending if run.window and run.window[0] <= start]
    if whole:
        return Choice(whole[-1], "its window contains the whole data interval")
    if ending:
        return Choice(ending[-1], "its window reaches the end of the data interval")
    after = [run for run in ordered if run.window is None and (run.started_at or -math.inf) >= end]
    if after:
        return Choice(after[0], "it is the first run that started after the data interval")
    return None


def _next(ordered: list[Run], since: float) -> Choice | None:
    for run in ordered:
        if not run.ended:
            return Choice(run, "it is still running")
        if (run.completed_at or run.started_at or 0.0) >= since:
            return Choice(run, "it is the first run that ended after the wait began")
    return None


def _begin(run: Run) -> tuple[float, float, str]:
    """Return the sort key: start, then creation. A run that has not started sorts last."""
    started = math.inf if run.started_at is None else run.started_at
    return started, run.created_at or 0.0, run.id
