"""What most tests of flows and runs stand on."""

from __future__ import annotations

import pytest

from tests.integration.emulator.path import Path
from tests.support.emulator import Emulator


@pytest.fixture
def path(emulator: Emulator) -> Path:
    """The services of sandbox `prod`; the clock stands."""
    path = Path(emulator)
    path.stop_clock()
    return path
