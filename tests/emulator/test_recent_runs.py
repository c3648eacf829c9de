"""The last runs of a dataflow."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.operations.fleet import Health, collect
from airflow_provider_aep.operations.recent_runs import recent_runs
from tests.harness.emulator import Emulator


def test_recent_runs_are_the_newest_twenty(emulator: Emulator, hook: Any) -> None:
    """Of this dataflow alone, newest first, with one request. The newest one is the fleet's."""
    emulator.control("POST", "fleet", {"flows": 5, "runs": 30, "failed": 1, "partial": 1, "never_ran": 1})
    rows = collect(hook).rows
    for row in rows:
        emulator.forget_requests()
        runs = recent_runs(hook, row.id)
        assert len(emulator.requests("GET", "/runs")) == 1
        if row.health is Health.NEVER_RAN:
            assert runs == []
            continue
        assert len(runs) == 20
        starts = [str(run.started_at) for run in runs]
        assert starts == sorted(starts, reverse=True)
        assert row.last_run is not None
        shown = row.last_run.as_dict()
        assert {key: runs[0].as_dict()[key] for key in shown} == shown
        assert runs[0].outcome == {Health.OK: "success"}.get(row.health, row.health.value)  # type: ignore[arg-type, union-attr]
        assert all(run.url.endswith(f"/{row.id}/activity/{run.id}") for run in runs)
        for run in runs:
            assert bool(run.errors) == (run.outcome != "success")


def test_recent_runs_explain_their_errors(emulator: Emulator, hook: Any) -> None:
    """By code, as `failures` does, and as plain data."""
    emulator.control("POST", "fleet", {"flows": 6, "runs": 3, "partial": 6})
    errors = [
        error for row in collect(hook).rows for error in recent_runs(hook, row.id)[0].as_dict()["errors"]
    ]
    assert all(set(error) == {"code", "message", "records", "fix"} for error in errors)
    assert any(error["fix"] for error in errors)


def test_recent_runs_check_the_id(hook: Any) -> None:
    """It becomes a part of a query."""
    with pytest.raises(AepConfigError, match="flow_id"):
        recent_runs(hook, "a b")
