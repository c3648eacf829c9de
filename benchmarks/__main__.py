"""`python -m benchmarks [counts] [imports] [calls] [executes] [tasks] [waits] [growth]`.

Without an argument, all but growth are measured.

Ends with 0 whatever the figures are; a target that is missed is marked in the table.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version

from benchmarks import calls, counts, executes, imports, tasks, waits
from benchmarks.growth import block as growth
from benchmarks.report import print_report

USUAL = {
    "counts": counts,
    "imports": imports,
    "calls": calls,
    "executes": executes,
    "tasks": tasks,
    "waits": waits,
}
BLOCKS = {**USUAL, "growth": growth}
_PROVIDERS = "apache-airflow-providers-"
_PACKAGES = (
    "apache-airflow",
    "requests",
    *(_PROVIDERS + name for name in ("http", "airbyte", "databricks", "dbt-cloud")),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument(
        "block", nargs="*", help=f"any of {', '.join(BLOCKS)}; all but growth if none is named"
    )
    names = parser.parse_args().block
    if unknown := set(names) - set(BLOCKS):
        parser.error(f"no such block: {', '.join(sorted(unknown))}")
    blocks, about = [], _about()
    for name in names or USUAL:
        print(f"{BLOCKS[name].TITLE} ...", end=" ", file=sys.stderr, flush=True)
        start = time.monotonic()
        blocks.append(BLOCKS[name].measure())
        print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    print_report(blocks, about)


def _about() -> str:
    """What the figures depend on: the load too, since CPUs that are shared are slower."""
    versions = [f"{package.removeprefix(_PROVIDERS)} {_version(package)}" for package in _PACKAGES]
    machine = f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    return f"Python {platform.python_version()}, {', '.join(versions)}; {machine}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
