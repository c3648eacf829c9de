"""Start and end runs by the clock, before each request. No background task is needed."""

from __future__ import annotations

import copy
import heapq
import math
import uuid
from dataclasses import asdict, replace
from typing import Any

from airflow_provider_aep.emulator import journal, settings
from airflow_provider_aep.emulator.entities import new_item
from airflow_provider_aep.emulator.flows import ingest, metrics, schedule
from airflow_provider_aep.emulator.flows.ingest import COPY, PROMOTION, Outcome
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.xdm import XdmResources

MAX_CATCH_UP = 200  # runs of one flow after a leap of the clock; the first of them covers the time before
Item = dict[str, Any]
Event = tuple[float, int, str, str, str]
START_SECONDS = 1.0  # from its time to `inProgress`
RUN_SECONDS = 3.0  # from there to its end


class Engine:
    """Start and end runs by the clock. Call `catch_up` before every request; `keep` stores new entities."""

    def __init__(self, platform: Platform, resources: XdmResources) -> None:
        self._platform = platform
        self.records = RunRecords(platform, resources)
        self._next = -math.inf  # when the next event is due; unknown until `catch_up`
        self._resets = platform.resets

    def keep(self, *entities: Entity) -> None:
        """Store entities, which may be due before the next known event."""
        self._next = -math.inf
        self._platform.store.put_all(*entities)

    def catch_up(self) -> float:
        """Carry out everything that is due, in order of its time; return the time of now."""
        now = self._platform.clock.now()
        if now < self._next and self._resets == self._platform.resets:
            return now
        self._resets = self._platform.resets
        events = self._events()
        while events and events[0][0] <= now:
            due, _, kind, sandbox, entity_id = heapq.heappop(events)
            entity = self._platform.store.get(kind, sandbox, entity_id)
            if entity is None or _due(entity) != due:
                continue
            for changed in self._apply(entity, due, now):
                self._push(events, changed)
        self._next = events[0][0] if events else math.inf
        return now

    def _events(self) -> list[Event]:
        events: list[Event] = []
        for sandbox in settings.SANDBOXES:
            for kind in ("flows", "runs"):
                for entity in self._platform.store.all(kind, sandbox):
                    self._push(events, entity)
        return events

    def _push(self, events: list[Event], entity: Entity) -> None:
        due = _due(entity)
        if due is not None:
            heapq.heappush(events, (due, entity.item["createdAt"], entity.kind, entity.sandbox, entity.id))

    def _apply(self, entity: Entity, due: float, now: float) -> list[Entity]:
        """Carry out an entity's event; return the entities that can have another one."""
        if entity.kind == "flows":
            settles = entity.hidden.get("settles")
            changed = (
                self._settled(entity) if settles and settles[0] == due else self._run_due(entity, due, now)
            )
        elif entity.hidden["starts_at"] == due:
            changed = self.records.started(entity, due)
        else:
            changed = self.records.ended(entity, due)
        self._platform.store.put_all(*changed)
        return [one for one in changed if one.kind in ("flows", "runs")]

    def _settled(self, flow: Entity) -> list[Entity]:
        """Leave a transitional state."""
        hidden = {name: value for name, value in flow.hidden.items() if name != "settles"}
        item = {**flow.item, "state": flow.hidden["settles"][1]}
        return [Entity(flow.kind, flow.sandbox, flow.id, item, hidden)]

    def _run_due(self, flow: Entity, due: float, now: float) -> list[Entity]:
        """Create a run for the window since the last run, and set the next due time."""
        params = flow.item["scheduleParams"]
        every = schedule.step(params)
        starts = due
        if every is not None and (now - due) / every > MAX_CATCH_UP:
            starts += every * (int((now - due) // every) - MAX_CATCH_UP)
        plan = ingest.plan(self._platform, flow)
        window = [flow.hidden["watermark"], starts] if every is not None else [None, None]
        run = self.records.new(flow, {**plan, "window": window, "once": every is None}, starts)
        hidden = {**flow.hidden, "next": schedule.next_due(params, starts), "begun": True}
        if every is not None:
            hidden["watermark"] = starts
        return [run, Entity(flow.kind, flow.sandbox, flow.id, flow.item, hidden)]


def _due(entity: Entity) -> float | None:
    """Return when the entity's next event is due; None without one."""
    hidden = entity.hidden
    if entity.kind == "flows":
        settles = hidden.get("settles")
        times = [settles[0] if settles else None, hidden["next"]]
    else:
        times = [hidden["starts_at"], hidden["ends_at"]]
    return min((time for time in times if time is not None), default=None)


class RunRecords:
    """Create and change runs; each method returns all entities to store together."""

    def __init__(self, platform: Platform, resources: XdmResources) -> None:
        self._platform = platform
        self._resources = resources

    def new(self, flow: Entity, plan: Item, starts: float) -> Entity:
        """Create a run in the state `scheduled`."""
        fields = {"flowId": flow.id, "flowSpec": flow.item["flowSpec"], "providerRefId": str(uuid.uuid4())}
        item = new_item(self._platform, flow.sandbox, fields)
        created = max(int(starts * 1000), self._platform.store.newest(flow.sandbox) + 1)
        created = min(created, item["createdAt"])
        item |= {"createdAt": created, "updatedAt": created, "state": "scheduled"}
        item |= {"metrics": metrics.pending("scheduled"), "activities": []}
        plan = {**plan, "batch": ingest.new_batch_id(), "ref": item["providerRefId"]}
        hidden = {
            "plan": plan,
            "starts_at": starts + START_SECONDS,
            "ends_at": starts + START_SECONDS + RUN_SECONDS,
            "decided": {},
        }
        return Entity("runs", flow.sandbox, item["id"], item, hidden)

    def started(self, run: Entity, at: float) -> list[Entity]:
        """Set a run to `inProgress`."""
        changed = self._in_state(run, "inProgress", at, {**run.hidden, "starts_at": None})
        return [*changed, *journal.announced(self._platform, changed[0], at)]

    def _in_state(self, run: Entity, status: str, at: float, hidden: Item) -> list[Entity]:
        started = hidden["started"] = run.hidden.get("started", int(at * 1000))
        tree = metrics.pending(status, started)
        item = {
            **run.item,
            "state": status,
            "metrics": _merged(tree, hidden["decided"].get("metrics", {})),
            "activities": metrics.activities(hidden["plan"], status, (started, None), None),
        }
        changed = self._stamped(run, item, hidden, at)
        return [changed, *self._shown_by_flow(changed)]

    def ended(self, run: Entity, at: float, status: str | None = None) -> list[Entity]:
        """End a run and ingest its records; `status` overrides the outcome."""
        plan, hidden = run.hidden["plan"], {**run.hidden, "starts_at": None, "ends_at": None}
        outcome = self._outcome(run, at, status)
        hidden["outcome"] = asdict(replace(outcome, records=[], rejected=[]))
        status = status or ("failed" if outcome.error else "success")
        started = hidden["started"] = run.hidden.get("started", int(at * 1000))
        completed = hidden["completed"] = run.hidden.get("completed", int(at * 1000))
        shown_end = self._platform.settings.failed_run_end == "shown"
        tree = metrics.finished(status, (started, completed), outcome, end=shown_end)
        shown = hidden["decided"].get("activities")
        item = {
            **run.item,
            "state": status,
            "metrics": _merged(tree, hidden["decided"].get("metrics", {})),
            "activities": shown or metrics.activities(plan, status, (started, completed), outcome),
        }
        changed = self._stamped(run, item, hidden, at)
        return [
            changed,
            *self._shown_by_flow(changed),
            *self._batch(changed, outcome, (started, completed)),
            *journal.announced(self._platform, changed, at),
        ]

    def _outcome(self, run: Entity, at: float, status: str | None) -> Outcome:
        rejected = run.hidden["decided"].get("failed_records")
        if status is not None and metrics.folded(status) in metrics.FAILURE:
            if rejected:  # the records were copied, and then rejected
                return ingest.with_rejected(Outcome(error=PROMOTION), rejected)
            return Outcome(error=COPY, detail="ErrorCode=UserErrorSourceFailure, set by the control plane")
        before = run.hidden.get("outcome")
        batch = self._platform.store.get("batches", run.sandbox, run.hidden["plan"]["batch"])
        if before and batch and batch.item["status"] == "success":  # ingested already: not a second time
            stored = {"records": batch.hidden["rows"], "rejected": batch.hidden.get("failed", [])}
            outcome = Outcome(**{**before, "error": None, **stored})
        else:
            outcome = ingest.ingest(self._platform, self._resources, run.sandbox, run.hidden["plan"], at)
        if rejected is not None:
            outcome = ingest.with_rejected(outcome, rejected)
        if status is None:
            return outcome if outcome.error else ingest.judged(outcome, run.hidden["plan"]["partial"])
        return replace(outcome, error=None)

    def decided(self, run: Entity, decision: Item) -> list[Entity]:
        """Apply a decision of `POST /_emulator/runs/{id}`, before or after the end of the run."""
        known = run.hidden["decided"]
        tree = _merged(known.get("metrics", {}), decision.get("metrics", {}))
        if "errors" in decision:
            tree = _merged(tree, {"statusSummary": {"errors": decision["errors"]}})
        status = decision.get("status") or decision.get("metrics", {}).get("statusSummary", {}).get("status")
        if status:
            tree = _merged(tree, {"statusSummary": {"status": status}})
        new = {**known, **decision, "metrics": tree}
        run = Entity(run.kind, run.sandbox, run.id, run.item, {**run.hidden, "decided": new})
        now = self._platform.clock.now()
        if status and metrics.folded(status) in metrics.SUCCESS | metrics.FAILURE:
            return self.ended(run, now, status)
        ended = metrics.folded(run.item["state"]) in metrics.SUCCESS | metrics.FAILURE
        if ended and not status and "failed_records" in decision:
            return self.ended(run, now, run.item["state"])
        if status:  # the run continues until another decision ends it
            return self._in_state(run, status, now, {**run.hidden, "starts_at": None, "ends_at": None})
        item = {**run.item, "metrics": _merged(run.item["metrics"], tree)}
        item["activities"] = decision.get("activities", item["activities"])
        return [self._stamped(run, item, run.hidden, now)]

    def _stamped(self, run: Entity, item: Item, hidden: Item, at: float) -> Entity:
        etag = self._platform.new_etag()
        updated = max(int(at * 1000), run.item["updatedAt"] + 1)
        item = {**item, "version": etag, "etag": etag, "updatedAt": updated}
        return Entity(run.kind, run.sandbox, run.id, item, hidden)

    def _shown_by_flow(self, run: Entity) -> list[Entity]:
        """Update the flow's `lastRunDetails`, unless the flow was deleted."""
        flow = self._platform.store.get("flows", run.sandbox, run.item["flowId"])
        if flow is None:
            return []
        duration = run.item["metrics"]["durationSummary"]
        details = {"id": run.id, "state": run.item["state"], **duration}
        item = {**flow.item, "lastRunDetails": details}
        return [Entity(flow.kind, flow.sandbox, flow.id, item, flow.hidden)]

    def _batch(self, run: Entity, outcome: Outcome, times: tuple[int, int]) -> list[Entity]:
        """Return the batch, which holds the records of a successful run and none of a failed one."""
        plan = run.hidden["plan"]
        if outcome.error is COPY and self._platform.store.get("batches", run.sandbox, plan["batch"]) is None:
            return []  # nothing was copied, so there is no batch
        return [ingest.new_batch(self._platform, run.sandbox, plan["batch"], plan, outcome, times)]


def _merged(below: Item, above: Item) -> Item:
    """Merge deeply; lists are replaced."""
    result = copy.deepcopy(below)
    for name, value in above.items():
        if isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = _merged(result[name], value)
        else:
            result[name] = copy.deepcopy(value)
    return result
