"""`Retry-After` of one read slows all waits of a connection, and moves no deadline."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from airflow_provider_aep.flow_runs import poller as module
from airflow_provider_aep.flow_runs.poller import Poller
from tests.harness.connections import MakeHook
from tests.harness.run_server import RunServer
from tests.harness.waits import events, pollers, trigger, until


def test_one_wait_s_throttling_pauses_all_of_its_connection(server: RunServer, make_hook: MakeHook) -> None:
    """Also in another sandbox, because the limit is the organization's; not on another connection."""
    server.retry_after = "600"
    make_hook(server.url, conn_id="aep_other")

    async def main() -> None:
        for run_id in ("run-1", "run-2", "run-3", "run-4"):
            server.add(run_id)
        waiting = [
            asyncio.create_task(events(one))
            for one in (
                trigger("run-2"),
                trigger("run-3", sandbox="dev"),
                trigger("run-4", flow_id="flow-4", sandbox="dev", aep_conn_id="aep_other"),
            )
        ]
        await until(lambda: all(server.seen(one) for one in ("run-2", "run-3", "run-4")))
        server.odd["run-1"] = (429, {})
        before = time.monotonic()
        waiting.append(asyncio.create_task(events(trigger("run-1"))))
        poller = pollers()["aep_default", "prod"]
        await until(lambda: poller._not_before)
        assert poller._not_before >= before + 600
        assert pollers()["aep_default", "dev"]._not_before == poller._not_before
        assert pollers()["aep_other", "dev"]._not_before == 0
        server.finish("run-4")
        assert [one["status"] for one in await waiting[2]] == ["ended"]
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(main())


def test_a_pause_moves_no_deadline(server: RunServer) -> None:
    """A wait whose deadline comes first ends then."""
    server.retry_after = "600"
    server.refuse = (429, {})
    server.add("run-1")

    async def main() -> None:
        [event] = await events(trigger(deadline=time.time() + 2))
        assert event["status"] == "timeout"
        assert server.seen()

    asyncio.run(main())


def test_a_new_poller_keeps_the_pause_of_a_dead_one() -> None:
    """Its death does not make AEP wait less."""
    dead, new = Poller("aep_default", None), Poller("aep_default", None)
    dead._not_before = 1e9
    new.take_over(dead)
    assert new._not_before == 1e9


def test_a_poller_that_waits_for_the_budget_does_not_hang(
    server: RunServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With many waits and a small budget a round takes long. Each request is a sign of life."""
    monkeypatch.setenv("AIRFLOW__AEP__REQUESTS_PER_SECOND", "2.5")
    monkeypatch.setenv("AIRFLOW__AEP__SHARED_DIR", str(tmp_path / "shared"))
    monkeypatch.setattr(module, "HUNG", 4.0)
    monkeypatch.setattr(module, "WATCH", 0.2)
    server.in_lists = False
    run_ids = [f"run-{number}" for number in range(16)]
    for run_id in run_ids:
        server.add(run_id)
        server.finish(run_id)

    async def main() -> None:
        waiting = [asyncio.create_task(events(trigger(run_id))) for run_id in run_ids]
        await until(lambda: pollers())
        poller = pollers()["aep_default", "prod"]
        for one in waiting:
            assert [event["status"] for event in await one] == ["ended"]
        assert poller._deaths == 0
        assert poller.task is not None
        assert not poller.task.cancelled()

    begun = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - begun > 15 / 2.5
