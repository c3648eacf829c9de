"""The sensor: which run it waits for, how, and its result, which is the same in every mode."""

from __future__ import annotations

import datetime as dt
import enum
import json
import threading
import time
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep._compat import AirflowSensorTimeout, AirflowSkipException
from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepNotFoundError,
    AepReplyError,
    RunFailedError,
    RunPartialError,
    RunTimeoutError,
)
from tests.harness.operators import context, unwrapped
from tests.harness.run_server import RunServer
from tests.harness.waits import MORE, RESULT, URL, deferred, resumed, sensor

try:  # 3.2
    from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferred
except ImportError:
    from airflow.exceptions import AirflowRescheduleException, TaskDeferred  # type: ignore[attr-defined,no-redef]


def without(result: dict[str, Any]) -> dict[str, Any]:
    """The result without what differs from run to run."""
    assert list(result) == ["run_id", *RESULT, "seconds", *MORE]
    assert result["seconds"] >= 0
    assert [result[key] for key in MORE[:3]] == ["flow-1", "The flow-1", None]
    assert result["started_at"] <= result["ended_at"]
    return {key: result[key] for key in RESULT}


@pytest.fixture
def slow_end(server: RunServer) -> Any:
    """`run-1` ends after two polls."""

    def end() -> None:
        while len(server.seen("/runs")) < 2:
            time.sleep(0.01)
        server.finish("run-1")

    server.add("run-1")
    thread = threading.Thread(target=end, daemon=True)
    thread.start()
    return thread


def test_waiting_in_the_slot(server: RunServer, slow_end: Any) -> None:
    """`deferrable=False` sleeps and polls."""
    assert without(sensor(deferrable=False).execute(context())) == RESULT


def test_waiting_in_the_triggerer(server: RunServer, slow_end: Any) -> None:
    """The default. The deadline is absolute, and what is stored holds ids, times and the connection's id."""
    task, before = sensor(timeout=600), time.time()
    left = deferred(task)
    _, kwargs = left.trigger.serialize()
    assert kwargs == {"aep_conn_id": "aep_default", "wait": left.kwargs["wait"]}
    assert before + 600 <= kwargs["wait"]["deadline"] <= time.time() + 600
    assert (kwargs["wait"]["sandbox"], kwargs["wait"]["run_id"]) == ("prod", "run-1")
    assert left.timeout is None
    assert without(resumed(sensor(timeout=600), left)) == RESULT


def test_every_field_of_a_wait_reaches_the_trigger_and_the_resumed_task(server: RunServer) -> None:
    """A new field of `WaitSpec` needs no other place: it is stored and restored with the others."""
    from airflow_provider_aep.flow_runs.spec import WaitSpec
    from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger

    values: dict[str, Any] = {field.name: number for number, field in enumerate(fields(WaitSpec), start=1)}
    wait = WaitSpec(**{**values, "sandbox": "prod", "match": "next"})
    with pytest.raises(TaskDeferred) as caught:
        sensor()._defer(wait)
    _, stored = json.loads(json.dumps(caught.value.trigger.serialize()))
    assert FlowRunTrigger(**stored).spec == wait
    assert WaitSpec(**(caught.value.kwargs or {})["wait"]) == wait


def test_a_run_that_ended_already_needs_no_triggerer(server: RunServer) -> None:
    """One poll gives the result."""
    server.add("run-1", status="COMPLETED")
    assert without(sensor().execute(context())) == RESULT


def test_links_are_live_while_it_waits(server: RunServer) -> None:
    """Pushed before it defers, and again by the try that resumes."""
    server.add("run-1")
    ctx = context()
    left = deferred(sensor(), ctx)
    assert ctx["ti"].pushed == {
        "aep_dataflow_link": f"{URL}/flow-1/activity",
        "aep_run_link": f"{URL}/flow-1/activity/run-1",
    }
    server.finish("run-1")
    again = context()
    resumed(sensor(), left, {"status": "ended", "flow_id": "flow-1", "run_id": "run-1"}, again)
    assert again["ti"].pushed == ctx["ti"].pushed


