"""Schemas and field groups as the recipe of creation sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep.exactly_once import Entity, find_mark, with_mark, without_mark
from airflow_provider_aep.flow_service import xdm
from airflow_provider_aep.flow_service.differences import Difference, Fields, compare
from airflow_provider_aep.flow_service.errors import (
    AepNotFoundError,
    AepRequestError,
    EntityExistsError,
    TitleTakenError,
)
from airflow_provider_aep.hooks.base import AepHook
from airflow_provider_aep.hooks.catalog import CatalogHook
from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook
from airflow_provider_aep.links import datasets_url, with_id

Item = Mapping[str, Any]

_TYPE_FIXED = (
    "The type of a field cannot be changed. Choose another `name`, or give the column its existing type."
)


@dataclass(frozen=True)
class ResourceOrder:
    """One resource of the registry.

    :param kind: ``schemas`` or ``fieldgroups``
    :param body: what is POSTed; its description gets the mark
    :param class_id: the class that one that stands must have too
    :param description: the user's own, None to leave alone what stands
    :param operations: what ``if_exists="update"`` adds to one that stands
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
    """The :class:`~airflow_provider_aep.exactly_once.Service` for one order."""

    def __init__(self, hook: SchemaRegistryHook, order: ResourceOrder) -> None:
        self._hook = hook
        self._order = order
        self._taken_by: str | None = None
        self._seen: dict[str, Item] = {}

    def look(self) -> Sequence[Entity]:
        """By title; with what the registry said has the title, even where its list lags behind."""
        found = [
            self._read(item) for item in self._hook.list_resources(self._order.kind, title=self._order.title)
        ]
        if self._taken_by and self._taken_by not in {entity.id for entity in found}:
            try:
                item = self._hook.get_resource(self._order.kind, self._taken_by)
            except AepNotFoundError:
                return found
            if item.get("title") == self._order.title:
                found.append(self._read(item))
        return found

    def get(self, id: str) -> Entity:
        return self._read(self._hook.get_resource(self._order.kind, id))

    def post(self) -> str:
        """:raises TitleTakenError: somebody was faster, as the next look shows, or it is another kind's"""
        description = with_mark(self._order.description, self._order.mark) or ""
        try:
            return self._hook.create_resource(
                self._order.kind, {**self._order.body, "description": description}
            )
        except AepRequestError as error:
            if error.code != "XDM-1521-400":
                raise
            raise self._taken(error) from error

    def _taken(self, error: AepRequestError) -> TitleTakenError:
        """A title taken by our own kind is for the recipe to look at; by any other it is the end."""
        other = xdm.find_resource_id(str(error))
        ours = other is None or xdm.is_of_kind(other, self._order.kind)
        self._taken_by = other if ours else None
        taken = TitleTakenError(
            f"The {self._order.words} {self._order.title!r} cannot be made: the registry has the title "
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
        order = self._order
        return compare(
            {"description": order.description, **order.said},
            {"description": without_mark(entity.description), **order.shown(self._seen[entity.id])},
            fixed=lambda name, existing: _TYPE_FIXED if name.startswith("columns.") and existing else "",
        )

    def update(self, entity: Entity) -> bool:
        """Add what is missing; a new description keeps the mark of whoever made it, or none."""
        operations = self._order.operations(self._seen[entity.id])
        if self._order.description not in (None, without_mark(entity.description)):
            marked = with_mark(self._order.description, find_mark(entity.description)) or ""
            operations.append({"op": "replace", "path": "/description", "value": marked})
        if operations:
            self._hook.patch_resource(self._order.kind, entity.id, operations)
        return bool(operations)

    def delete(self, id: str) -> None:
        self._hook.delete_resource(self._order.kind, id)

    def dependants(self, id: str) -> Sequence[str]:
        """Datasets of a schema, schemas of a field group."""
        if self._order.kind == xdm.SCHEMAS:
            from airflow_provider_aep.flow_service.datasets import schema_of

            found = self._hook.to(CatalogHook).list_datasets()
            return [str(item["id"]) for item in found if schema_of(item) == id]
        schemas = self._hook.list_resources(xdm.SCHEMAS)
        return [str(item["$id"]) for item in schemas if id in xdm.references(item)]

    def link(self, id: str) -> str:
        key = "schemaId" if self._order.kind == xdm.SCHEMAS else "fieldGroupId"
        return schema_link(self._hook, key, id)

    def _read(self, item: Item) -> Entity:
        """:raises EntityExistsError: one of the title stands, and is of another class"""
        resource_id = xdm.read_resource_id(item, f"GET /tenant/{self._order.kind}")
        self._seen[resource_id] = item
        named = item.get("meta:class") or item.get("meta:intendedToExtend") or self._order.class_id
        classes = [named] if isinstance(named, str) else list(named)
        if self._order.class_id not in classes:
            raise EntityExistsError(
                f"The {self._order.words} {self._order.title!r} stands already, for class "
                f"{', '.join(map(str, classes))} instead of {self._order.class_id}: {resource_id}. A class "
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
