"""The service of the reconciler for entities of any collection, and a task's memory.

This module imports hooks and thereby HTTP libraries, so it is imported only when a task executes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow_provider_aep._compat import task_store
from airflow_provider_aep.exactly_once import Entity, find_mark, with_mark, without_mark
from airflow_provider_aep.flow_service.collections import Collection
from airflow_provider_aep.flow_service.differences import DEFAULTS, Difference, Fields, compare
from airflow_provider_aep.flow_service.errors import TaskStoreError
from airflow_provider_aep.hooks.collections import CollectionHook

if TYPE_CHECKING:
    from airflow_provider_aep.exactly_once.forecast import MissingInput

_NOTES = ("id", "version", "since", "ends")


class TaskMemory:
    """A task's record in the task state store of Airflow 3.3. Earlier versions have no store.

    A record counts only for the same identity and the same ``max_tries``. That number grows when a task is
    cleared: a cleared task starts fresh, a retried task continues.

    :param decides: whether a failure of the store is an error (:class:`TaskStoreError`). A create lists what
        exists and needs no store; a run needs it
    :param for_good: whether a record counts after a clear as well
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
        self._identity = {**identity, "max_tries": tries if isinstance(tries, int) else None}
        self._log = log
        self._decides = decides

    @property
    def lasts(self) -> bool:
        """Whether Airflow has a task state store."""
        return self._store is not None

    def recall(self) -> str | None:
        """Return the id that an earlier try kept, or None."""
        known = self.read().get("id")
        return known if isinstance(known, str) else None

    def keep(self, id: str) -> None:
        """Keep the id for later tries."""
        self.write({"id": id})

    def read(self) -> dict[str, Any]:
        """Return what an earlier try wrote for the same identity; else an empty dict.

        :return: after a clear ``{"cleared": id}``, the id that a try before the clear kept
        """
        record = self._try("read", lambda store: store.get(self._key))
        if not isinstance(record, dict):
            return {}
        notes = {key: record[key] for key in _NOTES if key in record}
        if {**notes, **self._identity} == record:
            return notes
        same = {**notes, **self._identity, "max_tries": record.get("max_tries")} == record
        return {"cleared": notes["id"]} if same and "id" in notes else {}

    def write(self, notes: Mapping[str, Any]) -> None:
        """Replace the record's notes. They must be JSON, so no tuples, and hold no secrets."""
        self._try("write", lambda store: store.set(self._key, {**notes, **self._identity}))

    def forget(self) -> None:
        """Delete the record. A failure of the store is only logged: the try's own error is more important."""
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
            self._log.warning("%s The task continues without it.", happened)
            return None


Item = Mapping[str, Any]
AnyHook = TypeVar("AnyHook", bound=CollectionHook)


@dataclass(frozen=True)
class EntityDefinition:
    """The definition of one desired entity: how it is created, and how an existing one is compared with it.

    :param body: the body of the POST; its description is the caller's own, without the ownership mark
    :param filters: filters of the list, apart from the name
    :param of: the id of the entity whose page in AEP's UI shows this one, if it has no page of its own
    :param dependants: return the ids of what depends on the entity of this id
    :param check_same_entity: raise if an existing entity of the name is a different thing
    :param check: raise if the entity cannot be created as it is desired now; an existing one is fine
    :param desired_fields: the fields that the caller set, by the names of the parameters
    :param existing_fields: return the same fields of an existing entity
    :param fixed: return why a field cannot be changed, given the item, the field's name and its value
    :param operations: return the patch of the changed fields, given the item and their names; the
        description is patched apart
    :param whole: the fields of which a key that exists and is not desired is a difference
    """

    collection: Collection
    body: Item
    mark: str | None = None
    filters: Sequence[tuple[str, str]] = ()
    of: str | None = None
    draft: bool = False
    dependants: Callable[[str], Sequence[str]] = lambda _: ()
    check_same_entity: Callable[[Item], None] = lambda _: None
    check: Callable[[], None] = lambda: None
    desired_fields: Fields = field(default_factory=dict)
    existing_fields: Callable[[Item], Fields] = lambda _: {}
    fixed: Callable[[Item, str, Any], str] = lambda _item, _field, _value: ""
    operations: Callable[[Item, set[str]], list[dict[str, Any]]] = lambda _item, _changed: []
    whole: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The exact name."""
        return str(self.body[self.collection.name_key])

    @property
    def description(self) -> str | None:
        """The caller's description, None to leave that of an existing entity as it is."""
        return self.body.get("description") or None

    def marked_body(self) -> dict[str, Any]:
        """Return the body with the ownership mark at the end of its description."""
        description = with_mark(self.description, self.mark)
        return {**self.body, **({"description": description} if description else {})}


