"""Entities of Flow Service as the recipe of creation sees them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep.exactly_once import Entity, find_mark, with_mark, without_mark
from airflow_provider_aep.flow_service.differences import DEFAULTS, Difference, Fields, compare
from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.flow_service.validation import is_id
from airflow_provider_aep.hooks.flow_service import FlowServiceHook


@dataclass(frozen=True)
class EntityOrder:
    """One entity of a collection of Flow Service.

    :param filters: what narrows the list to its kin, its name apart
    :param body: what is POSTed; its description gets the mark
    :param fits: raises where one that stands under the name is a different thing
    :param said: what of it the caller gave, as fields by the names of the parameters
    :param shown: the same fields of one that exists
    :param fixed: why a field cannot be changed, by its name and the item
    :param operations: what changes the fields of these names, by the item; the description apart
    :param dependants: the ids of what uses the entity
    :param check: raises where it cannot be made as it is wanted now, though one that stands is fine
    :param url: the entity's page in AEP's UI
    """

    collection: str
    parameter: str
    filters: list[tuple[str, str]]
    body: Mapping[str, Any]
    mark: str | None
    url: Callable[[str], str]
    dependants: Callable[[str], Sequence[str]]
    fits: Callable[[Mapping[str, Any]], None] = lambda _: None
    check: Callable[[], None] = lambda: None
    draft: bool = False
    said: Fields = field(default_factory=dict)
    shown: Callable[[Mapping[str, Any]], Fields] = lambda _: {}
    fixed: Callable[[Mapping[str, Any], str], str] = lambda _item, _field: ""
    operations: Callable[[Mapping[str, Any], set[str]], list[dict[str, Any]]] = lambda _item, _fields: []


class FlowEntities:
    """The :class:`~airflow_provider_aep.exactly_once.Service` for one order."""

    def __init__(self, hook: FlowServiceHook, order: EntityOrder) -> None:
        self._hook = hook
        self._order = order

    def look(self) -> Sequence[Entity]:
        name = self._order.body["name"]
        found = self._hook.list_entities(self._order.collection, self._order.filters, name=name)
        return [self._read(item) for item in found]

    def get(self, id: str) -> Entity:
        return self._read(self._hook.get_entity(self._order.collection, id, self._order.parameter))

    def post(self) -> str:
        order = self._order
        order.check()
        description = with_mark(order.body.get("description"), order.mark)
        body = {**order.body, **({"description": description} if description else {})}
        return self._hook.create_entity(order.collection, body, draft=order.draft)

    def publish(self, id: str) -> None:
        self._hook.act_on(self._order.collection, id, self._order.parameter, "publish")

    def differences(self, entity: Entity) -> Sequence[Difference]:
        order, item = self._order, entity.shown
        return compare(
            {"description": order.body.get("description") or None, **order.said},
            {"description": without_mark(entity.description), **order.shown(item)},
            fixed=lambda field, _: order.fixed(item, field),
            whole=("columns", "mapping"),
            defaults=DEFAULTS,
        )

    def update(self, entity: Entity) -> bool:
        """A new description keeps the mark of whoever made the entity, or none."""
        order, changed = self._order, {one.field for one in self.differences(entity)}
        operations = order.operations(entity.shown, changed)
        if "description" in changed:
            marked = with_mark(order.body["description"], find_mark(entity.description))
            op = "replace" if entity.description else "add"
            operations.append({"op": op, "path": "/description", "value": marked})
        if operations:
            etag = entity.etag or ""
            self._hook.patch_entity(order.collection, entity.id, order.parameter, etag, operations)
        return bool(operations)

    def delete(self, id: str) -> None:
        self._hook.delete_entity(self._order.collection, id, self._order.parameter)

    def dependants(self, id: str) -> Sequence[str]:
        return self._order.dependants(id)

    def link(self, id: str) -> str:
        return self._order.url(id)

    def _read(self, item: Mapping[str, Any]) -> Entity:
        self._order.fits(item)
        return read_entity(item)


def read_entity(item: Mapping[str, Any]) -> Entity:
    """What the recipe needs of an entity."""
    if not is_id(item.get("id")):
        raise AepReplyError.with_advice("Flow Service listed an entity without an id.")
    created = item.get("createdAt")
    known = isinstance(created, int | float) and not isinstance(created, bool)
    etag = item.get("etag")
    return Entity(
        id=str(item.get("id")),
        created_at=float(created) if known else math.inf,  # type: ignore[arg-type]
        state=str(item.get("state") or ""),
        etag=etag if isinstance(etag, str) and etag else None,
        description=str(item.get("description") or ""),
        shown=item,
    )
