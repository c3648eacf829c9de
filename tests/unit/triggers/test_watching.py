"""Watchers without a service: parameters, positions, and how often a service that fails is asked."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any
from unittest.mock import Mock

import pytest

from airflow_provider_aep.flow_runs import journal as journal_module
from airflow_provider_aep.flow_runs import poller as module
from airflow_provider_aep.flow_runs.fetch import RunFetcher
from airflow_provider_aep.flow_runs.journal import Journal
from airflow_provider_aep.flow_runs.poller import Poller
from airflow_provider_aep.flow_runs.watching import DAY, LONGEST_RUN, ORDER, OVERLAP, Cursor, Watch, Watching
from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepConnectError,
    AepNotFoundError,
    AepRequestError,
    AepServerError,
)
from airflow_provider_aep.flow_service.runs import read_run
from airflow_provider_aep.hooks.connection import is_journal_host, journal_origin
from airflow_provider_aep.hooks.request_flow import Reply
from airflow_provider_aep.triggers.assets import FlowRunAssetTrigger

NOW = 1_900_000_000.0
URL = "https://events-va6.adobe.io/events/organizations/1/integrations/2/3"


def item(run_id: str, changed: float, status: str = "success", flow_id: str = "flow-1") -> dict[str, Any]:
    """Return a run that changed at a time in seconds, as a list shows it."""
    metrics = {"statusSummary": {"status": status}}
    return {"id": run_id, "flowId": flow_id, "updatedAt": int(changed * 1000), "metrics": metrics}


def watch(cursor: Cursor | None = None, flow_id: str = "flow-1") -> Watch:
    """Return a watcher of successes, which is due."""
    return Watch(flow_id, None, frozenset({"success"}), 60.0, cursor=cursor, due=0.0, last=0.0)


class Service:
    """A service that answers lists of runs with pages, and counts them. Dataflows are unknown."""

    now = NOW

    def __init__(self, *pages: Any) -> None:
        self.answers = list(pages)
        self.lists: list[dict[str, Any]] = []

    async def pages(self, call: Any, **_options: Any) -> AsyncIterator[list[Any]]:
        if call.path != "/runs":
            return
        self.lists.append(dict(call.query))
        for page in self.answers.pop(0) if self.answers else []:
            if isinstance(page, Exception):
                raise page
            yield page


def watching(service: Any) -> Watching:
    """Return the watching of a service."""
    return Watching(service, RunFetcher(service))


@pytest.mark.parametrize(
    ("parameter", "kwargs"),
    [
        ("flow_id", {}),
        ("flow_id", {"flow_id": "a", "flow_name": "b"}),
        ("flow_id", {"flow_id": "../flows"}),
        ("flow_name", {"flow_name": ""}),
        ("on", {"flow_id": "a", "on": []}),
        ("on", {"flow_id": "a", "on": "success"}),
        ("on", {"flow_id": "a", "on": ["ended"]}),
        ("sandbox", {"flow_id": "a", "sandbox": "a sandbox"}),
        ("poll_interval", {"flow_id": "a", "poll_interval": 1}),
        ("journal", {"flow_id": "a", "journal": "http://events.adobe.io/journal"}),
        ("journal", {"flow_id": "a", "journal": "https://me:secret@events.adobe.io/journal"}),
        ("journal", {"flow_id": "a", "journal": "journal"}),
    ],
)
def test_an_invalid_parameter_is_refused_when_the_dag_is_parsed(parameter: str, kwargs: Any) -> None:
    """The error names the parameter and does not repeat a secret."""
    with pytest.raises(AepConfigError) as caught:
        FlowRunAssetTrigger(**kwargs)
    assert caught.value.parameter == parameter
    assert "secret" not in str(caught.value)


def test_what_is_stored_makes_an_equal_trigger() -> None:
    """Airflow stores it as JSON. The order of `on` makes no difference."""
    first = FlowRunAssetTrigger(flow_name="Orders", on=("success", "failed"), sandbox="dev", journal=URL)
    path, kwargs = first.serialize()
    assert path == "airflow_provider_aep.triggers.assets.FlowRunAssetTrigger"
    assert FlowRunAssetTrigger(**json.loads(json.dumps(kwargs))).serialize() == (path, kwargs)
    assert (
        FlowRunAssetTrigger(flow_name="Orders", on=["failed", "success"]).serialize()[1]["on"] == kwargs["on"]
    )


def test_the_position_depends_on_what_is_watched() -> None:
    """Another interval or journal keeps the position. Other outcomes need one of their own."""
    base = FlowRunAssetTrigger(flow_id="a")
    assert FlowRunAssetTrigger(flow_id="a", poll_interval=30, journal=URL).variable == base.variable
    others = [
        FlowRunAssetTrigger(flow_id="b"),
        FlowRunAssetTrigger(flow_name="a"),
        FlowRunAssetTrigger(flow_id="a", on=["failed"]),
        FlowRunAssetTrigger(flow_id="a", sandbox="dev"),
        FlowRunAssetTrigger(flow_id="a", aep_conn_id="other"),
    ]
    assert len({one.variable for one in [base, *others]}) == 6


def test_hosts_that_may_get_the_token() -> None:
    """Adobe's, and this machine. A name that resembles Adobe's is another host."""
    assert is_journal_host(journal_origin(URL))
    assert is_journal_host(journal_origin("http://127.0.0.1:8787/events"))
    for host in ("adobe.io.example.com", "notadobe.io", "example.com"):
        assert not is_journal_host(journal_origin(f"https://{host}/events?x=.adobe.io"))


def test_the_first_list_announces_nothing() -> None:
    """Whatever ended before the first start is not announced, and a run under way is announced later."""
    one = watch()
    one.add([read_run(item("old", NOW)), read_run(item("busy", NOW - 60, "inProgress"))], NOW)
    assert one.take() == []
    one.add([read_run(item("busy", NOW + 60)), read_run(item("old", NOW))], NOW + 60)
    assert [run.id for run in one.take()] == ["busy"]
    one.add([read_run(item("busy", NOW + 60)), read_run(item("old", NOW))], NOW + 60)
    assert one.take() == []


def test_a_run_that_does_not_change_at_its_end_is_found() -> None:
    """Lists go back to the oldest run that has not ended, if it is not too old."""
    one = watch(Cursor(NOW - OVERLAP))
    one.add([read_run(item("busy", NOW, "inProgress"))], NOW)
    one.add([read_run(item("other", NOW + 7200)), read_run(item("busy", NOW, "inProgress"))], NOW + 7200)
    assert one.cursor == Cursor(NOW, frozenset({"other"}))
    one.add([read_run(item("other", NOW + 7200)), read_run(item("busy", NOW))], NOW + 7200)
    assert [run.id for run in one.take()] == ["busy", "other"]
    one.add([read_run(item("stuck", NOW, "inProgress"))], NOW + 10 * DAY)
    assert one.cursor.since == NOW + 10 * DAY - LONGEST_RUN


def test_the_position_never_moves_back_and_forgets_old_runs() -> None:
    """It is small: it has only the runs that the next list shows again."""
    one = watch(Cursor(0.0))
    runs = [read_run(item(f"run-{n}", NOW + 60 * n)) for n in range(1000)]
    one.add(runs, NOW + 60 * 999)
    since = one.cursor.since
    assert len(one.take()) == 1000
    assert len(one.cursor.seen) == OVERLAP / 60 + 1
    one.add([], 0.0)
    assert one.cursor.since == since


@pytest.mark.parametrize(
    "stored",
    [
        {},
        [],
        {"since": None},
        {"since": math.nan},
        {"since": math.inf},
        {"since": 1, "behind": [1]},
        {"since": 1, "behind": {"a": 1}},
    ],
)
def test_a_position_that_is_invalid_is_an_error(stored: Any) -> None:
    """JSON can hold NaN, and no run ends after that."""
    with pytest.raises(ValueError, match="invalid"):
        Cursor.restore(json.loads(json.dumps(stored)))


def test_a_list_is_read_back_to_the_position() -> None:
    """Not further: further pages hold runs that changed before."""
    new, old = [item("b", NOW), item("a", NOW - 500)], [item("old", NOW - 9000)]
    service = Service([new, old, AssertionError("too far")])
    one = watch(Cursor(NOW - 1000))
    asyncio.run(watching(service).poll({one}, 0.0))
    assert one.failures == 0
    assert [run.id for run in one.take()] == ["a", "b"]


def test_a_time_far_in_the_future_moves_no_position() -> None:
    """Else each real run would end behind the position, for years. The run itself is announced, once."""
    absurd, old, new = item("absurd", NOW + 3650 * DAY), item("old", NOW - 5000), item("new", NOW - 100)
    one = watch(Cursor(NOW - 9000))
    own = watching(Service([[absurd, old]], [[absurd, new], [old]], [[absurd, new], [old]]))
    for expected in (["old", "absurd"], ["new"], []):
        one.due = 0.0
        asyncio.run(own.poll({one}, 0.0))
        assert [run.id for run in one.take()] == expected
    assert one.cursor.since == NOW - 100 - OVERLAP


def test_the_first_list_is_read_back_behind_a_time_in_the_future() -> None:
    """The run under way is on the second page."""
    first, busy = [item("absurd", NOW + 3650 * DAY), item("new", NOW)], item("busy", NOW - 7200, "inProgress")
    one, own = watch(), watching(Service([first, [busy]], [first, [item("busy", NOW - 7200)]]))
    for expected in ([], ["busy"]):
        one.due = 0.0
        asyncio.run(own.poll({one}, 0.0))
        assert [run.id for run in one.take()] == expected


def test_a_position_in_the_future_returns_to_the_present() -> None:
    """An earlier version stored it. The log says that the watcher continues now."""
    one = watch(Cursor(NOW + 3650 * DAY))
    one.log = Mock()
    asyncio.run(watching(Service([[item("a", NOW - 10)]])).poll({one}, 0.0))
    assert [run.id for run in one.take()] == ["a"]
    assert one.cursor.since == NOW - OVERLAP
    assert "ahead of the present" in str(one.log.warning.call_args)


@pytest.mark.parametrize("refused", ["by an error", "silently", "without times"])
def test_without_the_order_by_change_runs_are_listed_by_their_start(refused: str) -> None:
    """An order that the service ignores would end the list too early, and lose runs."""
    first: list[Any] = [[item("a", NOW - 500), item("b", NOW)]]
    if refused == "by an error":
        first = [AepRequestError("no order", status=400)]
    elif refused == "without times":
        first = [[{**item("b", NOW), "updatedAt": None}]]
    page = [item("b", NOW), item("a", NOW - 500)]
    service = Service(first, [page], [page])
    one, own = watch(Cursor(NOW - 1000)), watching(service)
    asyncio.run(own.poll({one}, 0.0))
    assert sorted(run.id for run in one.take()) == ["a", "b"]
    one.due = 0.0
    asyncio.run(own.poll({one}, 0.0))
    assert one.take() == []
    assert [query["orderby"] for query in service.lists if "orderby" in query] == ["-updatedAt"]
    assert service.lists[-1]["property"] > "metrics.durationSummary.startedAtUTC>"


@pytest.mark.parametrize(
    "odd", [[[item("a", NOW - 500), item("b", NOW)]], [AepRequestError("no", status=400)]]
)
def test_one_odd_list_is_not_the_end_of_the_order_by_change(
    odd: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """An hour later the order is tried again. The log has a warning each time that the order is lost."""
    good = [[item("b", NOW), item("a", NOW - 500)]]
    service = Service(odd, good, good, good, odd, good)
    one, own = watch(Cursor(NOW - 1000)), watching(service)
    for now in (0.0, ORDER - 1, ORDER, ORDER + 60, 2 * ORDER, 2 * ORDER + 60):
        one.due = now
        asyncio.run(own.poll({one}, now))
    assert "".join("-+"["orderby" in query] for query in service.lists) == "+--++-++"
    assert sorted(run.id for run in one.take()) == ["a", "b"]
    assert caplog.text.count("cannot be used") == 2


@pytest.mark.parametrize("alone", [True, False])
def test_a_run_under_way_at_the_first_start_is_found_although_it_does_not_change(alone: bool) -> None:
    """It changed hours ago, and AEP does not set `updatedAt` at its end. It is on a second page."""
    other, busy = item("other", NOW, flow_id="flow-2"), item("busy", NOW - 5 * 3600, "inProgress")
    recent, old = item("recent", NOW), [item("old", NOW - 7 * 3600)]
    first = [[other, recent], [item("older", NOW - 1800)], [busy], old, [AssertionError("too far")]]
    one, others, now = watch(), [] if alone else [watch(Cursor(NOW - OVERLAP), "flow-2")], 0.0
    own = watching(Service(first, [[other, recent], [item("busy", NOW - 5 * 3600)], old]))
    for expected in ([], ["busy"]):
        one.due = now
        asyncio.run(own.poll({one, *others}, now))
        assert one.failures == 0
        assert [run.id for run in one.take()] == expected
        now += 60


def test_a_dataset_that_is_unknown_is_read_again() -> None:
    """A list of target connections can show a new one late. The events of later runs need its dataset."""

    class Targets(Service):
        async def pages(self, call: Any, **options: Any) -> AsyncIterator[list[Any]]:
            if call.path == "/flows":
                yield [{"id": "flow-1", "targetConnectionIds": ["target-1"]}]
            if call.path == "/targetConnections":
                yield targets
            async for page in super().pages(call, **options):
                yield page

    targets: list[Any] = []
    own, one = watching(Targets([[item("a", NOW)]], [[item("b", NOW)]])), watch(Cursor(NOW - 1000))
    asyncio.run(own.poll({one}, 0.0))
    targets.append({"id": "target-1", "params": {"dataSetId": "dataset-1"}})
    asyncio.run(own.poll({one}, 1000.0))
    assert [(run.id, run.dataset_id) for run in one.take()] == [("a", None), ("b", "dataset-1")]


def test_an_error_about_a_name_concerns_its_watcher_alone() -> None:
    """It is not the evidence that the dataflow is missing, and the position does not move."""

    class NoNames(Service):
        async def pages(self, call: Any, **options: Any) -> AsyncIterator[list[Any]]:
            if call.path == "/flows" and "name==" in str(call.query):
                raise AepRequestError("no names", status=400)
            async for page in super().pages(call, **options):
                yield page

    own, by_id, by_name = watching(NoNames([[item("a", NOW)]])), watch(Cursor(NOW - 1000)), watch()
    by_name.flow_name, by_name.flow_ids = "Orders", frozenset()
    by_name.log = Mock()
    asyncio.run(own.poll({by_id, by_name}, 0.0))
    assert [run.id for run in by_id.take()] == ["a"]
    assert by_name.cursor is None
    assert by_name.polled.is_set()
    by_name.log.warning.assert_not_called()


@pytest.mark.parametrize("failure", [AepServerError("down", status=500), TypeError("odd")])
def test_a_failing_list_is_repeated_ever_more_rarely(failure: Exception) -> None:
    """In an hour of failures few lists are sent, and no wait is concerned, whatever the reply was."""
    service = Service(*([[failure]] * 1000))
    one, own, now = watch(), watching(service), 0.0
    one.due = 0.0
    while now < 3600:
        asyncio.run(own.poll({one}, now))
        assert one.polled.is_set()
        assert one.due >= now + 60
        now = own.due({one})
    assert 10 < len(service.lists) < 25


def flows_of(query: dict[str, Any]) -> set[str]:
    """Return the dataflows of a list."""
    return set(query["property"].removeprefix("flowId==").split(","))


class Flows(Service):
    """A service with dataflows, of which some cannot be listed. It has the newest first, or no order."""

    def __init__(self, runs: dict[str, list[Any]], broken: Any = (), error: Any = None, order: bool = True):
        super().__init__()
        self.runs, self.broken, self.order = runs, set(broken), order
        self.error = error or AepServerError("down", status=500)

    async def pages(self, call: Any, **_options: Any) -> AsyncIterator[list[Any]]:
        if call.path != "/runs":
            return
        self.lists.append(dict(call.query))
        asked = set().union(*(flows_of({"property": value}) for name, value in call.query if "==" in value))
        if "orderby" in dict(call.query) and not self.order:
            raise AepRequestError("no order", status=400)
        if asked & self.broken:
            raise self.error
        yield sorted((one for flow in asked for one in self.runs[flow]), key=lambda one: -one["updatedAt"])


@pytest.mark.parametrize("order", [True, False])
@pytest.mark.parametrize("error", [AepServerError("down", status=500), AepNotFoundError("no", status=404)])
@pytest.mark.parametrize("broken", [["flow-3"], ["flow-3", "flow-7", "flow-8"]])
def test_dataflows_that_cannot_be_listed_concern_their_watchers_alone(
    broken: list[str], error: Exception, order: bool
) -> None:
    """The others are announced, and then by one list a round again. The position of the broken ones stays."""
    names = [f"flow-{n}" for n in range(120)]
    service = Flows({one: [item(f"run-{one}", NOW, flow_id=one)] for one in names}, broken, error, order)
    own, cursor = watching(service), Cursor(NOW - 1000)
    watches = {one: watch(cursor, one) for one in names}
    for now in range(0, 3600, 180):
        asyncio.run(own.poll(set(watches.values()), float(now)))
    for name, one in watches.items():
        assert [run.id for run in one.take()] == ([] if name in broken else [f"run-{name}"])
        assert (one.cursor == cursor) is (name in broken)
        assert (one.failures > 0) is (name in broken)
    if order:
        service.lists.clear()
        asyncio.run(own.poll({one for name, one in watches.items() if name not in broken}, 9000.0))
        assert len(service.lists) == 2  # of a hundred each


def rounds(own: Watching, one: Watch, times: int = 4) -> list[str]:
    """Poll some times, as after a restart before each poll. Return the ids of the announced runs."""
    found: list[str] = []
    for _ in range(times):
        one.due = 0.0
        asyncio.run(own.poll({one}, 0.0))
        found += [run.id for run in one.take()]
        one.cursor = one.cursor and Cursor.restore(json.loads(json.dumps(one.cursor.stored())))
    return found


@pytest.mark.parametrize("order", [True, False])
def test_a_watcher_by_name_announces_others_while_a_dataflow_cannot_be_listed(order: bool) -> None:
    """That one's runs are announced when it can be listed again, each once, also if they ended hours ago."""
    ended, busy = item("b", NOW - 9000, flow_id="2"), item("busy", NOW - 8000, "inProgress", "2")
    service = Flows({"1": [item("a", NOW - 9000, flow_id="1")], "2": [ended, busy]}, "2", None, order)
    own, one = watching(service), watch(Cursor(NOW - 9500))
    one.flow_ids, one.log = frozenset("12"), Mock()
    assert rounds(own, one) == ["a"]
    service.runs["1"] += [item("c", NOW, flow_id="1")]
    assert rounds(own, one) == ["c"]
    assert one.cursor.since == NOW - OVERLAP
    assert one.log.warning.call_args_list[-1].args[1].startswith("Flow runs of 2 could not be listed")
    service.broken.clear()
    assert rounds(own, one) == ["b"]
    service.runs["2"][1] = item("busy", NOW - 8000, flow_id="2")  # AEP does not set `updatedAt` at the end
    assert rounds(own, one) == ["busy"]
    assert one.cursor == Cursor(NOW - OVERLAP, frozenset("c"))


