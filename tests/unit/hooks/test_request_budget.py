"""The request budget: even spacing for all processes of a machine, and nothing worse without its file."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.retry import LONGEST_WAIT
from airflow_provider_aep.hooks import request_budget, shared_files
from airflow_provider_aep.hooks.request_budget import LONGEST_PAUSE, RequestBudget, find_budget

ORG = "a@AdobeOrg"


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory, which does not exist yet."""
    monkeypatch.setenv("AIRFLOW__AEP__SHARED_DIR", str(tmp_path / "shared"))
    shared_files._warn_once.cache_clear()
    request_budget._warn_once.cache_clear()
    request_budget._OWN.clear()
    yield tmp_path / "shared"
    request_budget._OWN.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stopped clock, and no randomness."""
    clock = SimpleNamespace(now=1000.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(request_budget, "time", clock)
    monkeypatch.setattr(request_budget, "random", SimpleNamespace(random=lambda: 0.0))
    return clock


def reserved(count: int, rate: float = 4, org: str = ORG) -> list[float]:
    """Reserve as so many processes would."""
    waits = [RequestBudget(org, rate).reserve() for _ in range(count)]
    return [wait for wait in waits if wait is not None]


@pytest.mark.usefixtures("shared")
def test_requests_are_spaced_evenly(clock: SimpleNamespace) -> None:
    """Never more than the budget in any second, and no debt after a quiet time."""
    assert reserved(4) == [0, 0.25, 0.5, 0.75]
    clock.now += 0.9
    assert reserved(2) == pytest.approx([0.1, 0.35])
    clock.now += 5
    assert reserved(2) == [0, 0.25]


@pytest.mark.usefixtures("shared", "clock")
def test_each_organization_has_its_own() -> None:
    """One organization's burst does not slow another one."""
    assert reserved(2) == [0, 0.25]
    assert reserved(2, org="b@AdobeOrg") == [0, 0.25]


