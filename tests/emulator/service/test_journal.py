"""Test the journal: events about the ends of runs, positions, links and what has expired."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import requests

from tests.harness.emulator import CLIENT_ID, JOURNAL, ORG_ID, Emulator
from tests.harness.platform import DAY, Platform, decide, made


def get(path: Platform, target: str = JOURNAL, **headers: str | None) -> requests.Response:
    """GET an address of the journal with its own headers, not those of the other services."""
    own = {"Authorization": f"Bearer {path.emulator.token()}", "x-api-key": CLIENT_ID, "x-ims-org-id": ORG_ID}
    given = {name: value for name, value in {**own, **headers}.items() if value is not None}
    return requests.get(path.api.url + target, headers=given, timeout=30)


def following(response: requests.Response) -> str:
    """Return the address of the next page."""
    return str(response.links["next"]["url"])


def read(path: Platform, target: str = JOURNAL) -> tuple[list[dict[str, Any]], str]:
    """Follow the links until there is nothing new; return all entries, and the last link."""
    entries: list[dict[str, Any]] = []
    while (response := get(path, target)).status_code == 200:
        body = response.json()
        assert body["_page"] == {"last": body["events"][-1]["position"], "count": len(body["events"])}
        entries += body["events"]
        target = following(response)
    assert response.status_code == 204, response.text
    return entries, following(response)


def run_ids(entries: list[dict[str, Any]]) -> list[str]:
    """Return the runs of plain events."""
    return [entry["event"]["event"]["id"] for entry in entries]


def daily(path: Platform, flows: int = 1, days: int = 3) -> list[str]:
    """Run daily dataflows for some days, until a little after the end of a run; return their ids."""
    found = [path.flow(path.prepared(name=f"Flow {n}")) for n in range(flows)]
    path.advance((days - 1) * DAY + 10)
    return found


def test_the_end_of_each_run_is_an_event(path: Platform) -> None:
    """An event holds the whole run as `GET /runs` shows it, its code, and an id of its own."""
    (flow,) = daily(path)
    runs = path.runs(flow)
    entries, _ = read(path)
    assert run_ids(entries) == [run["id"] for run in runs]
    event = entries[0]["event"]
    header = event["event"].pop("header")
    assert event["event"] == runs[0]
    assert header["_adobeio"] == {
        "imsOrgId": ORG_ID, "providerMetadata": "aep_observability_catalog_events",
        "eventCode": "sources_flow_run_success",
    }  # fmt: skip
    assert event["recipient_client_id"] == CLIENT_ID
    assert len({entry["event"]["event_id"] for entry in entries}) == len(entries)
    files = event["event"]["activities"][1]["fileSummary"]["extensions"]["manifest"]["fileInfo"]
    assert path.api.http.get(files, timeout=30).status_code == 200


def test_a_failed_run(path: Platform) -> None:
    """A failed run has the failure's code; a second decision is a second event about the same run."""
    flow = path.flow(path.once())
    (run,) = path.runs(flow)
    assert get(path).status_code == 204, "the run has not ended"
    decide(path, run["id"], status="failed")
    decide(path, run["id"], status="success")
    entries, _ = read(path)
    assert run_ids(entries) == [run["id"], run["id"]]
    codes = [entry["event"]["event"]["header"]["_adobeio"]["eventCode"] for entry in entries]
    assert codes == ["sources_flow_run_failed", "sources_flow_run_success"]


def test_positions_and_links(path: Platform) -> None:
    """The link continues after the page, keeps the limit, and at the end answers 204 until more comes."""
    (flow,) = daily(path)
    first = get(path, f"{JOURNAL}?limit=2")
    assert [first.status_code, len(first.json()["events"])] == [200, 2]
    assert following(first) == f"{JOURNAL}?since={first.json()['_page']['last']}&limit=2"
    rest, link = read(path, following(first))
    every, _ = read(path)
    assert first.json()["events"] + rest == every
    end = get(path, link)
    assert (end.status_code, end.headers["retry-after"], end.content) == (204, "10", b"")
    assert following(end) == link == f"{JOURNAL}?since={every[-1]['position']}&limit=2"
    assert get(path, end.links["validate"]["url"]).status_code == 204
    path.advance(DAY)
    new, _ = read(path, link)
    assert run_ids(new) == [path.runs(flow)[-1]["id"]]
    short = JOURNAL.removeprefix("/events")
    assert get(path, short).json() == get(path).json()


def test_an_empty_journal(path: Platform) -> None:
    """Without events the reply is 204, and its link shows the first event when it comes."""
    reply = get(path)
    assert (reply.status_code, "retry-after" in reply.headers) == (204, False)
    latest = get(path, f"{JOURNAL}?latest=true&limit=7")
    assert (latest.status_code, latest.headers["retry-after"]) == (204, "10")
    assert following(latest) == following(reply) + "&limit=7"
    daily(path, days=1)
    assert len(read(path, following(latest))[0]) == 1


