"""Connections and mapping sets that nothing uses.

:func:`find` reads five lists, and sends no request for a single entity. A source connection, a target
connection and a mapping set are orphans if no dataflow uses them, whatever the dataflow's state. A base
connection is an orphan if only orphans use it. An entity that was created or changed a short time ago is no
orphan: a DAG may be about to use it. If a list cannot be read whole, nothing is called an orphan because of
this list.

:func:`delete` deletes one orphan, after it has checked again that nothing uses it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_aep.flow_service.collections import (
    CONNECTIONS,
    FLOWS,
    SOURCE_CONNECTIONS,
    TARGET_CONNECTIONS,
    Collection,
)
from airflow_provider_aep.flow_service.errors import (
    AepError,
    AepNotFoundError,
    AepReplyError,
    AepRequestError,
    EntityInUseError,
)
from airflow_provider_aep.flow_service.mappings import MAPPING_SETS
from airflow_provider_aep.flow_service.marks import task_of
from airflow_provider_aep.flow_service.runs import epoch_seconds, iso_time
from airflow_provider_aep.flow_service.validation import is_id
from airflow_provider_aep.hooks.collections import CollectionHook
from airflow_provider_aep.hooks.data_prep import DataPrepHook
from airflow_provider_aep.hooks.flow_service import FlowServiceHook

DAY = 86400.0
_DELETABLE = {one.kind: one for one in (SOURCE_CONNECTIONS, TARGET_CONNECTIONS, CONNECTIONS)}
_IN_USE = ("1418-", "1447-")
"""AEP's codes if another entity uses the one to delete."""

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Orphan:
    """An entity that nothing uses.

    :param kind: ``source connection``, ``target connection``, ``base connection`` or ``mapping set``
    :param name: None if the entity has no name
    :param created_at: epoch seconds
    :param touched_at: when it was created or last changed
    :param age: seconds since the creation
    :param made_by: ``dag.task`` that the ownership mark names
    :param deletable: whether :func:`delete` may delete it. It has an ownership mark, and so has every orphan
        that uses it. A mapping set has no mark, and AEP documents no way to delete one
    """

    id: str
    kind: str
    name: str | None
    created_at: float
    touched_at: float
    age: float
    made_by: str | None
    url: str
    deletable: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the orphan as JSON shows it, with the time in ISO 8601 in UTC."""
        return {
            "id": self.id,
            "kind": self.kind,
            "name": self.name,
            "created_at": iso_time(self.created_at),
            "age_seconds": int(self.age),
            "made_by": self.made_by,
            "url": self.url,
        }


@dataclass(frozen=True)
class Orphans:
    """The orphans of a sandbox, in the order in which they can be deleted.

    :param notes: sentences about lists that could not be read
    """

    sandbox: str
    rows: tuple[Orphan, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Entity:
    """The parts of an entity that matter here.

    :param created_at: epoch seconds, infinity if unknown
    :param touched_at: when it was created or last changed
    :param uses: ids of base connections
    :param dataset: the dataset of a target connection
    """

    kind: str
    id: str
    name: object
    created_at: float
    touched_at: float
    made_by: str | None
    uses: frozenset[str]
    dataset: str | None


def find(
    hook: FlowServiceHook,
    *,
    least_age: float = DAY,
    progress: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.time,
) -> Orphans:
    """Return the orphans of the hook's sandbox.

    :param least_age: seconds; entities that were created or changed later are left out
    :param progress: gets a line about what is read
    :param clock: returns epoch seconds
    :raises AepError: the dataflows cannot be read. For each other list that cannot be read, a note says so
    """
    lists = _Lists(hook, progress)
    used = lists.used_by_flows()
    ends = [lists.read(one, hook) for one in (SOURCE_CONNECTIONS, TARGET_CONNECTIONS)]
    bases = lists.read(CONNECTIONS, hook)
    sets = lists.read(MAPPING_SETS, hook.to(DataPrepHook))
    now = clock()

    def unused(entities: Iterable[_Entity], used: set[str]) -> list[_Entity]:
        found = [one for one in entities if one.id not in used and one.touched_at <= now - least_age]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    loose = [one for found in ends for one in unused(found or (), used)]
    loose_ids = {one.id for one in loose}
    held = used.union(*(one.uses for found in ends for one in found or () if one.id not in loose_ids))
    foreign = frozenset[str]().union(*(one.uses for one in loose if one.made_by is None))
    if None in ends:
        bases = []
        lists.notes.append("No base connection is shown: a connection that was not read may use it.")
    rows = [
        _orphan(hook, one, now, deletable=one.made_by is not None and one.id not in foreign)
        for one in (*loose, *unused(bases or (), held), *unused(sets or (), used))
    ]
    return Orphans(hook.sandbox, tuple(rows), tuple(lists.notes))


def delete(hook: FlowServiceHook, orphan: Orphan) -> None:
    """Delete an orphan if it is as :func:`find` saw it, and nothing uses it. It may be gone already.

    :raises EntityInUseError: something uses it or changed it, or its mark is gone. It was not deleted
    :raises AepError: AEP refuses, or cannot be reached
    """
    collection = _DELETABLE[orphan.kind]
    try:
        existing = _read(collection, hook.get_entity(collection, orphan.id))
    except AepNotFoundError:
        return
    if existing.made_by is None:
        raise EntityInUseError(
            "It carries no ownership mark any more. If it is yours, delete it by its operator."
        )
    if existing.touched_at > orphan.touched_at:
        raise EntityInUseError("It was changed meanwhile: a task may be about to use it.")
    if users := _users(hook, orphan):
        raise EntityInUseError(f"It is in use by {', '.join(users)}.")
    try:
        hook.delete_entity(collection, orphan.id)
    except AepNotFoundError:
        return
    except AepRequestError as error:
        if any(code in (error.code or "") for code in _IN_USE):
            raise EntityInUseError(f"It is in use, says AEP: {error.message}") from error
        raise


def _users(hook: FlowServiceHook, orphan: Orphan) -> list[str]:
    """Return in words what uses an entity now."""
    if orphan.kind == SOURCE_CONNECTIONS.kind:
        return [f"dataflow {own}" for own in hook.flows_using(source_connection_id=orphan.id)]
    if orphan.kind == TARGET_CONNECTIONS.kind:
        return [f"dataflow {own}" for own in hook.flows_using(target_connection_id=orphan.id)]
    targets = (_read(TARGET_CONNECTIONS, item) for item in hook.list_entities(TARGET_CONNECTIONS))
    return [
        *(f"source connection {item.get('id')}" for item in hook.list_source_connections(orphan.id)),
        *(f"target connection {one.id}" for one in targets if orphan.id in one.uses),
    ]


class _Lists:
    """Read the lists of a sandbox, and note what could not be read."""

    def __init__(self, hook: FlowServiceHook, progress: Callable[[str], None]) -> None:
        self.notes: list[str] = []
        self._hook = hook
        self._progress = progress

    def used_by_flows(self) -> set[str]:
        """Return the ids of everything that dataflows use. Dataflows to destinations are among them."""
        used: set[str] = set()
        count = 0
        for page in self._hook.pages(FLOWS.list_call()):
            used.update(*map(_used_by, page))
            count += len(page)
            self._progress(f"{count} dataflows")
        return used

    def read(self, collection: Collection, service: CollectionHook) -> list[_Entity] | None:
        """Return all entities of a list, None if it cannot be read whole. Pages can overlap."""
        found: dict[str, _Entity] = {}
        try:
            for page in service.pages(collection.list_call(), collection.paging):
                found |= {entity.id: entity for entity in (_read(collection, item) for item in page)}
                self._progress(f"{len(found)} {collection.kind}s")
        except AepError as error:
            self.notes.append(f"Could not read all {collection.kind}s, so none of them is shown: {error}")
            return None
        return list(found.values())


def _used_by(flow: Item) -> Iterator[str]:
    """Yield the ids of the connections and mapping sets that a dataflow uses.

    :raises AepReplyError: the dataflow does not show them
    """
    for key in ("sourceConnectionIds", "targetConnectionIds"):
        ids = flow.get(key)
        if ids is None and str(flow.get("state")).lower() == "draft":
            continue  # it has none yet
        if not isinstance(ids, list):
            raise AepReplyError.with_advice(f"AEP shows the dataflow {flow.get('id')!r:.60} without {key}.")
        yield from (_id(one, FLOWS, flow, key) for one in ids)
    for one in flow.get("transformations") or ():
        params = one.get("params") if isinstance(one, Mapping) else None
        if isinstance(params, Mapping) and params.get("mappingId"):
            yield _id(params["mappingId"], FLOWS, flow, "mappingId")


def _read(collection: Collection, item: Item) -> _Entity:
    """Return an entity of a list. :raises AepReplyError: its id, or the id of what it uses, is invalid"""
    description, params = item.get("description"), item.get("params")
    inherited = item.get("inheritedAttributes")
    base = inherited.get("baseConnection") if isinstance(inherited, Mapping) else None
    bases = (item.get("baseConnectionId"), base.get("id") if isinstance(base, Mapping) else None)
    uses = frozenset(_id(one, collection, item, "baseConnectionId") for one in bases if one is not None)
    dataset = params.get("dataSetId") if isinstance(params, Mapping) else None
    created_at = epoch_seconds(collection.created_at(item)) or math.inf
    changed_at = epoch_seconds(item.get("updatedAt", item.get("modifiedDate")))
    return _Entity(
        kind=collection.kind,
        id=collection.read_id(item),
        name=item.get("name"),
        created_at=created_at,
        touched_at=max(created_at, changed_at or 0.0),
        made_by=task_of(description) if isinstance(description, str) else None,
        uses=uses,
        dataset=dataset if is_id(dataset) else None,
    )


def _id(value: object, collection: Collection, item: Item, key: str) -> str:
    if is_id(value):
        return str(value)
    raise AepReplyError.with_advice(
        f"AEP shows the {collection.kind} {item.get('id')!r:.60} with an invalid {key}."
    )


def _orphan(hook: FlowServiceHook, one: _Entity, now: float, *, deletable: bool) -> Orphan:
    page = {SOURCE_CONNECTIONS.kind: next(iter(one.uses), None), TARGET_CONNECTIONS.kind: one.dataset}
    return Orphan(
        id=one.id,
        kind=one.kind,
        name=hook.scrub(one.name) if isinstance(one.name, str) and one.name.strip() else None,
        created_at=one.created_at,
        touched_at=one.touched_at,
        age=now - one.created_at,
        made_by=one.made_by,
        url=hook.link(one.kind, one.id, page.get(one.kind)),
        deletable=deletable,
    )
