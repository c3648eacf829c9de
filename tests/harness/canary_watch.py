"""What a test leaves behind, place by place, and the search for canaries in it.

Whoever makes such a place tells :data:`WATCH` of it: a file that grows, a server that knows what it was sent,
a database. A test's end looks through all of them, each time at what is new; see
:mod:`tests.harness.canary_plugin`.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness import canary

LOGS, SQLITE, XCOMS, RENDERED = "logs", "SQLite", "XComs", "rendered fields"
TRIGGERS, EXCEPTIONS, REPRS, ARGUMENTS = "trigger rows", "exceptions", "reprs", "process arguments"
OUTPUT, REQUESTS, STATE, URLS = "emulator output", "emulator request log", "emulator state", "URLs"
FILES = "files"
CHANNELS = (LOGS, SQLITE, XCOMS, RENDERED, TRIGGERS, EXCEPTIONS, REPRS, ARGUMENTS)
CHANNELS += (OUTPUT, REQUESTS, STATE, URLS, FILES)
TABLES = {"xcom": XCOMS, "rendered_task_instance_fields": RENDERED, "trigger": TRIGGERS}
"""The tables of Airflow's database that are a channel of their own."""
CLEAR = ("login", "host")
"""Of a stored connection; Airflow encrypts what stands in `password` and `extra`."""

Found = Iterable[tuple[str, str]]
"""Channels and texts."""


def _never() -> bool:
    return False


@dataclass
class Place:
    """`read` gives what is new since it was last asked; after `over` no more comes."""

    read: Callable[[], Found]
    over: Callable[[], bool] = field(default=_never)


class Growing:
    """What is new in a file that is only ever appended to."""

    def __init__(self, path: Path | str) -> None:
        self._path, self._seen = Path(path), 0

    def __call__(self) -> str:
        with suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(self._seen)
            text = file.read()
            self._seen += len(text)
            return text.decode("utf-8", "replace")
        return ""


class Added:
    """What is new in a list that grows, and may be emptied."""

    def __init__(self, read: Callable[[], list[str]]) -> None:
        self._read, self._seen = read, 0

    def __call__(self) -> str:
        lines = self._read()
        first = self._seen if self._seen <= len(lines) else 0
        self._seen = len(lines)
        return "\n".join(lines[first:])


class Watch:
    """All places there are, and the texts that were shown on the way."""

    def __init__(self) -> None:
        self.active = False
        self._places: list[Place] = []
        self._texts: list[tuple[str, str]] = []
        self._lines: set[str] = set()

    def place(self, read: Callable[[], Found], over: Callable[[], bool] = _never) -> None:
        """Look there at the end of each test, for the last time when it is over."""
        self._places.append(Place(read, over))

    def file(self, channel: str, path: Path | str, over: Callable[[], bool] = _never) -> None:
        """One that grows."""
        new = Growing(path)
        self.place(lambda: [(channel, new())], over)

    def lines(self, channel: str, read: Callable[[], list[str]], over: Callable[[], bool]) -> None:
        """What a server of this process, started by a test that is watched, knows that it was sent."""
        if self.active:
            new = Added(read)
            self.place(lambda: [(channel, new())], over)

    def text(self, channel: str, text: str) -> None:
        """What is there now, and will be gone at the test's end."""
        if self.active and text:
            self._texts.append((channel, text))

    def search(self) -> list[str]:
        """What has leaked since the last search, as lines: the channel, and where in it."""
        texts, self._texts = self._texts, []
        ended = [place for place in self._places if place.over()]
        for place in self._places:
            texts += place.read()
        self._places = [place for place in self._places if place not in ended]
        lines = set(command_lines(os.getpid()))
        texts += [(ARGUMENTS, line) for line in lines - self._lines]
        self._lines = lines
        return sorted({f"{channel}: {place}" for channel, text in texts for place in canary.sightings(text)})


WATCH = Watch()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Every command line that this process starts, however soon it has ended."""
    if event == "subprocess.Popen":
        WATCH.text(ARGUMENTS, repr(arguments[1]))


sys.addaudithook(_audit)


def command_lines(pid: int | str) -> Iterator[str]:
    """Of all processes below one, as `ps` would show them to anybody; on Linux."""
    with suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                line = Path(f"/proc/{child}/cmdline").read_text("utf-8", "replace")
                yield f"{child}: {line}"
                yield from command_lines(child)


def database(path: Path) -> Iterator[tuple[str, str]]:
    """A SQLite file: its rows by table, and its bytes but for what Airflow keeps in clear on purpose."""
    for line in canary.dump(path, hidden=CLEAR).splitlines():
        yield TABLES.get(line.partition(": ")[0], SQLITE), line
    raw = path.read_bytes().decode("utf-8", "replace")
    for value in _clear(path):
        raw = raw.replace(value, "")
    yield SQLITE, raw


def _clear(path: Path) -> list[str]:
    """What stands in an Airflow database's connections unencrypted; of any other, nothing."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
        found = opened.execute(f"SELECT {', '.join(CLEAR)} FROM connection").fetchall()
        return sorted({value for row in found for value in row if value}, key=len, reverse=True)
    return []


def file(path: Path) -> Iterator[tuple[str, str]]:
    """All of a file, row by row if it is a database."""
    with suppress(OSError, sqlite3.Error):  # gone, or spoiled on purpose
        content = path.read_bytes()
        if content.startswith(b"SQLite format 3"):
            yield from database(path)
        else:
            channel = LOGS if path.suffix == ".log" else FILES
            text = content.decode("utf-8", "replace")
            yield channel, f"{path.name}: {canary.without_mask_orders(text)}"


def files_under(directory: Path) -> Iterator[tuple[str, str]]:
    """Of every file below."""
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield from file(path)


def state(path: Path) -> Iterator[tuple[str, str]]:
    """An emulator's `--state`; while it runs nobody else reads its rows."""
    with suppress(OSError, sqlite3.Error):
        yield STATE, path.read_bytes().decode("utf-8", "replace")
        yield STATE, canary.dump(path)
