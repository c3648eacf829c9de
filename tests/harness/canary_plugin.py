"""Every integration test is searched at its end: no canary may stand in anything it left behind.

`tests/emulator/conftest.py` takes these hooks over. All secrets are canaries there: the emulators' own,
those of the Airflow connections of hooks and workers, and the tokens. A test that leaked fails and names the
channel; :data:`tests.harness.canary_watch.CHANNELS` has them all. What is looked at:

- logs at DEBUG, and what is printed: pytest's captures, and the files of processes of their own
- SQLite, with XComs, rendered fields and trigger rows: the database of DAG runs, in which the connections
  live under a Fernet key (:mod:`tests.harness.canary_dags`). Where a task runs without a database, its
  connections come from the environment, and the rest is read from the objects
  (:mod:`tests.harness.canary_objects`)
- exceptions with all they lead to, and `repr`s: the objects again
- process arguments: of each process that a test starts, and of all that still run below it
- the emulators' output, request log and state
- URLs, and headers but for `authorization`: what the client sent to emulators, wiretaps and bare servers
- files in a test's `tmp_path`

Not searched are bodies, which must hold the source's secrets (`tests/emulator/test_canary.py` says which),
and the environment of processes, in which these tests keep connections. In `service/` and `contract/` the
client is the test itself: what it logs and sends is its own.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

import pytest

from tests.harness import canary, canary_watch
from tests.harness.canary_watch import EXCEPTIONS, LOGS, WATCH
from tests.harness.connections import all_of
from tests.harness.figures import PROPERTY

SEARCHED = "tests run with canaries in all secrets, and searched at their end"
_sections = pytest.StashKey[int]()
_level = pytest.StashKey[int]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """From here on everything is logged and noted."""
    root = logging.getLogger()
    item.stash[_level] = root.level
    if item.path.parent.name in (
        "service",
        "contract",
    ):  # the test itself is the client, and needs no Airflow
        root.setLevel(logging.WARNING)
    else:
        from tests.harness import canary_objects

        canary_objects.watch()
        root.setLevel(logging.DEBUG)
    WATCH.active = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Search after the test's own part, and once more after its fixtures' ends."""
    report = yield
    seen = item.stash.get(_sections, 0)
    item.stash[_sections] = len(report.sections)
    for _, text in report.sections[seen:]:
        WATCH.text(LOGS, text)
    if call.excinfo is not None and not call.excinfo.errisinstance((AssertionError, pytest.fail.Exception)):
        WATCH.text(EXCEPTIONS, all_of(call.excinfo.value))
    if call.when == "call":
        report.user_properties.append((PROPERTY, (SEARCHED, 1)))
        if directory := getattr(item, "funcargs", {}).get("tmp_path"):
            WATCH.place(lambda: canary_watch.files_under(directory), lambda: True)
    if call.when != "setup" and (leaks := WATCH.search()):
        _fail(report, leaks)
    if call.when == "teardown":
        WATCH.active = False
        logging.getLogger().setLevel(item.stash[_level])
    return report


def pytest_unconfigure() -> None:
    """Airflow logs at DEBUG as it leaves, when what pytest gave it to write to is closed."""
    logging.raiseExceptions = False


def _fail(report: pytest.TestReport, leaks: list[str]) -> None:
    text = "\n".join([f"{report.nodeid} leaks a secret:", *leaks])
    report.sections = [(title, canary.veiled(shown)) for title, shown in report.sections]
    reason = f"{report.longreprtext}\n" if report.failed else ""
    report.outcome, report.longrepr = "failed", reason + text


@pytest.fixture(autouse=True)
def _what_is_read_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test takes out of pytest's capture is in no report."""
    read = pytest.CaptureFixture.readouterr

    def reading(self: Any) -> Any:
        taken = read(self)
        WATCH.text(LOGS, taken.out + taken.err)
        return taken

    monkeypatch.setattr(pytest.CaptureFixture, "readouterr", reading)
