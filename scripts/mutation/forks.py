"""A plugin of pytest that tries the mutants: collect once, then fork for each, and run the tests it may fail.

mutmut's own runner starts pytest anew for each, which takes ten times as long as the tests do. A fork is made
before any test has run, so nothing that a test leaves behind, a cache for instance, hides a mutant.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from scripts.mutation.mutants import KILLED, SURVIVED, UNTESTED

AT_ONCE = os.cpu_count() or 1
CPU_FACTOR, CPU_SECONDS, SLEEP_SECONDS = 8, 5, 600
"""A mutant may take so many times what its tests take, and so much longer; asleep, it may spend so long."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """In place of running the tests once."""
    stats = json.loads(Path("mutmut-stats.json").read_text("utf-8"))
    seconds: dict[str, float] = stats["duration_by_test"]
    items = {item.nodeid: item for item in session.items}
    todo = []
    for meta in Path().rglob("*.py.meta"):
        for name, code in json.loads(meta.read_text("utf-8"))["exit_code_by_key"].items():
            if code is None:
                reached = stats["tests_by_mangled_function_name"].get(name.rpartition("__mutmut_")[0], ())
                tests = sorted((one for one in reached if one in items), key=lambda one: seconds[one])
                todo.append((sum(seconds[one] for one in tests), name, meta, [items[one] for one in tests]))
    gc.freeze()  # or a child's first collection copies all of the parent's memory
    results = Results(len(todo))
    running: dict[int, tuple[Path, str]] = {}
    for estimate, name, meta, tests in sorted(todo, key=lambda one: one[:2]):
        if not tests:
            results.keep(meta, name, UNTESTED)
            continue
        if len(running) == AT_ONCE:
            results.wait_for_one(running)
        running[_fork(name, tests, estimate)] = meta, name
    while running:
        results.wait_for_one(running)
    return True


def _fork(name: str, tests: list[pytest.Item], estimate: float) -> int:
    if (pid := os.fork()) > 0:
        return pid
    code = KILLED
    try:
        gc.disable()
        os.environ["MUTANT_UNDER_TEST"] = name  # mutmut's switch: each function looks it up when it is called
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - as long as the process
        limit = int(CPU_FACTOR * estimate) + CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 2))
        signal.alarm(limit * 20 + SLEEP_SECONDS)
        code = (
            SURVIVED
            if all(_passed(*pair) for pair in zip(tests, [*tests[1:], None], strict=True))
            else KILLED
        )
    finally:
        os._exit(code)  # at once: what the parent was about to do is not the child's


def _passed(item: pytest.Item, following: pytest.Item | None) -> bool:
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


class Results:
    """What came of each, in mutmut's own files."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._kept = 0

    def wait_for_one(self, running: dict[int, tuple[Path, str]]) -> None:
        """The next that ends; a signal's number, negative, where one ended it."""
        pid, status = os.wait()
        if pid in running:
            self.keep(*running.pop(pid), os.waitstatus_to_exitcode(status))

    def keep(self, meta: Path, name: str, code: int) -> None:
        """At once: an interrupted run goes on where it was."""
        kept: dict[str, Any] = json.loads(meta.read_text("utf-8"))
        kept["exit_code_by_key"][name] = code
        meta.write_text(json.dumps(kept), "utf-8")
        self._kept += 1
        print(f"{self._kept}/{self._total}", flush=True)