def test_a_dataflow_that_cannot_be_listed_at_the_first_start_has_its_own_first_list() -> None:
    """The runs that ended before that list are not announced."""
    service = Flows({"1": [item("a", NOW, flow_id="1")], "2": [item("b", NOW, flow_id="2")]}, "2")
    own, one = watching(service), watch()
    one.flow_ids = frozenset("12")
    assert rounds(own, one) == []
    service.runs["1"] += [item("c", NOW, flow_id="1")]
    assert rounds(own, one) == ["c"]
    service.broken.clear()
    assert rounds(own, one) == []
    service.runs["2"] += [item("d", NOW, flow_id="2")]
    assert rounds(own, one) == ["d"]


def test_a_service_that_fails_gets_few_lists() -> None:
    """Shorter lists help only if another list succeeds."""
    names = [f"flow-{n}" for n in range(100)]
    service = Flows({}, names)
    own, watches = watching(service), {watch(Cursor(NOW), one) for one in names}
    for now in range(0, 36000, 300):
        before = len(service.lists)
        asyncio.run(own.poll(watches, float(now)))
        assert len(service.lists) <= before + 3
    assert all(one.failures > 10 for one in watches)


def test_a_watcher_that_is_far_behind_does_not_make_the_lists_of_others_long() -> None:
    """A list has one end. A hundred dataflows of weeks ago have more runs than a list may show."""
    service = Flows({one: [item(f"run-{one}", NOW, flow_id=one)] for one in ("new", "newer", "late")})
    late = watch(Cursor(NOW - 30 * DAY), "late")
    watches = {watch(Cursor(NOW - 900), "new"), watch(Cursor(NOW - 1000), "newer"), late}
    own = watching(service)
    asyncio.run(own.poll(watches, 0.0))
    assert [flows_of(query) for query in service.lists] == [{"new", "newer"}, {"late"}]
    assert [run.id for run in late.take()] == ["run-late"]
    service.lists.clear()
    asyncio.run(own.poll(watches, 60.0))
    assert [flows_of(query) for query in service.lists] == [{"new", "newer", "late"}]


