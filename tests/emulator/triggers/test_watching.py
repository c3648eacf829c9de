"""Watchers of flow runs against the emulator: what they announce, and across restarts and failures."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from tests.harness.platform import Platform, decide
from tests.harness.waits import pollers, until
from tests.harness.watchers import (
    AssetStore,
    Supervisor,
    aside,
    foreign_flow,
    ids,
    polled,
    run,
    run_once,
    running,
    start,
    started,
    watcher,
)


def test_a_foreign_run_is_announced_with_its_facts(platform: Platform) -> None:
    """The first start begins now. A run that ended before is not announced; a new one is, exactly once."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(watcher(store, flow_id=flow)) as events:
            await started(store)
            await aside(run_once, platform, flow)
            await until(lambda: events)
            await polled(platform.emulator)
            return events

    events = run(main())
    item = platform.runs(flow)[1]
    assert json.loads(json.dumps(events)) == events
    assert events == [
        [
            {
                "run_id": item["id"],
                "flow_id": flow,
                "dataset_id": platform.dataset_id,
                "records_written": item["metrics"]["recordSummary"]["outputRecordCount"],
                "records_failed": 0,
                "window_start": "1970-01-01T00:00:00+00:00",
                "window_end": events[0][0]["window_end"],
            }
        ]
    ]
    assert events[0][0]["window_end"] > "2026"


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (["success"], ["success"]),
        (["failed"], ["failed"]),
        (["partial"], ["partial", "lossy"]),
        (["success", "failed", "partial"], ["success", "failed", "partial", "lossy"]),
    ],
)
def test_the_outcomes_are_judged_as_waits_judge_them(
    platform: Platform, on: list[str], expected: list[str]
) -> None:
    """A success with failed records is partial. A run of an unknown status has not ended."""
    flow, store, named = foreign_flow(platform), AssetStore(), {}

    def land() -> None:
        decisions: dict[str, Any] = {
            "success": {"status": "success"},
            "failed": {"status": "failed"},
            "partial": {"status": "partialSuccess"},
            "lossy": {"status": "success", "metrics": {"recordSummary": {"failedRecordCount": 3}}},
            "odd": {"status": "resting"},
        }
        for name, decision in decisions.items():
            named[start(platform, flow)] = name
            decide(platform, list(named)[-1], **decision)

    async def main() -> Any:
        async with running(watcher(store, flow_id=flow, on=on)) as events:
            await started(store)
            await aside(land)
            await until(lambda: len(ids(events)) >= len(expected))
            await polled(platform.emulator)
            return events

    assert sorted(named[one] for one in ids(run(main()))) == sorted(expected)


def test_a_restart_continues_after_the_runs_that_were_announced(platform: Platform) -> None:
    """Runs that end while no triggerer runs are announced at the next start, oldest first, and no other."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(watcher(store, flow_id=flow)) as first:
            await started(store)
            one = await aside(run_once, platform, flow)
            await until(lambda: first)
            await until(lambda: one in store.value["seen"])
        missed = [await aside(run_once, platform, flow, 7200) for _ in range(3)]
        async with running(watcher(store, flow_id=flow)) as second:
            await until(lambda: second)
            await polled(platform.emulator)
        return one, ids(first), missed, second

    one, first, missed, second = run(main())
    assert first == [one]
    assert second == [second[0]]
    assert ids(second) == missed


def test_a_kill_between_event_and_position_repeats_the_event_with_the_same_key(platform: Platform) -> None:
    """The position moves some seconds after the event, so a run comes twice rather than never."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        trigger = watcher(store, flow_id=flow)
        generator = trigger.run()
        waiting = asyncio.create_task(anext(generator))
        await started(store)
        one = await aside(run_once, platform, flow)
        event = await waiting
        await generator.aclose()  # the triggerer dies before it asks for the next event
        async with running(watcher(store, flow_id=flow)) as second:
            await until(lambda: second)
        return one, [event.payload["runs"], *second]

    one, events = run(main())
    assert ids(events) == [one, one]