def test_latest_and_seek(path: Platform) -> None:
    """`latest` begins at the end, `seek` a duration before now."""
    daily(path)
    every, link = read(path)
    assert following(get(path, f"{JOURNAL}?latest=true")) == link
    assert read(path, f"{JOURNAL}?seek=-P1DT1H")[0] == every[-2:]
    assert read(path, f"{JOURNAL}?seek=-P30D")[0] == every
    assert read(path, f"{JOURNAL}?seek=-PT2S")[0] == []


def test_events_expire_after_seven_days(path: Platform) -> None:
    """An expired position answers 410, and a query without one begins with the oldest event left."""
    daily(path, days=6)
    every, end = read(path)
    second = f"{JOURNAL}?since={every[1]['position']}"
    assert get(path, second).status_code == 200
    path.advance(4 * DAY)
    gone = get(path, second)
    assert gone.status_code == 410
    assert gone.text == f"Events at position {every[1]['position']} have expired."
    left, _ = read(path)
    assert every[0] not in left
    assert every[-1] in left
    assert get(path, f"{JOURNAL}/validate?since={every[1]['position']}").status_code == 410
    assert run_ids(read(path, end)[0]) == run_ids([entry for entry in left if entry not in every])


def test_the_end_of_a_journal_does_not_expire(path: Platform) -> None:
    """If nothing happens for weeks, the last link still answers 204."""
    flow = path.flow(path.once())
    path.advance(DAY)
    entries, link = read(path)
    assert run_ids(entries) == [path.runs(flow)[0]["id"]]
    path.advance(30 * DAY)
    assert get(path).status_code == 204
    assert get(path, link).status_code == 204
    assert following(get(path)) == link


def test_expire(path: Platform) -> None:
    """The control plane expires every position so far; later events are read from a new one."""
    daily(path)
    every, link = read(path)
    path.emulator.control("POST", "journal", {"expire": True})
    assert (
        get(path, link).status_code == get(path, f"{JOURNAL}?since={every[0]['position']}").status_code == 410
    )
    entries, link = read(path)
    assert entries == []
    path.advance(DAY)
    assert len(read(path, link)[0]) == len(read(path)[0]) == 1
    for bad in ({}, {"expire": False}, {"expire": True, "x": 1}):
        assert path.emulator.http.post(f"{path.api.url}/_emulator/journal", json=bad).status_code == 400


def test_a_reply_is_limited(path: Platform) -> None:
    """A reply has at most 1.5 MB, whatever the limit; the pages together have every event."""
    flow = path.flow(path.once())
    (run,) = path.runs(flow)
    large = [{"id": "copyActivity", "statusSummary": {"extensions": {"text": "x" * 400_000}}}]
    for _ in range(5):
        decide(path, run["id"], status="success", activities=large)
    reply = get(path, f"{JOURNAL}?limit=1000")
    assert len(reply.json()["events"]) == 3
    assert len(reply.content) < 1_500_000
    assert len(read(path)[0]) == 5


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": None}, 403),
        ({"Authorization": "Bearer x"}, 401),
        ({"x-api-key": None}, 403),
        ({"x-ims-org-id": None, "x-gw-ims-org-id": ORG_ID}, 400),
        ({"x-ims-org-id": "0" * 24 + "@AdobeOrg"}, 403),
    ],
)
def test_headers(path: Platform, headers: dict[str, str | None], status: int) -> None:
    """Token, API key and organisation are required, the last in the journal's own header."""
    assert get(path, **headers).status_code == status


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (JOURNAL + "0", 404),
        (JOURNAL.replace("100001", "1"), 404),
        (JOURNAL + "?since=nowhere", 400),
        (JOURNAL + "?limit=0", 400),
        (JOURNAL + "?limit=x", 400),
        (JOURNAL + "?seek=PT2H", 400),
        (JOURNAL + "?seek=-P", 400),
        (JOURNAL + "?seek=-PT", 400),
        (JOURNAL + "?seek=-PT2H&since=x", 400),
        (JOURNAL + "?latest=true&seek=-PT2H", 400),
    ],
)
def test_what_is_invalid(path: Platform, target: str, status: int) -> None:
    """Another registration is 404, an invalid parameter 400."""
    assert get(path, target).status_code == status


