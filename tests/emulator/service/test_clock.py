"""Test the emulator's clock when the computer's clock is set back."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import pytest

from airflow_provider_aep.emulator.clock import Clock
from tests.harness.emulator import Emulator

HOUR = 3600.0


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Set the computer's time."""
    now = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def test_the_clock_continues(computer: list[float]) -> None:
    """The clock continues from its last time, as fast as the computer's, and follows it ahead."""
    clock = Clock(offset=10)
    computer[0] += 5
    assert clock.now() == 1_000_015
    computer[0] -= HOUR
    assert clock.now() == 1_000_015
    computer[0] += 7
    assert clock.now() == 1_000_022
    computer[0] += HOUR
    assert clock.now() == 1_000_022 + HOUR


def test_a_stopped_clock(computer: list[float]) -> None:
    """Changes of the computer's clock do not count while the clock is stopped."""
    clock = Clock()
    clock.stop()
    computer[0] -= HOUR
    assert clock.now() == 1_000_000
    clock.run()
    assert clock.now() == 1_000_000
    computer[0] += 1
    assert clock.now() == 1_000_001


def test_a_reset(computer: list[float]) -> None:
    """A reset returns to real time."""
    clock = Clock()
    computer[0] -= HOUR
    assert clock.now() == 1_000_000
    clock.reset()
    assert clock.now() == 1_000_000 - HOUR


def test_the_date_header(emulator: Emulator) -> None:
    """The `Date` header has the emulator's time, not the computer's."""
    emulator.advance(HOUR)
    reply = emulator.http.get(f"{emulator.url}/data/foundation/flowservice/connections", timeout=10)
    dated = parsedate_to_datetime(reply.headers["date"]).timestamp()
    assert abs(dated - emulator.control("GET", "clock")["now"]) < HOUR / 2
