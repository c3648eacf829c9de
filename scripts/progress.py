"""Progress on stderr, so that stdout holds only the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

_console = Console(stderr=True, highlight=False)


@contextmanager
def step(text: str) -> Iterator[Callable[[str], None]]:
    """Show that something goes on, and with what it yields how far it is; afterwards, how long it took."""
    began = time.monotonic()
    if not _console.is_terminal:
        tell(f"{text} ...")
    with _console.status(text) as status:
        yield lambda how_far: status.update(f"{text} {how_far}")
    tell(f"{text}: {time.monotonic() - began:.1f} s")


def tell(text: str) -> None:
    """One line."""
    _console.print(text, markup=False, soft_wrap=True)
