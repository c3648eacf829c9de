"""Standard output that never makes a request wait."""

from __future__ import annotations

import os
import queue
import threading

STDOUT = 1


class Output:
    """Lines go through a thread: whoever reads only the ready line must not stop the emulator."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(maxsize=10_000)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def line(self, text: str) -> None:
        """Print a line soon; drop it when nobody has read for ten thousand lines."""
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            pass

    def close(self) -> None:
        """Give the last lines a moment."""
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(timeout=1)

    def _write(self) -> None:
        # Past `sys.stdout`: a thread stuck in its buffer, nobody reading, would abort the interpreter's exit.
        while (text := self._lines.get()) is not None:
            rest = (text + "\n").encode("utf-8", "replace")
            try:
                while rest:
                    rest = rest[os.write(STDOUT, rest) :]
            except OSError:
                pass  # the reader has gone, or the disk is full: this line is lost, a later one may not be
