"""`/events`: the journal with the ends of flow runs, over all sandboxes.

Follows Adobe's Journaling API guide, and the pages on flow run notifications and on alert rules.
"""

from __future__ import annotations

import bisect
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, request_response

from airflow_provider_aep.emulator import payloads, settings
from airflow_provider_aep.emulator.errors import plain_not_found
from airflow_provider_aep.emulator.flows import metrics
from airflow_provider_aep.emulator.gateway import Gateway
from airflow_provider_aep.emulator.payloads import InvalidInputError
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.store import Entity

KIND, AGAIN = "journal", "journalAgain"  # the first entry of an event, and a further one
KEPT_SECONDS = 7 * 86400
MAX_BYTES = 1_500_000  # of a reply
RETRY_AFTER = "10"
DELAY_SECONDS = 30.0  # of events that come late, with `--journal-delivery shuffled`
ERROR_RATE = 0.005  # the ratio of failed records above which there is an alert
PRODUCTION = "prod"
PATH = "/organizations/{org}/integrations/{credential}/{registration}"
JOURNAL = f"/events{PATH.format(**settings.REGISTRATION)}"
START = f"rabbit:{settings.REGISTRATION['registration']}:00000000-0000-0000-0000-000000000000"
DURATION = re.compile(
    r"-P(?=.)(?:(\d{1,4})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?", re.ASCII
)
Item = dict[str, Any]


class Journal:
    """Serve the journal of the organisation's one registration, and expire it."""

    def __init__(self, platform: Platform, catch_up: Callable[[], float]) -> None:
        self._platform = platform
        self._catch_up = catch_up

    def routes(self) -> list[Route]:
        """Return the routes. Some of Adobe's samples lack `/events`."""
        journal = Gateway(request_response(self.read), self._platform, "x-ims-org-id")
        validate = Gateway(request_response(self.validate), self._platform, "x-ims-org-id")
        return [
            *(Route(prefix + PATH, journal, methods=["GET"]) for prefix in ("/events", "")),
            *(Route(f"{prefix}{PATH}/validate", validate, methods=["GET"]) for prefix in ("/events", "")),
            Route("/_emulator/journal", self.expire, methods=["POST"]),
        ]

    async def read(self, request: Request) -> Response:
        """Return the events after a position: 200; 204 without new ones; 410 if it has expired."""
        params, entries, now = request.query_params, *self._entries(request)
        limit = payloads.number_param(params, "limit", str(len(entries)))
        if limit < 1:
            raise InvalidInputError("limit must be a whole number greater than 0")
        first = _first(params, entries, now)
        if first is None:
            return _expired(params["since"])
        origin = self._platform.file_origin(request)
        page = list(_page(entries[first:], limit, origin))
        kept = f"&limit={limit}" if "limit" in params else ""
        if page:
            last = page[-1]["position"]
            reply = payloads.reply({"events": page, "_page": {"last": last, "count": len(page)}})
        else:
            last = entries[-1].id
            reply = Response(status_code=204)
            if {"since", "seek", "latest"} & set(params):  # the sample of an empty journal has none
                reply.headers["retry-after"] = RETRY_AFTER
        reply.headers.append("link", f'<{JOURNAL}?since={last}{kept}>; rel="next"')
        if not page:
            reply.headers.append("link", f'<{JOURNAL}/validate?since={last}{kept}>; rel="validate"')
        return reply

    async def validate(self, request: Request) -> Response:
        """Say whether a position can be used: 204, or 410 if it has expired."""
        params = request.query_params
        found = _first(params, *self._entries(request))
        return _expired(params["since"]) if found is None else Response(status_code=204)

    def _entries(self, request: Request) -> tuple[list[Entity], float]:
        """Return what has arrived so far, after the start of the journal, and the time."""
        if request.path_params != settings.REGISTRATION:
            raise plain_not_found("There is no such registration")
        now = self._catch_up()
        start = Entity(KIND, "", START, {"arrival": self._platform.started_at})
        # At the same time, what was written earlier comes first: a client may have read up to it.
        written = (entry for kind in (AGAIN, KIND) for entry in self._platform.store.all(kind, ""))
        return [start, *sorted((entry for entry in written if _arrival(entry) <= now), key=_arrival)], now

    async def expire(self, request: Request) -> Response:
        """Expire every position so far, as if seven days had passed."""
        if payloads.parse_object(await request.body()) != {"expire": True}:
            raise InvalidInputError('the journal takes {"expire": true}')
        end = Entity(KIND, "", _position(), {"arrival": self._catch_up()})
        self._platform.store.put(end)
        return payloads.reply({"position": end.id})


def _arrival(entry: Entity) -> float:
    return float(entry.item["arrival"])


def _position() -> str:
    return f"rabbit:{uuid.uuid4()}:{uuid.uuid4()}"


def _first(params: Mapping[str, str], entries: Sequence[Entity], now: float) -> int | None:
    """Return the index of the first entry that a query asks for; None if its position has expired.

    The last position never expires: the guide's link of an empty journal leads there.
    """
    oldest = bisect.bisect_right(entries, now - KEPT_SECONDS, key=_arrival)
    oldest = max(oldest, *(n for n, entry in enumerate(entries) if "event" not in entry.item))
    latest = params.get("latest", "false").lower() == "true"
    if latest + ("since" in params) + ("seek" in params) > 1:
        raise InvalidInputError("only one of since, seek and latest can be used")
    if latest:
        return len(entries)
    if "seek" in params:
        return max(oldest, bisect.bisect_left(entries, now - _duration(params["seek"]), key=_arrival))
    if "since" not in params:
        return oldest
    found = [n for n, entry in enumerate(entries) if entry.id == params["since"]]
    if not found:
        raise InvalidInputError("the position is invalid")
    return found[0] + 1 if found[0] >= oldest or found[0] == len(entries) - 1 else None