@pytest.mark.parametrize("mode", ["sync", "deferrable", "resumed"])
@pytest.mark.parametrize(
    ("status", "facts", "limits", "kind"),
    [
        ("failed", {}, {}, RunFailedError),
        ("success", {"failed": 3}, {}, RunPartialError),
        ("success", {"failed": 3}, {"max_failed_records": 3}, None),
        ("success", {"failed": 3}, {"max_failed_ratio": "0.02"}, RunPartialError),
        ("PARTIAL_SUCCESS", {"failed": 3}, {"fail_on_partial": False}, None),
    ],
)
def test_one_verdict_in_every_mode(
    server: RunServer, mode: str, status: str, facts: Any, limits: Any, kind: Any
) -> None:
    """The run decides, not the way it was waited for."""
    task = sensor(deferrable=mode != "sync", **limits)
    server.add("run-1")
    left = deferred(task) if mode == "resumed" else None
    server.finish("run-1", status, **facts)

    def act() -> Any:
        return resumed(task, left) if left else task.execute(context())

    if kind is None:
        assert act()["records_failed"] == 3
    else:
        with unwrapped(kind) as caught:
            act()
        assert f"{URL}/flow-1/activity/run-1" in str(caught.value)
        assert caught.value.result["run_id"] == "run-1"


@pytest.mark.parametrize("deferrable", [True, False])
def test_over_the_deadline(server: RunServer, deferrable: bool) -> None:
    """The sensor raises Airflow's exception. The run continues, and the message says so."""
    server.add("run-1", status="pondering")
    task = sensor(timeout=0.3, deferrable=deferrable)
    with pytest.raises(AirflowSensorTimeout, match=r"(?s)'pondering'.*cannot cancel a run") as caught:
        resumed(task, deferred(task)) if deferrable else task.execute(context())
    assert isinstance(caught.value.__cause__, RunTimeoutError)


def test_the_deadline_stays_when_it_defers_again(server: RunServer) -> None:
    """The trigger ended the wait and the run has not ended: the task polls, and continues to wait."""
    server.add("run-1")
    first = deferred(sensor())
    event = {"status": "error", "flow_id": "flow-1", "run_id": "run-1"}
    with pytest.raises(TaskDeferred) as caught:
        resumed(sensor(), first, event)
    assert caught.value.kwargs == first.kwargs
    assert caught.value.trigger.spec.deadline == first.trigger.spec.deadline


def test_an_event_alone_ends_no_wait(server: RunServer) -> None:
    """`dag.test()` keeps nothing of the wait but the event: a run that goes on is no time-out."""
    server.add("run-1")
    event = {"status": "error", "flow_id": "flow-1", "run_id": "run-1"}
    with pytest.raises(TaskDeferred) as caught:
        sensor().execute_complete(context(), event=event)
    assert caught.value.trigger.spec.run_id == "run-1"
    assert caught.value.trigger.spec.deadline > time.time() + 60


@pytest.mark.parametrize(
    "event",
    [
        {},
        "ended",
        {"status": "success"},
        {"status": "ended", "run_id": "run-2"},
        {"status": "ended", "run_id": "../x"},
    ],
)
def test_an_event_of_somebody_elses_is_refused(server: RunServer, event: Any) -> None:
    """An invalid event does not end the wait."""
    server.add("run-1")
    left = deferred(sensor())
    with unwrapped(AepReplyError):
        resumed(sensor(), left, event)


def test_soft_fail_skips(server: RunServer) -> None:
    """The task is skipped, as with every sensor."""
    server.add("run-1", status="failed")
    with pytest.raises(AirflowSkipException):
        sensor(soft_fail=True).execute(context())
    server.add("run-1")
    left = deferred(sensor(soft_fail=True))
    server.finish("run-1", "failed")
    with pytest.raises(AirflowSkipException):
        resumed(sensor(soft_fail=True), left)


def test_rescheduling(server: RunServer) -> None:
    """`mode="reschedule"` frees the slot without a triggerer, and returns the same."""

    class TaskInstance:
        def xcom_push(self, key: str, value: Any) -> None: ...
        def get_first_reschedule_date(self, context: Any) -> Any: ...

    server.add("run-1")
    task = sensor(mode="reschedule", deferrable=False)
    with pytest.raises(AirflowRescheduleException):
        task.execute({"ti": TaskInstance()})
    server.finish("run-1")
    assert without(task.execute({"ti": TaskInstance()})) == RESULT


@pytest.mark.parametrize("soft_fail", [False, True])
def test_rescheduling_past_the_deadline(server: RunServer, soft_fail: bool) -> None:
    """The same facts and the same cause as in every mode."""
    begun = dt.datetime.fromtimestamp(time.time() - 601, dt.timezone.utc)
    pushed: dict[str, Any] = {}

    class TaskInstance:
        def xcom_push(self, key: str, value: Any) -> None:
            pushed[key] = value

        def get_first_reschedule_date(self, context: Any) -> Any:
            return begun

    server.add("run-1")
    task = sensor(mode="reschedule", deferrable=False, timeout=600, soft_fail=soft_fail)
    with pytest.raises(AirflowSkipException if soft_fail else AirflowSensorTimeout) as caught:
        task.execute({"ti": TaskInstance()})
    assert soft_fail or isinstance(caught.value.__cause__, RunTimeoutError)
    assert pushed["aep_run"]["run_id"] == "run-1"


