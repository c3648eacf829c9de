"""The log and the XComs of a wait in the task itself: failed runs, stopped dataflows, lasting conditions."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from airflow_provider_aep._compat import AirflowSensorTimeout
from airflow_provider_aep.flow_service.errors import (
    AepNotFoundError,
    DataflowStoppedError,
    RunFailedError,
    RunPartialError,
)
from tests.harness.operators import context, unwrapped
from tests.harness.run_server import RunServer
from tests.harness.waits import MORE, RESULT, URL, deferred, resumed, sensor

KEYS = ["run_id", *RESULT, "seconds", *MORE]
WINDOW = {"windowStart": 1_700_000_000_000, "windowEnd": 1_700_003_600_000}


@pytest.mark.parametrize("mode", ["sync", "deferrable", "resumed"])
def test_a_run_that_failed_is_left_as_an_xcom(server: RunServer, mode: str) -> None:
    """The same as in the error: with its window, its times, and the dataflow by name."""
    ctx, task = context(), sensor(deferrable=mode != "sync")
    server.add("run-1")
    left = deferred(task) if mode == "resumed" else None
    server.finish("run-1", "failed", window=WINDOW)
    with unwrapped(RunFailedError, match=r"of dataflow 'The flow-1' \(flow-1\) failed") as caught:
        resumed(task, left, ctx=ctx) if left else task.execute(ctx)
    result = caught.value.result
    assert ctx["ti"].pushed["aep_run"] == result
    assert list(result) == KEYS
    assert (result["run_id"], result["status"], result["dataflow"]) == ("run-1", "failed", "The flow-1")
    assert result["window_start"] == "2023-11-14T22:13:20+00:00"
    assert result["window_end"] == "2023-11-14T23:13:20+00:00"
    assert result["ended_at"] >= result["started_at"]


def test_a_wait_that_took_too_long_leaves_what_is_known(server: RunServer) -> None:
    """For a run in progress, and for a run that never began."""
    server.add("run-1")
    found = {}
    for run_id in ("run-1", None):
        ctx = context()
        flow = {"flow_id": "flow-1" if run_id else "flow-2"}
        with pytest.raises(AirflowSensorTimeout):
            sensor(run_id=run_id, timeout=0.2, deferrable=False, **flow).execute(ctx)
        found[run_id] = ctx["ti"].pushed["aep_run"]
        assert list(found[run_id]) == KEYS
    assert (found["run-1"]["run_id"], found["run-1"]["status"]) == ("run-1", "inProgress")
    assert found["run-1"]["ended_at"] is None
    known = {key: value for key, value in found[None].items() if value is not None}
    assert known == {"flow_id": "flow-2", "dataflow": "The flow-2"}


def test_a_run_that_is_gone_is_left_by_its_id(server: RunServer) -> None:
    """However the wait ends, the next task knows which run it waited for."""
    ctx = context()
    with unwrapped(AepNotFoundError):
        sensor().execute(ctx)
    known = {key: value for key, value in ctx["ti"].pushed["aep_run"].items() if value is not None}
    assert known == {"run_id": "run-1", "flow_id": "flow-1", "dataflow": "The flow-1"}


def test_a_partial_success_within_the_ratio(server: RunServer) -> None:
    """Passes; beyond it, it does not."""
    server.add("run-1", status="partialSuccess", failed=1)
    assert sensor(max_failed_ratio=0.01).execute(context())["status"] == "partialSuccess"
    server.add("run-1", status="partialSuccess", failed=2)
    with unwrapped(RunPartialError, match="max_failed_ratio"):
        sensor(max_failed_ratio=0.01).execute(context())


@pytest.mark.parametrize("mode", ["sync", "deferrable", "resumed", "reschedule"])
@pytest.mark.parametrize(("facts", "word"), [({"state": "disabled"}, "disabled"), (None, "deleted")])
def test_a_dataflow_that_starts_no_run(server: RunServer, mode: str, facts: Any, word: str) -> None:
    """Ends the wait for its next run at once, as a typed error, not at the deadline."""
    ctx = context()
    task = sensor(run_id=None, deferrable=mode in ("deferrable", "resumed"), match="next")
    left = deferred(task) if mode == "resumed" else None
    server.flows["flow-1"] = facts
    with unwrapped(DataflowStoppedError, match=f"{word}.*AEP-E404") as caught:
        if left:
            resumed(task, left, ctx=ctx)
        elif mode == "reschedule":
            with task.push_facts_on_error(ctx):
                task.poll_run(ctx, task.default_spec(ctx))
        else:
            task.execute(ctx)
    assert not caught.value.retryable
    assert ctx["ti"].pushed["aep_run"] == caught.value.result
    assert caught.value.result["flow_id"] == "flow-1"


def test_a_dataflow_that_stopped_after_its_run_began(
    server: RunServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run continues, and the wait continues. The log says it once."""
    server.add("run-1")
    server.flows["flow-1"] = {"state": "disabled"}

    def end() -> None:
        while len(server.seen("/runs/run-1")) < 3:
            time.sleep(0.01)
        server.finish("run-1")

    threading.Thread(target=end, daemon=True).start()
    with caplog.at_level("INFO"):
        assert sensor(deferrable=False).execute(context())["status"] == "success"
    assert (caplog.text + capsys.readouterr().out).count("is disabled. The flow run that began") == 1


def test_what_lasts_is_told_once(
    server: RunServer,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    waits: list[float],
) -> None:
    """In a worker slot and in the triggerer: an unknown status, an error of the service."""
    server.add("run-1", status="pondering")

    def act() -> None:
        for _ in range(2):
            before = len(server.seen("/runs/run-1"))
            while len(server.seen("/runs/run-1")) < before + 3:
                time.sleep(0.01)
            server.refuse = (503, {})
        before = len(server.log)
        while len(server.log) < before + 20:
            time.sleep(0.01)
        server.refuse = None
        server.finish("run-1")

    threading.Thread(target=act, daemon=True).start()
    with caplog.at_level("INFO"):
        sensor(deferrable=False).execute(context())
    said = caplog.text + capsys.readouterr().out
    assert said.count("'pondering', which is unknown") == 1
    assert said.count("The wait continues.") == 1


def test_the_dataflow_is_named(
    server: RunServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Messages name the dataflow by name and id."""
    task = sensor(run_id=None, timeout=600)
    with caplog.at_level("INFO"):
        left = deferred(task)
        server.add("run-1", status="success")
        resumed(task, left, {"status": "ended", "flow_id": "flow-1", "run_id": None})
    said = caplog.text + capsys.readouterr().out
    assert "Waiting for the newest run of dataflow 'The flow-1' (flow-1) in the triggerer" in said
    assert "Run run-1 of dataflow 'The flow-1' (flow-1) is selected: it is the newest run." in said


def test_a_wait_that_an_earlier_version_stored_resumes(server: RunServer) -> None:
    """The deferral's arguments, as Airflow's database stores them."""
    server.add("run-1", status="success")
    kept = {
        "flow_id": "flow-1",
        "run_id": "run-1",
        "deadline": time.time() + 60,
        "match": "latest",
        "since": 0.0,
    }
    kept |= {"start": None, "end": None, "poll_interval": None, "grace": 0.0, "sandbox": "prod"}
    ctx = context()
    event = {"status": "ended", "flow_id": "flow-1", "run_id": "run-1"}
    assert sensor().execute_complete(ctx, event=event, wait=kept)["dataflow"] == "The flow-1"
    assert ctx["ti"].pushed["aep_run_link"] == f"{URL}/flow-1/activity/run-1"
