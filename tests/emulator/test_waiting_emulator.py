"""The sensor against the emulator: its lists, its filters, its runs, its clock."""

from __future__ import annotations

import asyncio
import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import (
    DataflowStoppedError,
    RunFailedError,
    RunPartialError,
)
from airflow_provider_aep.flow_service.requests import list_runs, list_runs_of
from airflow_provider_aep.flow_service.runs import read_run
from tests.harness.emulator import Emulator
from tests.harness.operators import context, unwrapped
from tests.harness.platform import Platform
from tests.harness.waits import deferred, resumed, sensor

RUN_KEYS = ["run_id", "status", "records_read", "records_written", "records_failed", "records_skipped"]


@pytest.fixture
def platform(emulator: Emulator) -> Platform:
    """Return the services of the emulator."""
    return Platform(emulator)


@pytest.fixture
def flow(platform: Platform, hook: Any) -> str:
    """A one-time flow, whose run starts within seconds; the clock is stopped."""
    flow = platform.flow(platform.once())
    platform.stop_clock()
    return flow


def finished(platform: Platform, flow: str) -> dict[str, Any]:
    """Its run, on the emulator's clock at its end."""
    platform.advance(60)
    (run,) = platform.runs(flow)
    return run


def test_the_counts_are_the_rows(platform: Platform, flow: str) -> None:
    """The dataset has as many records as the result says."""
    run = finished(platform, flow)
    result = sensor(flow_id=flow, run_id=None).execute(context())
    assert list(result)[:6] == RUN_KEYS
    assert (result["run_id"], result["status"]) == (run["id"], "success")
    assert result["records_written"] == len(platform.rows()) > 0
    assert result["bytes"] > 0
    assert result["seconds"] >= 0


def test_deferred_and_resumed(platform: Platform, flow: str) -> None:
    """The trigger sees the run end as the clock goes on; the result is the one above."""
    left = deferred(sensor(flow_id=flow, run_id=None))

    async def main() -> Any:
        firing = asyncio.ensure_future(_event(left.trigger))
        await asyncio.sleep(0.3)
        assert not firing.done()
        await asyncio.to_thread(platform.advance, 60)
        return await asyncio.wait_for(firing, 60)

    event = asyncio.run(main())
    (run,) = platform.runs(flow)
    result = resumed(sensor(flow_id=flow, run_id=None), left, event)
    assert (result["run_id"], result["status"]) == (run["id"], "success")


async def _event(trigger: Any) -> Any:
    (event,) = [one.payload async for one in trigger.run()]
    return event


def test_lists_of_ids_and_the_bound_on_the_start(platform: Platform, flow: str, hook: Any) -> None:
    """Both filters do what the poller takes them to do."""
    run = finished(platform, flow)
    assert [one["id"] for one in hook.every_page(list_runs([run["id"], flow]))] == [run["id"]]
    started = read_run(run).started_at
    assert started is not None
    assert [one["id"] for one in hook.every_page(list_runs_of([flow], started))] == [run["id"]]
    assert hook.every_page(list_runs_of([flow], started + 1)) == []


@pytest.mark.parametrize(
    ("decision", "kind"),
    [
        ({"status": "failed"}, RunFailedError),
        ({"status": "PARTIAL_SUCCESS"}, RunPartialError),
        ({"status": "success", "metrics": {"recordSummary": {"failedRecordCount": 7}}}, RunPartialError),
    ],
)
def test_how_a_run_ends(
    platform: Platform, flow: str, emulator: Emulator, decision: dict[str, Any], kind: type[Exception]
) -> None:
    """The control plane decides; the sensor tells what went wrong."""
    run = finished(platform, flow)
    emulator.control("POST", f"runs/{run['id']}", decision)
    with unwrapped(kind) as caught:  # type: ignore[arg-type]
        sensor(flow_id=flow, run_id=run["id"]).execute(context())
    assert run["id"] in str(caught.value)


def test_a_run_for_a_window_is_found_by_it(platform: Platform, flow: str, hook: Any) -> None:
    """A backfill of last month: its own run, not the newer one of this month."""
    finished(platform, flow)
    end = dt.datetime.fromtimestamp(platform.now() // 86_400 * 86_400, dt.timezone.utc)

    def run(days: int) -> str:
        window = {"windowStartTime": int(end.timestamp()) - (days + 1) * 86_400}
        params = {
            "startTime": platform.now(),
            **window,
            "windowEndTime": int(end.timestamp()) - days * 86_400,
        }
        column = {"deltaColumn": {"name": "Create_Time"}} if days == 40 else {}
        run_id = hook.create_run(flow, {**params, **column})
        platform.advance(60)
        return str(run_id)

    expected, _ = run(40), run(3)
    interval = {
        "data_interval_start": end - dt.timedelta(days=41),
        "data_interval_end": end - dt.timedelta(days=40),
    }
    result = sensor(flow_id=flow, run_id=None).execute({**context(), **interval})
    assert result["run_id"] == expected


def test_the_second_manual_run_of_a_daily_dataflow(platform: Platform, hook: Any) -> None:
    """Takes the run that ended an hour ago; the next one is a day away."""
    flow = platform.flow(platform.prepared())
    platform.stop_clock()
    run = finished(platform, flow)
    platform.advance(3600)
    now = dt.datetime.fromtimestamp(platform.now(), dt.timezone.utc)
    dag_run = SimpleNamespace(run_type="manual")
    by_hand = {"data_interval_start": now, "data_interval_end": now, "dag_run": dag_run}
    result = sensor(flow_id=flow, run_id=None).execute({**context(), **by_hand})
    assert (result["run_id"], result["status"]) == (run["id"], "success")


@pytest.mark.parametrize(("op", "word"), [("disable", "disabled"), ("delete", "deleted")])
def test_a_dataflow_that_stops_while_a_task_waits_for_its_next_run(
    platform: Platform, hook: Any, op: str, word: str
) -> None:
    """The next poll ends the wait; the error has the dataflow's name and id."""
    flow = platform.flow({**platform.prepared(), "name": "Orders to AEP"})
    platform.stop_clock()
    finished(platform, flow)
    far = dt.datetime(2100, 1, 1, tzinfo=dt.timezone.utc)
    interval = {"data_interval_start": far, "data_interval_end": far + dt.timedelta(days=1)}
    left = deferred(sensor(flow_id=flow, run_id=None), {**context(), **interval})
    hook.delete_flow(flow) if op == "delete" else hook.act_on_flow(flow, op)
    with unwrapped(DataflowStoppedError, match=word) as caught:
        resumed(sensor(flow_id=flow, run_id=None), left)
    if op == "disable":
        assert f"dataflow 'Orders to AEP' ({flow})" in str(caught.value)
        assert caught.value.result["dataset_id"]
