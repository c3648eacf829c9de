"""`make test-mutation`: no survivor is passed over."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from scripts import survivors
from scripts.survivors import read_explained, read_results

RESULTS = """
    airflow_provider_aep.flow_service.boxes.xǁBoxǁfits__mutmut_1: survived
    airflow_provider_aep.flow_service.boxes.xǁBoxǁfits__mutmut_12: survived
    airflow_provider_aep.flow_service.boxes.x_told__mutmut_1: no tests
    airflow_provider_aep.flow_service.boxes.x_told__mutmut_2: timeout
"""
REASONS = "# a comment\n  2 flow_service.boxes.Box.fits: equivalent\n  1 flow_service.boxes.told: words\n"


def test_survivors_are_counted_by_function() -> None:
    """A mutant that no test reaches survived; a mutant that does not end was noticed."""
    counts = {"flow_service.boxes.Box.fits": 2, "flow_service.boxes.told": 1}
    assert read_results(RESULTS.splitlines()) == counts
    assert read_explained(REASONS) == counts


@pytest.mark.parametrize("status", ["not checked", "segfault", "suspicious"])
def test_an_incomplete_run_is_refused(status: str) -> None:
    """It proves nothing about the mutants that were not tried to their end."""
    with pytest.raises(SystemExit, match=f"x_told__mutmut_1 is {status}"):
        read_results([f"    airflow_provider_aep.flow_service.boxes.x_told__mutmut_1: {status}"])


@pytest.mark.parametrize(
    ("reasons", "killed", "code"),
    [(REASONS, 96, 0), (REASONS, 90, 1), (REASONS.replace("2 flow", "1 flow"), 96, 1)],
)
def test_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reasons: str, killed: int, code: int
) -> None:
    """Enough mutants are noticed, and each survivor has its reason."""
    (tmp_path / "stats.json").write_text(json.dumps({"killed": killed, "timeout": 1, "total": 100}))
    (tmp_path / "survivors.txt").write_text(reasons)
    monkeypatch.setattr(survivors, "STATS", tmp_path / "stats.json")
    monkeypatch.setattr(survivors, "EXPLAINED", tmp_path / "survivors.txt")
    monkeypatch.setattr("sys.stdin", io.StringIO(RESULTS))
    assert survivors.main() == code


def test_each_reason_is_read() -> None:
    """A line that is not understood would explain nothing."""
    lines = survivors.EXPLAINED.read_text("utf-8").splitlines()
    assert len(read_explained("\n".join(lines))) == sum(not line.startswith("#") for line in lines)