class EntityService(Generic[AnyHook]):
    """The :class:`~airflow_provider_aep.exactly_once.Service` for one desired entity of any collection."""

    def __init__(self, hook: AnyHook, definition: EntityDefinition) -> None:
        self._hook = hook
        self._definition = definition
        self._collection = definition.collection
        self._compared: tuple[Item, Sequence[Difference]] | None = None

    def list_existing(self) -> Sequence[Entity]:
        definition = self._definition
        found = self._hook.list_entities(self._collection, definition.filters, name=definition.name)
        return [self._read(item) for item in found]

    def get(self, id: str) -> Entity:
        return self._read(self._hook.get_entity(self._collection, id))

    def post(self) -> str:
        self.check_create()
        definition = self._definition
        body = definition.marked_body()
        return str(self._hook.create_entity(self._collection, body, draft=definition.draft))

    def check_create(self) -> None:
        """Raise the error with which the create would fail before its POST."""
        self._definition.check()

    def publish(self, id: str) -> None:
        self._hook.act_on(self._collection, id, "publish")

    def differences(self, entity: Entity) -> Sequence[Difference]:
        """Compare an entity once: the comparison may read more of it, and :meth:`update` needs the result."""
        if self._compared is None or self._compared[0] is not entity.shown:
            self._compared = entity.shown, self._compare(entity)
        return self._compared[1]

    def _compare(self, entity: Entity) -> Sequence[Difference]:
        definition, item = self._definition, entity.shown
        return compare(
            {"description": definition.description, **definition.desired_fields},
            {"description": without_mark(entity.description), **definition.existing_fields(item)},
            fixed=lambda field, value: definition.fixed(item, field, value),
            whole=definition.whole,
            defaults=DEFAULTS,
        )

    def changes(self, entity: Entity) -> bool:
        """Return whether :meth:`update` would change anything."""
        return bool(self._operations(entity))

    def update(self, entity: Entity) -> bool:
        """Change what differs. A new description keeps the ownership mark of the existing one."""
        operations = self._operations(entity)
        if operations:
            body = self._collection.patch_body(operations)
            self._hook.patch_entity(self._collection, entity.id, body, entity.etag or "")
        return bool(operations)

    def _operations(self, entity: Entity) -> list[dict[str, Any]]:
        """Return the operations that change what differs."""
        changed = {one.field for one in self.differences(entity)}
        operations = self._definition.operations(entity.shown, changed)
        if "description" in changed:
            operations.append(self._describe(entity))
        return operations

    def _describe(self, entity: Entity) -> dict[str, Any]:
        """Return the operation that changes the description."""
        marked = with_mark(self._definition.description, find_mark(entity.description))
        exists = entity.description or self._collection.description_required
        return {"op": "replace" if exists else "add", "path": "/description", "value": marked}

    def delete(self, id: str) -> None:
        self._hook.delete_entity(self._collection, id)

    def dependants(self, id: str) -> Sequence[str]:
        return self._definition.dependants(id)

    def link(self, id: str) -> str:
        return self._hook.link(self._collection.kind, id, self._definition.of)

    def _read(self, item: Item) -> Entity:
        self._definition.check_same_entity(item)
        return read_entity(self._collection, item)


def known_by(
    hook: CollectionHook,
    collection: Collection,
    name: str,
    missing: Mapping[str, MissingInput],
    *,
    filters: Sequence[tuple[str, str]] = (),
    references: Callable[[Item], Fields] = lambda _: {},
) -> EntityService[Any]:
    """Return a service for a forecast that knows only the identity of the desired entity.

    It compares nothing, except that no existing entity refers to an entity that does not exist yet.

    :param missing: the parameters that only a run knows
    :param references: return the ids to which an existing entity refers, by parameter
    """
    new = {name: str(missing[name]) for name in references({}) if name in missing and missing[name].new}
    definition = EntityDefinition(
        collection=collection,
        body={collection.name_key: name},
        filters=filters,
        desired_fields=new,
        existing_fields=references,
    )
    return EntityService(hook, definition)


def read_entity(collection: Collection, item: Item) -> Entity:
    """Read what the reconciler needs of an entity."""
    etag = item.get("etag")
    return Entity(
        id=collection.read_id(item),
        created_at=collection.created_at(item),
        state=str(item.get(collection.state_key) or ""),
        etag=(etag if isinstance(etag, str) and etag else None) if collection.has_etags else "",
        description=str(item.get("description") or ""),
        shown=item,
    )
