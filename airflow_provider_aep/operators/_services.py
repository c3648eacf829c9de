"""Services of the reconciler for each kind of entity, and a task's memory: imported when a task executes.

They import hooks, and thereby HTTP libraries, so no DAG file may import this module when it is parsed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep._compat import task_store
from airflow_provider_aep.exactly_once import Entity, find_mark, with_mark, without_mark
from airflow_provider_aep.flow_service import differences, mappings, xdm
from airflow_provider_aep.flow_service.datasets import schema_of
from airflow_provider_aep.flow_service.differences import DEFAULTS, Difference, Fields, compare
from airflow_provider_aep.flow_service.errors import (
    AepNotFoundError,
    AepReplyError,
    AepRequestError,
    EntityExistsError,
    TaskStoreError,
    TitleTakenError,
)
from airflow_provider_aep.flow_service.requests import TARGET_CONNECTIONS
from airflow_provider_aep.flow_service.validation import is_id
from airflow_provider_aep.hooks.base import AepHook
from airflow_provider_aep.hooks.catalog import CatalogHook
from airflow_provider_aep.hooks.data_prep import DataPrepHook
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook
from airflow_provider_aep.links import dataset_url, datasets_url, with_id

_NOTES = ("id", "version", "since", "ends")


class TaskMemory:
    """Airflow 3.3's task state store, as far as there is one.

    A record counts only for the same identity and the same ``max_tries``: that number grows when a task is
    cleared, and a cleared task starts fresh where a retried one goes on.

    :param decides: whether a store that fails is an error (:class:`TaskStoreError`). A create finds what
        exists without the store; a run does not
    :param for_good: whether a record counts after a clear, too
    """

    def __init__(
        self,
        context: Any,
        key: str,
        identity: Mapping[str, str],
        log: Any,
        *,
        decides: bool = False,
        for_good: bool = False,
    ) -> None:
        self._key = key
        self._store = task_store(context)
        tries = None if for_good else getattr(context.get("ti"), "max_tries", None)
        self._facts = {**identity, "max_tries": tries if isinstance(tries, int) else None}
        self._log = log
        self._decides = decides

    @property
    def lasts(self) -> bool:
        """Whether there is a memory at all."""
        return self._store is not None

    def recall(self) -> str | None:
        """The id that an earlier try kept."""
        known = self.read().get("id")
        return known if isinstance(known, str) else None

    def keep(self, id: str) -> None:
        """Keep the id for later tries."""
        self.write({"id": id})

    def read(self) -> dict[str, Any]:
        """What an earlier try wrote, if it was about the same; else nothing.

        :return: after a clear ``{"cleared": id}``, the id that a try before the clear kept
        """
        record = self._try("read", lambda store: store.get(self._key))
        if not isinstance(record, dict):
            return {}
        notes = {key: record[key] for key in _NOTES if key in record}
        if {**notes, **self._facts} == record:
            return notes
        same = {**notes, **self._facts, "max_tries": record.get("max_tries")} == record
        return {"cleared": notes["id"]} if same and "id" in notes else {}

    def write(self, notes: Mapping[str, Any]) -> None:
        """Write notes, in place of earlier ones. No tuples: the store takes JSON. No secrets."""
        self._try("write", lambda store: store.set(self._key, {**notes, **self._facts}))

    def forget(self) -> None:
        """Leave nothing for later tries. A store that fails is only warned of: the try's own error counts."""
        self._try("clear", lambda store: store.delete(self._key), decides=False)

    def _try(self, verb: str, action: Any, *, decides: bool | None = None) -> Any:
        if self._store is None:
            return None
        try:
            return action(self._store)
        except Exception as error:
            happened = f"Could not {verb} Airflow's task state store ({type(error).__name__})."
            if self._decides if decides is None else decides:
                raise TaskStoreError.with_advice(happened) from error
            self._log.warning("%s The task goes on without it.", happened)
            return None