def test_the_envelope_of_the_failure_sample() -> None:
    """With `--journal-envelope messages` the run is the value of a message."""
    with Emulator("--journal-envelope", "messages") as emulator:
        path = Platform(emulator)
        flow = path.flow(path.once())
        (run,) = path.runs(flow)
        run = decide(path, run["id"], status="failed")
        (entry,) = read(path)[0]
        (part,) = entry["event"]["event"]
        (message,) = part["messages"]
        assert message["value"] == run
        assert message["_eventNotificationMeta"]["type"] == "sources_flow_run_failed"
        assert message["schema"]["name"] == "run-notification"


def test_the_codes_of_alerts() -> None:
    """With `--journal-envelope alerts` the start of a run is an event too, and so are many failed records."""
    with Emulator("--journal-envelope", "alerts") as emulator:
        path = Platform(emulator)
        flow = path.flow(path.once(options={"partialIngestionPercent": 50}))
        path.advance(10)
        (run,) = path.runs(flow)
        decide(path, run["id"], failed_records=[{"record": {}}] * 30)
        decide(path, run["id"], status="failed")
        events = [entry["event"] for entry in read(path)[0]]
        assert all(set(event) == {"eventid", "recipientclientid", "event"} for event in events)
        found = [
            (e["event"]["header"]["_adobeio"]["eventCode"], e["event"]["id"] == run["id"]) for e in events
        ]
        info, error = "source_flow_run_info", "source_flow_run_error"
        assert found[:4] == [(info, True), (info, True), (info, True), (error, False)]
        assert found[4] == (error, True)
        start, alert = events[0]["event"], events[3]["event"]
        assert start["metrics"] == {"statusSummary": {"status": "inProgress"}}
        assert start["flowName"] == "Products to the lake"
        assert alert["flowId"] == flow
        assert "metrics" not in alert


def test_at_least_once_and_out_of_order() -> None:
    """With `--journal-delivery shuffled` no run is missing, some come twice, and some out of order."""
    with Emulator("--journal-delivery", "shuffled") as emulator:
        path = Platform(emulator)
        flows = daily(path, flows=4, days=2)
        entries, link = read(path)
        path.advance(120)
        late, _ = read(path, link)
        entries += late
        assert len({entry["position"] for entry in entries}) == len(entries)
        times = Counter(run_ids(entries))
        assert set(times) == {run["id"] for flow in flows for run in path.runs(flow)}
        assert set(times.values()) == {1, 2}
        by_event = Counter(entry["event"]["event_id"] for entry in entries)
        assert sorted(by_event.values()) == sorted(times.values()), "a double has the id of its event"
        created = {entry["event"]["event_id"]: entry["event"]["event"]["createdAt"] for entry in entries}
        assert list(created.values()) != sorted(created.values()), "without the doubles"


def test_an_event_at_the_time_of_a_double_is_not_missed() -> None:
    """An event that comes at the very time of a double is after it, so that nobody misses it."""
    with Emulator("--journal-delivery", "shuffled") as emulator:
        path = Platform(emulator)
        path.stop_clock()
        (run,) = path.runs(path.flow(path.once()))
        decide(path, run["id"], status="failed")
        path.advance(60)
        entries, link = read(path)
        assert run_ids(entries) == [run["id"], run["id"]]
        decide(path, run["id"], status="success")
        decide(path, run["id"], status="success")
        assert run_ids(read(path, link)[0]) == [run["id"]]
        path.advance(60)
        assert len(read(path, link)[0]) == 2


def test_sandboxes() -> None:
    """The journal has the runs of every sandbox; with `--journal-sandboxes production` only of `prod`."""
    for switch, expected in (("all", {"prod", "dev"}), ("production", {"prod"})):
        with Emulator("--journal-sandboxes", switch) as emulator:
            for sandbox in ("prod", "dev"):
                path = Platform(emulator, sandbox)
                path.flow(path.once())
            path.advance(10)
            entries, _ = read(path)
            assert {entry["event"]["event"]["sandboxName"] for entry in entries} == expected


def test_a_restart_keeps_the_journal(tmp_path: Any) -> None:
    """Events and positions survive in the state file."""
    state = ("--state", str(tmp_path / "state.sqlite"))
    with Emulator(*state) as emulator:
        path = Platform(emulator)
        daily(path)
        before, link = read(path)
        address = path.api.url
    with Emulator(*state) as emulator:
        path = Platform(emulator)
        after, again = read(path)
        assert json.dumps(after).replace(path.api.url, address) == json.dumps(before)
        assert (again, len(after)) == (link, 3)


def test_the_runs_of_a_fleet_are_no_events(path: Platform) -> None:
    """Seeded runs ended before; later runs of its dataflows are events."""
    made(path.emulator.http.post(f"{path.api.url}/_emulator/fleet", json={"flows": 5, "runs": 3}), 201)
    assert get(path).status_code == 204
    path.advance(DAY)
    assert len(read(path)[0]) >= 5
