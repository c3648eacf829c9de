"""Fixtures of the tests of triggers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.platform import Platform
from tests.harness.watchers import Supervisor


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """Return the triggerer's supervisor. It has no Variable yet."""
    from airflow.sdk.execution_time import task_runner

    supervisor = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    return supervisor


@pytest.fixture
def platform(
    emulator: Emulator, hook: Any, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> Platform:
    """Return the emulator's services with a stopped clock, known as `aep_default`; pauses are short."""
    from airflow_provider_aep.flow_runs import poller, schedule
    from airflow_provider_aep.triggers import assets

    monkeypatch.setattr(schedule, "SHORTEST", 0.05)
    monkeypatch.setattr(schedule, "LONGEST", 0.2)
    monkeypatch.setattr(poller, "GATHER", 0.02)
    monkeypatch.setattr(assets, "SHORTEST_INTERVAL", 0.02)
    monkeypatch.setattr(assets, "STORED_AFTER", 0.02)
    platform = Platform(emulator)
    platform.stop_clock()
    return platform


@pytest.fixture
def set_up(platform: Platform, make_hook: MakeHook) -> Iterator[Any]:
    """`set_up("--list-lag", "600")`: the services of an emulator with options, known as `aep_default`."""
    with ExitStack() as stack:

        def make(*options: str) -> Platform:
            other = Platform(stack.enter_context(Emulator(*options)))
            other.stop_clock()
            make_hook(other.emulator.url)
            return other

        yield make
