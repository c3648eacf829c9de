"""What a benchmark says: figures with their targets, their peers', and how they were measured."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table
from rich.text import Text

NARROWEST = 120  # columns when nobody says how wide the output is


@dataclass(frozen=True)
class Row:
    """One figure. `met` is None where there is no target."""

    what: str
    figure: str
    target: str
    peers: str
    met: bool | None


@dataclass(frozen=True)
class Block:
    """Figures of one measurement; `method` says in a sentence or two how they came about."""

    title: str
    method: str
    rows: list[Row] = field(default_factory=list)

    @property
    def missed(self) -> int:
        return sum(row.met is False for row in self.rows)


def print_report(blocks: Iterable[Block], about: str) -> None:
    """The table, then the methods."""
    blocks = list(blocks)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=max(console.width, NARROWEST))
    table = Table(title=about, title_justify="left", title_style="", expand=True)
    for column, ratio in (("", 35), ("this provider", 24), ("target", 15), ("beside", 33)):
        table.add_column(column, ratio=ratio, overflow="fold")
    table.add_column("", width=8)
    for block in blocks:
        table.add_section()
        table.add_row(Text(block.title, style="bold"))
        for row in block.rows:
            cells = (f"  {row.what}", row.figure, row.target, row.peers)
            table.add_row(*map(Text, cells), _verdict(row.met))
    console.print(table)
    console.print(Text("How it was measured", style="bold"))
    for block in blocks:
        console.print(Text.assemble((f"{block.title}: ", "bold"), " ".join(block.method.split())))
    missed = sum(block.missed for block in blocks)
    total = sum(row.met is not None for block in blocks for row in block.rows)
    console.print(f"{total - missed} of {total} targets met.", style="red" if missed else "green")


def _verdict(met: bool | None) -> Text:
    if met is None:
        return Text("")
    text, style = ("✓ met", "green") if met else ("✗ MISSED", "bold red")
    plain = text.encode(sys.stdout.encoding, "ignore").decode(sys.stdout.encoding).strip()
    return Text(plain, style=style)  # a C locale has no marks
