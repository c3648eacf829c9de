"""What most tests of flows and runs stand on."""

from __future__ import annotations

import pytest

from tests.harness.emulator import Emulator
from tests.harness.emulator_path import Path


@pytest.fixture
def path(emulator: Emulator) -> Path:
    """The services of sandbox `prod`; the clock stands."""
    path = Path(emulator)
    path.stop_clock()
    return path
