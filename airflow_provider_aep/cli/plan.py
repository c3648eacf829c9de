"""``plan``: what a run of a DAG would create, by reading alone."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.cli.command import (
    FINE,
    UNREACHABLE,
    WRONG,
    Answer,
    command,
    exit_code,
    printable,
    progress,
    say,
)
from airflow_provider_aep.flow_service.errors import AepConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_aep.operations.plan import PlanRow

_STYLES = {
    "create": "green",
    "reuse": "dim",
    "differs": "yellow",
    "update": "cyan",
    "ambiguous": "bold red",
    "unknown": "magenta",
}
_COUNTED = {"create": "to create", "reuse": "reused", "update": "to update"}


@command
def run(options: argparse.Namespace) -> Answer:
    """Show the plan.

    :raises AepError: an option is invalid, or the DAG does not exist
    """
    conf = read_conf(options.conf)
    from airflow_provider_aep._compat import load_dag
    from airflow_provider_aep.operations.plan import plan_dag

    with progress() as show_progress:
        dag, broken = load_dag(options.dag_id)
        if dag is None:
            failed = f" These files could not be imported: {', '.join(broken)}." if broken else ""
            raise AepConfigError(
                f"No DAG file defines the DAG {options.dag_id!r:.200}.{failed}", parameter="DAG_ID"
            )
        rows = plan_dag(dag, conf, show_progress)
    say(f"plan: {summary(rows)}")
    return Answer(
        [row.as_dict() for row in rows], lambda console: show(rows, console), code(rows, options.check)
    )


def read_conf(text: str | None) -> dict[str, Any]:
    """Return the run's configuration. :raises AepConfigError: it is no JSON object"""
    try:
        conf = json.loads(text) if text else {}
    except ValueError:
        conf = None
    if not isinstance(conf, dict):
        raise AepConfigError(
            '`--conf` must be a JSON object, such as {"name": "Orders"}.', parameter="--conf"
        )
    return conf


def code(rows: list[PlanRow], check: bool) -> int:
    """Return the exit code. A plan without what AEP did not show is incomplete, also without ``--check``."""
    if any(row.error is not None and exit_code(row.error) == UNREACHABLE for row in rows):
        return UNREACHABLE
    return WRONG if check and any(row.forecast.action.value != "reuse" for row in rows) else FINE


def summary(rows: list[PlanRow]) -> str:
    """Return how many tasks do what."""
    counts = Counter(row.forecast.action.value for row in rows)
    told = [f"{counts[action]} {_COUNTED.get(action, action)}" for action in _STYLES if counts[action]]
    if fails := sum(row.forecast.fails is True for row in rows):
        told.append(f"{fails} would fail")
    return f"{', '.join(told)}." if told else "No task of this DAG creates anything in AEP."


def show(rows: list[PlanRow], console: Console) -> None:
    """Print a line for each task, and below it each difference and the reason."""
    from rich.text import Text

    console.soft_wrap = True
    for row in rows:
        forecast = row.forecast
        action = forecast.action.value
        index = "" if row.map_index is None else f"[{row.map_index}]"
        name = "" if row.name is None else f" {row.name!r}"
        line = Text(f"{action:<9} ", style=_STYLES[action])
        line.append(
            printable(f"{row.task}{index}: {row.kind}{name}{f' {forecast.id}' if forecast.id else ''}")
        )
        console.print(line)
        notes = [str(one) for one in forecast.differences]
        if forecast.fails:
            notes.append("The task would fail.")
        elif action == "differs":
            notes.append("The task would warn, and use it as it is.")
        for note in [*notes, *filter(None, [forecast.reason])]:
            console.print(Text(printable(f"          {note}")))
