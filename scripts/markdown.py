"""Markdown for the generated pages."""

from __future__ import annotations

from collections.abc import Iterable

MADE = "<!-- Made by `make docs`. -->"
BELOW = "<!-- Below this line: made by `make docs`. -->"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table, with the bars inside cells escaped."""
    head = list(head)
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