def _duration(text: str) -> float:
    """Return the seconds of a negative ISO 8601 duration, such as `-PT2H`."""
    shape = DURATION.fullmatch(text)
    if shape is None:
        raise InvalidInputError("seek must be a negative ISO 8601 duration, such as -PT2H")
    seconds = (86400, 3600, 60, 1)
    return sum(int(number or 0) * unit for number, unit in zip(shape.groups(), seconds, strict=True))


def _page(entries: Sequence[Entity], limit: int, origin: str) -> Iterator[Item]:
    """Yield events of one reply: at least one, if there is any."""
    size = count = 0
    for entry in entries:
        if "event" not in entry.item:
            continue
        shown = {"position": entry.id, "event": metrics.complete(entry.item["event"], origin)}
        size += len(json.dumps(shown)) + 2
        if count == limit or (count and size > MAX_BYTES - 1000):
            return
        count += 1
        yield shown


def _expired(position: str) -> Response:
    return Response(f"Events at position {position} have expired.", 410, media_type="text/plain")


# The events of runs


def announced(platform: Platform, run: Entity, at: float) -> list[Entity]:
    """Return the journal's entries for a run that ended, or started, at a time in seconds."""
    if platform.settings.journal_sandboxes == "production" and run.sandbox != PRODUCTION:
        return []
    number = platform.store.count(KIND)
    return [
        entry
        for n, (code, content) in enumerate(_contents(platform, run), number)
        for entry in _delivered(platform, _event(platform, code, content, at), at, n)
    ]


def _delivered(platform: Platform, event: Item, at: float, n: int) -> Iterator[Entity]:
    """Yield an event's entries. Shuffled: every second event comes late, every third comes twice."""
    shuffled = platform.settings.journal_delivery == "shuffled"
    late = DELAY_SECONDS * (n % 2) if shuffled else 0.0
    yield Entity(KIND, "", _position(), {"arrival": at + late, "event": event})
    if shuffled and n % 3 == 0:
        yield Entity(AGAIN, "", _position(), {"arrival": at + 2 * DELAY_SECONDS, "event": event})


def _contents(platform: Platform, run: Entity) -> Iterator[tuple[str, Item]]:
    """Yield the code and the content of each event about a run."""
    state, item = metrics.folded(run.item["state"]), run.item
    if platform.settings.journal_envelope != "alerts":
        if state in metrics.SUCCESS | metrics.FAILURE:
            yield f"sources_flow_run_{'failed' if state in metrics.FAILURE else 'success'}", item
        return
    flow = platform.store.get("flows", run.sandbox, item["flowId"])
    named = {**item, "flowName": flow.item["name"] if flow else ""}
    if state not in metrics.SUCCESS | metrics.FAILURE:
        started = {"metrics": {"statusSummary": {"status": item["state"]}}, "activities": []}
        yield "source_flow_run_info", {**named, **started}
        return
    yield f"source_flow_run_{'error' if state in metrics.FAILURE else 'info'}", named
    records = item["metrics"].get("recordSummary", {})
    rate = records.get("failedRecordCount", 0) / max(1, records.get("inputRecordCount", 0))
    if rate > ERROR_RATE:
        yield "source_flow_run_error", _error_rate(platform, item, rate)


def _error_rate(platform: Platform, run: Item, rate: float) -> Item:
    """Return the alert about many failed records. Its `id` is not a run's."""
    return {
        "id": str(uuid.uuid4()),
        "status": "FIRING",
        "name": "sources_ingestion_error_rate_exceeded",
        "message": f"Triggered : Sources Ingestion Error Rate Exceeded is above 0.5%. "
        f"The current value is {rate:.1%}.",
        "createdAt": datetime.fromtimestamp(platform.clock.now(), timezone.utc).isoformat(),
        "severity": "high",
        **{name: run[name] for name in ("imsOrgId", "sandboxName", "sandboxId", "flowId")},
        "value": f"{100 * rate:.0f}",
    }


def _event(platform: Platform, code: str, content: Item, at: float) -> Item:
    """Return an event in the envelope that `--journal-envelope` chooses."""
    envelope, event_id = platform.settings.journal_envelope, str(uuid.uuid4())
    names = ("eventid", "recipientclientid") if envelope == "alerts" else ("event_id", "recipient_client_id")
    head = dict(zip(names, (event_id, settings.CLIENT_ID), strict=True))
    if envelope == "messages":
        return {**head, "event": [{"messages": [_message(code, content, at)]}]}
    header = {"imsOrgId": settings.ORG_ID, "providerMetadata": "aep_observability_catalog_events"}
    return {**head, "event": {**content, "header": {"_adobeio": {**header, "eventCode": code}}}}


def _message(code: str, content: Item, at: float) -> Item:
    """Return the envelope of the failure sample."""
    return {
        "msgType": "eventNotification",
        "version": "1.0",
        "timestamp": int(at * 1000),
        "imsOrgId": settings.ORG_ID,
        "schema": {"name": "run-notification", "version": "1.0"},
        "provider": "FlowService",
        "_eventNotificationMeta": {"category": "Platform Notifications", "type": code},
        "value": content,
    }
