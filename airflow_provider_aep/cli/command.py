"""The common ground of all commands: what they print where, and their exit codes.

A command returns an :class:`Answer`. The answer is the only text on stdout. While the command works,
everything that is printed to stdout, such as Airflow's log lines, goes to stderr.
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO

from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepConflictError,
    AepError,
    AepRunError,
)

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

FINE, WRONG, USAGE, UNREACHABLE = range(4)
"""The exit codes: fine; the thing asked about is wrong; usage or settings are wrong; AEP does not answer."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

PIPED = 120
"""Columns of the output if it is not a terminal."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """The result of a command.

    :param data: the JSON document
    :param show: prints the same as text
    :param code: the exit code
    """

    data: Any
    show: Callable[[Console], None]
    code: int = FINE


def command(work: Callable[[argparse.Namespace], Answer]) -> Callable[[argparse.Namespace], None]:
    """Make the function ``run`` of a command: it prints the answer, or an error as a sentence on stderr."""

    @functools.wraps(work)
    def run(options: argparse.Namespace) -> None:
        name = work.__module__.rpartition(".")[2].rstrip("_")
        # as `airflow connections test` does: without it Airflow reads no connection from its database
        os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
        code = FINE
        try:
            with _stdout_to_stderr():
                answer = work(options)
            code = answer.code
            _print(answer, options.output)
        except BrokenPipeError:  # the reader, such as `head`, has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            sys.exit(130)
        except AepError as error:
            say(f"{name}: {error}".replace("`aep_conn_id`", "`--conn-id`"))
            sys.exit(exit_code(error))
        except ModuleNotFoundError as error:  # such as the driver of Airflow's database
            say(
                f"{name}: The Python module {error.name} is missing. Install it, or correct Airflow's "
                f"configuration that names it. [{AepConfigError.stable_code}]"
            )
            sys.exit(USAGE)
        except Exception as error:  # a user gets no traceback
            log.debug("The command failed.", exc_info=True)
            kind = f"{type(error).__module__}.{type(error).__qualname__}"
            say(f"{name}: The command failed with {kind}. Report this defect. [{AepError.stable_code}]")
            sys.exit(UNREACHABLE)
        if code:
            sys.exit(code)

    return run


def exit_code(error: AepError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, AepConfigError):
        return USAGE
    return WRONG if isinstance(error, AepRunError | AepConflictError) else UNREACHABLE


def say(text: str) -> None:
    """Print a message, which can have words of AEP, to stderr as one line."""
    print(printable(" ".join(text.split())), file=sys.stderr)  # noqa: T201


def hook_of(options: argparse.Namespace) -> FlowServiceHook:
    """Return a hook by ``--conn-id`` and ``--sandbox``."""
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

    return FlowServiceHook(options.conn_id, options.sandbox)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show a changing line on stderr if it is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True, emoji=False).status("Asking AEP") as status:
        yield lambda text: status.update(Text(text))


def printable(text: object) -> str:
    """Return a text of AEP for a terminal: without control characters, which could move the cursor."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in str(text))


def read_duration(text: str, option: str) -> float:
    """Return the seconds of a time such as ``24h``. :raises AepConfigError: it is invalid"""
    match = re.fullmatch(r"\s*(\d{1,6})\s*([smhdw])\s*", text.lower())
    if match is None or not int(match[1]):
        raise AepConfigError(
            f"`{option}` is {text!r:.40}. It must be a number with s, m, h, d or w, such as 90m, 24h or 7d.",
            parameter=option,
        )
    return float(match[1]) * _UNITS[match[2]]


def duration(seconds: float) -> str:
    """Return a time in its largest whole unit up to days, such as ``3h``."""
    unit, size = next(((unit, size) for unit, size in reversed(_UNITS.items())
                       if unit != "w" and seconds >= size), ("s", 1))  # fmt: skip
    return f"{max(0.0, seconds) // size:.0f}{unit}"


def _print(answer: Answer, output: str) -> None:
    if output == "json":
        text = json.dumps(answer.data, indent=2, allow_nan=False) + "\n"
    else:
        from rich.console import Console

        console = Console(width=None if sys.stdout.isatty() else PIPED, highlight=False, emoji=False)
        with console.capture() as shown:  # on a broken pipe, rich would exit with 1
            answer.show(console)
        text = shown.get()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # names can have characters that the terminal lacks
    sys.stdout.write(text)
    sys.stdout.flush()


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Send to stderr whatever is printed to stdout, also by a log handler that has stdout open."""
    out = sys.stdout
    with redirect_stdout(sys.stderr), _descriptor_to_stderr(out):
        yield


@contextmanager
def _descriptor_to_stderr(out: TextIO) -> Iterator[None]:
    try:
        own, error = out.fileno(), sys.stderr.fileno()
        out.flush()
        kept = os.dup(own)
    except (OSError, ValueError):  # a stream without a descriptor, in tests and in notebooks
        yield
        return
    try:
        os.dup2(error, own)
        yield
    finally:
        out.flush()
        os.dup2(kept, own)
        os.close(kept)
