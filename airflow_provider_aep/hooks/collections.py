"""List, get, create, patch and delete entities of any collection, and link to their pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.collections import LINKED, Collection, Pager, Paging
from airflow_provider_aep.flow_service.pages import page_url
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.hooks.base import AepHook


class CollectionHook(AepHook):
    """Base of the hooks to services that keep entities in collections.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    def list_entities(
        self, collection: Collection, filters: Iterable[tuple[str, str]] = (), *, name: str | None = None
    ) -> list[dict[str, Any]]:
        """List the entities that pass the filters and have exactly this name, from every page."""
        found = self.every_page(collection.list_call(filters, name=name), collection.paging)
        return [item for item in found if name is None or item.get(collection.name_key) == name]

    def get_entity(
        self, collection: Collection, entity_id: str, query: Iterable[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        """Get one entity without its envelope.

        :raises AepNotFoundError: it does not exist, or the credential may not see it
        """
        call = collection.get_call(entity_id, query)
        return collection.read_item(self.call(call), str(call))

    def create_entity(self, collection: Collection, body: Mapping[str, Any], *, draft: bool = False) -> Any:
        """Create an entity with one POST and return its id. Existing entities are not listed before.

        :return: the id; of a mapping set ``{"id", "version"}``
        :raises AepError: if ``may_have_happened`` is set on it, the entity can exist all the same
        """
        call = collection.create_call(body, draft=draft)
        return collection.read_created(self.call(call), str(call))

    def patch_entity(self, collection: Collection, entity_id: str, body: Any, etag: str = "") -> None:
        """Change an entity as of ``etag``, if the collection has etags.

        :raises AepVersionError: somebody changed it meanwhile
        """
        self.call(collection.patch_call(entity_id, body, etag))

    def delete_entity(self, collection: Collection, entity_id: str) -> None:
        """Delete an entity. :raises AepNotFoundError: it does not exist"""
        self.call(collection.delete_call(entity_id))

    def act_on(self, collection: Collection, entity_id: str, op: str) -> dict[str, Any]:
        """Carry out an action such as ``enable``; return ``{"id", "etag"}``."""
        call = collection.act_call(entity_id, op)
        document = replies.read_object(self.call(call), str(call))
        items = document.get("items")
        return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else document

    def every_page(self, call: Call, paging: Paging = LINKED) -> list[dict[str, Any]]:
        """Return the items of a list from every page. Pages can overlap: an entity is returned once."""
        found: dict[object, dict[str, Any]] = {}
        for page in self.pages(call, paging):
            for item in page:
                own = item.get(paging.id_key)
                found[own if isinstance(own, str) else len(found)] = item
        return list(found.values())

    def pages(self, call: Call, paging: Paging = LINKED) -> Iterator[list[dict[str, Any]]]:
        """Yield the items of a list page by page. Pages can overlap."""
        pager = Pager(call, self.settings.base_url, paging)
        while pager.call is not None:
            yield pager.take(self.call(pager.call))

    def read_one(self, collection: Collection) -> None:
        """Read at most one entity of a collection, to find out whether the service answers."""
        listed = collection.list_call()
        call = replace(
            listed, query=[*((key, one) for key, one in listed.query if key != "limit"), ("limit", "1")]
        )
        collection.paging.read_items(self.call(call), str(call))

    def list_by_ids(self, collection: Collection, ids: Sequence[str]) -> list[dict[str, Any]]:
        """List up to 100 entities by id with one request. Entities that do not exist are left out."""
        call = collection.list_ids_call(ids)
        return collection.paging.read_items(self.call(call), str(call))

    def link(self, kind: str, id: str, of: str | None = None) -> str:
        """Return the address of an entity's page in AEP's UI; see ``flow_service.pages``."""
        settings = self.settings
        return page_url(kind, id, of, org_id=settings.org_id, tenant=settings.tenant, sandbox=self.sandbox)
