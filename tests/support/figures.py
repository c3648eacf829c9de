"""A test says what it measured; the run ends with a table of it, and keeps it where it is asked to.

`figure("killed while its POST was held", 12)` adds up over the tests that say the same; a text stands for
itself. Only what a test that passed has measured counts.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROPERTY = "figure"

KeepFigure = Callable[[str, "str | int"], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--keep-figures", action="store_true", help="write what was measured into docs/reliability.md"
    )


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> KeepFigure:
    """`figure(what, measured)`."""

    def keep(what: str, measured: str | int) -> None:
        request.node.user_properties.append((PROPERTY, (what, measured)))

    return keep


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    measured = [
        tuple(value)
        for report in terminalreporter.stats.get("passed", [])
        if report.when == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    if not measured:
        return
    from rich.console import Console
    from rich.table import Table

    from scripts.figures import HEAD, figures_of, keep

    figures = figures_of(measured, _command())
    table = Table(*HEAD)
    for one in figures:
        table.add_row(*one.row)
    terminalreporter.section("figures")
    console = Console(width=max(terminalreporter._tw.fullwidth, 100))
    with console.capture() as shown:
        console.print(table)
    terminalreporter.write(shown.get())
    if config.getoption("--keep-figures"):
        keep(figures, ROOT)


def _command() -> str:
    """As one types it; `make` hands on what was given as ARGS."""
    arguments = os.environ.get("ARGS")
    return shlex.join(["make", "test-crash", *([f"ARGS={arguments}"] if arguments else [])])
