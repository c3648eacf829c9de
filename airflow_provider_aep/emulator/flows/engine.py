"""What time does: flows come due, runs start and end. Nothing waits; each look catches up with the clock."""

from __future__ import annotations

import heapq
import math
from typing import Any

from airflow_provider_aep.emulator import settings
from airflow_provider_aep.emulator.flows import ingest, schedule
from airflow_provider_aep.emulator.flows.records import RunRecords
from airflow_provider_aep.emulator.registry.resources import Resources
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.world import World

MAX_CATCH_UP = 200  # runs of one flow in one leap of the clock; what lies before is one run's window
Item = dict[str, Any]
Event = tuple[float, int, str, str, str]


class Engine:
    """`settle` comes before every request; `keep` takes what may come due earlier than anything known."""

    def __init__(self, world: World, resources: Resources) -> None:
        self._world = world
        self.records = RunRecords(world, resources)
        self._next = -math.inf  # nothing happens before; found out at the first look
        self._age = world.age

    def keep(self, *entities: Entity) -> None:
        """Store them, and look anew."""
        self._next = -math.inf
        self._world.store.put_all(*entities)

    def settle(self) -> None:
        """All that was due up to now, in the order it was due."""
        now = self._world.clock.now()
        if now < self._next and self._age == self._world.age:
            return
        self._age = self._world.age
        events = self._events()
        while events and events[0][0] <= now:
            due, _, kind, sandbox, entity_id = heapq.heappop(events)
            entity = self._world.store.get(kind, sandbox, entity_id)
            if entity is None or _due(entity) != due:
                continue
            for changed in self._happen(entity, due, now):
                self._push(events, changed)
        self._next = events[0][0] if events else math.inf

    def _events(self) -> list[Event]:
        events: list[Event] = []
        for sandbox in settings.SANDBOXES:
            for kind in ("flows", "runs"):
                for entity in self._world.store.all(kind, sandbox):
                    self._push(events, entity)
        return events

    def _push(self, events: list[Event], entity: Entity) -> None:
        due = _due(entity)
        if due is not None:
            heapq.heappush(events, (due, entity.item["createdAt"], entity.kind, entity.sandbox, entity.id))

    def _happen(self, entity: Entity, due: float, now: float) -> list[Entity]:
        """What is due of an entity; those that have something more ahead of them."""
        if entity.kind == "flows":
            settles = entity.hidden.get("settles")
            changed = (
                self._settled(entity) if settles and settles[0] == due else self._run_due(entity, due, now)
            )
        elif entity.hidden["starts_at"] == due:
            changed = self.records.started(entity, due)
        else:
            changed = self.records.ended(entity, due)
        self._world.store.put_all(*changed)
        return [one for one in changed if one.kind in ("flows", "runs")]

    def _settled(self, flow: Entity) -> list[Entity]:
        """The state that a state on the way led to."""
        hidden = {name: value for name, value in flow.hidden.items() if name != "settles"}
        item = {**flow.item, "state": flow.hidden["settles"][1]}
        return [Entity(flow.kind, flow.sandbox, flow.id, item, hidden)]

    def _run_due(self, flow: Entity, due: float, now: float) -> list[Entity]:
        """A run for the window since the last one, and the next time."""
        params = flow.item["scheduleParams"]
        every = schedule.step(params)
        moment = due
        if every is not None and (now - due) / every > MAX_CATCH_UP:
            moment += every * (int((now - due) // every) - MAX_CATCH_UP)
        plan = ingest.plan(self._world, flow)
        window = [flow.hidden["watermark"], moment] if every is not None else [None, None]
        run = self.records.new(flow, {**plan, "window": window, "once": every is None}, moment)
        hidden = {**flow.hidden, "next": schedule.next_due(params, moment), "begun": True}
        if every is not None:
            hidden["watermark"] = moment
        return [run, Entity(flow.kind, flow.sandbox, flow.id, flow.item, hidden)]


def _due(entity: Entity) -> float | None:
    """When something happens next; None when nothing does any more."""
    hidden = entity.hidden
    if entity.kind == "flows":
        settles = hidden.get("settles")
        times = [settles[0] if settles else None, hidden["next"]]
    else:
        times = [hidden["starts_at"], hidden["ends_at"]]
    return min((time for time in times if time is not None), default=None)
