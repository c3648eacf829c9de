"""The trigger and its shared poller, against real sockets."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import pytest

from tests.harness.connections import SetConnection
from tests.harness.emulator import CLIENT_SECRET
from tests.harness.run_server import RunServer
from tests.harness.waits import events, pollers, trigger, until

SIBLINGS = 250


def run(coroutine: Any) -> Any:
    """On a loop of its own."""
    return asyncio.run(asyncio.wait_for(coroutine, 120))


def test_what_is_stored_makes_the_same_trigger_and_holds_no_secret(server: RunServer) -> None:
    """Airflow's database has the arguments in plain text."""
    first = trigger(match="data_interval", since=1.0, start=2.0, end=3.0, poll_interval=9.0)
    path, kwargs = first.serialize()
    assert path == "airflow_provider_aep.triggers.flow_runs.FlowRunTrigger"
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert type(first)(**kwargs).serialize() == (path, kwargs)
    assert CLIENT_SECRET not in json.dumps(kwargs)


def test_it_fires_once_when_the_run_ended(server: RunServer) -> None:
    """With ids alone: what became of the run is for the task to read."""
    server.add("run-1")

    async def main() -> Any:
        waiting = asyncio.create_task(events(trigger()))
        await until(lambda: len(server.seen("/runs/run-1")) >= 2)
        assert not waiting.done()
        server.finish("run-1", "failed")
        return await waiting

    assert run(main()) == [{"status": "ended", "flow_id": "flow-1", "run_id": "run-1"}]


def test_many_waits_are_a_few_requests(server: RunServer) -> None:
    """One token, lists of a hundred, one poller that closes when the last wait leaves."""
    for number in range(SIBLINGS):
        server.add(f"run-{number}")

    async def main() -> list[Any]:
        waiting = [asyncio.create_task(events(trigger(f"run-{number}"))) for number in range(SIBLINGS)]
        await until(lambda: len(server.seen("/runs?")) >= 6)
        assert len(pollers()) == 1
        for number in range(SIBLINGS):
            server.finish(f"run-{number}")
        fired = await asyncio.gather(*waiting)
        await until(lambda: not pollers())
        return fired

    fired = run(main())
    assert [one[0]["run_id"] for one in fired] == [f"run-{number}" for number in range(SIBLINGS)]
    assert all(len(one) == 1 and one[0]["status"] == "ended" for one in fired)
    assert len(server.seen("/ims/")) == 1
    assert len(server.seen("/runs/")) < 5  # one that is due alone is asked for by its id
    assert server.connections <= 8


def test_ten_thousand_waits_are_a_hundred_requests(server: RunServer) -> None:
    """Each run is in one list, whatever the order in which the waits join."""
    waits = 10_000
    for number in range(waits):
        server.add(f"run-{number}", status="success")

    async def main() -> list[Any]:
        return await asyncio.gather(*(events(trigger(f"run-{number}")) for number in range(waits)))

    assert [one["status"] for fired in run(main()) for one in fired] == ["ended"] * waits
    assert len(server.seen("/runs")) <= 110
    assert server.connections <= 8


def test_every_page_is_followed(server: RunServer) -> None:
    """A service with small pages gets more requests, and no wait is lost."""
    server.page = 30
    for number in range(100):
        server.add(f"run-{number}", status="success")

    async def main() -> Any:
        return await asyncio.gather(*(events(trigger(f"run-{number}")) for number in range(100)))

    assert {one[0]["status"] for one in run(main())} == {"ended"}
    assert len(server.seen("/runs?")) == 4


