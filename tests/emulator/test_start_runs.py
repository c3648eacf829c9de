"""A run is started at most once: its reply may be lost, its task may die, and the rows move once."""

from __future__ import annotations

import copy
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AmbiguousRunError
from tests.harness.emulator import Emulator
from tests.harness.operators import Store
from tests.harness.pipeline import Pipeline

WINDOW = (1_700_000_000.0, 1_800_000_000.0)
log = logging.getLogger(__name__)


@pytest.fixture
def flow(emulator: Emulator, hook: Any, short_pauses: None) -> str:
    """A dataflow for one time, which alone takes runs on demand."""
    pipeline = Pipeline(emulator, hook)
    made = pipeline.dataflow(schedule={"frequency": "once"}, delta_column=None)
    emulator.advance(3600)  # its own run is over
    hook.list_runs(made)
    return made


def try_of_a_task(store: Any = None, *, number: int = 2, max_tries: int = 2) -> dict[str, Any]:
    """The context of one try of a task with two retries. A clear after N tries sets `max_tries` to N + 2."""
    ti = SimpleNamespace(try_number=number, max_tries=max_tries, task=SimpleNamespace(retries=2))
    return {"ti": ti, "task_state_store": store}


def start(hook: Any, flow: str, store: Any = None, **numbers: int) -> str:
    from airflow_provider_aep.operators._runs import start_run

    context = try_of_a_task(store, **numbers)
    return start_run(
        hook, context, flow_id=flow, window=WINDOW, delta_column={"name": "Create_Time"}, log=log
    )


def again(hook: Any, failed: str, store: Any = None, **numbers: int) -> str:
    from airflow_provider_aep.operators._runs import retrigger

    return retrigger(hook, try_of_a_task(store, **numbers), run_id=failed, log=log).run_id


STORES = pytest.mark.parametrize("store", [Store(), None], ids=["with a store", "without"])


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
    """Before Airflow 3.3 a run of the same window counts as the task's; a started run shows its window."""
    made = start(hook, flow, number=1)
    assert start(hook, flow) == made
    assert on_demand(emulator, hook, flow) == [made]


@STORES
def test_a_clear_starts_the_window_again(emulator: Emulator, hook: Any, flow: str, store: Any) -> None:
    """Its run failed: a mere retry finds that run, the first try after a clear starts another one."""
    store = copy.deepcopy(store)
    first = start(hook, flow, store, number=1)
    emulator.control("POST", f"runs/{first}", {"status": "failed"})
    assert start(hook, flow, store, number=2) == first
    second = start(hook, flow, store, number=3, max_tries=4)
    assert second != first
    assert start(hook, flow, store, number=4, max_tries=4) == second
    assert sorted(on_demand(emulator, hook, flow)) == sorted([first, second])


@STORES
def test_a_clear_joins_a_run_that_goes_on(emulator: Emulator, hook: Any, flow: str, store: Any) -> None:
    """A second run beside it would move the same rows twice."""
    store = copy.deepcopy(store)
    first = start(hook, flow, store, number=1)
    emulator.control("POST", f"runs/{first}", {"status": "inProgress"})
    assert start(hook, flow, store, number=3, max_tries=4) == first


@STORES
def test_a_failed_run_is_run_again_once(emulator: Emulator, hook: Any, flow: str, store: Any) -> None:
    """A retry finds what it has started, by the failed run's window; a clear starts another one."""
    store = copy.deepcopy(store)
    failed = start(hook, flow, number=1)
    emulator.control("POST", f"runs/{failed}", {"status": "failed"})
    second = again(hook, failed, store, number=1)
    assert again(hook, failed, store, number=2) == second
    assert again(hook, failed, store, number=3) == second
    emulator.control("POST", f"runs/{second}", {"status": "failed"})
    third = again(hook, failed, store, number=4, max_tries=5)
    assert again(hook, failed, store, number=5, max_tries=5) == third
    assert sorted(on_demand(emulator, hook, flow)) == sorted([failed, second, third])


def test_two_windows_at_once(emulator: Emulator, hook: Any, flow: str, monkeypatch: Any) -> None:
    """One POST is lost before its effect, and the other task's run begins meanwhile: it is not taken."""
    from airflow_provider_aep.hooks import session
    from airflow_provider_aep.operators._runs import start_run

    other: list[str] = []

    def sleep(seconds: float) -> None:
        if not other:
            delta, window = {"name": "Create_Time"}, (1_600_000_000.0, 1_700_000_000.0)
            other.append("")
            other[0] = start_run(hook, {}, flow_id=flow, window=window, delta_column=delta, log=log)
        emulator.advance(seconds)

    monkeypatch.setattr(session, "sleep", sleep)
    emulator.fault(method="POST", path="/runs", drop=True)
    with pytest.raises(AmbiguousRunError, match="no new run of its window is visible"):
        start(hook, flow, Store(), number=1)
    assert on_demand(emulator, hook, flow) == []
    assert hook.get_run(other[0])["flowId"] == flow


def test_where_it_cannot_be_told_none_is_started_again(
    emulator: Emulator, hook: Any, flow: str, waits: Any
) -> None:
    """Lost before its effect or on its way: a second POST could move rows twice. A retry stays at that."""
    store = Store()
    emulator.fault(method="POST", path="/runs", drop=True)
    for _ in range(2):
        with pytest.raises(AmbiguousRunError, match="Clear the task"):
            start(hook, flow, store)
    assert on_demand(emulator, hook, flow) == []
    posts = [one for one in emulator.requests("POST", "/runs") if one["path"].endswith("/runs")]
    assert len(posts) == 1
