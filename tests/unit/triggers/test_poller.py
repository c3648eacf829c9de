"""The poller and its reads, without a service."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from airflow_provider_aep.flow_runs import poller as module
from airflow_provider_aep.flow_runs.fetch import Fetched, RunFetcher
from airflow_provider_aep.flow_runs.poller import PolledWait, Poller
from airflow_provider_aep.flow_runs.spec import WaitSpec
from airflow_provider_aep.flow_service.errors import AepRequestError, AepServerError
from airflow_provider_aep.flow_service.runs import RunSnapshot
from tests.harness.waits import events, trigger, until


def polled_wait(**fields: Any) -> PolledWait:
    """Return a wait that ends in a minute."""
    fields = {"flow_id": "flow-1", "run_id": "run-1", "deadline": time.time() + 60, **fields}
    return PolledWait(WaitSpec(**fields))


def test_a_poller_that_sleeps_long_does_not_count_as_hung(monkeypatch: pytest.MonkeyPatch) -> None:
    """`poll_interval` has no maximum, so the poller gives signs of life while it sleeps."""
    monkeypatch.setattr(module, "WATCH", 0.01)

    async def main() -> None:
        poller, wait = Poller("aep_default", None), polled_wait()
        wait.due = time.monotonic() + 7200
        poller.join(wait)
        sleeping = asyncio.create_task(poller._until_due())
        await asyncio.sleep(0.05)
        before = poller._heartbeat
        await until(lambda: poller._heartbeat > before, 10)
        assert not sleeping.done()
        sleeping.cancel()

    asyncio.run(main())


def test_polls_stay_rare_after_a_restart_of_the_triggerer() -> None:
    """If no run has started, the age of the wait counts from its start, not from the trigger's."""

    async def main() -> None:
        old, new = polled_wait(run_id=None, since=time.time() - 3000), polled_wait(run_id=None)
        for wait in (old, new):
            Poller("aep_default", None)._postpone(wait, None)
        assert old.due - old.last > 200
        assert new.due - new.last < 10

    asyncio.run(main())


def test_a_list_that_is_refused_is_not_a_read_that_succeeded() -> None:
    """If all other reads fail, the error is one of the service as a whole."""

    class Service:
        async def pages(self, *_call: Any, **_options: Any) -> AsyncIterator[list[Any]]:
            raise AepRequestError("no lists", status=400)
            yield []

        async def get_entity(self, *_call: Any) -> Any:
            raise AepServerError("down", status=500)

    service: Any = Service()
    fetched = Fetched()
    asyncio.run(RunFetcher(service).fetch_runs(["run-1", "run-2"], (), fetched))
    fetched.settle(())
    assert fetched.succeeded == 0
    assert isinstance(fetched.service_error, AepServerError)


def test_a_round_of_ten_thousand_waits_lets_the_loop_run_between_each_hundred() -> None:
    """Other triggers share the event loop, so no part of a round treats all waits in one go."""
    waits = 10_000

    async def main() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        poller: Any = Poller("aep_default", None)

        async def fetch(due: list[PolledWait], _failing: Any, fetched: Fetched, _now: float) -> None:
            assert len(due) == waits
            fetched.runs.update({wait.key: RunSnapshot(False, None, None) for wait in due})

        poller._fetch = fetch
        for number in range(waits):
            poller.join(polled_wait(run_id=f"run-{number}"))
        counting = asyncio.create_task(count())
        await poller._round()
        counting.cancel()
        return turns

    assert asyncio.run(main()) >= 2 * waits / 100  # for the answers, and for what the logs say


def test_a_wait_makes_few_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full garbage collection blocks the loop and visits every object, so each object counts."""

    async def sleep(*_: Any) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(Poller, "_run", sleep)

    async def main(waits: int) -> float:
        gc.collect()
        before = len(gc.get_objects())
        waiting = [asyncio.create_task(events(trigger(f"run-{number}"))) for number in range(waits)]
        await asyncio.sleep(0)
        gc.collect()
        objects = len(gc.get_objects()) - before
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return objects / waits

    limit = 24 if sys.version_info >= (3, 11) else 29  # Python 3.10 has a dict for each instance
    assert asyncio.run(main(500)) <= limit
