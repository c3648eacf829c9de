"""Fixtures for all tests. Nothing here imports Airflow before a test needs it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

from tests.support.connections import hook, logged, make_hook, paypal, set_connection, waits
from tests.support.emulator import Emulator

# Before anything imports Airflow: it makes its home and reads its configuration at once.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))

__all__ = ["emulator", "emulator_process", "hook", "logged", "make_hook", "paypal", "set_connection", "waits"]


@pytest.fixture(scope="session")
def emulator_process() -> Iterator[Emulator]:
    """One emulator for the whole session."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(emulator_process: Emulator) -> Emulator:
    """The session's emulator, as new."""
    emulator_process.reset()
    return emulator_process