@pytest.mark.usefixtures("shared")
def test_machines_that_start_together_spread(clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request after a quiet time is delayed at random, and those after it follow evenly."""
    monkeypatch.setattr(request_budget, "random", SimpleNamespace(random=lambda: 0.5))
    assert reserved(2) == [0.125, 0.375]
    clock.now += 3
    assert reserved(1) == [0], "a task that goes on is not delayed each time"
    clock.now += 3600
    assert reserved(2) == [0.125, 0.375]


@pytest.mark.usefixtures("shared", "clock")
def test_what_would_wait_for_too_long_reserves_nothing() -> None:
    """So the queue does not grow with requests that are not sent."""
    waits = reserved(200, rate=1)
    assert waits[:61] == list(range(61))
    assert set(waits[61:]) == {61}
    assert min(waits[61:]) > LONGEST_WAIT


@pytest.mark.usefixtures("shared")
def test_all_pause_when_aep_asks_one_to_wait(clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """At least for that long, and machines do not return together."""
    RequestBudget(ORG, 4).pause(20)
    RequestBudget(ORG, 4).pause(3)
    assert reserved(2) == [20, 20.25]
    clock.now += 30
    assert reserved(1) == [0]
    monkeypatch.setattr(request_budget, "random", SimpleNamespace(random=lambda: 0.5))
    RequestBudget(ORG, 4).pause(20)
    assert reserved(1) == [21]
    RequestBudget(ORG, 4).pause(1e9)
    assert reserved(1) == [LONGEST_PAUSE]


@pytest.mark.parametrize(
    "content", [b"", b"x", b"1", b"1 2 3", b"nan nan", b"inf inf", b"1e9 1e9", b"\xff\x00 1", b"x " * 100]
)
def test_impossible_content_counts_as_missing(shared: Path, clock: SimpleNamespace, content: bytes) -> None:
    """A write that was cut off, or times of the machine before it was started again."""
    assert reserved(1) == [0]
    [file] = shared.iterdir()
    file.write_bytes(content)
    assert reserved(2) == [0, 0.25]


def test_times_of_another_start_of_a_machine_do_not_count(
    shared: Path, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file outlives a restart, and pods on several machines may share the directory."""
    RequestBudget(ORG, 4).pause(60)
    assert reserved(1) == [60]
    monkeypatch.setattr(request_budget, "_boot_id", lambda: "another")
    clock.now -= 990
    assert reserved(2) == [0, 0.25]
    assert len(list(shared.iterdir())) == 2


@pytest.mark.usefixtures("clock")
def test_without_the_file_the_budget_is_the_process_s_own(
    shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And one warning names the setting."""
    shared.mkdir(0o755)
    assert reserved(3) == [0, 0.25, 0.5]
    assert caplog.text.count("`[aep] requests_per_second` holds for this process alone") == 1


@pytest.mark.usefixtures("clock")
def test_while_another_process_has_the_lock_there_is_no_answer(shared: Path) -> None:
    """The caller sleeps. If the lock is kept, it continues with a budget of its own."""
    assert reserved(1) == [0]
    with shared_files.opened_directory() as at:
        held = shared_files.try_lock(at, next(shared.iterdir()).name)
        assert held is not None
        budget = RequestBudget(ORG, 4)
        assert (budget.reserve(), budget.pause(9)) == (None, None)
        assert [budget.reserve_alone(), budget.reserve_alone()] == [0, 0.25]
        shared_files.unlock(held)
    assert reserved(1) == [0.25]


def test_a_process_that_is_killed_with_the_lock_blocks_nobody(shared: Path) -> None:
    """The kernel frees its lock."""
    assert len(reserved(1)) == 1
    pid = os.fork()
    if pid == 0:
        RequestBudget(ORG, 4)._change(lambda _: os.kill(os.getpid(), signal.SIGKILL))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert len(reserved(2)) == 2
    assert not request_budget._OWN


@pytest.mark.usefixtures("shared")
def test_processes_share_it() -> None:
    """What four processes reserve at once is as far apart as what one reserves."""
    rate, read, write, pids = 50.0, *os.pipe(), []
    for _ in range(4):
        if (pid := os.fork()) == 0:
            for _ in range(25):
                budget = RequestBudget(ORG, rate)
                wait = None
                while wait is None:
                    before = time.monotonic()
                    wait = budget.reserve()
                os.write(write, f"{before + wait!r} {time.monotonic() + wait!r}\n".encode())
            os._exit(0)
        pids.append(pid)
    os.close(write)
    with os.fdopen(read) as lines:
        bounds = sorted(tuple(map(float, line.split())) for line in lines)
    assert {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids} == {0}
    assert len(bounds) == 100
    assert bounds[-1][1] - bounds[0][0] >= 99 / rate
    assert not request_budget._OWN


@pytest.mark.usefixtures("shared", "clock")
def test_a_long_wait_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """With the name of the setting."""
    budget = RequestBudget(ORG, 1)
    with caplog.at_level(logging.INFO):
        for _ in range(20):
            budget.reserve()
    assert caplog.text.count("`[aep] requests_per_second` is 1") == 1


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "0.05", "many", ""])
def test_an_invalid_budget_is_an_error(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """It names the setting, before a request is sent."""
    monkeypatch.setenv("AIRFLOW__AEP__REQUESTS_PER_SECOND", value)
    with pytest.raises(AepConfigError, match="requests_per_second"):
        find_budget(ORG)


def test_by_default_there_is_no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read or written for a request."""
    assert find_budget(ORG) is None
    monkeypatch.setenv("AIRFLOW__AEP__REQUESTS_PER_SECOND", "0")
    assert find_budget(ORG) is None
    monkeypatch.setenv("AIRFLOW__AEP__REQUESTS_PER_SECOND", "2.5")
    assert isinstance(find_budget(ORG), RequestBudget)
