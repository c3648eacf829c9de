"""Datasets as the recipe of creation sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_aep.exactly_once import Entity, find_mark, with_mark, without_mark
from airflow_provider_aep.flow_service.datasets import schema_of
from airflow_provider_aep.flow_service.differences import Difference, compare
from airflow_provider_aep.flow_service.errors import EntityExistsError
from airflow_provider_aep.flow_service.requests import TARGET_CONNECTIONS
from airflow_provider_aep.hooks.catalog import CatalogHook
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.links import dataset_url


@dataclass(frozen=True)
class DatasetOrder:
    """What is to stand."""

    name: str
    schema_id: str
    description: str | None
    mark: str | None


class Datasets:
    """The :class:`~airflow_provider_aep.exactly_once.Service` for one wanted dataset."""

    def __init__(self, hook: CatalogHook, order: DatasetOrder) -> None:
        self._hook = hook
        self._order = order

    def look(self) -> Sequence[Entity]:
        return [self._read(item) for item in self._hook.list_datasets(name=self._order.name)]

    def get(self, id: str) -> Entity:
        return self._read(self._hook.get_dataset(id))

    def post(self) -> str:
        description = with_mark(self._order.description, self._order.mark)
        return self._hook.create_dataset(
            name=self._order.name, schema_id=self._order.schema_id, description=description
        )

    def publish(self, id: str) -> None:
        """Catalog knows no drafts."""
        raise NotImplementedError

    def differences(self, entity: Entity) -> Sequence[Difference]:
        """Another schema is refused before, see :meth:`_read`."""
        return compare(
            {"description": self._order.description}, {"description": without_mark(entity.description)}
        )

    def update(self, entity: Entity) -> bool:
        """A new description keeps the mark of whoever made the dataset. The rest cannot be changed."""
        if not self.differences(entity):
            return False
        marked = with_mark(self._order.description, find_mark(entity.description))
        self._hook.patch_dataset(entity.id, {"description": marked})
        return True

    def delete(self, id: str) -> None:
        self._hook.delete_dataset(id)

    def dependants(self, id: str) -> Sequence[str]:
        """Batches, which are rows, and target connections, which are dataflows to come."""
        targets = self._hook.to(FlowServiceHook).list_entities(TARGET_CONNECTIONS)
        used_by = [str(item.get("id")) for item in targets if _dataset_of(item) == id]
        return used_by or self._hook.batches_of(id)

    def link(self, id: str) -> str:
        settings = self._hook.settings
        return dataset_url(
            org_id=settings.org_id, tenant=settings.tenant, sandbox=self._hook.sandbox, dataset_id=id
        )

    def _read(self, item: Mapping[str, Any]) -> Entity:
        """:raises EntityExistsError: one of the name stands, and is of another schema"""
        schema_id = schema_of(item)
        if schema_id != self._order.schema_id:
            raise EntityExistsError(
                f"The dataset {self._order.name!r} stands already, with schema {schema_id} instead of "
                f"{self._order.schema_id}: {item['id']}. A dataset's schema cannot be changed: choose "
                "another `name`, or give that schema as `schema_id`."
            )
        created = item.get("created")
        known = isinstance(created, int | float) and not isinstance(created, bool)
        return Entity(
            id=str(item["id"]),
            created_at=float(created) if known else math.inf,  # type: ignore[arg-type]
            etag="",  # none is sent back, so none is needed
            description=str(item.get("description") or ""),
        )


def _dataset_of(target: Mapping[str, Any]) -> object:
    params = target.get("params")
    return params.get("dataSetId") if isinstance(params, Mapping) else None
