"""Fixtures that call the emulator's services."""

from __future__ import annotations

import pytest

from tests.harness.emulator import Api, Emulator
from tests.harness.platform import Platform


@pytest.fixture
def api(emulator: Emulator) -> Api:
    """Return Flow Service of sandbox `prod`."""
    return emulator.api()


@pytest.fixture
def path(emulator: Emulator) -> Platform:
    """Return the services of sandbox `prod`, with a stopped clock."""
    path = Platform(emulator)
    path.stop_clock()
    return path
