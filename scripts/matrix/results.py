"""What ran where, kept as data: the tables of README and docs/reliability.md are made from it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from scripts.matrix.combinations import PYTHONS, RELEASES
from scripts.matrix.environments import SHOWN
from scripts.sections import markdown, write_section

SECTION = "test-matrix"


@dataclass(frozen=True)
class Result:
    """One combination's.

    :param part: in words, which part of the tests ran; empty for all of them
    :param problem: why it did not run, or that its tests did not come to their end
    """

    release: str
    python: str
    date: str
    command: str
    versions: dict[str, str] = field(default_factory=dict)
    passed: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: int = 0
    problem: str | None = None
    part: str = ""

    @property
    def good(self) -> bool:
        """Whether it ran and nothing failed."""
        return self.problem is None and not self.failed and self.passed > 0

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.failed:
            return f"{len(self.failed)} failed"
        passed = f"passed: {self.part}" if self.part else "passed"
        return self.problem or (passed if self.passed else "no test ran")


def read_junit(report: Path) -> dict[str, Any]:
    """Counts and the names of what failed, from pytest's report."""
    [suite] = ElementTree.parse(report).getroot().iter("testsuite")
    failed = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in suite.iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    ]
    counts = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    passed = counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"]
    return {"passed": passed, "skipped": counts["skipped"], "failed": failed}


def load(path: Path) -> list[Result]:
    """What is kept."""
    return [Result(**row) for row in json.loads(path.read_text("utf-8"))] if path.exists() else []


def merge(kept: Iterable[Result], new: Iterable[Result]) -> list[Result]:
    """A new result takes its combination's place; what a release has no row for any more is left out."""
    by_name = {(one.release, one.python): one for one in [*kept, *new]}
    wanted = [(release.name, python) for release in RELEASES for python in release.pythons]
    return [by_name[name] for name in wanted if name in by_name]


def save(results: Iterable[Result], path: Path) -> None:
    """One a line, so that a difference can be read."""
    rows = ",\n ".join(json.dumps(asdict(one), sort_keys=True) for one in results)
    path.write_text(f"[{rows}]\n", "utf-8")


def write_tables(results: list[Result], root: Path) -> None:
    """Into the documents."""
    write_section(root / "README.md", SECTION, overview(results))
    write_section(root / "docs" / "reliability.md", SECTION, details(results))


def overview(results: Iterable[Result]) -> str:
    """The README's: what ran where, and how it ended."""
    by_name = {(one.release, one.python): one for one in results}

    def cell(release: str, python: str) -> str:
        one = by_name.get((release, python))
        return one.verdict if one else "not run"

    rows = [
        [release.words, *(cell(release.name, one) if one in release.pythons else "" for one in PYTHONS)]
        for release in RELEASES
    ]
    return markdown(["", *(f"Python {python}" for python in PYTHONS)], rows)


HEAD = ("", "Python", "Airflow", "http provider", "requests", "passed", "skipped", "minutes", "date", "")


def details(results: Iterable[Result]) -> str:
    """The one in docs/reliability.md: versions, counts and dates, under the command that found them."""
    by_command: dict[str, list[list[str]]] = {}
    for one in results:
        by_command.setdefault(one.command, []).append(row(one))
    return "\n\n".join(
        f"```\n{command}\n```\n\n{markdown(HEAD, rows)}" for command, rows in by_command.items()
    )


def row(one: Result) -> list[str]:
    """One result under :data:`HEAD`."""
    words = {release.name: release.words for release in RELEASES}[one.release]
    versions = [one.versions.get(name, "") for name in SHOWN]
    python = one.versions.get("python", one.python)
    numbers = [str(one.passed), str(one.skipped), f"{one.seconds / 60:.1f}"]
    return [words, python, *versions, *numbers, one.date, one.verdict]
