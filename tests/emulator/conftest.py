"""Fixtures of the tests against the emulator, and the search for secrets at each test's end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.connections import MakeHook
from tests.harness.raw_server import Authority, make_authority
from tests.harness.run_server import RunServer
from tests.harness.secret_search import (
    _search_what_is_read,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_unconfigure,
)
from tests.harness.workers import Workers

__all__ = [
    "_search_what_is_read",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_unconfigure",
]


@pytest.fixture(autouse=True)
def _short_settle_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settle at once: the lists do not lag, except in tests that set a settle time of their own."""
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "0.02")


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the pauses between two lists of entities or runs a tenth of the real ones."""
    from airflow_provider_aep.exactly_once import reconciler, runs

    for module, name in ((reconciler, "SETTLING"), (reconciler, "PATIENCE"), (runs, "PATIENCE")):
        monkeypatch.setattr(module, name, tuple(pause / 10 for pause in getattr(module, name)))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make the authority that servers are certified by."""
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Run tries of tasks in processes of their own."""
    with Workers(tmp_path_factory.mktemp("workers")) as workers:
        yield workers


@pytest.fixture
def server(make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunServer]:
    """Start a server of runs, known as `aep_default`; poll intervals and pauses are short."""
    from airflow_provider_aep.flow_runs import poller, schedule

    monkeypatch.setattr(schedule, "SHORTEST", 0.05)
    monkeypatch.setattr(schedule, "LONGEST", 1.0)
    monkeypatch.setattr(poller, "GATHER", 0.02)
    with RunServer() as server:
        make_hook(server.url)
        yield server
