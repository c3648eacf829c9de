"""Fixtures of the tests that run the client in processes of its own, and the search at each test's end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.canary_plugin import (
    _what_is_read_is_searched,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_unconfigure,
)
from tests.harness.connections import SetConnection
from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID
from tests.harness.run_server import RunServer
from tests.harness.workers import Workers

__all__ = [
    "_what_is_read_is_searched",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_unconfigure",
]


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Starts tries of a create in real processes."""
    with Workers(tmp_path_factory.mktemp("workers")) as workers:
        yield workers


@pytest.fixture
def server(set_connection: SetConnection, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunServer]:
    """A server of runs, known as `aep_default`; intervals and pauses are hundredths of what they are."""
    from airflow_provider_aep.flow_runs import poller, schedule

    monkeypatch.setattr(schedule, "SHORTEST", 0.05)
    monkeypatch.setattr(schedule, "LONGEST", 0.5)
    monkeypatch.setattr(poller, "GATHER", 0.02)
    with RunServer() as server:
        extra = {"org_id": ORG_ID, "ims_host": server.url, "timeout": 20}
        aep = {"conn_type": "aep", "login": CLIENT_ID, "password": CLIENT_SECRET, "host": server.url}
        set_connection("aep_default", **aep, extra=extra)
        yield server
