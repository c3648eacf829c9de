"""Child processes that end when this process ends, with all their descendants; and progress on stderr."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
from rich.console import Console

BELOW_EPHEMERAL = range(20_000, 32_000)
"""Ports that Linux, macOS and Windows give only to a process that asks for that port."""
_console = Console(stderr=True, highlight=False)


class LocalError(Exception):
    """Something on this machine failed. The message says what failed, and where the logs are."""


class Service:
    """A long-running child process with a log file for its output.

    It leads a session of its own. Airflow's processes change their titles, move to other process groups and
    outlive their parents, but they stay in the session. So the session identifies all descendants.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path, user: str | None = None
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, or None while the child runs."""
        return self._child.poll()

    def check(self) -> None:
        """Raise `LocalError` if the child has ended by itself."""
        if (code := self.exit_code) is not None:
            raise LocalError(f"{self.name} ended with exit code {code}.\n{tail(self.log)}")

    def members(self) -> list[psutil.Process]:
        """Return every living process of the child's session."""
        self._child.poll()  # reaps the child, which would otherwise be listed as a zombie
        return list(_members(self._child.pid))


def stop(services: Iterable[Service], *, patience: float = 6.0) -> None:
    """End services and their descendants: send SIGTERM, and after `patience` seconds SIGKILL."""
    services = list(services)
    for sign, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + seconds
        for process in _all_members(services):
            with suppress(psutil.Error):
                process.send_signal(sign)
        while _all_members(services):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return
    left = ", ".join(str(process.pid) for process in _all_members(services))
    if left:
        raise LocalError(f"These processes did not end after SIGKILL: {left}")


def end_by_signal() -> None:
    """Make SIGTERM and SIGHUP unwind the stack, as Ctrl-C does, so that children are ended."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    # A shell starts its background jobs with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


@contextmanager
def ignored_signals() -> Iterator[None]:
    """Ignore signals, so that a second Ctrl-C does not stop the cleanup of the children."""
    before = {
        one: signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def free_ports(count: int, *, prefer: int | None = None) -> list[int]:
    """Return different free ports of the loopback interface. The first is `prefer` if that port is free.

    The system gives none of them to a process that asks for any port, so they stay free until they are bound.
    """
    candidates = [*([prefer] if prefer else []), *random.sample(BELOW_EPHEMERAL, len(BELOW_EPHEMERAL))]
    ports: list[int] = []
    with ExitStack() as stack:
        for port in candidates:
            listener = stack.enter_context(socket.socket())
            with suppress(OSError):
                listener.bind(("127.0.0.1", port))
                ports.append(port)
            if len(ports) == count:
                return ports
    raise LocalError(f"127.0.0.1 has fewer than {count} free ports. End other processes, and run it again.")


def tail(log: Path, lines: int = 25) -> str:
    """Return the last lines of a log, with the log's path above."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join([f"--- the end of {log}", *text.splitlines()[-lines:], "---"])


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show the step on stderr while it runs, and how long it took."""
    began = time.monotonic()
    if not _console.is_terminal:
        tell(f"{text} ...")
    with _console.status(text):
        yield
    tell(f"{text}: {time.monotonic() - began:.1f} s")


def tell(text: str) -> None:
    """Print one line to stderr."""
    _console.print(text, markup=False, soft_wrap=True)


def _end_with_parent() -> None:
    """Let Linux send this child SIGTERM when the parent is killed."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _members(session: int) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            # In many containers nothing reaps orphans, so dead processes stay listed.
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (ProcessLookupError, PermissionError, psutil.Error):  # noqa: PERF203 - it ended meanwhile
            continue


def _all_members(services: Iterable[Service]) -> list[psutil.Process]:
    return [process for service in services for process in service.members()]
