"""SIGTERM in the middle of a wait in a worker's slot: `on_kill` runs inside what the signal interrupted."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from airflow_provider_aep import _compat
from airflow_provider_aep.hooks import connection, ims
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
from tests.harness.emulator import Emulator
from tests.harness.operators import Logged, context
from tests.harness.platform import Platform
from tests.harness.workers import Worker, Workers, wait_until

SENSOR = "sensors.flow_runs.FlowRunSensor"
FOR_EVER = 600.0
"""Seconds of a delayed reply: it does not come while the test looks at what the signal did."""


@pytest.fixture
def path(emulator: Emulator) -> Platform:
    """The emulator, with a clock that stands."""
    path = Platform(emulator)
    path.stop_clock()
    return path


@pytest.fixture
def flow(path: Platform) -> str:
    """An enabled dataflow whose run goes on."""
    flow = path.flow(path.prepared())
    path.advance(3)
    assert path.runs(flow)
    path.emulator.forget_requests()
    return flow


def off(path: Platform, flow: str) -> bool:
    """Whether it was disabled."""
    return str(path.get("flows", flow)["state"]) in ("disabled", "disabling")


def wait_off(path: Platform, flow: str, worker: Worker) -> None:
    """Until it is disabled, long before the delayed reply."""
    wait_until(lambda: off(path, flow), f"the dataflow off\n{worker.said()}", FOR_EVER / 6, pause=0.2)


def start(workers: Workers, path: Platform, flow: str, **options: Any) -> Worker:
    """A wait in a worker's slot, whose process treats SIGTERM as Airflow's task runner does."""
    sensor = {"name": None, "flow_id": flow, "deferrable": False, "poll_interval": 1}
    options = {"disable_on_kill": True, "timeout": 2 * FOR_EVER, **options}
    return workers.start(path.emulator.url, kind=SENSOR, on_term="airflow", **sensor, **options)


@pytest.mark.parametrize(
    ("method", "reply"),
    [("POST", "/ims/token/v3"), ("GET", "/runs")],
    ids=["token", "look"],
)
def test_a_signal_while_a_reply_is_awaited(
    workers: Workers, path: Platform, flow: str, method: str, reply: str
) -> None:
    """The reply that the task waits for has not come when its dataflow is off."""
    path.emulator.fault(method=method, path=reply, delay=FOR_EVER)
    worker = start(workers, path, flow)
    wait_until(lambda: path.emulator.requests(method, reply), "the request")
    worker.send(signal.SIGTERM)
    try:
        wait_off(path, flow, worker)
        assert not worker.ended()
    finally:
        worker.kill()


@pytest.mark.parametrize("number", [1, 2, 3], ids=["token", "look", "dataset"])
def test_a_signal_at_a_request(workers: Workers, path: Platform, flow: str, number: int) -> None:
    """At its begin, wherever the client holds what. The wait goes on afterwards: Airflow ends the process."""
    worker = start(workers, path, flow, pause=("before", number))
    worker.wait_stopped()
    worker.send(signal.SIGTERM)
    wait_off(path, flow, worker)
    wait_until(lambda: f"Disabled dataflow {flow}" in worker.said(), "a word about it")
    path.emulator.forget_requests()
    worker.go_on()
    wait_until(lambda: any("/runs" in sent["path"] for sent in path.emulator.requests()), "the next look")
    worker.kill()


def sensor(flow: str) -> FlowRunSensor:
    """A deferrable wait."""
    return FlowRunSensor(task_id="wait", flow_id=flow, disable_on_kill=True)


def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks Airflow's supervisor now would wait for ever: the task is in the middle of asking it."""

    def hangs(*_arguments: Any) -> Any:
        raise AssertionError("nobody answers")

    monkeypatch.setattr(connection, "get_connection", hangs)
    monkeypatch.setattr(_compat, "mask_secret", hangs)


def test_a_signal_while_the_task_talks_to_airflow(
    path: Platform, flow: str, hook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's supervisor answers one request at a time, so `on_kill` asks it for nothing."""
    task = sensor(flow)
    task.poll_run(context(), task._wait({}))
    ims.TOKENS.clear()
    no_supervisor(monkeypatch)
    task.on_kill()
    assert off(path, flow)


def test_a_signal_while_a_wait_is_handed_over(
    path: Platform, flow: str, hook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`execute` is over, and Airflow has not stored the deferral yet: no trigger will disable anything."""
    task = sensor(flow)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - Airflow's versions have it in two places
        task.execute(context())
    assert type(caught.value).__name__ == "TaskDeferred"
    no_supervisor(monkeypatch)
    task.on_kill()
    assert off(path, flow)


def test_the_log_comes_last(
    path: Platform, flow: str, hook: Any, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal may have interrupted a line of the log, and the log's lock is not re-entrant."""
    task = sensor(flow)
    task.poll_run(context(), task._wait({}))
    logged()
    said_by_then = []
    act = FlowServiceHook.act_on_flow
    monkeypatch.setattr(
        FlowServiceHook, "act_on_flow", lambda *given: said_by_then.append(logged()) or act(*given)
    )
    task.on_kill()
    assert "cannot cancel a run" not in said_by_then[0]
    assert "cannot cancel a run" in logged()
    assert off(path, flow)
