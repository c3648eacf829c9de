"""The poller and its reads, without a service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from airflow_provider_aep.flow_runs import poller as module
from airflow_provider_aep.flow_runs.fetch import Fetched, RunFetcher
from airflow_provider_aep.flow_runs.poller import PolledWait, Poller
from airflow_provider_aep.flow_runs.spec import WaitSpec
from airflow_provider_aep.flow_service.errors import AepRequestError, AepServerError
from tests.harness.waits import until


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
