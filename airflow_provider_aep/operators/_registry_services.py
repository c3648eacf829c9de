"""The services of the reconciler for entities of the Schema Registry and of Data Prep.

Only the tasks that create these import this module, because each task process pays for its imports.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airflow_provider_aep.exactly_once import Entity
from airflow_provider_aep.exactly_once.forecast import Action, Forecast
from airflow_provider_aep.flow_service import differences, mappings, xdm
from airflow_provider_aep.flow_service.errors import AepNotFoundError, AepRequestError, TitleTakenError
from airflow_provider_aep.hooks.data_prep import DataPrepHook
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook
from airflow_provider_aep.operators._services import EntityDefinition, EntityService, Item


class MappingSetService(EntityService[DataPrepHook]):
    """The service of one desired mapping set. It is known by its content, and its dataflow may name it.

    :param dataflow: the name of the dataflow that uses the mapping set, None if it is unknown
    """

    def __init__(self, hook: DataPrepHook, body: Item, dataflow: str | None = None) -> None:
        super().__init__(
            hook,
            EntityDefinition(
                collection=mappings.MAPPING_SETS,
                body=body,
                desired_fields={"mapping": mappings.fields_of(body)},
                existing_fields=lambda item: {"mapping": mappings.fields_of(item)},
                whole=("mapping",),
            ),
        )
        self._body = body
        self._dataflow = dataflow
        self._known: dict[str, Item] = {}

    def list_existing(self) -> Sequence[Entity]:
        """List the mapping set that the dataflow uses; else those of the same content."""
        if of_dataflow := self.of_dataflow():
            return of_dataflow
        found = self._hook.list_mapping_sets(name=self._body["name"])
        return [self._read(item) for item in found if mappings.same_content(item, self._body)]

    def of_dataflow(self) -> list[Entity]:
        """Return the mapping sets that the dataflows of that name use, at their version."""
        return [self._read(item) for item in self._of_dataflow()]

    def _of_dataflow(self) -> Iterator[dict[str, Any]]:
        if self._dataflow is None:
            return
        for flow in self._hook.to(FlowServiceHook).list_flows(name=self._dataflow):
            used = differences.used_mapping_set(flow)
            if used is None:
                continue
            try:
                item = self._hook.get_mapping_set(used["id"], used["version"])
            except AepNotFoundError:
                continue
            if mappings.schema_of(item) == mappings.schema_of(self._body):
                yield {**item, "version": used["version"]}

    def post(self) -> str:
        created = self._hook.create_mapping_set(self._body)
        self._known[created["id"]] = {**self._body, **created}
        return str(created["id"])

    def changes(self, entity: Entity) -> bool:
        return bool(self.differences(entity))

    def update(self, entity: Entity) -> bool:
        """Create a new version, unless an earlier try has created it."""
        if not self.changes(entity):
            return False
        newest = self._hook.get_mapping_set(entity.id)
        if not mappings.same_content(newest, self._body):
            newest = self._hook.replace_mapping_set(entity.id, self._body)
        self._known[entity.id] = newest
        return True

    def result(self, id: str) -> dict[str, Any]:
        """Return ``{"id", "version"}`` of a mapping set that this service has read or created."""
        return mappings.read_created(self._known[id], f"GET /mappingSets/{id}")

    def planned_result(self, forecast: Forecast) -> dict[str, Any] | None:
        """Return the result of a task with this forecast; None if it has none."""
        if forecast.action is Action.CREATE:
            return PlannedMappingSet({"id": "planned", "version": 0}, self._body)
        if forecast.id is None:
            return None
        result = self.result(forecast.id)
        if forecast.action is Action.UPDATE:
            return PlannedMappingSet({**result, "version": result["version"] + 1}, self._body)
        return result

    def fields(self, id: str) -> dict[str, str]:
        """Return the source of each field of a mapping set that this service has read or created."""
        return mappings.fields_of(self._known[id])

    def _read(self, item: Item) -> Entity:
        entity = super()._read(item)
        self._known[entity.id] = item
        return entity


class PlannedMappingSet(dict[str, Any]):
    """The id and version of a mapping set that a run would create or change, with its content.

    The ids and versions are only examples: no request may name them.
    """

    def __init__(self, result: Item, content: Item) -> None:
        super().__init__(result)
        self.content = content


class RegistryService(EntityService[SchemaRegistryHook]):
    """The service of one desired resource of the Schema Registry, which keeps titles unique."""

    _taken_by: str | None = None

    def list_existing(self) -> Sequence[Entity]:
        """List by title. Add the resource that the registry named as the title's owner if the list lags."""
        found = list(super().list_existing())
        if self._taken_by and self._taken_by not in {entity.id for entity in found}:
            try:
                item = self._hook.get_entity(self._collection, self._taken_by)
            except AepNotFoundError:
                return found
            if item.get("title") == self._definition.name:
                found.append(self._read(item))
        return found

    def post(self) -> str:
        """:raises TitleTakenError: another task was faster, as the next list shows, or another kind has it"""
        try:
            return super().post()
        except AepRequestError as error:
            if error.code != "XDM-1521-400":
                raise
            raise self._taken(error) from error

    def _taken(self, error: AepRequestError) -> TitleTakenError:
        """Leave a title taken by the same kind to the reconciler; raise if it is another kind's."""
        other = xdm.find_resource_id(str(error))
        same_kind = other is None or xdm.is_of_kind(other, self._collection.kind)
        self._taken_by = other if same_kind else None
        taken = TitleTakenError(
            f"The {self._collection.kind} {self._definition.name!r} cannot be created: the registry has the "
            f"title already{f', as {other}' if other else ''}. Titles are unique over schemas, field groups, "
            "classes and data types. Choose another `name`.",
            status=error.status,
            code=error.code,
            request_id=error.request_id,
        )
        taken.may_have_happened = same_kind
        return taken