def test_a_name_that_is_not_found_is_not_a_first_start() -> None:
    """AEP may not show the dataflow for a while. The runs since the position are announced afterwards."""

    dataflows: list[Any] = []

    class Late(Service):
        async def pages(self, call: Any, **options: Any) -> AsyncIterator[list[Any]]:
            if call.path == "/flows" and "name==" in str(call.query):
                yield dataflows
            async for page in super().pages(call, **options):
                yield page

    service, cursor = Late([[item("missed", NOW - DAY)]]), Cursor(NOW - 2 * DAY)
    one, own = watch(cursor), watching(service)
    one.flow_name, one.flow_ids = "Orders", frozenset()
    asyncio.run(own.poll({one}, 0.0))
    assert one.cursor == cursor
    dataflows.append({"id": "flow-1", "name": "Orders"})
    asyncio.run(own.poll({one}, 1000.0))
    assert [run.id for run in one.take()] == ["missed"]


def test_an_unreachable_service_is_asked_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock of its own: an hour without AEP costs about as many requests as five-minute polls."""

    class Clock:
        now = 0.0

        def monotonic(self) -> float:
            return self.now

        time = monotonic

    clock, asked = Clock(), []

    class Away:
        async def reload(self) -> None:
            asked.append(clock.now)
            raise AepConnectError("no route")

    monkeypatch.setattr(module, "time", clock)

    async def main() -> None:
        poller, one = Poller("aep_default", None), watch()
        poller._service = Away()  # type: ignore[assignment]
        poller.add_watch(one)
        while clock.now < 3600:
            one.polled.clear()
            await poller._round()
            assert one.polled.is_set()
            assert poller.watches == {one}
            clock.now = poller._not_before

    asyncio.run(main())
    assert len(asked) < 25
    assert all(later - earlier >= 4 for earlier, later in pairwise(asked))


class Page:
    """A journal's service: answers in a row, and the addresses that were asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), []

    async def read_journal(self, url: str) -> Reply:
        self.asked.append(url)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def reply(status: int, after: str | None = None, body: Any = "", **headers: str) -> Reply:
    """Return a reply with a link to the next events, after another link."""
    links = f'<{URL}/validate?since={after}>; rel="validate", <{URL}?since={after}>; rel="next"'
    return Reply(status, {**({"link": links} if after else {}), **headers}, json.dumps(body).encode())


