"""`status` of large fleets: every health, the number of requests, and the memory."""

from __future__ import annotations

import json
import subprocess
import sys
from math import ceil
from typing import Any

import pytest

from airflow_provider_aep.operations.fleet import Fleet, collect
from tests.harness.emulator import Emulator
from tests.harness.figures import KeepFigure

SEEDED = {"failed": 4, "partial": 3, "late": 2, "never_ran": 120, "running": 110, "disabled": 2}
PEAK = """
import json, resource
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.operations.fleet import collect
fleet = collect(FlowServiceHook())
print(json.dumps([len(fleet.rows), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def within_budget(emulator: Emulator, fleet: Fleet) -> int:
    """Return the number of requests, which is at most that of the interface."""
    sent, runs = len(emulator.requests()), sum(sum(row.runs.values()) for row in fleet.rows)
    assert sent <= 5 + ceil(runs / 100) + 5 * ceil(len(fleet.rows) / 100)
    return sent


def test_every_health_of_a_fleet(emulator: Emulator, hook: Any) -> None:
    """A page of dataflows that never ran, and one whose first run is under way, are told from the others."""
    emulator.control("POST", "fleet", {"flows": 300, "runs": 4, **SEEDED})
    emulator.forget_requests()
    fleet = collect(hook)
    assert fleet.counts() == {**SEEDED, "ok": 300 - sum(SEEDED.values())}
    assert not fleet.notes
    assert all(row.dataset and row.source and row.schedule for row in fleet.rows)
    assert any(row.made_by for row in fleet.rows)
    within_budget(emulator, fleet)


@pytest.mark.nightly
@pytest.mark.parametrize(("calls", "flows", "runs"), [(4, 250, 24), (10, 1_000, 2)])
def test_thousands_of_dataflows(
    emulator: Emulator, hook: Any, figure: KeepFigure, calls: int, flows: int, runs: int
) -> None:
    """They take no more requests than promised, and at most 60 MB more than no dataflow at all."""

    def peak() -> list[int]:
        done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
        return list(json.loads(done.stdout.splitlines()[-1]))

    none, before = peak()
    for _ in range(calls):
        emulator.control("POST", "fleet", {"flows": flows, "runs": runs, "failed": 5, "partial": 8})
    many, after = peak()
    assert (none, many) == (0, calls * flows)
    assert after - before < 60 * 1024
    emulator.forget_requests()
    fleet = collect(hook)
    expected = [calls * 5, calls * 8, calls * (flows - 13)]
    assert [fleet.counts()[health] for health in ("failed", "partial", "ok")] == expected
    sent, what = within_budget(emulator, fleet), f"{many:,} dataflows with {many * runs:,} runs"
    figure(f"requests for {what}", f"{sent}")
    figure(f"memory of {what} beyond that of an empty fleet", f"{(after - before) / 1024:.0f} MB")
