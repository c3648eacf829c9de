"""The entities of a sandbox that its dataflows use, read by lists.

The number of requests does not grow with the number of dataflows, except for one request for each schema and
for each mapping set that the list does not show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from airflow_provider_aep.flow_service import xdm
from airflow_provider_aep.flow_service.collections import (
    FLOW_SPECS,
    SOURCE_CONNECTIONS,
    TARGET_CONNECTIONS,
    Collection,
)
from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.mappings import MAPPING_SETS
from airflow_provider_aep.flow_service.validation import check_id
from airflow_provider_aep.hooks.catalog import CatalogHook
from airflow_provider_aep.hooks.data_prep import DataPrepHook
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook

Item = Mapping[str, Any]
T = TypeVar("T")


class Inventory:
    """The entities of a sandbox. Each list is read once, when the first dataflow needs it.

    :param every_dataflow: whether all dataflows are read: then mapping sets are listed, too
    """

    def __init__(self, hook: FlowServiceHook, *, every_dataflow: bool) -> None:
        self.hook = hook
        self._every_dataflow = every_dataflow
        self._known: dict[object, Any] = {}

    def _once(self, key: object, read: Callable[[], T]) -> T:
        """Return what was read before, or raise the error of that time."""
        if key not in self._known:
            try:
                self._known[key] = read()
            except AepError as error:
                self._known[key] = error
        if isinstance(found := self._known[key], AepError):
            raise found
        return found  # type: ignore[no-any-return]

    def _listed(self, collection: Collection) -> dict[str, Item]:
        return self._once(collection.path, lambda: _by_id(self.hook.list_entities(collection)))

    @property
    def flows(self) -> dict[str, Item]:
        """Return the dataflows of sources by id."""
        pages = self.hook.source_flow_pages
        return self._once("flows", lambda: _by_id(item for page in pages() for item in page))

    def namesakes(self, listed: str, identity: Callable[[Item], object], item: Item) -> int:
        """Return how many entities of a list have the identity of this one, itself included.

        :param listed: the name of the list, such as ``flows``
        """
        entities: dict[str, Item] = getattr(self, listed)
        counts = self._once(
            ("namesakes", listed), lambda: Counter(repr(identity(one)) for one in entities.values())
        )
        return counts[repr(identity(item))]

    @property
    def base_connections(self) -> dict[str, Item]:
        """Return the base connections by id."""
        return self._once("bases", lambda: _by_id(self.hook.list_base_connections()))

    @property
    def source_connections(self) -> dict[str, Item]:
        """Return the source connections by id."""
        return self._listed(SOURCE_CONNECTIONS)

    @property
    def target_connections(self) -> dict[str, Item]:
        """Return the target connections by id."""
        return self._listed(TARGET_CONNECTIONS)

    @property
    def datasets(self) -> dict[str, Item]:
        """Return the datasets by id."""
        return self._once("datasets", lambda: _by_id(self.hook.to(CatalogHook).list_datasets()))

    @property
    def schemas(self) -> dict[str, Item]:
        """Return the tenant's schemas by ``$id``."""
        registry = self.hook.to(SchemaRegistryHook)
        return self._once("schemas", lambda: _by_id(registry.list_resources(xdm.SCHEMAS), "$id"))

    @property
    def flow_specs(self) -> list[dict[str, Any]]:
        """Return the flow specs of the platform."""
        return self._once("specs", lambda: self.hook.list_entities(FLOW_SPECS))

    def fields(self, schema_id: str) -> Iterable[str]:
        """Return the paths of a schema's fields."""
        registry = self.hook.to(SchemaRegistryHook)
        return self._once(("fields", schema_id), lambda: registry.schema_fields(schema_id))

    def flow(self, flow_id: str) -> Item:
        """Return a dataflow. :raises AepError: the id is invalid, or the dataflow cannot be read"""
        check_id(flow_id, "ID")
        return self.flows.get(flow_id) or self.hook.get_flow(flow_id)

    def mapping_set(self, used: Mapping[str, Any]) -> Item:
        """Return a mapping set at a version. :raises AepError: it cannot be read"""
        data_prep, own, version = self.hook.to(DataPrepHook), used["id"], used["version"]
        if self._every_dataflow:
            listed = self._once("sets", lambda: _by_id(data_prep.list_entities(MAPPING_SETS)))
            if own in listed and listed[own].get("version") == version and listed[own].get("mappings"):
                return listed[own]
        return self._once((own, version), lambda: data_prep.get_mapping_set(own, version))


def _by_id(items: Iterable[Item], key: str = "id") -> dict[str, Item]:
    return {str(item[key]): item for item in items if isinstance(item.get(key), str)}
