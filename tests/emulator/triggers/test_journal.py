"""Watchers with an Adobe I/O journal as their source, against the emulator's journal."""

from __future__ import annotations

import math
from typing import Any
from unittest.mock import AsyncMock

import pytest

from tests.harness.emulator import JOURNAL
from tests.harness.platform import Platform, decide
from tests.harness.waits import pollers, until
from tests.harness.watchers import (
    AssetStore,
    aside,
    foreign_flow,
    ids,
    run,
    run_once,
    running,
    start,
    watcher,
)


@pytest.fixture(autouse=True)
def _frequent_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the journal all the time, and list runs only for its events."""
    from airflow_provider_aep.flow_runs import journal, watching

    monkeypatch.setattr(journal, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(journal, "SHORTEST_WAIT", 0.05)
    monkeypatch.setattr(watching, "SOON", 0.5)
    monkeypatch.setattr(watching, "RARELY", 3600.0)


def journal_of(platform: Platform, store: AssetStore, flow: str, **kwargs: Any) -> Any:
    """Return a watcher with the emulator's journal."""
    return watcher(store, flow_id=flow, journal=platform.emulator.url + JOURNAL, **kwargs)


async def read(platform: Platform, times: int = 2) -> None:
    """Wait for some more reads of the journal."""
    path = JOURNAL.rpartition("/")[2]
    before = len(await aside(platform.emulator.requests, "GET", path))

    async def count() -> int:
        return len(await aside(platform.emulator.requests, "GET", path))

    while await count() < before + times:
        pass


@pytest.mark.parametrize("envelope", ["plain", "messages", "alerts"])
def test_an_event_in_any_envelope_makes_the_watcher_list_runs(set_up: Any, envelope: str) -> None:
    """Between events the journal is read, and no run is listed. The run's facts come from the list."""
    platform = set_up("--journal-envelope", envelope)
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(journal_of(platform, store, flow, on=["success", "failed"])) as events:
            await until(lambda: store.value)
            await aside(foreign_flow, platform, "Other")
            await aside(platform.emulator.forget_requests)
            await read(platform, 4)
            quiet = await aside(platform.emulator.requests, "GET", "/runs")
            one = await aside(start, platform, flow)
            await aside(decide, platform, one, status="failed")
            await until(lambda: events)
            return quiet, one, events

    quiet, one, events = run(main())
    assert quiet == []
    assert ids(events) == [one]
    assert events[0][0]["dataset_id"]


def test_shuffled_events_that_come_twice_announce_each_run_once(set_up: Any) -> None:
    """The runs are those of the lists, so a double or a late event announces nothing."""
    platform = set_up("--journal-delivery", "shuffled")
    flows = [foreign_flow(platform, f"Foreign {n}") for n in range(3)]
    stores = [AssetStore() for _ in flows]

    async def main() -> Any:
        one, two, three = (
            journal_of(platform, store, flow) for store, flow in zip(stores, flows, strict=True)
        )
        async with running(one) as first, running(two) as second, running(three) as third:
            await until(lambda: all(store.value for store in stores))
            expected = []
            for _ in range(5):
                expected += [await aside(run_once, platform, flow) for flow in flows]
                await aside(platform.advance, 40)
            await aside(platform.advance, 120)
            await until(lambda: len(ids([*first, *second, *third])) >= len(expected))
            await read(platform, 6)
            return expected, ids([*first, *second, *third])

    expected, announced = run(main())
    assert sorted(announced) == sorted(expected)


def test_an_expired_position_costs_one_list(platform: Platform, logged: Any) -> None:
    """The events in the gap are gone. AEP is asked for their runs, and the journal goes on."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(journal_of(platform, store, flow)) as events:
            await until(lambda: store.value)
            await read(platform)
            (poller,) = pollers().values()
            (journal,) = poller._watching._journals.values()
            journal.due, journal.read = math.inf, AsyncMock()  # nothing reads it for a while
            one = await aside(run_once, platform, flow)
            await aside(platform.emulator.control, "POST", "journal", {"expire": True})
            del journal.read
            journal.due = 0.0
            poller._wake.set()
            await until(lambda: one in ids(events))
            await read(platform)
            two = await aside(run_once, platform, flow)
            await until(lambda: two in ids(events))
            return [one, two], ids(events)

    expected, announced = run(main())
    assert announced == expected
    assert "has expired" in logged()


def test_without_the_journal_aep_is_polled(platform: Platform, logged: Any) -> None:
    """The log says it once, and again when the journal can be read."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(journal_of(platform, store, flow)) as events:
            await until(lambda: store.value)
            await aside(platform.emulator.fault, method="GET", path=JOURNAL, status=503, times=20)
            one = await aside(run_once, platform, flow)
            await until(lambda: one in ids(events))
            await aside(platform.emulator.clear_faults)
            await read(platform, 4)
            return one, ids(events)

    one, announced = run(main())
    assert announced == [one]
    text = logged()
    assert text.count("The journal cannot be read, so AEP is polled until it can") == 1
    assert "can be read again" in text


def test_an_hour_without_a_triggerer_loses_no_run(platform: Platform) -> None:
    """The position in the journal is not kept: the list begins at the watcher's own position."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(journal_of(platform, store, flow)):
            await until(lambda: store.value)
        missed = [await aside(run_once, platform, flow, 1200) for _ in range(3)]
        async with running(journal_of(platform, store, flow)) as events:
            await until(lambda: events)
            later = await aside(run_once, platform, flow)
            await until(lambda: later in ids(events))
        return [*missed, later], ids(events)

    expected, announced = run(main())
    assert announced == expected


def test_the_token_is_sent_to_no_other_host(platform: Platform, logged: Any) -> None:
    """A journal elsewhere is refused before a request is sent. AEP is polled."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        trigger = watcher(store, flow_id=flow, journal="https://events.adobe.io.example.com/journal")
        async with running(trigger) as events:
            await until(lambda: store.value)
            one = await aside(run_once, platform, flow)
            await until(lambda: one in ids(events))

    run(main())
    assert "`journal` is on another host" in logged()