def test_a_poll_right_after_an_event_does_not_move_the_position(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poll can follow at once, as after an event of a journal. Airflow stores an event seconds later."""
    from airflow_provider_aep.triggers import assets

    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(watcher(store, flow_id=flow)) as events:
            await started(store)
            monkeypatch.setattr(assets, "STORED_AFTER", 3600.0)
            runs = [await aside(run_once, platform, flow)]
            await until(lambda: runs[0] in ids(events))
            await polled(platform.emulator)
            runs += [await aside(run_once, platform, flow)]
            await until(lambda: runs[1] in ids(events))
            await polled(platform.emulator)
            before = set(store.value["seen"])
            monkeypatch.setattr(assets, "STORED_AFTER", 0.0)
            await until(lambda: set(runs) <= set(store.value["seen"]))
            return runs, before, ids(events)

    runs, before, announced = run(main())
    assert announced == runs
    assert not before & set(runs)


def test_two_hundred_runs_and_five_kills(platform: Platform) -> None:
    """Each run is announced, whenever the triggerer dies."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        events: list[Any] = []
        async with running(watcher(store, flow_id=flow)):
            await started(store)
        expected: list[str] = []
        for _ in range(5):
            async with running(watcher(store, flow_id=flow)) as some:
                expected += [await aside(start, platform, flow) for _ in range(40)]
                await aside(platform.advance, 10)
                await until(lambda some=some: some)
            events += some
        async with running(watcher(store, flow_id=flow)) as some:
            await until(lambda: set(ids([*events, *some])) >= set(expected))
        return expected, ids([*events, *some])

    expected, announced = run(main())
    assert set(announced) == set(expected)


def test_a_run_that_started_long_ago_is_announced_when_it_ends(platform: Platform) -> None:
    """The position is about ends. The run started days before the watcher, and other runs ended since."""
    flow, store = foreign_flow(platform), AssetStore()
    long = start(platform, flow)
    decide(platform, long, status="inProgress")
    platform.advance(3 * 86400)
    run_once(platform, flow)

    async def main() -> Any:
        async with running(watcher(store, flow_id=flow)) as events:
            await started(store)
            await aside(run_once, platform, flow, 7200)
            await aside(decide, platform, long, status="success")
            await until(lambda: long in ids(events))
            await polled(platform.emulator)
            return ids(events)

    assert run(main()).count(long) == 1


def test_the_present_is_that_of_aep(platform: Platform) -> None:
    """A run of today moves the position, also if this machine's clock is days behind."""
    flow, store = foreign_flow(platform), AssetStore()
    platform.advance(10 * 86400)
    run_once(platform, flow)

    async def main() -> None:
        async with running(watcher(store, flow_id=flow)):
            await started(store)

    run(main())
    assert store.value["since"] > time.time() + 9 * 86400


def test_a_failed_run_without_an_end_time_is_announced(set_up: Any) -> None:
    """Samples of failed runs lack `completedAtUTC`."""
    platform = set_up("--failed-run-end", "omitted")
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(watcher(store, flow_id=flow, on=["failed"])) as events:
            await started(store)
            failed = await aside(start, platform, flow)
            await aside(decide, platform, failed, status="failed")
            await until(lambda: events)
            return failed, ids(events)

    failed, announced = run(main())
    assert announced == [failed]


def test_a_run_that_the_list_shows_late_is_announced(set_up: Any) -> None:
    """Another run ended and was announced before the list shows this one."""
    platform = set_up("--list-lag", "600")
    flow, store = foreign_flow(platform), AssetStore()
    platform.advance(700)
    early = start(platform, flow)
    platform.advance(500)
    late = start(platform, flow)
    decide(platform, early, status="inProgress")

    async def main() -> Any:
        async with running(watcher(store, flow_id=flow)) as events:
            await started(store)
            await aside(platform.advance, 110)  # the list shows the first, and not yet the second
            await aside(decide, platform, early, status="success")
            await until(lambda: events)
            await aside(platform.advance, 500)
            await until(lambda: late in ids(events))
            return ids(events)

    assert run(main()) == [early, late]


def test_without_aep_it_waits_and_misses_nothing(platform: Platform, logged: Any) -> None:
    """It neither ends nor announces anything, and the log says why."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(watcher(store, flow_id=flow)) as events:
            await started(store)
            await aside(platform.emulator.fault, method="GET", path="/runs", status=503, times=10)
            one = await aside(run_once, platform, flow)
            await until(lambda: events)
            return one, ids(events)

    one, announced = run(main())
    assert announced == [one]
    assert "Flow runs could not be listed" in logged()


def test_a_position_that_cannot_be_read_is_not_a_first_start(platform: Platform) -> None:
    """The trigger tries until the store answers, and then announces what ended since the position."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(watcher(store, flow_id=flow)):
            await started(store)
        one = await aside(run_once, platform, flow)
        store.failing = 4
        async with running(watcher(store, flow_id=flow)) as events:
            await until(lambda: events)
        return one, ids(events)

    one, announced = run(main())
    assert announced == [one]


def test_a_position_that_is_not_one_is_not_a_first_start(platform: Platform) -> None:
    """Somebody changed it: the trigger waits until somebody deletes or repairs it."""
    flow, store = foreign_flow(platform), AssetStore()
    store.values[watcher(store, flow_id=flow).variable] = ["nonsense"]

    async def main() -> Any:
        async with running(watcher(store, flow_id=flow)) as events:
            await until(lambda: len(store.calls) > 4)
            assert not pollers()
            assert set(store.calls) == {"get"}
            return events

    assert run(main()) == []


def test_before_airflow_3_3_the_position_is_a_variable(platform: Platform, supervisor: Supervisor) -> None:
    """It also counts after an upgrade. If Airflow cannot read it, that is not a first start."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(watcher(None, flow_id=flow)):
            await until(lambda: supervisor.variables)
        one = await aside(run_once, platform, flow)
        supervisor.failing = 3
        async with running(watcher(None, flow_id=flow)) as before:
            await until(lambda: any(one in value for value in supervisor.variables.values()))
        two = await aside(run_once, platform, flow)
        async with running(watcher(store, flow_id=flow)) as after:
            await until(lambda: store.value and two in store.value["seen"])
        return [one, two], ids([*before, *after])

    expected, announced = run(main())
    assert announced == expected


def test_two_assets_with_equal_watchers_keep_the_position_in_a_variable(
    platform: Platform, supervisor: Supervisor
) -> None:
    """Airflow 3.3 then refuses to choose the store of one asset."""

    class Shared:
        async def aget(self, *_args: Any) -> Any:
            raise ValueError("Task has 2 concrete assets")

        aset = aget

    flow = foreign_flow(platform)

    async def main() -> Any:
        async with running(watcher(Shared(), flow_id=flow)) as events:
            await until(lambda: supervisor.variables)
            one = await aside(run_once, platform, flow)
            await until(lambda: one in ids(events))
            await until(lambda: any(one in value for value in supervisor.variables.values()))

    run(main())


def test_a_position_that_cannot_be_stored_is_stored_later(platform: Platform) -> None:
    """Meanwhile runs are announced, each once."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(watcher(store, flow_id=flow)) as events:
            await started(store)
            store.failing = 3
            one = await aside(run_once, platform, flow)
            await until(lambda: one in store.value["seen"])
            return one, ids(events)

    one, announced = run(main())
    assert announced == [one]


def test_a_name_finds_each_dataflow_of_this_name(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, logged: Any
) -> None:
    """Also one that is created later, with its first run. The log says that it is missing so far."""
    from airflow_provider_aep.flow_runs import watching

    monkeypatch.setattr(watching, "DATAFLOWS", 0.1)
    store, name = AssetStore(), 'Orders, "new"'

    async def main() -> Any:
        async with running(watcher(store, flow_name=name)) as events:
            await started(store)
            first, _ = await aside(foreign_flow, platform, name), await aside(foreign_flow, platform, "Other")
            await until(lambda: ids(events))
            second = await aside(foreign_flow, platform, name)
            await until(lambda: len(ids(events)) == 2)
            return [first, second], [run["flow_id"] for runs in events for run in runs]

    flows, announced = run(main())
    assert announced == flows
    assert "There is no dataflow" in logged()


def test_fifty_watchers_and_a_hundred_waits_share_a_poller(platform: Platform) -> None:
    """A round sends one list for all watchers, one list for all waits, and nothing else."""
    from tests.harness.waits import events as fired
    from tests.harness.waits import trigger

    platform.emulator.control("POST", "fleet", {"flows": 50, "runs": 1})
    waited = foreign_flow(platform)
    waits = [start(platform, waited) for _ in range(100)]
    for one in waits:
        decide(platform, one, status="inProgress")
    flows = [item["id"] for item in platform.api("GET", "/flows").json()["items"] if item["id"] != waited]
    assert len(flows) == 50
    stores = [AssetStore() for _ in flows]

    async def main() -> list[list[tuple[str, str]]]:
        waiting = [asyncio.create_task(fired(trigger(one, flow_id=None, sandbox=None))) for one in waits]
        watchers = [running(watcher(store, flow_id=flow)) for store, flow in zip(stores, flows, strict=True)]
        for one in watchers:
            await one.__aenter__()
        for store in stores:
            await started(store)
        assert len(pollers()) == 1
        (poller,) = pollers().values()
        rounds = poller._round
        counted: list[list[tuple[str, str]]] = []

        async def counting() -> None:
            before = len(await aside(platform.emulator.requests, "GET"))
            await rounds()
            new = (await aside(platform.emulator.requests, "GET"))[before:]
            counted.append([(entry["path"], str(entry["query"].get("property"))) for entry in new])

        poller._round = counting
        await until(lambda: len(counted) > 6 and any(len(one) > 1 for one in counted))
        poller._round = rounds
        for one in watchers:
            await one.__aexit__(None, None, None)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return counted

    counted = run(main())
    assert {path.rpartition("/")[2] for queries in counted for path, _ in queries} == {"runs"}
    kinds = [sorted(query.partition("==")[0] for _, query in queries) for queries in counted]
    assert all(one in (["flowId"], ["id"], ["flowId", "id"]) for one in kinds), kinds
    assert ["flowId", "id"] in kinds  # else some of them were not polled


def test_pausing_a_dag_touches_nothing_in_aep(platform: Platform) -> None:
    """Airflow calls `on_kill` then. No request but GET and the token is sent, before and after."""
    flow, store = foreign_flow(platform), AssetStore()
    platform.emulator.forget_requests()

    async def main() -> None:
        trigger = watcher(store, flow_id=flow)
        async with running(trigger):
            await started(store)
            await trigger.on_kill()
        await until(lambda: not pollers())

    run(main())
    sent = {(entry["method"], entry["path"]) for entry in platform.emulator.requests()}
    assert {method for method, path in sent if "/ims/" not in path} == {"GET"}


def test_a_poller_that_dies_is_replaced(platform: Platform, logged: Any) -> None:
    """The watcher joins the new poller, and misses nothing."""
    flow, store = foreign_flow(platform), AssetStore()

    async def main() -> Any:
        async with running(watcher(store, flow_id=flow)) as events:
            await started(store)
            (dead,) = pollers().values()
            dead.task.cancel()
            one = await aside(run_once, platform, flow)
            await until(lambda: events)
            assert list(pollers().values()) != [dead]
            return one, ids(events)

    one, announced = run(main())
    assert announced == [one]
    assert "continues its 0 waits and 1 watchers" in logged()


def test_two_watchers_of_one_asset_have_positions_of_their_own(platform: Platform) -> None:
    """Airflow gives both the store of the asset."""
    flows, store = [foreign_flow(platform, name) for name in ("One", "Two")], AssetStore()

    async def main() -> Any:
        one, two = (watcher(store, flow_id=flow) for flow in flows)
        async with running(one) as first, running(two) as second:
            await until(lambda: len(store.values) == 2)
            runs = [await aside(run_once, platform, flow) for flow in flows]
            await until(lambda: first and second)
            for trigger, own in zip((one, two), runs, strict=True):
                await until(lambda t=trigger, own=own: own in store.values[t.variable]["seen"])
        one, two = (watcher(store, flow_id=flow) for flow in flows)
        async with running(one) as again, running(two) as again_too:
            await polled(platform.emulator)
            assert not [*again, *again_too]

    run(main())
