"""The emulator's clock where the computer's goes back."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import pytest

from airflow_provider_aep.emulator.clock import Clock
from tests.harness.emulator import Emulator

HOUR = 3600.0


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The computer's time, as a test sets it."""
    now = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def test_it_goes_on(computer: list[float]) -> None:
    """From where it stood, as fast as the computer's, and ahead with it."""
    clock = Clock(offset=10)
    computer[0] += 5
    assert clock.now() == 1_000_015
    computer[0] -= HOUR
    assert clock.now() == 1_000_015
    computer[0] += 7
    assert clock.now() == 1_000_022
    computer[0] += HOUR
    assert clock.now() == 1_000_022 + HOUR


def test_it_stands(computer: list[float]) -> None:
    """What happens meanwhile does not count."""
    clock = Clock()
    clock.stop()
    computer[0] -= HOUR
    assert clock.now() == 1_000_000
    clock.run()
    assert clock.now() == 1_000_000
    computer[0] += 1
    assert clock.now() == 1_000_001


def test_a_reset(computer: list[float]) -> None:
    """Real time again, whatever that is."""
    clock = Clock()
    computer[0] -= HOUR
    assert clock.now() == 1_000_000
    clock.reset()
    assert clock.now() == 1_000_000 - HOUR


def test_replies_are_dated_by_it(emulator: Emulator) -> None:
    """A client that compares clocks sees the platform's, not the computer's."""
    emulator.advance(HOUR)
    reply = emulator.http.get(f"{emulator.url}/data/foundation/flowservice/connections", timeout=10)
    dated = parsedate_to_datetime(reply.headers["date"]).timestamp()
    assert abs(dated - emulator.control("GET", "clock")["now"]) < HOUR / 2
