"""``status``: every dataflow of a sandbox and how it is, worst first."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_aep.cli.command import (
    FINE,
    WRONG,
    Answer,
    command,
    duration,
    hook_of,
    printable,
    progress,
    read_duration,
    say,
)
from airflow_provider_aep.flow_service.errors import AepConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_aep.flow_service.schedules import ExistingSchedule
    from airflow_provider_aep.operations.fleet import Fleet, FleetRow

UNKNOWN = "unknown"
GAP = 2
"""Blanks between two columns."""

_STYLES = {
    "failed": "bold red",
    "partial": "red",
    "late": "yellow",
    UNKNOWN: "magenta",
    "never_ran": "cyan",
    "running": "blue",
    "ok": "green",
    "disabled": "dim",
}


@command
def run(options: argparse.Namespace) -> Answer:
    """Show the fleet.

    :raises AepError: an option is invalid, or AEP cannot be read
    """
    window, chosen = read_duration(options.since, "--since"), read_health(options.health)
    from airflow_provider_aep.operations.fleet import TROUBLE, collect

    with progress() as show_progress:
        fleet = collect(hook_of(options), window=window, progress=show_progress)
    for note in fleet.notes:
        say(f"status: {note}")
    say(f"status: {summary(fleet)}")
    rows = [row for row in fleet.rows if chosen is None or _health(row) in chosen]
    trouble = options.check and any(row.health in TROUBLE for row in rows)
    return Answer(
        [row.as_dict() for row in rows],
        lambda console: show(rows, fleet.collected_at, console),
        WRONG if trouble else FINE,
    )


def read_health(text: str | None) -> set[str] | None:
    """Return the chosen kinds of health, None for all. :raises AepConfigError: one is unknown"""
    if text is None:
        return None
    chosen = {word.strip().lower() for word in text.split(",") if word.strip()}
    if not chosen or not chosen <= set(_STYLES):
        raise AepConfigError(
            f"`--health` is {text!r:.80}. It must be one or more of {', '.join(_STYLES)}, by commas.",
            parameter="--health",
        )
    return chosen


def summary(fleet: Fleet) -> str:
    """Return how many dataflows there are of each health."""
    counts = ", ".join(f"{count} {health}" for health, count in fleet.counts().items() if count)
    many = len(fleet.rows)
    return (
        f"{many} dataflow{'s' * (many != 1)} in sandbox {fleet.sandbox}{': ' if counts else ''}{counts}. "
        f"Runs since {time.strftime('%Y-%m-%d %H:%M', time.gmtime(fleet.since))} UTC."
    )


def show(rows: list[FleetRow], now: float, console: Console) -> None:
    """Print one row a dataflow. In a pipe each row is one line; a terminal gets the columns that fit."""
    from rich.table import Table
    from rich.text import Text

    if piped := not console.is_terminal:
        console.width = 10_000
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    columns = COLUMNS if piped else _fitting(console.width)
    for column in columns:
        table.add_column(
            column.heading,
            justify=column.justify,
            no_wrap=piped or not column.folds,
            overflow="crop" if piped else "fold",
        )
    for row in rows:
        styles = (_STYLES[_health(row)], *[""] * len(columns))
        cells = (printable(column.text(row, now)) for column in columns)
        table.add_row(*(Text(cell, style=style) for cell, style in zip(cells, styles, strict=False)))
    console.print(table)


@dataclass(frozen=True)
class Column:
    """A column of the table.

    :param width: about how many characters it takes; a column that folds can have longer cells
    :param need: a terminal that is too narrow omits the columns with the highest numbers
    """

    heading: str
    width: int
    need: int
    text: Callable[[FleetRow, float], str]
    right: bool = False
    folds: bool = False

    @property
    def justify(self) -> Literal["left", "right"]:
        """Return rich's word for the side."""
        return "right" if self.right else "left"


def _fitting(width: int) -> list[Column]:
    left, chosen = width + GAP, set()
    for column in sorted(COLUMNS, key=lambda one: one.need):
        left -= column.width + GAP
        if left < 0:
            break
        chosen.add(column.heading)
    return [column for column in COLUMNS if column.heading in chosen or column.need == 0]


def _health(row: FleetRow) -> str:
    return UNKNOWN if row.health is None else row.health.value


def _ago(row: FleetRow, now: float) -> str:
    started = row.last_run.started_at if row.last_run else None
    if started is None:
        return "-" if row.last_run is None else "?"
    return f"{duration(now - started)} ago"


def _count(name: str) -> Callable[[FleetRow, float], str]:
    def text(row: FleetRow, _now: float) -> str:
        if row.last_run is None:
            return "-"
        count = getattr(row.last_run, name)
        return "?" if count is None else f"{count}"

    return text


def _runs(row: FleetRow, _now: float) -> str:
    return "/".join(str(count) for count in row.runs.values())


def _schedule(schedule: ExistingSchedule | None) -> str:
    if schedule is None:
        return "-"
    if schedule.frequency is None or schedule.interval is None:
        return schedule.frequency or "?"
    return f"{schedule.interval} {schedule.frequency}"


COLUMNS = (
    Column("health", 9, 0, lambda row, _: _health(row)),
    Column("name", 20, 0, lambda row, _: row.name or "?", folds=True),
    Column("last run", 8, 2, _ago, right=True),
    Column("records failed", 14, 3, _count("records_failed"), right=True),
    Column("written", 8, 4, _count("records_written"), right=True),
    Column("ok/partial/failed/running", 25, 6, _runs, right=True),
    Column("schedule", 10, 8, lambda row, _: _schedule(row.schedule)),
    Column("source", 16, 7, lambda row, _: row.source or "?", folds=True),
    Column("dataset", 20, 5, lambda row, _: row.dataset or row.dataset_id or "?", folds=True),
    Column("made by", 24, 9, lambda row, _: row.made_by or "-", folds=True),
    Column("id", 36, 1, lambda row, _: row.id),
)
