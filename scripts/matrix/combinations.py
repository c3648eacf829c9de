"""Which Airflow goes with which Python, and where each gets the versions of its own day."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
SLOW = (
    "integration/*kills.py",
    "integration/*faults.py",
    "integration/test_races.py",
    "integration/test_canary.py",
    "integration/test_start_runs.py",
    "properties/*.py",
    "e2e/test_real_cancels.py",
)
"""What starts a process, with Airflow in it, for every try of a task; and what tries hundreds of cases.

Also the one test with a whole Airflow whose outcome depends on the version of Airflow.
"""


@dataclass(frozen=True)
class Release:
    """A row of the table: what is installed beside this provider, and uv's options for it.

    Airflow names lower bounds of what it needs and few upper ones: an old one with the newest of everything
    does not start. So the index is read as it was on the day of the release.
    """

    name: str
    words: str
    packages: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """For all that is installed; ``{python}`` stands for the version."""
    pythons: tuple[str, ...] = PYTHONS


def as_of(day: str) -> tuple[str, str]:
    """uv's option for that."""
    return "--exclude-newer", day


RELEASES = (
    Release("3.1.8", "Airflow 3.1.8", ("apache-airflow==3.1.8",), as_of("2026-03-20")),
    Release("3.2.2", "Airflow 3.2.2", ("apache-airflow==3.2.2",), as_of("2026-06-10")),
    Release("3.3", "Airflow 3.3", (), ("-c", "constraints/{python}.txt")),
    # A week after Airflow 3.1.0. On the oldest Python, for which there are wheels of all that is old.
    Release(
        "lowest",
        "lowest declared",
        ("--resolution", "lowest-direct", "-r", "pyproject.toml"),
        as_of("2025-10-01"),
        PYTHONS[:1],
    ),
    Release("newest", "newest of all", pythons=PYTHONS[-1:]),
)


@dataclass(frozen=True)
class Combination:
    """One cell of the table."""

    release: Release
    python: str

    @property
    def name(self) -> str:
        """Also the name of its environment."""
        return f"{self.release.name}-py{self.python}"

    @property
    def words(self) -> str:
        """For progress."""
        return f"{self.release.words}, Python {self.python}"


def find_python(version: str) -> str | None:
    """An interpreter by its name, or one that pyenv holds; None if there is none that runs."""
    named = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    kept = sorted(pyenv.glob(f"{version}.*/bin/python"), key=lambda path: len(path.parts[-3]), reverse=True)
    probe = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    for candidate in [named, *map(str, kept)]:
        if candidate is None:
            continue
        # pyenv puts a script of that name on the path, which fails where it is not chosen
        done = subprocess.run([candidate, "-c", probe], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return candidate
    return None


def part(combination: Combination, whole: bool) -> str:
    """In words, which part of the tests :func:`paths` chooses; empty for all of them."""
    if whole:
        return ""
    share = {1: "all", 4: "a quarter"}[len(combination.release.pythons)]
    return f"quick tests, {share} of the slow"


def paths(tree: Path, combination: Combination, whole: bool) -> list[str]:
    """For pytest: all the tests; or all the quick ones, and of the slow ones this Python's share."""
    if whole:
        return ["tests"]
    kinds = ("integration/**/test_*.py", "properties/test_*.py", "e2e/test_real_cancels.py")
    files = [path for kind in kinds for path in tree.glob(f"tests/{kind}")]
    slow = {path for path in files if any(path.match(pattern) for pattern in SLOW)}
    quick, shared = sorted(set(files) - slow), sorted(slow)
    pythons = combination.release.pythons
    chosen = [*quick, *shared[pythons.index(combination.python) :: len(pythons)]]
    return ["tests/unit", "tests/contract", *(str(path.relative_to(tree)) for path in chosen)]
