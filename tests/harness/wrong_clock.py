"""A computer's clock that a test sets, for one process.

`python -m tests.harness.wrong_clock FILE MODULE ...` runs a module; the file says by how many seconds its
clock is wrong, at any time.
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path

HOUR = 3600.0


def go_by(file: Path) -> None:
    """From here on this process reads the wrong clock. The monotonic one stays what it is."""
    right = time.time

    def wrong() -> float:
        return right() + float(file.read_text() or 0)

    time.time = wrong


def set_back(file: Path, seconds: float = HOUR) -> None:
    """By an hour, as one who corrects a clock does."""
    draft = file.with_suffix(".draft")
    draft.write_text(str(-seconds))
    draft.rename(file)


if __name__ == "__main__":
    go_by(Path(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
