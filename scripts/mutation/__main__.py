"""`make test-mutation`: changes the pure parts in every small way, and sees whether the tests notice."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.local_airflow import clean_environment
from scripts.mutation.mutants import SURVIVED, UNTESTED, read_results
from scripts.mutation.report import HEAD, LEAST, Report, report, rows, save, write
from scripts.processes import LocalError, Service, end_by_signal, stop, tail
from scripts.progress import step

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = ROOT / "mutants"
"""Where mutmut keeps the changed modules, beside a copy of the tests, and what came of each."""
LOGS = MUTANTS / "logs"
FEW = "*.marks.x_with_mark*"
"""mutmut knows no way to make mutants and to try none: these three cost the least."""


def main(arguments: Sequence[str]) -> int:
    """The exit code says whether enough mutants were noticed, and of the others is known why not."""
    end_by_signal()
    parser = argparse.ArgumentParser(prog="make test-mutation")
    parser.add_argument(
        "--survivors", action="store_true", help="only what survived the last run, after tests were added"
    )
    options = parser.parse_args(arguments)
    try:
        if not options.survivors:
            shutil.rmtree(MUTANTS, ignore_errors=True)
        _make_mutants()
        _forget_survivors()
        _try_mutants()
        found = report(read_results(MUTANTS), _command(arguments), *_today())
    except (LocalError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing is left running.", file=sys.stderr)
        return 130
    save(found, ROOT / "docs" / "mutation.json")
    write(found, ROOT)
    _show(found)
    return 0 if found.good else 1


def _forget_survivors() -> None:
    """What nobody noticed, and what no test reached, has no result."""
    for meta in MUTANTS.rglob("*.py.meta"):
        kept = json.loads(meta.read_text("utf-8"))
        codes = kept["exit_code_by_key"]
        kept["exit_code_by_key"] = {
            name: None if code in (SURVIVED, UNTESTED) else code for name, code in codes.items()
        }
        meta.write_text(json.dumps(kept), "utf-8")


def _run(words: str, command: Sequence[str], log: str, directory: Path) -> None:
    """In a session of its own: whatever it started ends with it."""
    path = LOGS / log
    with step(words) as show, tempfile.TemporaryDirectory(prefix="airflow-home-") as home:
        # pytest would look through every installed package for plugins.
        env = {**clean_environment(os.environ), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "AIRFLOW_HOME": home}
        service = Service(command[0], command, env=env, log=path, directory=directory)
        try:
            while service.exit_code is None:
                time.sleep(1)
                show("".join(re.findall(r"\d+/\d+", path.read_text("utf-8", errors="replace")[-2000:])[-1:]))
        finally:
            stop([service])
    if service.exit_code:
        raise LocalError(f"{command[0]} ended with {service.exit_code}.\n{tail(path)}")


def _make_mutants() -> None:
    """mutmut changes the code, sees which test reaches which function, and tries a few."""
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    _run("Changing the code", [mutmut, "run", FEW], "mutmut.log", ROOT)


def _try_mutants() -> None:
    """All that have no result yet, by a plugin of our own."""
    toml = import_module(
        "tomllib" if sys.version_info >= (3, 11) else "toml"
    )  # mutmut reads it by these, too
    settings = toml.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    pytest = [sys.executable, "-m", "pytest", "-q", "-s", "--rootdir=.", "-p", "scripts.mutation.forks"]
    arguments = settings["pytest_add_cli_args"] + settings["pytest_add_cli_args_test_selection"]
    _run("Trying mutants", [*pytest, *arguments], "pytest.log", MUTANTS)


def _command(arguments: Sequence[str]) -> str:
    return shlex.join(["make", "test-mutation", *([f"ARGS={shlex.join(arguments)}"] if arguments else [])])


def _today() -> tuple[str, dict[str, str]]:
    tools = {name: version(name) for name in ("mutmut", "pytest")}
    return datetime.now(timezone.utc).date().isoformat(), {"Python": sys.version.split()[0], **tools}


def _show(found: Report) -> None:
    table = Table(*HEAD)
    for one in rows(found):
        table.add_row(*one)
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    print(f"{found.whole.percent:.1f} % noticed; at least {LEAST:g} % are asked for.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
