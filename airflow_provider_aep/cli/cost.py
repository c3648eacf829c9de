"""``cost``: what a number of dataflows costs AEP and Airflow, and which limit it meets first."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from airflow_provider_aep.cli.command import Answer, command, duration, read_duration

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_aep.flow_runs.cost import Cost, Load, Wall


@command
def run(options: argparse.Namespace) -> Answer:
    """Apply the cost model. It asks neither AEP nor Airflow.

    :raises AepConfigError: an option is invalid
    """
    from airflow_provider_aep.flow_runs.cost import Load, cost_of, measured, walls_of

    poll_interval = options.poll_interval
    load = Load(
        dataflows=options.dataflows,
        interval=read_duration(options.interval, "--interval"),
        run=read_duration(options.run_length, "--run-length"),
        poll_interval=None if poll_interval is None else read_duration(poll_interval, "--poll-interval"),
        retries=options.retries,
        reuses=options.reuses,
        triggerers=options.triggerers,
        capacity=options.capacity,
        slots=options.slots,
        latency=options.latency / 1000,
    )
    coefficients, how = measured()
    cost, walls = cost_of(load, coefficients), walls_of(load, coefficients)
    data = {
        "load": asdict(load),
        "cost": asdict(cost),
        "walls": [asdict(wall) for wall in walls],
        "measured": {**how, "coefficients": asdict(coefficients)},
    }
    words = f"Measured on {how['date']} by `{how['command']}`: {how['machine']}, {how['versions']}."
    return Answer(data, lambda console: show(load, cost, walls, words, console))


def show(load: Load, cost: Cost, walls: list[Wall], words: str, console: Console) -> None:
    """Print the costs, the limits, and where the coefficients come from."""
    from airflow_provider_aep.flow_runs.cost import DAY

    console.print(
        f"{load.dataflows:,} dataflows, each every {duration(load.interval)} for {duration(load.run)}: "
        f"{_number(cost.runs_a_day)} runs a day, {_number(cost.waits)} waits at the same time on average."
    )
    requests = cost.requests_a_day
    all_at_once = "if all dataflows start at once"
    rows = [
        ("requests to AEP", _a_day(requests["all"]), f"{requests['all'] / DAY:,.1f} a second"),
        *((f"  of {name}", _a_day(count), "") for name, count in requests.items() if name != "all"),
        ("requests of one status", _number(cost.status_requests), "with the runs of 24 hours"),
        ("triggerer processes", _number(cost.triggerer_processes), all_at_once),
        ("triggerer memory", f"{_number(cost.triggerer_memory)} MB", f"all processes, {all_at_once}"),
        ("triggerer CPU", f"{cost.triggerer_cpu:.2f} cores", f"all processes, {all_at_once}"),
        ("worker time", f"{_number(cost.worker_seconds_a_day)} s a day", f"{cost.worker_slots:,.1f} slots"),
        ("rows in the metadata database", _a_day(cost.metadata_rows_a_day), "without those of retries"),
    ]
    _table(console, ("cost", "", ""), rows)
    _table(
        console,
        ("limit", "dataflows", ""),
        (
            (wall.name, "unknown" if wall.dataflows is None else f"{wall.dataflows:,}", _reached(wall, load))
            for wall in walls
        ),
    )
    console.print()
    first = walls[0]
    for text in (f"The first limit is {first.name}.", first.what, first.fix, words):
        console.print(text, markup=False, soft_wrap=True)


def _reached(wall: Wall, load: Load) -> str:
    return "reached" if wall.dataflows is not None and wall.dataflows < load.dataflows else ""


def _a_day(value: float) -> str:
    return f"{_number(value)} a day"


def _number(value: float) -> str:
    """Return a number with three digits that count: the coefficients are not more exact."""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 10 else f"{value:.2g}"


def _table(console: Console, head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, heading in enumerate(head):
        table.add_column(heading, justify="right" if number == 1 else "left")
    for row in rows:
        table.add_row(*row)
    console.print()
    console.print(table)
