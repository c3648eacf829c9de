"""Runs on demand and again, waited for in a worker: what the result says is what the dataset holds."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepError,
    AepRequestError,
    AmbiguousRunError,
)
from tests.harness.emulator import ORG_ID, Emulator
from tests.harness.operators import Store, context, unwrapped
from tests.harness.pipeline import Pipeline


@pytest.fixture
def flow(emulator: Emulator, hook: Any, short_pauses: None) -> str:
    """A dataflow for one time, its own run over."""
    made = Pipeline(emulator, hook).dataflow(schedule={"frequency": "once"}, delta_column=None)
    emulator.advance(3600)
    hook.list_runs(made)
    return made


def operator(flow: str, **options: Any) -> Any:
    from airflow_provider_aep.operators.dataflows import RunDataflowOperator

    order = {
        "window_start": 1_700_000_000,
        "window_end": "2027-01-01",
        "delta_column": "Create_Time",
        **options,
    }
    return RunDataflowOperator(task_id="run", flow_id=flow, deferrable=False, poll_interval=0.5, **order)


def test_the_result_counts_the_rows(emulator: Emulator, flow: str) -> None:
    """Counted by the emulator from rows that moved; a retry has the same result and moves none again."""
    store = Store()
    result = operator(flow).execute(context(store))
    assert result["status"] == "success"
    assert result["records_read"] == result["records_written"] > 0
    assert set(result) == {
        "run_id", "status", "records_read", "records_written", "records_failed", "records_skipped", "bytes",
        "seconds", "flow_id", "dataflow", "dataset_id", "started_at", "ended_at", "window_start",
        "window_end",
    }  # fmt: skip
    runs = emulator.state()["runs"]
    assert operator(flow).execute(context(store)) == result
    assert emulator.state()["runs"] == runs


def test_without_waiting_the_id_is_handed_on(hook: Any, flow: str) -> None:
    """For a sensor downstream; Airflow pushes the links to dataflow, run and dataset as the task ends."""
    run, task = context(Store()), operator(flow, wait=False)
    run_id = task.execute(run)
    (target_id,) = hook.get_flow(flow)["targetConnectionIds"]
    dataset_id = hook.get_target_connection(target_id)["params"]["dataSetId"]
    place = f"https://experience.adobe.com/#/@{ORG_ID}/sname:prod/platform"
    assert run["ti"].pushed == {}
    assert task.link_urls == {
        "aep_dataflow_link": f"{place}/source/dataflows/{flow}/activity",
        "aep_run_link": f"{place}/source/dataflows/{flow}/activity/{run_id}",
        "aep_dataset_link": f"{place}/dataset/browse/{dataset_id}",
    }


def test_a_failed_run_fails_and_is_run_again(emulator: Emulator, hook: Any, flow: str) -> None:
    """The error names the run; the second one is another, and the first stays."""
    from airflow_provider_aep.operators.dataflows import RetryFlowRunOperator

    store = Store()
    run_id = operator(flow, wait=False).execute(context(store))
    emulator.api().http.post(f"{emulator.url}/_emulator/runs/{run_id}", json={"status": "failed"}, timeout=10)
    with unwrapped(AepError, match=run_id):
        operator(flow).execute(context(store))
    again = RetryFlowRunOperator(task_id="again", run_id=run_id, deferrable=False, poll_interval=0.5)
    result = again.execute(context(Store()))
    assert result["status"] == "success"
    assert result["run_id"] != run_id
    assert str(hook.get_run(run_id)["state"]).lower() == "failed"


def test_the_window_is_compared_once_more(emulator: Emulator, flow: str) -> None:
    """A run that brought something else in is no success of this task, whatever its status says."""
    run = context(Store())
    run_id = operator(flow, wait=False).execute(run)
    window = {"windowStart": 1_500_000_000_000, "windowEnd": 1_600_000_000_000}
    activity = {"id": "copyActivity", "durationSummary": {"extensions": window}}
    emulator.control("POST", f"runs/{run_id}", {"status": "success", "activities": [activity]})
    with unwrapped(AmbiguousRunError, match="2017-07-14 02:40:00 to 2020-09-13 12:26:40 UTC"):
        operator(flow).execute(run)


@pytest.mark.parametrize(
    ("wrong", "parameter"),
    [
        ({"window_end": 5}, "window_end"),
        ({"window_start": "yesterday"}, "window_start"),
        ({"max_failed_ratio": 3}, "max_failed_ratio"),
        ({"timeout": -1}, "timeout"),
    ],
    ids=["end before start", "no time", "ratio", "timeout"],
)
def test_a_wrong_order_starts_nothing(
    emulator: Emulator, flow: str, wrong: dict[str, Any], parameter: str
) -> None:
    """It is named before the first request that changes anything."""
    runs = emulator.state()["runs"]
    with unwrapped(AepConfigError) as caught:
        operator(flow, **wrong).execute(context(Store()))
    assert caught.value.parameter == parameter
    assert emulator.state()["runs"] == runs


def test_a_scheduled_dataflow_takes_no_run_on_demand(emulator: Emulator, hook: Any) -> None:
    """Flow Service's own refusal (1386-400), passed on with its code."""
    scheduled = Pipeline(emulator, hook).dataflow()
    with unwrapped(AepRequestError) as caught:
        operator(scheduled).execute(context(Store()))
    assert "1386" in str(caught.value.code)
