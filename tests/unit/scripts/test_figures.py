"""What tests measured: shown at the end of the run, and kept beside what other runs measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts.figures import Figure, figures_of, keep

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
    plugins = ["-p", "tests.support.figures", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rN", *plugins, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = [line for line in done.stdout.splitlines() if "killed and tried again" in line]
    assert " 5 " in line
    assert "never shown" not in done.stdout.partition(" figures ")[2]


def test_figures_are_kept(tmp_path: Path) -> None:
    """A part of the tests can be run anew: its figures take their places, the others stay."""
    document = tmp_path / "docs" / "reliability.md"
    document.parent.mkdir()
    document.write_text("Before\n<!-- figures: x -->\n<!-- end of figures -->\nAfter\n")
    old = Figure("kills", "1", "make test-crash", "3.1.8", "3.10.1", "2026-01-02")
    keep([old, Figure("races", "7", "make test-crash", "3.1.8", "3.10.1", "2026-01-02")], tmp_path)
    keep(
        figures_of([("kills", 1200), ("kills", 1), ("bytes", "few")], "make test-crash ARGS=kills"), tmp_path
    )
    text = document.read_text()
    assert "| kills | 1,201 |" in text
    assert "| races | 7 | 3.1.8 | 3.10.1 | 2026-01-02 |" in text
    assert "| bytes | few |" in text
    assert text.index("```\nmake test-crash ARGS=kills") > 0
    assert "| kills | 1 |" not in text
    assert text.startswith("Before")
    assert text.endswith("After\n")