@pytest.mark.parametrize("ended", [-600, 20, 40])
def test_rescheduling_to_the_next_run(server: RunServer, ended: int) -> None:
    """`match="next"` counts from the sensor's first poke, not from the DAG run's start or each poke."""
    now = time.time()
    first, now_poked = (dt.datetime.fromtimestamp(now + seconds, dt.timezone.utc) for seconds in (0, 30))

    class TaskInstance:
        def __init__(self, kept: Any, start_date: Any) -> None:
            self.kept, self.start_date = kept, start_date

        def xcom_push(self, key: str, value: Any) -> None: ...
        def get_first_reschedule_date(self, context: Any) -> Any:
            return self.kept

    begun = int((now - 900) * 1000)
    server.add("run-1", status="success", started=begun, completed=int((now + ended) * 1000))
    dag_run = SimpleNamespace(start_date=dt.datetime.fromtimestamp(now - 3600, dt.timezone.utc))
    task = sensor(run_id=None, match="next", mode="reschedule", deferrable=False)
    for kept, start_date in ((None, first), (first, now_poked)):
        poke = {"ti": TaskInstance(kept, start_date), "dag_run": dag_run}
        if ended > 0:
            assert task.execute(poke)["run_id"] == "run-1"
        else:
            with pytest.raises(AirflowRescheduleException):
                task.execute(poke)


INTERVAL_END = dt.datetime(2026, 10, 2, tzinfo=dt.timezone.utc)


def in_interval() -> dict[str, Any]:
    """The context of a DAG run over the first of October."""
    return {
        **context(),
        "data_interval_start": INTERVAL_END - dt.timedelta(days=1),
        "data_interval_end": INTERVAL_END,
    }


