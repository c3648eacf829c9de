"""``doctor``: every reason why the provider may not work here."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.cli.command import FINE, WRONG, Answer, command, printable, progress, say

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_aep.operations.doctor import Result

_MARKS = {True: ("✓", "ok", "green"), False: ("✗", "broken", "bold red"), None: ("?", "unknown", "yellow")}
"""The mark on a terminal, the word in a pipe, and the colour."""


@command
def run(options: argparse.Namespace) -> Answer:
    """Carry out all checks.

    :raises AepConfigError: `--source` names an unknown source
    """
    from airflow_provider_aep.flow_service.sources import find_source
    from airflow_provider_aep.operations.doctor import examine

    sources = [find_source(name).key for name in options.source]
    with progress() as show_progress:
        results = examine(options.conn_id, options.sandbox, sources=sources, progress=show_progress)
    say(f"doctor: {summary(results)}")
    data = [{key: _in_options(text) for key, text in result.as_dict().items()} for result in results]
    wrong = any(result.finding.ok is False for result in results)
    return Answer(data, lambda console: show(data, console), WRONG if wrong else FINE)


def summary(results: Sequence[Result]) -> str:
    """Return how many checks are fine, broken and unknown, and name those that are broken."""
    oks = [result.finding.ok for result in results]
    names = ", ".join(result.check for result in results if result.finding.ok is False)
    parts = [f"{oks.count(True)} of {len(oks)} checks fine"]
    if names:
        parts.append(f"{oks.count(False)} broken ({names})")
    if unknown := oks.count(None):
        parts.append(f"{unknown} unknown")
    return ", ".join(parts) + "."


def _in_options(value: Any) -> Any:
    """Name the option where a message names the operators' parameter."""
    return value.replace("`aep_conn_id`", "`--conn-id`") if isinstance(value, str) else value


def show(results: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print each check, and its fix directly under it. A pipe gets words instead of marks."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for result in results:
        mark, word, style = _MARKS[result["ok"]]
        name, detail = result["check"], printable(result["detail"])
        fix = f"Fix: {printable(result['fix'])}" if result["fix"] else ""
        if console.is_terminal:
            shown = word if console.options.ascii_only else mark
            table.add_row(Text(shown, style), Text(name, style), Text(detail))
            if fix:
                table.add_row("", "", Text(fix, "bold"))
        else:
            print_line = partial(console.print, soft_wrap=True)
            print_line(Text(f"{word:<8} {name:<16} {detail}"))
            if fix:
                print_line(Text(f"{'':<25} {fix}"))
    if console.is_terminal:
        console.print(table)
