"""Figures that tests measured are printed at the end of the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
INNER = """
import pytest

@pytest.mark.parametrize("number", [2, 3])
def test_kills(figure, number):
    figure("killed and tried again", number)

def test_fails(figure):
    figure("never shown", 1)
    assert False
"""


def test_a_run_ends_with_its_figures(tmp_path: Path) -> None:
    """Counts of the same thing add up; what a failed test counted proves nothing."""
    (tmp_path / "test_inner.py").write_text(INNER)
    plugins = ["-p", "tests.harness.figures", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rN", *plugins, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = [line for line in done.stdout.splitlines() if "killed and tried again" in line]
    assert line.endswith(": 5")
    assert "never shown" not in done.stdout.partition(" figures ")[2]
