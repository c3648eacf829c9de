"""The search for canaries in all that a test leaves behind: a test that leaked fails and names the channel.

`tests/emulator/conftest.py` takes the hooks over. There all secrets are canaries: the emulators' own, those
of the Airflow connections of hooks and workers, and the tokens. The channels:

- logs at DEBUG, and what is printed: pytest's captures, and the files of processes of their own
- SQLite, with XComs, rendered fields, trigger rows and asset events: the database of DAG runs, in which
  the connections live under a Fernet key (:mod:`tests.harness.dag_plans`). If a task runs without a database,
  its connections come from the environment, and the search reads the objects
  (:mod:`tests.harness.object_search`)
- exceptions with their causes, and `repr`s: the objects again
- process arguments: of each process that a test starts, and of all that still run below it
- the emulators' output, request log and state
- URLs, and headers except `authorization`: what the client sent to emulators, wiretaps and bare servers
- files in a test's `tmp_path`

Not searched are bodies, which must hold the source's secrets (`tests/emulator/test_canary.py` says which),
and the environment of processes, in which these tests keep connections. In `service/` and `contract/` the
client is the test itself, so only the emulator's channels are searched.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.harness import canary
from tests.harness.figures import PROPERTY

LOGS, SQLITE, XCOMS, RENDERED = "logs", "SQLite", "XComs", "rendered fields"
TRIGGERS, EXCEPTIONS, REPRS, ARGUMENTS = "trigger rows", "exceptions", "reprs", "process arguments"
OUTPUT, REQUESTS, STATE, URLS = "emulator output", "emulator request log", "emulator state", "URLs"
FILES, EVENTS = "files", "asset events"
CHANNELS = (LOGS, SQLITE, XCOMS, RENDERED, TRIGGERS, EXCEPTIONS, REPRS, ARGUMENTS)
CHANNELS += (OUTPUT, REQUESTS, STATE, URLS, FILES, EVENTS)
TABLES = {"xcom": XCOMS, "rendered_task_instance_fields": RENDERED, "trigger": TRIGGERS}
TABLES |= {"asset_event": EVENTS}
"""The tables of Airflow's database that are a channel of their own."""
CLEAR = ("login", "host")
"""The columns of a stored connection that Airflow does not encrypt."""
SEARCHED = "tests run with canaries in all secrets, and searched at their end"

Texts = Iterable[tuple[str, str]]
"""Channels and texts."""


class SecretSearch:
    """Knows all sources of text, and keeps the texts that will be gone at a test's end."""

    def __init__(self) -> None:
        self.active = False
        self._sources: list[tuple[Callable[[], Texts], Callable[[], bool]]] = []
        self._texts: list[tuple[str, str]] = []
        self._command_lines: set[str] = set()

    def add(self, read: Callable[[], Texts], ended: Callable[[], bool] = lambda: False) -> None:
        """Search what `read` returns at the end of each test, for the last time when the source has ended."""
        self._sources.append((read, ended))

    def add_file(self, channel: str, path: Path, ended: Callable[[], bool]) -> None:
        """Search a file that grows."""
        new = growth(path)
        self.add(lambda: [(channel, new())], ended)

    def add_list(self, channel: str, items: Sequence[object], ended: Callable[[], bool]) -> None:
        """Search a list that grows and may be emptied, if a searched test is running."""
        last = 0

        def read() -> Texts:
            nonlocal last
            first, last = (last if last <= len(items) else 0), len(items)
            yield channel, "\n".join(map(str, items[first:last]))

        if self.active:
            self.add(read, ended)

    def add_text(self, channel: str, text: str) -> None:
        """Keep a text for the search at the test's end."""
        if self.active and text:
            self._texts.append((channel, text))

    def run(self) -> list[str]:
        """Search what is new since the last search: return a line for each canary, with its channel."""
        texts, self._texts = self._texts, []
        sources = [(read, ended, ended()) for read, ended in self._sources]
        for read, _, _ in sources:
            texts += read()
        self._sources = [(read, ended) for read, ended, over in sources if not over]
        lines = set(command_lines(os.getpid()))
        texts += [(ARGUMENTS, line) for line in lines - self._command_lines]
        self._command_lines = lines
        return sorted({f"{channel}: {found}" for channel, text in texts for found in canary.find_any(text)})