def test_a_backfill_waits_for_the_run_of_its_interval(
    server: RunServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sensor does not wait for the newest run. The log says how the run was selected."""
    end = INTERVAL_END.timestamp()
    for day in range(-2, 3):
        start = (end + (day - 1) * 86_400) * 1000
        window = {"windowStart": start, "windowEnd": start + 86_400_000}
        server.add(f"day{day}", status="success", started=int(start + 86_400_000), window=window)
    with caplog.at_level("INFO"):
        result = sensor(run_id=None).execute(in_interval())
    assert result["run_id"] == "day0"
    assert "its window contains the whole data interval" in caplog.text + capsys.readouterr().out


def test_an_interval_without_a_run_yet(server: RunServer) -> None:
    """The trigger waits for it by the same rule, and the task resumes with the run it found."""
    left = deferred(sensor(run_id=None), in_interval())
    assert left.trigger.spec.end == INTERVAL_END.timestamp()
    server.add("other", "flow-2", status="success")
    server.add("right", status="success")
    assert resumed(sensor(run_id=None), left)["run_id"] == "right"


def test_without_an_interval_the_newest_run(server: RunServer) -> None:
    """A DAG run that an asset or a user started has no data interval."""
    server.add("older", status="failed", started=1_700_000_000_000)
    server.add("newer", status="success", started=1_700_000_100_000)
    assert sensor(run_id=None).execute(context())["run_id"] == "newer"


class RunType(str, enum.Enum):
    """The enum of Airflow."""

    MANUAL = "manual"


def zero_length(run_type: Any, seconds: int = 0) -> dict[str, Any]:
    """The context of a DAG run of that type over the last so many seconds before `INTERVAL_END`."""
    start = INTERVAL_END - dt.timedelta(seconds=seconds)
    interval = {"data_interval_start": start, "data_interval_end": INTERVAL_END}
    return {**context(), **interval, "dag_run": SimpleNamespace(run_type=run_type)}


@pytest.mark.parametrize("run_type", ["manual", RunType.MANUAL, "operator_triggered"])
def test_a_zero_length_interval_waits_for_the_newest_run(
    server: RunServer, run_type: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first run that starts after it may be a day away. The log says why."""
    server.add("older", status="success", started=int(INTERVAL_END.timestamp() - 7200) * 1000)
    server.add("newer", status="success", started=int(INTERVAL_END.timestamp() - 3600) * 1000)
    with caplog.at_level("INFO"):
        assert sensor(run_id=None).execute(zero_length(run_type))["run_id"] == "newer"
    said = caplog.text + capsys.readouterr().out
    assert "triggered with a zero-length data interval at 2026-10-02T00:00:00+00:00" in said
    assert "it is the newest run" in said


@pytest.mark.parametrize(
    ("run_type", "seconds"),
    [("manual", 1), ("scheduled", 0), ("backfill", 0), ("asset_triggered", 0), (None, 0)],
)
def test_other_dag_runs_keep_to_their_interval(server: RunServer, run_type: Any, seconds: int) -> None:
    """One that was triggered with a real interval, and one that a timetable, a backfill or an asset made."""
    server.add("before", status="success", started=int(INTERVAL_END.timestamp() - 3600) * 1000)
    left = deferred(sensor(run_id=None), zero_length(run_type, seconds))
    assert (left.trigger.spec.match, left.trigger.spec.end) == ("data_interval", INTERVAL_END.timestamp())


@pytest.mark.parametrize(
    ("kwargs", "parameter"),
    [
        ({"flow_id": ""}, "flow_id"),
        ({"run_id": "a/b"}, "run_id"),
        ({"match": "nearest", "run_id": None}, "match"),
        ({"max_failed_records": "-1"}, "max_failed_records"),
        ({"max_failed_ratio": 2}, "max_failed_ratio"),
        ({"fail_on_partial": "maybe"}, "fail_on_partial"),
    ],
)
def test_wrong_parameters_are_named_before_the_first_request(
    server: RunServer, kwargs: Any, parameter: str
) -> None:
    """The check is in `execute`, not at DAG parse."""
    with unwrapped(AepConfigError) as caught:
        sensor(**kwargs).execute(context())
    assert caught.value.parameter == parameter
    assert server.log == []


@pytest.mark.parametrize("blank", ["", "None", None])
def test_a_run_id_that_jinja_left_empty(server: RunServer, blank: Any) -> None:
    """It counts as missing."""
    server.add("run-7", status="success")
    assert sensor(run_id=blank).execute(context())["run_id"] == "run-7"


def test_the_result_of_another_wait_names_a_run(server: RunServer) -> None:
    """So that `run_id=run.output` works whatever the task before returned."""
    server.add("run-7", status="success")
    assert sensor(run_id={"run_id": "run-7"}).execute(context())["run_id"] == "run-7"


def test_a_result_without_a_run_names_none(server: RunServer) -> None:
    """It is not a wait for another run."""
    server.add("run-7", status="success")
    with unwrapped(AepConfigError, match="`run_id` is not an ID"):
        sensor(run_id={"status": "success"}).execute(context())


def test_a_run_that_is_not_there(server: RunServer) -> None:
    """A missing run and a run of another dataflow are errors at once."""
    with unwrapped(AepNotFoundError):
        sensor().execute(context())
    server.add("run-1", "flow-2")
    with unwrapped(AepConfigError, match="belongs to dataflow flow-2"):
        sensor().execute(context())


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_service_in_trouble_does_not_end_the_wait(
    server: RunServer, waits: list[float], deferrable: bool
) -> None:
    """The same if the task polls itself: it waits until the deadline."""
    server.add("run-1", status="success")
    server.refuse = (503, {})
    task = sensor(deferrable=deferrable)
    if deferrable:
        left = deferred(task)
        server.refuse = None
        assert without(resumed(task, left)) == RESULT
        return

    def recover() -> None:
        while len(server.seen("/runs")) < 6:
            time.sleep(0.01)
        server.refuse = None

    threading.Thread(target=recover, daemon=True).start()
    assert without(task.execute(context())) == RESULT


def test_a_wait_in_the_slot_pauses_as_long_as_the_service_asks(server: RunServer, waits: list[float]) -> None:
    """`Retry-After` counts if it is longer than the pause, as in the triggerer."""
    server.add("run-1")
    task = sensor(deferrable=False)
    spec = task.default_spec(context())
    server.refuse = (429, {})
    task.poll_run(context(), spec)
    assert task._pause(spec, None) == 1.0
    server.refuse = None
    task.poll_run(context(), spec)
    assert task._pause(spec, None) < 1.0


def test_an_error_in_the_triggerer_alone_is_no_busy_loop(
    server: RunServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the task defers again, it pauses for as long as it would between two polls."""
    from airflow_provider_aep.operators import waiting

    slept: list[float] = []
    monkeypatch.setattr(waiting, "time", SimpleNamespace(time=time.time, sleep=slept.append))
    server.add("run-1")
    left = deferred(sensor(poll_interval=7))
    with pytest.raises(TaskDeferred):
        resumed(sensor(poll_interval=7), left, {"status": "error", "run_id": "run-1"})
    assert slept == [7.0]


def test_killing_says_that_the_run_continues(
    server: RunServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the wait begins, it does nothing."""
    server.add("run-1")
    task = sensor()
    task.on_kill()
    deferred(task)
    with caplog.at_level("WARNING"):
        task.on_kill()
    said = caplog.text + capsys.readouterr().out
    assert said.count("cannot cancel a run") >= 1
    assert "run-1" in said