@dataclass(frozen=True)
class DesiredFlowEntity:
    """One entity of a collection of Flow Service.

    :param filters: what narrows the list to its kin, its name apart
    :param body: what is POSTed; its description gets the mark
    :param fits: raises if the existing entity of the name is a different thing
    :param said: what of it the caller gave, as fields by the names of the parameters
    :param shown: the same fields of one that exists
    :param fixed: why a field cannot be changed, by its name and the item
    :param operations: what changes the fields of these names, by the item; the description apart
    :param dependants: the ids of what uses the entity
    :param check: raises if it cannot be created as desired now; an existing one is fine
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
    """The :class:`~airflow_provider_aep.exactly_once.Service` for one desired entity."""

    def __init__(self, hook: FlowServiceHook, desired: DesiredFlowEntity) -> None:
        self._hook = hook
        self._desired = desired

    def list_existing(self) -> Sequence[Entity]:
        name = self._desired.body["name"]
        found = self._hook.list_entities(self._desired.collection, self._desired.filters, name=name)
        return [self._read(item) for item in found]

    def get(self, id: str) -> Entity:
        return self._read(self._hook.get_entity(self._desired.collection, id, self._desired.parameter))

    def post(self) -> str:
        desired = self._desired
        desired.check()
        description = with_mark(desired.body.get("description"), desired.mark)
        body = {**desired.body, **({"description": description} if description else {})}
        return self._hook.create_entity(desired.collection, body, draft=desired.draft)

    def publish(self, id: str) -> None:
        self._hook.act_on(self._desired.collection, id, self._desired.parameter, "publish")

    def differences(self, entity: Entity) -> Sequence[Difference]:
        desired, item = self._desired, entity.shown
        return compare(
            {"description": desired.body.get("description") or None, **desired.said},
            {"description": without_mark(entity.description), **desired.shown(item)},
            fixed=lambda field, _: desired.fixed(item, field),
            whole=("columns", "mapping"),
            defaults=DEFAULTS,
        )

    def update(self, entity: Entity) -> bool:
        """A new description keeps the mark of whoever made the entity, or none."""
        desired, changed = self._desired, {one.field for one in self.differences(entity)}
        operations = desired.operations(entity.shown, changed)
        if "description" in changed:
            marked = with_mark(desired.body["description"], find_mark(entity.description))
            op = "replace" if entity.description else "add"
            operations.append({"op": op, "path": "/description", "value": marked})
        if operations:
            etag = entity.etag or ""
            self._hook.patch_entity(desired.collection, entity.id, desired.parameter, etag, operations)
        return bool(operations)

    def delete(self, id: str) -> None:
        self._hook.delete_entity(self._desired.collection, id, self._desired.parameter)

    def dependants(self, id: str) -> Sequence[str]:
        return self._desired.dependants(id)

    def link(self, id: str) -> str:
        return self._desired.url(id)

    def _read(self, item: Mapping[str, Any]) -> Entity:
        self._desired.fits(item)
        return read_entity(item)


def read_entity(item: Mapping[str, Any]) -> Entity:
    """Read what the reconciler needs of an entity."""
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


@dataclass(frozen=True)
class DesiredDataset:
    """The dataset that shall exist."""

    name: str
    schema_id: str
    description: str | None
    mark: str | None


class Datasets:
    """The :class:`~airflow_provider_aep.exactly_once.Service` for one desired dataset."""

    def __init__(self, hook: CatalogHook, desired: DesiredDataset) -> None:
        self._hook = hook
        self._desired = desired

    def list_existing(self) -> Sequence[Entity]:
        return [self._read(item) for item in self._hook.list_datasets(name=self._desired.name)]

    def get(self, id: str) -> Entity:
        return self._read(self._hook.get_dataset(id))

    def post(self) -> str:
        description = with_mark(self._desired.description, self._desired.mark)
        return self._hook.create_dataset(
            name=self._desired.name, schema_id=self._desired.schema_id, description=description
        )

    def publish(self, id: str) -> None:
        """Catalog knows no drafts."""
        raise NotImplementedError

    def differences(self, entity: Entity) -> Sequence[Difference]:
        """Another schema is refused before, see :meth:`_read`."""
        return compare(
            {"description": self._desired.description}, {"description": without_mark(entity.description)}
        )

    def update(self, entity: Entity) -> bool:
        """A new description keeps the mark of whoever made the dataset. The rest cannot be changed."""
        if not self.differences(entity):
            return False
        marked = with_mark(self._desired.description, find_mark(entity.description))
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
        """:raises EntityExistsError: one of the name exists, with another schema"""
        schema_id = schema_of(item)
        if schema_id != self._desired.schema_id:
            raise EntityExistsError(
                f"The dataset {self._desired.name!r} exists already, with schema {schema_id} instead of "
                f"{self._desired.schema_id}: {item['id']}. A dataset's schema cannot be changed: choose "
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


@dataclass(frozen=True)
class DesiredMappingSet:
    """The mapping set that shall exist.

    :param body: what is POSTed
    :param dataflow: the name of the dataflow that it is for, if it is known
    """

    body: Mapping[str, Any]
    dataflow: str | None = None


class MappingSets:
    """The :class:`~airflow_provider_aep.exactly_once.Service` for one desired entity."""

    def __init__(self, hook: DataPrepHook, desired: DesiredMappingSet) -> None:
        self._hook = hook
        self._desired = desired
        self._seen: dict[str, Mapping[str, Any]] = {}

    def list_existing(self) -> Sequence[Entity]:
        """The one that the dataflow uses; else those of the name that the content has."""
        of_dataflow = [self._read(item) for item in self._of_dataflow()]
        if of_dataflow:
            return of_dataflow
        found = self._hook.list_mapping_sets(name=self._desired.body["name"])
        return [self._read(item) for item in found if mappings.same_content(item, self._desired.body)]

    def _of_dataflow(self) -> Iterator[dict[str, Any]]:
        """What the dataflows of that name use, at their version."""
        if self._desired.dataflow is None:
            return
        for flow in self._hook.to(FlowServiceHook).list_flows(name=self._desired.dataflow):
            used = differences.used_mapping_set(flow)
            if used is None:
                continue
            try:
                item = self._hook.get_mapping_set(used["id"], used["version"])
            except AepNotFoundError:
                continue
            if mappings.schema_of(item) == mappings.schema_of(self._desired.body):
                yield {**item, "version": used["version"]}

    def get(self, id: str) -> Entity:
        return self._read(self._hook.get_mapping_set(id))

    def post(self) -> str:
        made = self._hook.create_mapping_set(self._desired.body)
        self._seen[made["id"]] = {**self._desired.body, **made}
        return str(made["id"])

    def publish(self, id: str) -> None:
        """Data Prep knows no drafts."""
        raise NotImplementedError

    def differences(self, entity: Entity) -> Sequence[Difference]:
        """By field of the schema: what goes into it, and what shall."""
        wanted, existing = (mappings.fields_of(item) for item in (self._desired.body, entity.shown))
        return compare({"mapping": wanted}, {"mapping": existing}, whole=("mapping",))

    def update(self, entity: Entity) -> bool:
        """A new version of the dataflow's own; or the newest, if an earlier try has made it."""
        if not self.differences(entity):
            return False
        newest = self._hook.get_mapping_set(entity.id)
        if not mappings.same_content(newest, self._desired.body):
            newest = self._hook.replace_mapping_set(entity.id, self._desired.body)
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


