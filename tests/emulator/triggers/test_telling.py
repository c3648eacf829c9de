"""The log lines and links of a deferred wait: in the log of its own task, once."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.harness.emulator import CLIENT_SECRET
from tests.harness.run_server import RunServer
from tests.harness.waits import events, pollers, trigger, until

TASK: contextvars.ContextVar[str] = contextvars.ContextVar("TASK", default="nobody")
"""Airflow tells the lines of one trigger from another's by a context variable like this one."""

LINK = (
    "https://experience.adobe.com/#/@0123456789ABCDEF01234567@AdobeOrg/sname:prod/platform/source/dataflows"
)

Lines = Callable[[str], list[str]]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """The lines in the log of a task so far."""
    from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger

    said: list[tuple[str, str]] = []
    write = SimpleNamespace(
        log=lambda _level, text, *args: said.append((TASK.get(), text % args)),
        warning=lambda text, *args: said.append((TASK.get(), text % args)),
    )
    monkeypatch.setattr(FlowRunTrigger, "log", write)
    return lambda task: [text for name, text in said if name == task]


@pytest.fixture
def xcoms(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """The pushed XComs, by task and key."""
    from airflow.sdk.execution_time.xcom import XCom

    pushed: dict[tuple[str, str], str] = {}

    def push(*, key: str, value: str, task_id: str, **_where: Any) -> None:
        pushed[task_id, key] = value

    monkeypatch.setattr(XCom, "set", push)
    return pushed


def start(task: str, run_id: str | None = "run-1", **kwargs: Any) -> asyncio.Task[Any]:
    """Run a trigger for a task, as the triggerer starts it."""
    one = trigger(run_id, poll_interval=0.1, **kwargs)
    one.task_instance = SimpleNamespace(dag_id="dag", task_id=task, run_id="run", map_index=-1)
    context = contextvars.copy_context()
    context.run(TASK.set, task)
    return context.run(asyncio.ensure_future, events(one))


def run(coroutine: Any) -> Any:
    """On a loop of its own."""
    return asyncio.run(asyncio.wait_for(coroutine, 120))


def test_a_run_is_told_as_soon_as_it_is_known(
    server: RunServer, lines: Lines, xcoms: dict[tuple[str, str], str]
) -> None:
    """The log has the run's id long before its end, and the dataflow's name and id. The link is pushed."""

    async def main() -> Any:
        waiting = start("wait", None)
        await until(lambda: server.seen("flowId"))
        server.add("right")
        await until(lambda: xcoms)
        assert not waiting.done()
        assert lines("wait") == [
            "Run right of dataflow 'The flow-1' (flow-1) is selected: it is the newest run."
        ]
        server.finish("right")
        return await waiting

    assert run(main())[0]["status"] == "ended"
    assert xcoms == {("wait", "aep_run_link"): f"{LINK}/flow-1/activity/right"}
    assert len(lines("wait")) == 1


def test_a_link_that_airflow_does_not_store_ends_no_wait(
    server: RunServer, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task pushes it when it resumes."""
    from airflow.sdk.execution_time.xcom import XCom

    def refuse(**_what: Any) -> None:
        raise RuntimeError("no supervisor")

    monkeypatch.setattr(XCom, "set", refuse)
    server.add("right")

    async def main() -> Any:
        waiting = start("wait", None)
        await until(lambda: len(lines("wait")) == 2)
        server.finish("right")
        return await waiting

    assert run(main())[0]["status"] == "ended"
    assert "appears when the task resumes" in lines("wait")[1]


def test_an_unknown_status_is_told_once(server: RunServer, lines: Lines) -> None:
    """It is logged again if it comes back, and only in the log of its own task."""
    server.add("run-1", status="pondering")
    server.add("run-2")

    async def polls() -> None:
        before = len(server.seen("/runs"))
        await until(lambda: len(server.seen("/runs")) >= before + 4)

    async def main() -> None:
        waits = [start("odd"), start("plain", "run-2")]
        await polls()
        assert len(lines("odd")) == 1
        server.add("run-1")
        await polls()
        server.add("run-1", status="pondering")
        await polls()
        for one in waits:
            one.cancel()

    run(main())
    assert (
        lines("odd")
        == ["Run run-1 has the status 'pondering', which is unknown. It counts as still running."] * 2
    )
    assert lines("plain") == lines("nobody") == []


def test_throttling_is_told_once_to_every_task(server: RunServer, lines: Lines) -> None:
    """Each time it begins."""
    for number in range(3):
        server.add(f"run-{number}")

    async def main() -> None:
        waits = [start(f"task-{number}", f"run-{number}") for number in range(3)]
        for _ in range(2):
            server.refuse = (429, {})
            await until(lambda: any(one._failures >= 2 for one in pollers().values()))
            server.refuse = None
            await until(lambda: not any(one._failures for one in pollers().values()))
        for one in waits:
            one.cancel()

    run(main())
    for number in range(3):
        told = lines(f"task-{number}")
        assert len(told) == 2
        assert all("429" in line and "pause until it is over" in line for line in told)


@pytest.mark.parametrize(("facts", "word"), [({"state": "disabled"}, "disabled"), (None, "deleted")])
def test_a_dataflow_that_stops_ends_the_wait_for_its_next_run(
    server: RunServer, lines: Lines, facts: Any, word: str
) -> None:
    """The task then polls itself and raises the error. A wait on another dataflow continues."""

    async def main() -> Any:
        waiting, other = start("wait", None), start("other", None, flow_id="flow-2")
        await until(lambda: len(server.seen("flowId")) >= 2)
        assert not waiting.done()
        server.flows["flow-1"] = facts
        fired = await waiting
        assert not other.done()
        other.cancel()
        return fired

    assert run(main()) == [{"status": "error", "flow_id": "flow-1", "run_id": None}]
    (line,) = lines("wait")
    assert f"The dataflow 'The flow-1' (flow-1) is {word}" in line
    assert "starts no flow run" in line
    assert lines("other") == []


def test_a_dataflow_that_stops_leaves_its_run_alone(
    server: RunServer, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told once; the wait goes on, since the run does."""
    from airflow_provider_aep.flow_runs import poller

    monkeypatch.setattr(poller, "DATAFLOWS", 0.0)
    server.add("run-1")

    async def main() -> Any:
        waiting = start("wait")
        server.flows["flow-1"] = {"state": "disabled"}
        await until(lambda: len(server.seen("/flows/")) >= 3)
        assert not waiting.done()
        server.finish("run-1")
        return await waiting

    assert run(main())[0]["status"] == "ended"
    (line,) = lines("wait")
    assert "dataflow 'The flow-1' (flow-1) is disabled" in line


def test_dataflows_that_cannot_be_read_are_left_alone(server: RunServer, lines: Lines) -> None:
    """Without the permission to see them, waits go on by the runs; it is tried again in minutes."""
    server.refuse_flows = (403, {"error_code": "403025"})

    async def main() -> Any:
        waiting = start("wait", None)
        await until(lambda: len(server.seen("flowId")) >= 4)
        server.add("right", status="success")
        return await waiting

    assert run(main())[0]["status"] == "ended"
    assert lines("wait") == ["Run right of dataflow flow-1 is selected: it is the newest run."]
    assert len(server.seen("/flows/")) == 1


def test_a_trigger_that_an_earlier_version_stored_still_waits(server: RunServer, lines: Lines) -> None:
    """The arguments as Airflow's database has them."""
    from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger

    stored = {"aep_conn_id": "aep_default", "sandbox": "prod", "flow_id": "flow-1", "run_id": "run-1"}
    selector = {"match": "latest", "since": 1.0, "start": None, "end": None, "poll_interval": None}
    server.add("run-1", status="success")
    one = FlowRunTrigger(**stored, **selector, deadline=time.time() + 60)  # type: ignore[arg-type]
    assert run(events(one))[0]["status"] == "ended"


def test_a_name_that_holds_a_secret_is_scrubbed(server: RunServer, lines: Lines) -> None:
    """The dataflow's name appears in logs."""
    server.flows["flow-1"] = {"name": f"Orders {CLIENT_SECRET}"}
    server.add("right", status="success")
    run(start_and_end("wait"))
    assert lines("wait") == ["Run right of dataflow 'Orders ***' (flow-1) is selected: it is the newest run."]


async def start_and_end(task: str) -> Any:
    """One wait for the newest run."""
    return await start(task, None)
