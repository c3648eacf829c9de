"""Keep `docs/cost.md` true: its outputs of `cost`, and its table of coefficients."""

from __future__ import annotations

import io
import json
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path

FILE = Path(__file__).parents[2] / "docs" / "cost.md"
EXAMPLE = re.compile(r"^```\n\$ airflow aep (cost .*)\n(?:.*\n)*?```$", re.MULTILINE)
TABLE = "| Coefficient | Value | Unit |\n|---|---|---|\n"


def made(text: str) -> str:
    """Return the page with what `cost` prints now, and the coefficients that it reads."""
    from airflow_provider_aep.flow_runs import cost

    cost.measured.cache_clear()
    stored = json.loads((Path(cost.__file__).parent / "cost.json").read_text("utf-8"))
    rows = [
        f"| {one['row']} | {one['value']:.4g} | {one['unit']} |\n" for one in stored["coefficients"].values()
    ]
    page = EXAMPLE.sub(lambda match: f"```\n$ airflow aep {match[1]}\n{printed(match[1])}```", text)
    return page.partition(TABLE)[0] + TABLE + "".join(rows)


def printed(line: str) -> str:
    """Return what a command prints to a pipe, without blanks at the ends of lines."""
    from airflow_provider_aep.__main__ import parser
    from airflow_provider_aep.cli import cost

    with redirect_stdout(io.StringIO()) as out:
        cost.run(parser().parse_args(shlex.split(line)))
    return "".join(f"{one.rstrip()}\n" for one in out.getvalue().splitlines())


def write() -> None:
    """Write the page."""
    FILE.write_text(made(FILE.read_text("utf-8")), "utf-8")
