"""Fixtures that call the emulator's services."""

from __future__ import annotations

import pytest

from tests.harness.emulator import Api, Emulator
from tests.harness.emulator_path import Path


@pytest.fixture
def api(emulator: Emulator) -> Api:
    """Return Flow Service of sandbox `prod`."""
    return emulator.api()


@pytest.fixture
def path(emulator: Emulator) -> Path:
    """Return the services of sandbox `prod`, with a stopped clock."""
    path = Path(emulator)
    path.stop_clock()
    return path
