"""Child processes that end when we do, with everything they started; and progress on stderr."""

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
"""Ports that Linux, macOS and Windows give to nobody who does not name them."""
_console = Console(stderr=True, highlight=False)


class LocalError(Exception):
    """Something on this machine did not work; the message says what and where to look."""


class Service:
    """A long-running child. What it prints goes to a log file.

    It leads a session of its own. Airflow's processes change their titles, move to other process
    groups and outlive their parents, but none of them leaves the session: so it tells who belongs here.
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
        """None while the child runs."""
        return self._child.poll()

    def check(self) -> None:
        """Raise if the child has ended by itself."""
        if (code := self.exit_code) is not None:
            raise LocalError(f"{self.name} ended with exit code {code}.\n{tail(self.log)}")

    def members(self) -> list[psutil.Process]:
        """Every living process of the child's session."""
        self._child.poll()  # reaps the child, which would otherwise stand there as a zombie
        return list(_members(self._child.pid))


def stop(services: Iterable[Service], *, patience: float = 6.0) -> None:
    """End services and all they started: ask first, then insist."""
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
        raise LocalError(f"These processes could not be ended: {left}")


def end_by_signal() -> None:
    """Let SIGTERM and a closed terminal unwind the stack, as Ctrl-C does, so that children are ended."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    # Set too: a shell starts its background jobs with Ctrl-C ignored, and whoever sends it then means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


def ignore_signals() -> None:
    """For the last steps: a second, impatient Ctrl-C must not leave children behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def free_ports(count: int, *, prefer: int | None = None) -> list[int]:
    """Different free ports of the loopback interface; the first is `prefer` if that one is free.

    None of those that the system gives to whoever asks for any: one could be given away before it is bound.
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
    raise LocalError(f"{count} free ports were not found on 127.0.0.1.")


def tail(log: Path, lines: int = 25) -> str:
    """The end of a log, under its name."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join([f"--- the end of {log}", *text.splitlines()[-lines:], "---"])


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show that something goes on; afterwards, how long it took. Stdout holds only the result."""
    began = time.monotonic()
    if not _console.is_terminal:
        tell(f"{text} ...")
    with _console.status(text):
        yield
    tell(f"{text}: {time.monotonic() - began:.1f} s")


def tell(text: str) -> None:
    """Print one line."""
    _console.print(text, markup=False, soft_wrap=True)


def _end_with_parent() -> None:
    """In the child: be asked to end when the parent is killed and cannot do so itself."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _members(session: int) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            # Where nobody reaps orphans (many containers) the dead stay listed.
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (ProcessLookupError, PermissionError, psutil.Error):  # noqa: PERF203 - it ended meanwhile
            continue


def _all_members(services: Iterable[Service]) -> list[psutil.Process]:
    return [process for service in services for process in service.members()]
