"""`make coverage`: which lines and branches of the package the tests run, in whichever process.

Without arguments everything is run anew. With some, which are pytest's, that is added to what was run before:
after tests were written, they are enough.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.sections import markdown, write_section

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".coverage"
KEPT = ROOT / "docs" / "coverage.json"
SECTION = "coverage"
PACKAGE = "airflow_provider_aep"
RECIPE = "exactly_once"
LEAST, LEAST_OF_RECIPE = 95.0, 100.0
"""Per cent of the lines, and of the branches, of the package and of the recipe of creation."""
TESTS = ("tests/unit", "tests/contract", "tests/integration", "tests/properties")


@dataclass(frozen=True)
class Part:
    """A folder's counts, or those of the package's own modules."""

    name: str
    lines: int
    lines_run: int
    branches: int
    branches_run: int
    excluded: int
    missing: tuple[str, ...] = ()

    @property
    def percent(self) -> tuple[float, float]:
        """Of the lines, and of the branches."""
        branches = 100 * self.branches_run / self.branches if self.branches else 100.0
        return 100 * self.lines_run / self.lines, branches


@dataclass(frozen=True)
class Coverage:
    """What was run, and by what."""

    commands: tuple[str, ...]
    date: str
    versions: Mapping[str, str]
    parts: tuple[Part, ...]

    @property
    def whole(self) -> Part:
        """All parts together."""
        return _sum("together", self.parts)

    @property
    def good(self) -> bool:
        """Whether it is as much as is asked for."""
        [recipe] = [one for one in self.parts if one.name == RECIPE]
        return min(self.whole.percent) >= LEAST and min(recipe.percent) >= LEAST_OF_RECIPE


def main(arguments: Sequence[str]) -> int:
    """The exit code says whether the tests passed, and enough of the code was run."""
    env = {**os.environ, "COVERAGE_FILE": str(DATA)}
    coverage = [sys.executable, "-m", "coverage"]
    kept = load(KEPT).commands if arguments and KEPT.exists() else ()
    if not arguments:
        subprocess.run([*coverage, "erase"], env=env, cwd=ROOT, check=True)
    parallel = shlex.split(os.environ.get("PARALLEL", ""))
    run = [*coverage, "run", "-m", "pytest", "-m", "not crash", *parallel, *(arguments or TESTS)]
    if failed := subprocess.run(run, env=env, cwd=ROOT, check=False).returncode:
        return failed
    subprocess.run([*coverage, "combine", "--append", "--quiet"], env=env, cwd=ROOT, check=True)
    shown = subprocess.run(
        [*coverage, "json", "--quiet", "-o", "-"], env=env, cwd=ROOT, check=True, capture_output=True
    )
    tools = {
        name: version(package) for name, package in (("Airflow", "apache-airflow"), ("coverage", "coverage"))
    }
    versions = {"Python": sys.version.split()[0], **tools}
    found = read(json.loads(shown.stdout), [*kept, _command(arguments)], versions)
    save(found, KEPT)
    write_section(ROOT / "docs" / "reliability.md", SECTION, section(found))
    _show(found)
    return 0 if found.good else 1


def read(document: Mapping[str, Any], commands: Iterable[str], versions: Mapping[str, str]) -> Coverage:
    """Coverage's report in JSON, folder by folder."""
    by_folder: dict[str, list[Part]] = {}
    for path, file in document["files"].items():
        inner = Path(path).relative_to(PACKAGE)
        folder = inner.parts[0] if len(inner.parts) > 1 else "the package's own modules"
        by_folder.setdefault(folder, []).append(_part(str(inner), file))
    parts = tuple(_sum(name, by_folder[name]) for name in sorted(by_folder))
    return Coverage(tuple(commands), datetime.now(timezone.utc).date().isoformat(), dict(versions), parts)


def _part(name: str, file: Mapping[str, Any]) -> Part:
    summary = file["summary"]
    missing = [f"{name}:{line}" for line in file["missing_lines"]]
    lines = set(file["missing_lines"])
    missing += [
        f"{name}:{start} to {'the end' if end < 0 else end}"
        for start, end in file["missing_branches"]
        if start not in lines
    ]
    return Part(
        name,
        summary["num_statements"],
        summary["covered_lines"],
        summary["num_branches"],
        summary["covered_branches"],
        summary["excluded_lines"],
        tuple(missing),
    )


def _sum(name: str, parts: Sequence[Part]) -> Part:
    return Part(
        name,
        sum(one.lines for one in parts),
        sum(one.lines_run for one in parts),
        sum(one.branches for one in parts),
        sum(one.branches_run for one in parts),
        sum(one.excluded for one in parts),
        tuple(missing for one in parts for missing in one.missing),
    )


def load(path: Path) -> Coverage:
    """What is kept."""
    kept = json.loads(path.read_text("utf-8"))
    parts = tuple(Part(**{**part, "missing": tuple(part["missing"])}) for part in kept["parts"])
    return Coverage(tuple(kept["commands"]), kept["date"], kept["versions"], parts)


def save(found: Coverage, path: Path) -> None:
    """As JSON that one can read."""
    path.write_text(json.dumps(asdict(found), indent=1) + "\n", "utf-8")


HEAD = ("", "lines", "run", "", "branches", "run", "")


def row(part: Part) -> list[str]:
    """One part under :data:`HEAD`."""
    lines, branches = (f"{percent:.1f} %" for percent in part.percent)
    counts = [part.lines, part.lines_run, lines, part.branches, part.branches_run, branches]
    return [part.name, *map(str, counts)]


def section(found: Coverage) -> str:
    """The table of docs/reliability.md."""
    versions = ", ".join(f"{name} {number}" for name, number in found.versions.items())
    commands = "\n".join(found.commands)
    table = markdown(HEAD, map(row, (*found.parts, found.whole)))
    return f"```\n{commands}\n```\n\n{versions}; {found.date}\n\n{table}"


def _command(arguments: Sequence[str]) -> str:
    return shlex.join(["make", "coverage", *([f"ARGS={shlex.join(arguments)}"] if arguments else [])])


def _show(found: Coverage) -> None:
    table = Table(*HEAD)
    for one in (*found.parts, found.whole):
        table.add_row(*row(one))
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    for missing in found.whole.missing:
        console.print(f"not run: {missing}", markup=False)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
