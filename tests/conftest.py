"""Fixtures for all tests. Nothing here imports Airflow: most tests do without it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.emulator import Emulator


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
