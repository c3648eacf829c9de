"""Write to standard output without making a request wait."""

from __future__ import annotations

import os
import queue
import threading

STDOUT = 1


class Output:
    """Write lines in a thread: a reader that stops after the ready line must not block the emulator."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(maxsize=10_000)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def line(self, text: str) -> None:
        """Print a line soon; drop it if ten thousand lines are unread."""
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            pass

    def close(self) -> None:
        """Wait up to a second until the last lines are written."""
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(timeout=1)

    def _write(self) -> None:
        # Bypass `sys.stdout`: a thread blocked in its buffer would abort the interpreter's exit.
        while (text := self._lines.get()) is not None:
            rest = (text + "\n").encode("utf-8", "replace")
            try:
                while rest:
                    rest = rest[os.write(STDOUT, rest) :]
            except OSError:
                pass  # the reader has closed, or the disk is full: only this line is lost
