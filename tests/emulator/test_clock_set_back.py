"""The clock of a worker, a triggerer or the platform goes back an hour, in a create and in a wait."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep._compat import AirflowSensorTimeout
from airflow_provider_aep.flow_service.errors import RunTimeoutError
from tests.harness.emulator import Emulator
from tests.harness.faults import NONE_LISTED, at
from tests.harness.figures import KeepFigure
from tests.harness.operators import context
from tests.harness.platform import Platform
from tests.harness.run_server import RunServer
from tests.harness.waits import deferred, events, resumed, sensor, trigger
from tests.harness.workers import FOREIGN_MARK, NAME, Workers, existing, wait_until
from tests.harness.wrong_clock import HOUR, set_back

SHORT = 2.0
"""Seconds until the deadline of a wait, and until the end of a token."""


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """What makes a clock wrong; it is right until a test sets it back."""
    file = tmp_path / "clock"
    file.touch()
    return file


@pytest.fixture
def back_at_the_first_poll(server: RunServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunServer]:
    """This process's clock goes back once a wait has polled. Its run ends at last, lest a test hangs."""
    right = time.time
    server.add("run-1")
    monkeypatch.setattr(time, "time", lambda: right() - (HOUR if server.seen("/runs") else 0))
    late = threading.Timer(60, server.finish, ["run-1", "success"])
    late.start()
    yield server
    late.cancel()


def statuses(platform: Platform, flow: str) -> list[str]:
    """Of a flow's runs."""
    return [run["metrics"]["statusSummary"]["status"] for run in platform.runs(flow)]


# The worker


@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.nightly), "after"])
def test_a_create(emulator: Emulator, workers: Workers, clock: Path, when: str, figure: KeepFigure) -> None:
    """One connection exists, and the token is requested once, not with each request."""
    worker = workers.start(emulator.url, pause=(when, 3), clock=clock)
    worker.wait_stopped()
    set_back(clock)
    worker.go_on()
    made = worker.returned()
    assert len(emulator.requests("POST", "/ims/token/v3")) == 1
    assert existing(emulator) == [made]
    figure("a worker's clock set back in a create: connections", len(existing(emulator)))


def test_no_token_is_used_past_its_end(emulator: Emulator, workers: Workers, clock: Path) -> None:
    """A clock that is an hour back does not give the token an hour more."""
    short = {"access_token": emulator.token(), "token_type": "bearer", "expires_in": SHORT}
    emulator.fault(method="POST", path="/ims/token/v3", status=200, body=short)
    worker = workers.start(emulator.url, pause=("before", 3), clock=clock)
    worker.wait_stopped()
    set_back(clock)
    time.sleep(SHORT)
    emulator.forget_requests()
    worker.go_on()
    made = worker.returned()
    assert emulator.requests("POST", "/ims/token/v3")
    assert existing(emulator) == [made]


def test_the_deadline_of_a_wait_in_a_slot(back_at_the_first_poll: RunServer, figure: KeepFigure) -> None:
    """Neither early nor an hour late."""
    began = time.monotonic()
    with pytest.raises(AirflowSensorTimeout) as caught:
        sensor(deferrable=False, timeout=SHORT).execute(context())
    assert isinstance(caught.value.__cause__, RunTimeoutError)
    assert time.monotonic() - began >= SHORT
    figure("a clock set back in a wait: deadlines kept", 1)


# The triggerer


def test_the_deadline_of_a_trigger(back_at_the_first_poll: RunServer, figure: KeepFigure) -> None:
    """Neither early nor an hour late."""
    began = time.monotonic()
    waiting = trigger(deadline=time.time() + SHORT)
    (event,) = asyncio.run(events(waiting))
    assert event["status"] == "timeout"
    assert time.monotonic() - began >= SHORT
    figure("a clock set back in a wait: deadlines kept", 1)


def test_a_deferred_wait_goes_on(
    emulator: Emulator, hook: Any, monkeypatch: pytest.MonkeyPatch, figure: KeepFigure
) -> None:
    """Its run ends, and the task that resumes an hour before it began has the result."""
    platform = Platform(emulator)
    flow = platform.flow(platform.once())
    platform.stop_clock()
    left = deferred(sensor(flow_id=flow, run_id=None))
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() - HOUR)
    platform.advance(60)
    result = resumed(sensor(flow_id=flow, run_id=None), left)
    (run,) = platform.runs(flow)
    assert (result["run_id"], result["status"]) == (run["id"], "success")
    figure("a clock set back in a wait: runs waited for to their end", 1)


# The platform


def test_the_platform_goes_on(tmp_path: Path, clock: Path) -> None:
    """What is made later has a later `createdAt`, also after a restart; a run ends, and a token."""
    state = str(tmp_path / "state")
    with Emulator("--state", state, clock=clock) as emulator:
        path = Platform(emulator)
        flow = path.flow(path.once())
        set_back(clock)
        wait_until(lambda: statuses(path, flow) == ["success"], "the end of the run")
        token = emulator.token()
        emulator.advance(86399)
        assert emulator.api(token)("GET", "/connections").status_code == 401
        before = emulator.api().create("before").json()["id"]
    with Emulator("--state", state, clock=clock) as emulator:
        after = emulator.api().create("after").json()["id"]
        listed = emulator.api()("GET", "/connections").json()["items"]
    made = {one["id"]: one["createdAt"] for one in listed}
    assert made[before] < made[after]


def test_the_oldest_stays(workers: Workers, clock: Path) -> None:
    """Two tasks race while the platform's clock goes back: the one that came first is kept."""
    with Emulator(clock=clock) as emulator:
        rival = emulator.api().create(NAME, description=f"Somebody's {FOREIGN_MARK}").json()["id"]
        emulator.fault(**at("GET /connections", NONE_LISTED))
        set_back(clock)
        assert workers.start(emulator.url).returned() == rival
        assert len(emulator.requests("POST", "/connections")) == 2
        assert existing(emulator) == [rival]
