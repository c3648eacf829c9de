"""`disable_on_kill`: the dataflow is disabled when a user ends the wait, and never by mistake."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep import _compat
from airflow_provider_aep.hooks import connection, ims
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.hooks.request_budget import find_budget
from airflow_provider_aep.operators.dataflows import RetryFlowRunOperator, RunDataflowOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
from airflow_provider_aep.triggers import flow_runs
from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger
from tests.harness.emulator import Emulator
from tests.harness.operators import Logged, context
from tests.harness.platform import Platform
from tests.harness.workers import Worker, Workers, wait_until

SENSOR = "sensors.flow_runs.FlowRunSensor"
FOR_EVER = 600.0
"""Seconds of a delayed reply: it does not come while the test waits for the effect of the signal."""
TASK = SimpleNamespace(dag_id="dag", task_id="wait", run_id="by hand", map_index=-1)


@pytest.fixture
def platform(emulator: Emulator, hook: Any) -> Platform:
    """The emulator, known as `aep_default`, with a stopped clock."""
    platform = Platform(emulator)
    platform.stop_clock()
    return platform


@pytest.fixture
def flow(platform: Platform) -> str:
    """An enabled dataflow whose run goes on."""
    flow = platform.flow(platform.prepared())
    platform.advance(3)
    platform.runs(flow)
    assert platform.get("flows", flow)["state"] == "enabled"
    platform.emulator.forget_requests()
    return flow


def off(platform: Platform, flow: str) -> bool:
    """Say whether it was disabled."""
    return str(platform.get("flows", flow)["state"]) in ("disabled", "disabling")


def kill(
    monkeypatch: pytest.MonkeyPatch, state: str | None, flow: str, run_id: str | None = None, **kwargs: Any
) -> None:
    """Cancel as a triggerer does when Airflow no longer lists the trigger and the task has that state."""

    async def stored(task_instance: Any) -> str | None:
        assert task_instance is TASK
        return state

    monkeypatch.setattr(flow_runs, "atask_state", stored)
    asyncio.run(killing(made_again(flow, run_id, **kwargs)))


def made_again(flow: str, run_id: str | None = None, **kwargs: Any) -> FlowRunTrigger:
    """Make the trigger from its stored form, as a triggerer does."""
    given = {"deadline": time.time() + 600, "disable_on_kill": True, **kwargs}
    _, stored_kwargs = FlowRunTrigger(
        aep_conn_id="aep_default", flow_id=flow, run_id=run_id, **given
    ).serialize()
    trigger = FlowRunTrigger(**stored_kwargs)
    trigger.task_instance = TASK  # type: ignore[assignment]
    return trigger


async def killing(trigger: FlowRunTrigger) -> None:
    """Cancel again and again until the trigger has ended, as a triggerer does."""
    on_kill = asyncio.create_task(asyncio.wait_for(trigger.on_kill(), 60))
    while not on_kill.done():
        await asyncio.wait([on_kill], timeout=0.05)
        on_kill.cancel(_compat.CANCELLED_BY_A_USER)
    with suppress(asyncio.CancelledError):
        await on_kill
    while left := asyncio.all_tasks() - {asyncio.current_task()}:  # a triggerer goes on
        await asyncio.wait(left)


@pytest.mark.parametrize("state", ["failed", "success"])
def test_marked_by_a_user(
    platform: Platform, flow: str, monkeypatch: pytest.MonkeyPatch, logged: Logged, state: str
) -> None:
    """The deferred task is ended for good, while its run goes on."""
    kill(monkeypatch, state, flow, platform.runs(flow)[0]["id"])
    assert off(platform, flow)
    said = logged()
    assert "cannot cancel a run" in said
    assert f"({flow}) (`disable_on_kill`)" in said


@pytest.mark.parametrize(
    "state",
    [None, "deferred", "scheduled", "queued", "running", "up_for_retry", "skipped", "removed", "restarting"],
)
def test_not_certainly_by_a_user(
    platform: Platform, flow: str, monkeypatch: pytest.MonkeyPatch, logged: Logged, state: str | None
) -> None:
    """Cleared, taken over by another triggerer, resumed by it, or ended by a rule of the DAG's."""
    platform.emulator.forget_requests()
    kill(monkeypatch, state, flow)
    assert platform.emulator.requests() == []
    assert not off(platform, flow)
    assert f"the task is {state or 'cleared'}, so it is not certain" in logged()