def read(service: Any, one: Journal, now: float = 0.0) -> Any:
    """Read with two dataflows of interest."""
    return asyncio.run(one.read(service, now, {"flow-1", "flow-2"}))


def test_the_journal_is_followed_to_its_end() -> None:
    """It begins at the end. The id counts anywhere. Adobe says when to come again."""
    one = Journal(URL)
    odd = {"anything": [{"deep": "/flows/flow-2?x=1"}]}
    service = Page(
        reply(204, "1"),
        reply(200, "2", odd),
        reply(200, "3", {"flowId": "flow-9"}),
        reply(204, **{"retry-after": "30"}),
    )
    assert read(service, one) is None
    assert read(service, one, 10.0) == {"flow-2"}
    assert service.asked == [f"{URL}?latest=true", f"{URL}?since=1", f"{URL}?since=2", f"{URL}?since=3"]
    assert one.due == 40.0
    service.answers = [reply(204, "3", **{"retry-after": "999999"})]
    assert read(service, one) == set()
    assert one.due == journal_module.LONGEST_WAIT


def test_an_expired_position_begins_anew() -> None:
    """Then events may be missing."""
    one = Journal(URL)
    service = Page(reply(204, "1"), reply(410), reply(204, "5"), reply(204, "5"))
    assert read(service, one) is None
    assert read(service, one) is None
    assert one.works
    assert read(service, one) == set()
    assert service.asked[2:] == [f"{URL}?latest=true", f"{URL}?since=5"]


