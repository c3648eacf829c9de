"""A run that cannot be read concerns its own wait: its neighbours end as if they were alone."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.harness.run_server import RunServer
from tests.harness.waits import events, pollers, trigger, until

HEALTHY, ODD = 100, 3
ANSWERS: dict[str, Any] = {
    "500": (500, {}),
    "403": (403, {"error_code": "403025"}),
    "empty": (200, {"items": []}),
}


@pytest.fixture(autouse=True)
def long_pauses(server: RunServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses after failures grow as in production: a wait that takes part in one ends too late."""
    from airflow_provider_aep.flow_runs import schedule

    monkeypatch.setattr(schedule, "LONGEST", 300.0)


def run(coroutine: Any) -> Any:
    """On a loop of its own."""
    return asyncio.run(asyncio.wait_for(coroutine, 120))


@pytest.mark.parametrize("lists", ["left out", "spoilt"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_three_odd_runs_among_a_hundred(
    server: RunServer,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    lists: str,
) -> None:
    """The others end within two rounds, and so does one that waits for a dataflow's next run."""
    server.odd, server.odd_lists = {f"odd-{number}": ANSWERS[answer] for number in range(ODD)}, lists
    healthy, odd = [f"run-{number}" for number in range(HEALTHY)], list(server.odd)
    for one in [*healthy, *odd]:
        server.add(one)

    async def main() -> Any:
        waits = {one: asyncio.create_task(events(trigger(one, poll_interval=0.3))) for one in healthy}
        by_flow = asyncio.create_task(events(trigger(None, flow_id="flow-2", poll_interval=0.3)))
        alone = [asyncio.create_task(events(trigger(one))) for one in odd]
        for one in odd:
            await until(lambda one=one: len(server.seen(f"/runs/{one}")) >= (1 if answer == "403" else 4))
        await until(lambda: len(server.seen("flowId%3D%3Dflow-2")) >= 4)
        assert not any(task.done() for task in [*waits.values(), by_flow])
        for one in healthy:
            server.finish(one)
        server.add("next", "flow-2", "success")
        before = len(server.seen("/runs?property=id"))
        fired = await asyncio.gather(*waits.values(), by_flow)
        rounds = len(server.seen("/runs?property=id")) - before
        server.odd = {}
        for one in odd:
            server.finish(one)
        for poller in pollers().values():
            for wait in poller.waits:
                wait.due = 0.0
        return fired, rounds, await asyncio.gather(*alone)

    with caplog.at_level(logging.WARNING):
        fired, rounds, alone = run(main())
    assert [one[0]["run_id"] for one in fired] == [*healthy, "next"]
    assert {one[0]["status"] for one in fired} == {"ended"}
    assert rounds <= 2
    said = caplog.text + capsys.readouterr().out
    assert "waits pause" not in said
    assert "one by one" not in said
    assert {one[0]["status"] for one in alone} == {"error" if answer == "403" else "ended"}
    assert said.count("longer pauses") == (0 if answer == "403" else ODD)


def test_a_dataflow_that_is_gone_among_others(server: RunServer) -> None:
    """A list of dataflows fails because of one: the others are listed all the same."""
    server.odd, server.odd_lists = {"flow-9": (404, {"errorMessage": "flows not found"})}, "spoilt"
    server.flows["flow-9"] = None

    async def main() -> Any:
        flows = ["flow-1", "flow-2", "flow-9"]
        waits = [asyncio.create_task(events(trigger(None, flow_id=one, poll_interval=0.3))) for one in flows]
        gone = await waits.pop()
        server.add("one", "flow-1", "success")
        server.add("two", "flow-2", "success")
        return [gone, *await asyncio.gather(*waits)]

    assert [one[0]["status"] for one in run(main())] == ["error", "ended", "ended"]


def test_lists_that_fail_in_vain_are_given_up(server: RunServer, caplog: pytest.LogCaptureFixture) -> None:
    """If lists fail and reads by id succeed, lists are given up."""
    for one in range(2):
        server.add(f"run-{one}")
    server.odd, server.odd_lists = {"run-0": (500, {})}, "alone spoilt"

    async def main() -> None:
        waits = [asyncio.create_task(events(trigger(f"run-{one}", poll_interval=0.05))) for one in range(2)]
        await until(lambda: "a read by id finds" in caplog.text)
        for one in waits:
            one.cancel()

    with caplog.at_level(logging.WARNING):
        run(main())
    assert len(server.seen("/runs?property=id")) == 3