def test_resumed_elsewhere_and_over(
    platform: Platform, flow: str, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    """Another triggerer resumed the task, which failed with its run: no user was there."""
    (run,) = platform.runs(flow)
    platform.emulator.control("POST", f"runs/{run['id']}", {"status": "failed"})
    platform.advance(600)
    kill(monkeypatch, "failed", flow, run["id"])
    assert "the run ended" in logged()
    kill(monkeypatch, "failed", flow, None, deadline=time.time() - 1)
    assert "the deadline of the wait has passed" in logged()
    assert not off(platform, flow)


def test_only_where_it_was_asked_for(platform: Platform, flow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on, and so does its dataflow."""
    kill(monkeypatch, "failed", flow, disable_on_kill=False)
    assert not off(platform, flow)


def test_a_dataflow_that_is_off_already(
    platform: Platform, flow: str, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    """A hundred mapped waits for one dataflow may be ended at a time: no second action, no complaint."""
    kill(monkeypatch, "failed", flow)
    kill(monkeypatch, "failed", flow)
    assert len(platform.emulator.requests("POST", "/action")) == 1
    assert logged().count(f"({flow}) (`disable_on_kill`)") >= 2


def test_a_service_in_trouble_is_asked_again(
    platform: Platform, flow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client tries until Airflow's own limit; a lost reply causes no second action."""
    monkeypatch.setattr(flow_runs, "slowed", lambda *_: 0.0)
    platform.emulator.fault(path=f"/flows/{flow}", method="GET", status=503, times=2)
    platform.emulator.fault(path="/action", when="after", drop=True)
    kill(monkeypatch, "failed", flow)
    assert off(platform, flow)
    assert len(platform.emulator.requests("POST", "/action")) == 1


def test_it_waits_for_no_request_budget(
    platform: Platform, flow: str, monkeypatch: pytest.MonkeyPatch, hook: Any, tmp_path: Path
) -> None:
    """A triggerer gives it some seconds, and other tasks may have taken the budget of the next minute."""
    monkeypatch.setenv("AIRFLOW__AEP__SHARED_DIR", str(tmp_path / "shared"))
    monkeypatch.setenv("AIRFLOW__AEP__REQUESTS_PER_SECOND", "0.1")
    monkeypatch.setenv("AIRFLOW__TRIGGERER__ON_KILL_TIMEOUT", "5")
    budget = find_budget(hook.settings.org_id)
    assert budget is not None
    budget.pause(600)
    kill(monkeypatch, "failed", flow)
    monkeypatch.delenv("AIRFLOW__AEP__REQUESTS_PER_SECOND")
    assert off(platform, flow)


def test_a_slow_service_has_its_time(
    platform: Platform, flow: str, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    """Each reply takes longer than the triggerer's pause between two cancels."""
    platform.emulator.fault(path=f"/flows/{flow}", delay=0.3, times=2)
    kill(monkeypatch, "failed", flow)
    assert off(platform, flow)
    assert f"({flow}) (`disable_on_kill`)" in logged()


def test_a_triggerer_that_ends_is_not_held(
    platform: Platform, flow: str, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    """It cancels without the word of a user; what is under way goes on as long as the triggerer does."""

    async def under_way(_task_instance: Any) -> str:
        polling.set()
        await let_go.wait()
        return "failed"

    async def ending() -> None:
        on_kill = asyncio.create_task(made_again(flow).on_kill())
        await polling.wait()
        on_kill.cancel("the triggerer ends")
        with pytest.raises(asyncio.CancelledError):
            await on_kill
        assert not off(platform, flow)
        let_go.set()
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})

    polling, let_go = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(flow_runs, "atask_state", under_way)
    asyncio.run(ending())
    assert off(platform, flow)
    assert f"({flow}) (`disable_on_kill`)" in logged()


def test_it_does_not_try_for_ever(
    platform: Platform, flow: str, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    """Airflow's own limit for it holds, and what is left to do is said."""
    monkeypatch.setenv("AIRFLOW__TRIGGERER__ON_KILL_TIMEOUT", "1")
    platform.emulator.fault(path=f"/flows/{flow}", delay=600)
    kill(monkeypatch, "failed", flow)
    assert "could not be disabled (`disable_on_kill`) within 1 s" in logged()
    platform.emulator.clear_faults()
    assert not off(platform, flow)


def test_a_refusal_is_told(
    platform: Platform, flow: str, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    """The error names what is still running."""
    platform.emulator.fault(path="/action", status=403, body={"error_code": "403027", "message": "no"})
    kill(monkeypatch, "failed", flow)
    assert f"Dataflow {flow} could not be disabled" in logged()
    assert not off(platform, flow)


def test_what_is_stored(platform: Platform) -> None:
    """A trigger that does not need the option is stored without it, as versions without it knew it."""
    plain = FlowRunTrigger(aep_conn_id="aep_default", flow_id="flow-1", deadline=1.0)
    assert "disable_on_kill" not in plain.serialize()[1]
    asked = FlowRunTrigger(aep_conn_id="aep_default", flow_id="flow-1", deadline=1.0, disable_on_kill=True)
    assert asked.serialize()[1]["disable_on_kill"] is True


@pytest.mark.parametrize("map_index", [-1, 7])
def test_the_state_is_that_of_the_task_itself(monkeypatch: pytest.MonkeyPatch, map_index: int) -> None:
    """Airflow's answer is read by the name it gives a mapped task; one that is not in it was cleared."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    def states(**asked: Any) -> dict[str, Any]:
        assert asked == {
            "dag_id": "dag",
            "task_ids": ["wait"],
            "run_ids": ["by hand"],
            "map_index": map_index,
        }
        return answer

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(states))
    task = SimpleNamespace(**{**vars(TASK), "map_index": map_index})
    answer: dict[str, Any] = {"by hand": {"wait": "failed", "wait_7": "success", "wait_1": "deferred"}}
    expected = "failed" if map_index < 0 else "success"
    assert asyncio.run(_compat.atask_state(task)) == expected
    answer = {"another run": {"wait": "failed", "wait_7": "failed"}}
    assert asyncio.run(_compat.atask_state(task)) is None


def waiting(kind: str, flow: str, run_id: str) -> Any:
    """A task of that kind; a re-trigger takes a run that failed."""
    options: dict[str, Any] = {"task_id": "wait", "disable_on_kill": True, "timeout": 600}
    if kind == "sensor":
        return FlowRunSensor(flow_id=flow, run_id=run_id, **options)
    if kind == "retry":
        return RetryFlowRunOperator(run_id=run_id, **options)
    return RunDataflowOperator(flow_id=flow, window_start=1_700_000_000, window_end="2027-01-01", **options)


@pytest.mark.parametrize("kind", ["sensor", "retry", "run"])
def test_each_that_waits_takes_the_option_along(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """While it runs its own `on_kill` disables; what it leaves for the triggerer says that it is to."""
    from airflow_provider_aep.operators import _runs

    flow = platform.flow(platform.prepared())
    platform.advance(3)
    (run,) = platform.runs(flow)
    monkeypatch.setattr(_runs, "start_run", lambda *_, **__: run["id"])
    monkeypatch.setattr(_runs, "retrigger", lambda *_, **__: (flow, run["id"], None))
    task = waiting(kind, flow, run["id"])
    left: list[Any] = []
    monkeypatch.setattr(task, "defer", lambda **kwargs: left.append(kwargs["trigger"]))
    with pytest.raises(AssertionError, match="does not return"):
        task.execute(context())
    assert left[0].disable_on_kill is True
    assert not off(platform, flow)
    task.on_kill()
    assert off(platform, flow)
    task.on_kill()


# SIGTERM in the middle of a wait in a worker slot: `on_kill` runs inside what the signal interrupted


def wait_off(platform: Platform, flow: str, worker: Worker) -> None:
    """Wait until it is disabled, long before the delayed reply."""
    wait_until(lambda: off(platform, flow), f"the dataflow off\n{worker.said()}", FOR_EVER / 6, pause=0.2)


def start(workers: Workers, platform: Platform, flow: str, **options: Any) -> Worker:
    """Start a wait in a worker slot, whose process treats SIGTERM as Airflow's task runner does."""
    sensor = {"name": None, "flow_id": flow, "deferrable": False, "poll_interval": 1}
    options = {"disable_on_kill": True, "timeout": 2 * FOR_EVER, **options}
    return workers.start(platform.emulator.url, kind=SENSOR, on_term="airflow", **sensor, **options)


@pytest.mark.parametrize(
    ("method", "reply"),
    [("POST", "/ims/token/v3"), ("GET", "/runs")],
    ids=["token", "poll"],
)
def test_a_signal_while_a_reply_is_awaited(
    workers: Workers, platform: Platform, flow: str, method: str, reply: str
) -> None:
    """The reply that the task waits for has not come when its dataflow is off."""
    platform.emulator.fault(method=method, path=reply, delay=FOR_EVER)
    worker = start(workers, platform, flow)
    wait_until(lambda: platform.emulator.requests(method, reply), "the request")
    worker.send(signal.SIGTERM)
    try:
        wait_off(platform, flow, worker)
        assert not worker.ended()
    finally:
        worker.kill()


@pytest.mark.parametrize("number", [1, 2, 3], ids=["token", "poll", "dataset"])
def test_a_signal_at_a_request(workers: Workers, platform: Platform, flow: str, number: int) -> None:
    """When it begins, whatever the client holds. The wait continues afterwards: Airflow ends the process."""
    worker = start(workers, platform, flow, pause=("before", number))
    worker.wait_stopped()
    worker.send(signal.SIGTERM)
    wait_off(platform, flow, worker)
    wait_until(lambda: f"Disabled dataflow {flow}" in worker.said(), "a word about it")
    platform.emulator.forget_requests()
    worker.go_on()
    wait_until(lambda: any("/runs" in sent["path"] for sent in platform.emulator.requests()), "the next poll")
    worker.kill()


def sensor_for(flow: str) -> FlowRunSensor:
    """Return a deferrable wait."""
    return FlowRunSensor(task_id="wait", flow_id=flow, disable_on_kill=True)


def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail on each question to Airflow's supervisor: it would hang, because the task is asking it already."""

    def hangs(*_arguments: Any) -> Any:
        raise AssertionError("nobody answers")

    monkeypatch.setattr(connection, "get_connection", hangs)
    monkeypatch.setattr(_compat, "mask_secret", hangs)


def test_a_signal_while_the_task_talks_to_airflow(
    platform: Platform, flow: str, hook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's supervisor answers one request at a time, so `on_kill` asks it for nothing."""
    task = sensor_for(flow)
    task.poll_run(context(), task.default_spec({}))
    ims.TOKENS.clear()
    no_supervisor(monkeypatch)
    task.on_kill()
    assert off(platform, flow)


def test_a_signal_while_a_wait_is_handed_over(
    platform: Platform, flow: str, hook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`execute` is over, and Airflow has not stored the deferral yet: no trigger will disable anything."""
    task = sensor_for(flow)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - Airflow's versions have it in two places
        task.execute(context())
    assert type(caught.value).__name__ == "TaskDeferred"
    no_supervisor(monkeypatch)
    task.on_kill()
    assert off(platform, flow)


def test_the_log_comes_last(
    platform: Platform, flow: str, hook: Any, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal may have interrupted a line of the log, and the log's lock is not re-entrant."""
    task = sensor_for(flow)
    task.poll_run(context(), task.default_spec({}))
    logged()
    said_by_then = []
    act = FlowServiceHook.act_on_flow
    monkeypatch.setattr(
        FlowServiceHook, "act_on_flow", lambda *given: said_by_then.append(logged()) or act(*given)
    )
    task.on_kill()
    assert "cannot cancel a run" not in said_by_then[0]
    assert "cannot cancel a run" in logged()
    assert off(platform, flow)


def test_a_signal_before_the_reply_to_the_post(
    platform: Platform, flow: str, hook: Any, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run may exist, although the task does not know its id yet."""
    task = RunDataflowOperator(
        task_id="run",
        flow_id=flow,
        window_start=1_700_000_000,
        window_end=1_800_000_000,
        wait=False,
        disable_on_kill=True,
    )
    monkeypatch.setattr(FlowServiceHook, "create_run", lambda *_given: task.on_kill() or "run-1")
    task.execute(context())
    assert off(platform, flow)
    assert "cannot cancel a run" in logged()


def test_an_invalid_time_limit_of_the_triggerer_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's default counts, so that the dataflow is still disabled."""

    async def decide(*_given: Any) -> str:
        await asyncio.sleep(0.01)
        return "disabled"

    monkeypatch.setattr(flow_runs, "_decide", decide)
    monkeypatch.setenv("AIRFLOW__TRIGGERER__ON_KILL_TIMEOUT", "soon")
    service: Any = None
    assert asyncio.run(flow_runs.disable_for(TASK, service, "flow-1", None, 0.0)) == "disabled"
