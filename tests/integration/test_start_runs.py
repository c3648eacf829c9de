"""A run is started at most once: its reply may be lost, its task may die, and the rows move once."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AmbiguousRunError
from tests.support.emulator import Emulator
from tests.support.pipeline import Pipeline
from tests.unit.operators.support import Store

WINDOW = (1_700_000_000.0, 1_800_000_000.0)
log = logging.getLogger(__name__)


@pytest.fixture
def flow(emulator: Emulator, hook: Any) -> str:
    """A dataflow for one time, which alone takes runs on demand."""
    pipeline = Pipeline(emulator, hook)
    made = pipeline.dataflow(schedule={"frequency": "once"}, delta_column=None)
    emulator.advance(3600)  # its own run is over
    hook.list_runs(made)
    return made


def start(hook: Any, flow: str, store: Any = None) -> str:
    from airflow_provider_aep.operators._runs import start_run

    context = {"ti": SimpleNamespace(max_tries=2), "task_state_store": store}
    return start_run(
        hook, context, flow_id=flow, window=WINDOW, delta_column={"name": "Create_Time"}, log=log
    )


def on_demand(emulator: Emulator, hook: Any, flow: str) -> list[str]:
    """The runs for the window, once they have run: before, a run does not tell its window."""
    from airflow_provider_aep.flow_service.runs import read_run

    emulator.advance(60)
    return [run.id for run in map(read_run, hook.list_runs(flow)) if run.window == WINDOW]


def test_a_retry_finds_its_run(emulator: Emulator, hook: Any, flow: str) -> None:
    """The store knows the id; nothing is posted again."""
    store = Store()
    made = start(hook, flow, store)
    assert start(hook, flow, store) == made
    assert on_demand(emulator, hook, flow) == [made]


def test_without_a_store_the_window_tells(emulator: Emulator, hook: Any, flow: str) -> None:
    """Before Airflow 3.3 a run of the same window is the same order; it shows once the run has started."""
    made = start(hook, flow)
    assert start(hook, flow) == made
    assert on_demand(emulator, hook, flow) == [made]


def test_where_it_cannot_be_told_none_is_started_again(
    emulator: Emulator, hook: Any, flow: str, waits: Any
) -> None:
    """Lost before its effect or on its way: a second POST could move rows twice. A retry stays at that."""
    store = Store()
    emulator.fault(method="POST", path="/runs", drop=True)
    for _ in range(2):
        with pytest.raises(AmbiguousRunError, match="clear the task"):
            start(hook, flow, store)
    assert on_demand(emulator, hook, flow) == []
    posts = [one for one in emulator.requests("POST", "/runs") if one["path"].endswith("/runs")]
    assert len(posts) == 1
