"""`make test-matrix`: installs and tests one combination after the other, and writes what came of it."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.local_airflow import clean_environment
from scripts.matrix.combinations import PYTHONS, RELEASES, Combination, find_python, part, paths
from scripts.matrix.environments import Workshop
from scripts.matrix.results import HEAD, Result, load, merge, read_junit, row, save, write_tables
from scripts.processes import LocalError, Service, end_by_signal, stop
from scripts.progress import step, tell

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "test-matrix.json"
PARALLEL = ("-n", "3", "--dist", "loadfile")
"""As `make test` runs them: whole files, each in one process."""


def main(arguments: Sequence[str]) -> int:
    """The exit code says whether all that was asked for ran and passed."""
    end_by_signal()
    options = _options(arguments)
    workshop = Workshop(ROOT, ROOT / ".matrix")
    kept, new = load(RESULTS), []
    try:
        with step("Building wheel and source distribution"):
            workshop.build()
        for combination in options.combinations:
            new.append(_run(workshop, combination, options))
            save(merge(kept, new), RESULTS)
            write_tables(merge(kept, new), ROOT)
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing is left running.", file=sys.stderr)
        return 130
    _show(new)
    return 0 if all(result.good for result in new) else 1


def _options(arguments: Sequence[str]) -> Any:
    parser = argparse.ArgumentParser(prog="make test-matrix")
    parser.add_argument("--release", action="append", choices=[release.name for release in RELEASES])
    parser.add_argument("--python", action="append", choices=PYTHONS)
    parser.add_argument(
        "--whole",
        action="store_true",
        help="every test in every combination, which takes hours; without it the Pythons of an Airflow share "
        "the slow tests among them, and of the tests with a whole Airflow only one runs",
    )
    options = parser.parse_args(arguments)
    options.combinations = [
        Combination(release, python)
        for release in RELEASES
        for python in release.pythons
        if release.name in (options.release or [release.name]) and python in (options.python or [python])
    ]
    if not options.combinations:
        parser.error("no combination is of this release and this Python")
    options.command = shlex.join(["make", "test-matrix", *(["ARGS=--whole"] if options.whole else [])])
    return options


def _run(workshop: Workshop, combination: Combination, options: Any) -> Result:
    """Install and test one. What goes wrong with one is no reason not to run the others."""
    began = time.monotonic()
    facts: dict[str, Any] = {
        "release": combination.release.name,
        "python": combination.python,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "command": options.command,
        "part": part(combination, options.whole),
    }
    interpreter = find_python(combination.python)
    if interpreter is None:
        tell(f"{combination.words}: not run, python{combination.python} is not on this machine")
        return Result(**facts, problem="not run: no such Python")
    try:
        with step(f"{combination.words}: installing"):
            facts["versions"] = workshop.install(combination, interpreter)
        with step(f"{combination.words}: testing") as show:
            facts |= _test(workshop, combination, options.whole, show)
    except LocalError as error:
        tell(str(error))
        facts["problem"] = str(error).splitlines()[0]
    result = Result(**facts, seconds=round(time.monotonic() - began))
    for name in result.failed:
        tell(f"  failed: {name}")
    tell(f"{combination.words}: {result.verdict} ({result.passed} good tests), {workshop.log(combination)}")
    return result


def _test(workshop: Workshop, combination: Combination, whole: bool, show: Any) -> dict[str, Any]:
    """Run pytest in a session of its own: whatever it started ends with it."""
    report = workshop.directory / "logs" / f"{combination.name}.xml"
    report.unlink(missing_ok=True)
    log = workshop.log(combination).with_suffix(".tests.log")
    pytest = Service(
        f"pytest in {combination.name}",
        [str(workshop.python(combination)), "-m", "pytest", "-m", "not crash", *PARALLEL,
         f"--junit-xml={report}", *paths(workshop.tree, combination, whole)],
        env=clean_environment(os.environ),
        log=log,
        directory=workshop.tree,
    )  # fmt: skip
    try:
        while pytest.exit_code is None:
            time.sleep(0.5)
            show(_percent(log))
    finally:
        stop([pytest])
    if not report.exists():
        raise LocalError(f"pytest ended with {pytest.exit_code} before its end")
    return read_junit(report)


def _percent(log: Path) -> str:
    """How far pytest is, as it says itself at the end of its lines."""
    found = re.findall(r"\[ *(\d+%)\]$", log.read_text(errors="replace"), re.MULTILINE)
    return str(found[-1]) if found else ""


def _show(results: Sequence[Result]) -> None:
    table = Table(*HEAD)
    for result in results:
        table.add_row(*row(result))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
