"""Fixtures for all tests. Nothing here imports Airflow before a test needs it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.harness.connections import hook, logged, make_hook, paypal, set_connection, waits
from tests.harness.emulator import Emulator
from tests.harness.figures import figure, pytest_terminal_summary

# Before anything imports Airflow: it makes its home and reads its configuration at once.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))

# No property depends on speed. `make test` tries the same few examples each time, `make test-nightly` more.
NO_HURRY: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("few", derandomize=True, **NO_HURRY)
settings.register_profile("many", max_examples=2000, print_blob=True, **NO_HURRY)
settings.load_profile("few")

__all__ = [
    "emulator",
    "emulator_process",
    "figure",
    "hook",
    "logged",
    "make_hook",
    "paypal",
    "pytest_terminal_summary",
    "set_connection",
    "waits",
]


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
