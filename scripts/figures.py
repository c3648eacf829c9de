"""What the tests measured, kept as data: the table of docs/reliability.md is made from it."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from scripts.sections import markdown, write_section

SECTION = "figures"
HEAD = ("what", "measured", "Airflow", "Python", "date")


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured, and what came of it, where and when."""

    what: str
    measured: str
    command: str
    airflow: str
    python: str
    date: str

    @property
    def row(self) -> list[str]:
        """Under :data:`HEAD`."""
        return [self.what, self.measured, self.airflow, self.python, self.date]


def figures_of(measured: Iterable[tuple[str, str | int]], command: str) -> list[Figure]:
    """Figures measured today: counts of the same thing are added, other values stand beside each other."""
    by_what: dict[str, list[str | int]] = {}
    for what, value in measured:
        by_what.setdefault(what, []).append(value)
    today = datetime.now(timezone.utc).date().isoformat()
    where = (command, version("apache-airflow"), platform.python_version(), today)
    return [Figure(what, _together(values), *where) for what, values in by_what.items()]


def _together(values: list[str | int]) -> str:
    counts = [value for value in values if isinstance(value, int)]
    texts = [value for value in values if isinstance(value, str)]
    return "; ".join([*([f"{sum(counts):,}"] if counts else []), *dict.fromkeys(texts)])


def keep(new: Iterable[Figure], root: Path) -> None:
    """Into docs/figures.json and docs/reliability.md; a figure that was not measured anew stays as it was."""
    path = root / "docs" / "figures.json"
    kept = [Figure(**row) for row in json.loads(path.read_text("utf-8"))] if path.exists() else []
    figures = list({one.what: one for one in [*kept, *new]}.values())
    rows = ",\n ".join(json.dumps(asdict(one), sort_keys=True) for one in figures)
    path.write_text(f"[{rows}]\n", "utf-8")
    write_section(root / "docs" / "reliability.md", SECTION, section(figures))


def section(figures: Iterable[Figure]) -> str:
    """The tables, each under the command that measured it."""
    by_command: dict[str, list[list[str]]] = {}
    for one in figures:
        by_command.setdefault(one.command, []).append(one.row)
    return "\n\n".join(
        f"```\n{command}\n```\n\n{markdown(HEAD, rows)}" for command, rows in by_command.items()
    )
