"""Flow Service's collections, which answer alike: every page of a list, one entity, a change, an action."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_aep.flow_service import replies, requests
from airflow_provider_aep.flow_service.replies import endless
from airflow_provider_aep.flow_service.requests import FLOW_SERVICE, MAX_PAGES, Call, next_page
from airflow_provider_aep.hooks.base import AepHook


class Collections(AepHook):
    """What all entities of Flow Service share."""

    service_path = FLOW_SERVICE

    def list_entities(
        self, collection: str, filters: Iterable[tuple[str, str]] = (), *, name: str | None = None
    ) -> list[dict[str, Any]]:
        """All entities that the filters let through and that have exactly this name, from every page."""
        found = self.every_page(requests.list_some(collection, filters, name=name))
        return [item for item in found if name is None or item.get("name") == name]

    def get_entity(self, collection: str, entity_id: str, parameter: str) -> dict[str, Any]:
        """One entity without its envelope. :raises AepNotFoundError: gone, or not yours to see"""
        call = requests.get_one(collection, entity_id, parameter)
        return replies.read_item(self.call(call), f"{call.method} {call.path}")

    def create_entity(self, collection: str, body: Mapping[str, Any], *, draft: bool = False) -> str:
        """Create with one POST and return the id. Nothing is looked up and nothing repeated."""
        call = requests.create_one(collection, body, draft=draft)
        return replies.read_created_id(self.call(call), f"POST /{collection}")

    def patch_entity(
        self, collection: str, entity_id: str, parameter: str, etag: str, operations: list[dict[str, Any]]
    ) -> None:
        """Change an entity as of ``etag``. :raises AepVersionError: somebody changed it meanwhile"""
        self.call(requests.patch_one(collection, entity_id, parameter, etag, operations))

    def delete_entity(self, collection: str, entity_id: str, parameter: str) -> None:
        """Delete an entity. :raises AepNotFoundError: there is none of this id"""
        self.call(requests.delete_one(collection, entity_id, parameter))

    def act_on(self, collection: str, entity_id: str, parameter: str, op: str) -> dict[str, Any]:
        """Carry out an action such as ``enable``; returns ``{"id", "etag"}``."""
        call = requests.act_on(collection, entity_id, parameter, op)
        document = replies.read_object(self.call(call), f"{call.method} {call.path}")
        items = document.get("items")
        return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else document

    def every_page(self, call: Call) -> list[dict[str, Any]]:
        """The items of a list, whatever the number of its pages."""
        found: list[dict[str, Any]] = []
        seen: set[str] = set()
        what = f"{call.method} {call.path}"
        for _ in range(MAX_PAGES):
            document = self.call(call)
            found += replies.read_items(document, what)
            query = next_page(document, self.settings.base_url) if isinstance(document, dict) else None
            if query is None:
                return found
            if repr(query) in seen:
                break
            seen.add(repr(query))
            call = Call(call.method, call.path, query)
        raise endless(what)
