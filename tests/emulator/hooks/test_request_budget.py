"""`[aep] requests_per_second`: every request to AEP waits for the budget that processes share."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepRequestError,
    AepThrottledError,
    RequestBudgetError,
)
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.hooks.aio import AsyncFlowService
from airflow_provider_aep.hooks.request_budget import RequestBudget
from airflow_provider_aep.hooks.shared_files import opened_directory, try_lock, unlock
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.workers import Workers

SETTING = "AIRFLOW__AEP__REQUESTS_PER_SECOND"


@pytest.fixture
def rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`rate(5)`: set the budget, in a directory of this test."""
    monkeypatch.setenv("AIRFLOW__AEP__SHARED_DIR", str(tmp_path / "shared"))
    return lambda value: monkeypatch.setenv(SETTING, str(value))


def refused(send: Callable[[], Any]) -> RequestBudgetError:
    """Send again and again until the budget has no room, and return its error."""
    for _ in range(100):
        try:
            send()
        except AepRequestError:
            pass
        except RequestBudgetError as error:
            return error
    raise AssertionError("the budget always had room")


def test_requests_sleep_until_the_budget_has_room(rate: Any, hook: Any, waits: list[float]) -> None:
    """Not the token request, which goes to IMS."""
    rate(0.1)
    begun = time.monotonic()
    for _ in range(3):
        assert hook.list_connections() == []
    took = time.monotonic() - begun
    assert len(waits) == 3
    assert 20 - took <= waits[2] - waits[0] <= 20  # the fixture notes a sleep, and does not sleep


def test_a_sleep_for_the_budget_does_not_end_a_try(rate: Any, hook: Any, waits: list[float]) -> None:
    """It belongs to the request, as a slow reply does: it does not count as sleep in a worker slot."""
    rate(0.1)
    hook.sleep_at_most(0)
    for _ in range(3):
        hook.list_connections()
    assert sum(waits) > 10


def test_without_room_within_a_minute_nothing_is_sent(
    rate: Any, hook: Any, emulator: Emulator, waits: list[float]
) -> None:
    """The error is one for a retry, and says when."""
    rate(0.1)
    for _ in range(6):
        hook.list_connections()
    emulator.forget_requests()
    error = refused(lambda: hook.run("connections", method="POST", json={}))
    assert (error.retryable, error.may_have_happened) == (True, False)
    assert error.retry_after is not None
    assert error.retry_after > 60
    assert len(emulator.requests("POST", "/connections")) == len(waits) - 6
    assert max(waits) <= 60


def test_a_call_that_must_end_soon_is_not_sent_late(rate: Any, hook: Any, waits: list[float]) -> None:
    """A page of the UI waits for no budget that has no room in its time."""
    rate(0.1)
    for _ in range(5):
        hook.list_connections()
    hook.give_up_after(call=1, total=1)
    with pytest.raises(RequestBudgetError):
        hook.list_connections()


def test_a_signal_handler_does_not_wait(rate: Any, hook: Any, waits: list[float]) -> None:
    """The worker kills the process in a few seconds."""
    rate(0.1)
    for _ in range(3):
        hook.list_connections()
    waits.clear()
    assert hook.aside().list_connections() == []
    assert waits == []


def test_retry_after_of_one_task_pauses_the_others(
    rate: Any, make_hook: MakeHook, emulator: Emulator, waits: list[float]
) -> None:
    """They share it with the budget."""
    rate(100)
    first, second = make_hook(emulator.url), make_hook(emulator.url)
    emulator.fault(method="POST", path="/connections", status=429, headers={"Retry-After": "50"})
    with pytest.raises(AepThrottledError):
        first.run("connections", method="POST", json={})
    waits.clear()
    second.list_connections()
    assert 20 < sum(waits) <= 55
    emulator.fault(method="POST", path="/connections", status=429, headers={"Retry-After": "400"})
    with pytest.raises(AepThrottledError):
        first.run("connections", method="POST", json={})
    with pytest.raises(RequestBudgetError):
        second.list_connections()


def test_an_invalid_budget_names_the_setting(rate: Any, hook: Any, emulator: Emulator) -> None:
    """Before anything is sent to AEP."""
    rate("many")
    with pytest.raises(AepConfigError, match="requests_per_second"):
        hook.list_connections()
    assert emulator.requests("GET") == []


def test_a_stopped_process_that_has_the_file_blocks_nobody(
    rate: Any, hook: Any, tmp_path: Path, waits: list[float]
) -> None:
    """After a second, a process continues with a budget of its own."""
    rate(0.1)
    hook.list_connections()
    waits.clear()
    with opened_directory() as at:
        held = try_lock(at, next((tmp_path / "shared").iterdir()).name)
        assert held is not None
        hook.list_connections()
        unlock(held)
    assert 1 <= sum(waits) < 12


def test_processes_share_the_budget(rate: Any, emulator: Emulator, workers: Workers, tmp_path: Path) -> None:
    """All requests of four processes take as long as the budget says, at least."""
    rate(5)
    settings = {SETTING: "5", "AIRFLOW__AEP__SHARED_DIR": str(tmp_path / "shared")}
    begun = time.monotonic()
    started = [workers.start(emulator.url, name=f"n{one}", settle=0, settings=settings) for one in range(4)]
    assert len({worker.returned() for worker in started}) == 4
    took = time.monotonic() - begun
    requests = [one for one in emulator.requests() if "/ims/" not in one["path"]]
    assert len(requests) >= 12
    assert took >= (len(requests) - 1) / 5


def test_waits_use_it_off_the_event_loop(rate: Any, hook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is read in a thread, and the loop runs on while a request waits."""
    rate(20)
    threads, reserve = [], RequestBudget.reserve

    def noting(self: RequestBudget) -> float | None:
        threads.append(threading.current_thread())
        return reserve(self)

    monkeypatch.setattr(RequestBudget, "reserve", noting)

    async def main() -> None:
        beats = 0

        def beat() -> None:
            nonlocal beats
            beats += 1

        async with AsyncFlowService() as service:
            service.on_progress = beat
            begun = time.monotonic()
            calls = (service.call(Call("GET", "/connections")) for _ in range(5))
            await asyncio.gather(*calls)
            assert time.monotonic() - begun >= 4 / 20
        assert beats >= 15

    asyncio.run(main())
    assert len(threads) >= 5
    assert threading.main_thread() not in threads