Item = Mapping[str, Any]

_TYPE_FIXED = (
    "The type of a field cannot be changed. Choose another `name`, or give the column its existing type."
)


@dataclass(frozen=True)
class DesiredResource:
    """One resource of the registry.

    :param kind: ``schemas`` or ``fieldgroups``
    :param body: what is POSTed; its description gets the mark
    :param class_id: the class that an existing one must have too
    :param description: the user's own, None to leave an existing one as it is
    :param operations: what ``if_exists="update"`` adds to an existing one
    :param said: what the caller gave, as fields by the names of the parameters
    :param shown: the same fields of one that exists
    """

    kind: str
    body: Mapping[str, Any]
    class_id: str
    description: str | None
    mark: str | None
    operations: Callable[[Item], list[dict[str, Any]]] = field(default=lambda _: [])
    said: Fields = field(default_factory=dict)
    shown: Callable[[Item], Fields] = field(default=lambda _: {})

    @property
    def title(self) -> str:
        return str(self.body["title"])

    @property
    def words(self) -> str:
        return "schema" if self.kind == xdm.SCHEMAS else "field group"


class RegistryResources:
    """The :class:`~airflow_provider_aep.exactly_once.Service` for one desired entity."""

    def __init__(self, hook: SchemaRegistryHook, desired: DesiredResource) -> None:
        self._hook = hook
        self._desired = desired
        self._taken_by: str | None = None
        self._seen: dict[str, Item] = {}

    def list_existing(self) -> Sequence[Entity]:
        """By title; with what the registry said has the title, even where its list lags behind."""
        found = [
            self._read(item)
            for item in self._hook.list_resources(self._desired.kind, title=self._desired.title)
        ]
        if self._taken_by and self._taken_by not in {entity.id for entity in found}:
            try:
                item = self._hook.get_resource(self._desired.kind, self._taken_by)
            except AepNotFoundError:
                return found
            if item.get("title") == self._desired.title:
                found.append(self._read(item))
        return found

    def get(self, id: str) -> Entity:
        return self._read(self._hook.get_resource(self._desired.kind, id))

    def post(self) -> str:
        """:raises TitleTakenError: another task was faster, as the next list shows, or another kind has it"""
        description = with_mark(self._desired.description, self._desired.mark) or ""
        try:
            return self._hook.create_resource(
                self._desired.kind, {**self._desired.body, "description": description}
            )
        except AepRequestError as error:
            if error.code != "XDM-1521-400":
                raise
            raise self._taken(error) from error

    def _taken(self, error: AepRequestError) -> TitleTakenError:
        """Leave a title taken by the same kind to the reconciler; raise if it is another kind's."""
        other = xdm.find_resource_id(str(error))
        ours = other is None or xdm.is_of_kind(other, self._desired.kind)
        self._taken_by = other if ours else None
        taken = TitleTakenError(
            f"The {self._desired.words} {self._desired.title!r} cannot be made: the registry has the title "
            f"already{f', as {other}' if other else ''}. Titles are unique over schemas, field groups, "
            "classes and data types. Choose another `name`.",
            status=error.status,
            code=error.code,
            request_id=error.request_id,
        )
        taken.may_have_happened = ours
        return taken

    def publish(self, id: str) -> None:
        """The registry knows no drafts."""
        raise NotImplementedError

    def differences(self, entity: Entity) -> Sequence[Difference]:
        """What it has besides is no difference: nothing is ever removed."""
        desired = self._desired
        return compare(
            {"description": desired.description, **desired.said},
            {"description": without_mark(entity.description), **desired.shown(self._seen[entity.id])},
            fixed=lambda name, existing: _TYPE_FIXED if name.startswith("columns.") and existing else "",
        )

    def update(self, entity: Entity) -> bool:
        """Add what is missing; a new description keeps the mark of whoever made it, or none."""
        operations = self._desired.operations(self._seen[entity.id])
        if self._desired.description not in (None, without_mark(entity.description)):
            marked = with_mark(self._desired.description, find_mark(entity.description)) or ""
            operations.append({"op": "replace", "path": "/description", "value": marked})
        if operations:
            self._hook.patch_resource(self._desired.kind, entity.id, operations)
        return bool(operations)

    def delete(self, id: str) -> None:
        self._hook.delete_resource(self._desired.kind, id)

    def dependants(self, id: str) -> Sequence[str]:
        """Datasets of a schema, schemas of a field group."""
        if self._desired.kind == xdm.SCHEMAS:
            from airflow_provider_aep.flow_service.datasets import schema_of

            found = self._hook.to(CatalogHook).list_datasets()
            return [str(item["id"]) for item in found if schema_of(item) == id]
        schemas = self._hook.list_resources(xdm.SCHEMAS)
        return [str(item["$id"]) for item in schemas if id in xdm.references(item)]

    def link(self, id: str) -> str:
        key = "schemaId" if self._desired.kind == xdm.SCHEMAS else "fieldGroupId"
        return schema_link(self._hook, key, id)

    def _read(self, item: Item) -> Entity:
        """:raises EntityExistsError: one of the title exists, with another class"""
        resource_id = xdm.read_resource_id(item, f"GET /tenant/{self._desired.kind}")
        self._seen[resource_id] = item
        named = item.get("meta:class") or item.get("meta:intendedToExtend") or self._desired.class_id
        classes = [named] if isinstance(named, str) else list(named)
        if self._desired.class_id not in classes:
            raise EntityExistsError(
                f"The {self._desired.words} {self._desired.title!r} exists already, for class "
                f"{', '.join(map(str, classes))} instead of {self._desired.class_id}: {resource_id}. A class "
                "cannot be changed: choose another `name`, or give that class as `class_id`."
            )
        return Entity(
            id=resource_id,
            created_at=xdm.created_at(item),
            etag="",  # none is sent back, so none is needed
            description=str(item.get("description") or ""),
        )


def schema_link(hook: AepHook, key: str, value: str) -> str:
    """The list of datasets, with an id: no document shows the address of a schema's or mapping's page."""
    settings = hook.settings
    url = datasets_url(org_id=settings.org_id, tenant=settings.tenant, sandbox=hook.sandbox)
    return with_id(url, key, value)