def test_if_lists_are_refused_runs_are_read_one_by_one(
    server: RunServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says it once."""
    server.in_lists = False
    for number in range(20):
        server.add(f"run-{number}", status="success")

    async def main() -> Any:
        return await asyncio.gather(*(events(trigger(f"run-{number}")) for number in range(20)))

    with caplog.at_level(logging.WARNING):
        assert {one[0]["status"] for one in run(main())} == {"ended"}
    assert len(server.seen("/runs?")) == 1
    assert len(server.seen("/runs/")) == 20
    assert caplog.text.count("one by one") == 1


def test_an_unknown_status_waits_until_the_deadline(server: RunServer) -> None:
    """Guessing is not bounded, waiting is."""
    server.add("run-1", status="pondering")

    async def main(seconds: float) -> Any:
        return await events(trigger(deadline=time.time() + seconds))

    for seconds in (0.6, 6, 60):  # until the machine was fast enough for a second poll
        assert run(main(seconds)) == [{"status": "timeout", "flow_id": "flow-1", "run_id": "run-1"}]
        if len(server.seen("/runs/")) >= 2:
            return
    raise AssertionError("it was not polled again")


def test_a_deadline_that_passed_meanwhile_fires_at_once(server: RunServer) -> None:
    """After a triggerer that was down for long."""
    assert run(events(trigger(deadline=time.time() - 5)))[0]["status"] == "timeout"
    assert server.log == []


def test_a_run_that_is_gone_ends_its_own_wait_alone(server: RunServer) -> None:
    """Found missing again and again; its neighbour does not notice."""
    server.add("run-1")

    async def main() -> Any:
        good = asyncio.create_task(events(trigger("run-1")))
        gone = await events(trigger("run-2"))
        assert not good.done()
        server.finish("run-1")
        return gone + await good

    assert [one["status"] for one in run(main())] == ["missing", "ended"]


def test_a_bad_id_ends_its_own_wait_alone(server: RunServer) -> None:
    """One that cannot be sent never gets into a list with others."""
    server.add("run-1", status="success")

    async def main() -> Any:
        return await asyncio.gather(
            events(trigger("run-1")), events(trigger("../other")), events(trigger("run-1"))
        )

    good, bad, same = run(main())
    assert (good, same) == ([{"status": "ended", "flow_id": "flow-1", "run_id": "run-1"}],) * 2
    assert [one["status"] for one in bad] == ["error"]


def test_a_run_is_found_by_its_dataflow(server: RunServer) -> None:
    """Runs are listed from the interval's start on. A found run is polled by its id."""

    async def main() -> Any:
        since = time.time()
        selector = {"match": "data_interval", "start": since - 60, "end": since - 1}
        waiting = asyncio.create_task(events(trigger(None, **selector)))
        await until(lambda: len(server.seen("flowId")) >= 2)
        server.add("old", started=int((since - 30) * 1000))
        server.add("right", started=int(since * 1000))
        await until(lambda: server.seen("/runs/right"))
        server.finish("right")
        return await waiting

    assert run(main()) == [{"status": "ended", "flow_id": "flow-1", "run_id": "right"}]
    assert all("startedAtUTC" in one for one in server.seen("flowId"))


def test_where_bounds_are_refused_all_runs_are_listed(server: RunServer) -> None:
    """The filter by start is documented for other lists more plainly than for this one."""
    server.bounds = False
    now = time.time()
    server.add("right", status="success")
    event = run(events(trigger(None, match="data_interval", start=now - 60, end=now - 1)))
    assert event[0]["run_id"] == "right"
    assert "startedAtUTC" not in server.seen("flowId")[-1]


def test_a_poller_that_dies_is_replaced(server: RunServer, caplog: pytest.LogCaptureFixture) -> None:
    """A new poller continues its waits, and the log says so."""
    for number in range(5):
        server.add(f"run-{number}")

    async def main() -> Any:
        waiting = [asyncio.create_task(events(trigger(f"run-{number}"))) for number in range(5)]
        await until(lambda: server.seen("/runs"))
        (poller,) = pollers().values()
        poller.task.cancel()
        await until(lambda: poller.task.done() and list(pollers().values()) not in ([], [poller]))
        for number in range(5):
            server.finish(f"run-{number}")
        return await asyncio.gather(*waiting)

    with caplog.at_level(logging.WARNING):
        assert [one[0]["status"] for one in run(main())] == ["ended"] * 5
    assert "died (cancelled). A new poller continues its 5 waits" in caplog.text


def test_a_poller_that_hangs_is_replaced(
    server: RunServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No sign of life for longer than any pause and reply: it is ended, and another one goes on."""
    from airflow_provider_aep.flow_runs import poller as module

    monkeypatch.setattr(module, "WATCH", 0.05)
    server.add("run-1")

    async def main() -> Any:
        server.latency = 60
        waiting = asyncio.create_task(events(trigger()))
        await until(lambda: server.connections)
        server.latency = 0
        monkeypatch.setattr(module, "HUNG", 0.0)
        (poller,) = pollers().values()
        await until(lambda: poller.task.done())
        monkeypatch.setattr(module, "HUNG", 1800.0)
        server.finish("run-1")
        return await waiting

    with caplog.at_level(logging.WARNING):
        assert run(main())[0]["status"] == "ended"
    assert "died (cancelled)" in caplog.text


def test_a_cancelled_wait_leaves_the_others_alone(server: RunServer) -> None:
    """A task that is cleared while it waits; the poller stays for the rest."""
    server.add("run-1")
    server.add("run-2")

    async def main() -> Any:
        going, cancelled = (asyncio.create_task(events(trigger(one))) for one in ("run-1", "run-2"))
        await until(lambda: server.seen("/runs"))
        cancelled.cancel()
        (poller,) = pollers().values()
        await until(lambda: len(poller.waits) == 1)
        server.finish("run-1")
        return await going

    assert run(main())[0]["status"] == "ended"


@pytest.mark.parametrize("refusal", [(401, {"error_code": "401013"}), (403, {"error_code": "403025"})])
def test_a_credential_that_is_refused_lets_the_waits_go(server: RunServer, refusal: Any) -> None:
    """After a few tries, so that the tasks can say why; never for ever."""
    server.add("run-1")
    server.refuse = refusal
    assert run(events(trigger()))[0]["status"] == "error"


def test_a_connection_that_is_not_there(server: RunServer) -> None:
    """The same: its task will name it."""
    from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger

    one = FlowRunTrigger(aep_conn_id="nowhere", run_id="run-1", deadline=time.time() + 60)
    assert run(events(one))[0]["status"] == "error"


def test_a_corrected_connection_is_taken_up(server: RunServer, set_connection: SetConnection) -> None:
    """It is read again after a refusal, so a new secret needs no restart of the triggerer."""
    import os

    server.add("run-1", status="success")
    good = json.loads(os.environ["AIRFLOW_CONN_AEP_DEFAULT"])
    set_connection("aep_default", **{**good, "password": ""})

    async def main() -> Any:
        waiting = asyncio.create_task(events(trigger()))
        (poller,) = [one async for one in _first_failure()]
        assert poller._refusals >= 1
        set_connection("aep_default", **good)
        return await waiting

    async def _first_failure() -> Any:
        await until(lambda: any(poller._failures for poller in pollers().values()))
        yield next(iter(pollers().values()))

    assert run(main())[0]["status"] == "ended"


@pytest.mark.parametrize(("status", "most"), [(429, 1), (500, 9), (503, 9)])
def test_trouble_of_the_service_slows_all_down_and_loses_none(
    server: RunServer, status: int, most: int
) -> None:
    """A hundred waits make few requests each round: a list, and as many single reads as show that it is not
    the fault of a run. When it is over, all get their answer."""
    for number in range(100):
        server.add(f"run-{number}", status="success")
    server.refuse = (status, {})

    async def main() -> Any:
        waiting = [asyncio.create_task(events(trigger(f"run-{number}"))) for number in range(100)]
        await until(lambda: any(poller._failures >= 3 for poller in pollers().values()))
        asked = len(server.seen("/runs"))
        (poller,) = pollers().values()
        assert asked <= most * (poller._failures + 1)
        assert not any(one.done() for one in waiting)
        server.refuse = None
        return await asyncio.gather(*waiting)

    assert [one[0]["status"] for one in run(main())] == ["ended"] * 100


def test_killing_says_that_runs_cannot_be_cancelled(
    server: RunServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Airflow 3.3 asks the trigger of a task that was cleared or marked."""
    with caplog.at_level(logging.WARNING):
        run(trigger().on_kill())
    assert "cannot cancel a run" in caplog.text + capsys.readouterr().out
