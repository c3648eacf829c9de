"""Mapping sets as the recipe of creation sees them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_aep.exactly_once import Entity
from airflow_provider_aep.flow_service import differences, mappings
from airflow_provider_aep.flow_service.differences import Difference, compare
from airflow_provider_aep.flow_service.errors import AepNotFoundError
from airflow_provider_aep.hooks.data_prep import DataPrepHook
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.operators._schemas import schema_link


@dataclass(frozen=True)
class MappingSetOrder:
    """What is to exist.

    :param body: what is POSTed
    :param dataflow: the name of the dataflow that it is for, if it is known
    """

    body: Mapping[str, Any]
    dataflow: str | None = None


class MappingSets:
    """The :class:`~airflow_provider_aep.exactly_once.Service` for one order."""

    def __init__(self, hook: DataPrepHook, order: MappingSetOrder) -> None:
        self._hook = hook
        self._order = order
        self._seen: dict[str, Mapping[str, Any]] = {}

    def look(self) -> Sequence[Entity]:
        """The one that the dataflow uses; else those of the name that the content has."""
        of_dataflow = [self._read(item) for item in self._of_dataflow()]
        if of_dataflow:
            return of_dataflow
        found = self._hook.list_mapping_sets(name=self._order.body["name"])
        return [self._read(item) for item in found if mappings.same_content(item, self._order.body)]

    def _of_dataflow(self) -> Iterator[dict[str, Any]]:
        """What the dataflows of that name use, at their version."""
        if self._order.dataflow is None:
            return
        for flow in self._hook.to(FlowServiceHook).list_flows(name=self._order.dataflow):
            used = differences.used_mapping_set(flow)
            if used is None:
                continue
            try:
                item = self._hook.get_mapping_set(used["id"], used["version"])
            except AepNotFoundError:
                continue
            if mappings.schema_of(item) == mappings.schema_of(self._order.body):
                yield {**item, "version": used["version"]}

    def get(self, id: str) -> Entity:
        return self._read(self._hook.get_mapping_set(id))

    def post(self) -> str:
        made = self._hook.create_mapping_set(self._order.body)
        self._seen[made["id"]] = {**self._order.body, **made}
        return str(made["id"])

    def publish(self, id: str) -> None:
        """Data Prep knows no drafts."""
        raise NotImplementedError

    def differences(self, entity: Entity) -> Sequence[Difference]:
        """By field of the schema: what goes into it, and what shall."""
        wanted, existing = (mappings.fields_of(item) for item in (self._order.body, entity.shown))
        return compare({"mapping": wanted}, {"mapping": existing}, whole=("mapping",))

    def update(self, entity: Entity) -> bool:
        """A new version of the dataflow's own; or the newest, if an earlier try has made it."""
        if not self.differences(entity):
            return False
        newest = self._hook.get_mapping_set(entity.id)
        if not mappings.same_content(newest, self._order.body):
            newest = self._hook.replace_mapping_set(entity.id, self._order.body)
        self._seen[entity.id] = newest
        return True

    def delete(self, id: str) -> None:
        """No document shows how a mapping set is deleted."""
        raise NotImplementedError

    def dependants(self, id: str) -> Sequence[str]:
        """Asked before something is deleted, and nothing is."""
        raise NotImplementedError

    def link(self, id: str) -> str:
        return schema_link(self._hook, "mappingSetId", id)

    def result(self, id: str) -> dict[str, Any]:
        """``{"id", "version"}`` of one that was read or made here."""
        return mappings.read_created(self._seen[id], f"GET /mappingSets/{id}")

    def fields(self, id: str) -> dict[str, str]:
        """What goes into which field by one that was read or made here."""
        return mappings.fields_of(self._seen[id])

    def _read(self, item: Mapping[str, Any]) -> Entity:
        own = mappings.read_created(item, "GET /mappingSets")["id"]
        self._seen[own] = item
        created = item.get("createdDate")
        known = isinstance(created, int | float) and not isinstance(created, bool)
        return Entity(
            id=own,
            created_at=float(created) if known else math.inf,  # type: ignore[arg-type]
            etag="",  # none is sent back, so none is needed
            shown=item,
        )