def test_a_journal_whose_position_does_not_move_is_not_read_in_a_row() -> None:
    """Adobe documents 204 for no new events. A reply of 200 with the same link has none either."""
    one = Journal(URL)
    service = Page(reply(200, "1"), *[reply(200, "1", {"flowId": "flow-1"})] * 5)
    assert read(service, one) is None
    assert read(service, one, 10.0) == {"flow-1"}
    assert len(service.asked) == 3
    assert one.due == 20.0


@pytest.mark.parametrize(
    "answer",
    [
        AepServerError("down", status=500),
        reply(200),
        Reply(200, {"link": '<https://example.com/steal>; rel="next"'}, b"{}"),
        Reply(200, {"link": '<http://events-va6.adobe.io/plain>; rel="next"'}, b"{}"),
        Reply(200, {"link": '<https://[broken>; rel="next"'}, b"{}"),
        reply(410),
    ],
)
def test_a_journal_that_fails_is_asked_ever_more_rarely(answer: Any) -> None:
    """It goes on from its position. A link to another host is not followed."""
    one, now, asked = Journal(URL), 0.0, 0
    while now < 3600:
        service = Page(answer)
        assert read(service, one, now) is None
        assert not one.works
        assert one.problem
        assert service.asked == [f"{URL}?latest=true"]
        assert one.due >= now + 4
        now, asked = one.due, asked + 1
    assert asked < 25
    assert read(Page(reply(204, "1")), one) is None
    assert one.problem is None


def test_a_journal_does_not_make_failing_lists_frequent() -> None:
    """Events that come all the time must not become lists all the time while AEP is down."""

    class Busy(Service):
        async def read_journal(self, _url: str) -> Reply:
            asked.append(len(asked))
            status, body = (200, "flow-1") if len(asked) % 2 else (204, "")
            return reply(status, str(len(asked)), body, **{"retry-after": "3"})

    asked: list[int] = []
    service = Busy(*([[AepServerError("down", status=500)]] * 1000))
    one, own, now = watch(), watching(service), 0.0
    one.journal, one.due = URL, 0.0
    while now < 3600:
        asyncio.run(own.poll({one}, now))
        now = own.due({one})
    assert len(asked) > 500
    assert len(service.lists) < 40


def test_nothing_is_due_without_a_watcher() -> None:
    """Then the poller ends."""
    assert watching(Service()).due([]) == math.inf