SEARCH = SecretSearch()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Note every command line that this process starts, however soon the other process ends."""
    if event == "subprocess.Popen":
        SEARCH.add_text(ARGUMENTS, repr(arguments[1]))


sys.addaudithook(_audit)


def command_lines(pid: int | str) -> Iterator[str]:
    """Yield the command lines of all processes below one, as `ps` shows them; on Linux."""
    with suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                yield f"{child}: " + Path(f"/proc/{child}/cmdline").read_text("utf-8", "replace")
                yield from command_lines(child)


def growth(path: Path) -> Callable[[], str]:
    """Return a function that returns what was appended to a file since its last call."""
    position = 0

    def read() -> str:
        nonlocal position
        with suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(position)
            text = file.read()
            position += len(text)
            return text.decode("utf-8", "replace")
        return ""

    return read


def database(path: Path, channel: str = SQLITE) -> Texts:
    """Yield a SQLite file's bytes and rows by table, except the columns that Airflow does not encrypt."""
    raw = path.read_bytes().decode("utf-8", "replace")
    clear = []
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
        rows = opened.execute(f"SELECT {', '.join(CLEAR)} FROM connection").fetchall()
        clear = [value for row in rows for value in row if value]
    for value in sorted(set(clear), key=len, reverse=True):
        raw = raw.replace(value, "")
    yield channel, raw
    for line in canary.dump(path, hidden=CLEAR).splitlines():
        yield TABLES.get(line.partition(": ")[0], channel), line


def files_under(directory: Path) -> Texts:
    """Yield every file below, databases by their rows."""
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with suppress(OSError, sqlite3.Error):  # gone, or spoiled on purpose
                content = path.read_bytes()
                if content.startswith(b"SQLite format 3"):
                    yield from database(path)
                else:
                    text = canary.without_mask_messages(content.decode("utf-8", "replace"))
                    yield LOGS if path.suffix == ".log" else FILES, f"{path.name}: {text}"


def all_of(error: BaseException) -> str:
    """Return all that an exception leads to as text: messages, attributes, causes and contexts."""
    texts: list[str] = []
    seen: set[int] = set()
    queue: list[Any] = [error]
    while queue:
        one = queue.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        texts += [str(one), repr(one), repr(vars(one)) if hasattr(one, "__dict__") else ""]
        if isinstance(one, BaseException):
            queue += [one.__cause__, one.__context__, *one.args, *vars(one).values()]
    return "\n".join(texts)


# Hooks of pytest

_sections = pytest.StashKey[int]()
_level = pytest.StashKey[int]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Log at DEBUG and note everything from here on."""
    root = logging.getLogger()
    item.stash[_level] = root.level
    if item.path.parent.name in (
        "service",
        "contract",
    ):  # the test itself is the client, and needs no Airflow
        root.setLevel(logging.WARNING)
    else:
        from tests.harness import object_search

        object_search.start()
        root.setLevel(logging.DEBUG)
    SEARCH.active = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Search after the test's own part, and again after its fixtures have ended."""
    report = yield
    done = item.stash.get(_sections, 0)
    item.stash[_sections] = len(report.sections)
    for _, text in report.sections[done:]:
        SEARCH.add_text(LOGS, text)
    if call.excinfo is not None and not call.excinfo.errisinstance((AssertionError, pytest.fail.Exception)):
        SEARCH.add_text(EXCEPTIONS, all_of(call.excinfo.value))
    if call.when == "call":
        report.user_properties.append((PROPERTY, (SEARCHED, 1)))
        if directory := getattr(item, "funcargs", {}).get("tmp_path"):
            SEARCH.add(lambda: files_under(directory), lambda: True)
    if call.when != "setup" and (leaks := SEARCH.run()):
        report.sections = [(title, canary.shortened(shown)) for title, shown in report.sections]
        reason = f"{report.longreprtext}\n" if report.failed else ""
        report.outcome = "failed"
        report.longrepr = reason + "\n".join([f"{report.nodeid} leaks a secret:", *leaks])
    if call.when == "teardown":
        SEARCH.active = False
        logging.getLogger().setLevel(item.stash[_level])
    return report


def pytest_unconfigure() -> None:
    """Silence Airflow's last messages: it logs at DEBUG when pytest's files are closed already."""
    logging.raiseExceptions = False


@pytest.fixture(autouse=True)
def _search_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search what a test takes out of pytest's capture: no report has it."""
    read = pytest.CaptureFixture.readouterr

    def reading(self: Any) -> Any:
        taken = read(self)
        SEARCH.add_text(LOGS, taken.out + taken.err)
        return taken

    monkeypatch.setattr(pytest.CaptureFixture, "readouterr", reading)
