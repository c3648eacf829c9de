"""Data Prep: mapping sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_aep.flow_service import explanations, mappings
from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.flow_service.replies import endless
from airflow_provider_aep.flow_service.requests import MAX_PAGES
from airflow_provider_aep.hooks.base import AepHook


class DataPrepHook(AepHook):
    """Data Prep of Adobe Experience Platform.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    service_path = mappings.DATA_PREP
    permissions = explanations.FOR_MAPPINGS

    def list_mapping_sets(self, *, name: str) -> list[dict[str, Any]]:
        """The mapping sets of that name, whole, from every page."""
        found: dict[str, dict[str, Any]] = {}
        for page in range(MAX_PAGES):
            call = mappings.list_mapping_sets(name, page * mappings.PAGE_SIZE)
            items = mappings.read_page(self.call(call), f"{call.method} {call.path}")
            found.update({str(item.get("id")): item for item in items})
            if len(items) < mappings.PAGE_SIZE:
                return [item for item in found.values() if item.get("name", name) == name]
        raise endless("GET /mappingSets")

    def create_mapping_set(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create with one POST. Nothing is looked up and nothing repeated.

        :return: ``{"id", "version"}``
        """
        return mappings.read_created(self.call(mappings.create_mapping_set(body)), "POST /mappingSets")

    def replace_mapping_set(self, mapping_set_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a new version of a mapping set, and return it as it is then. Sent twice, there are two."""
        self.call(mappings.replace_mapping_set(mapping_set_id, {"id": mapping_set_id, **body}))
        return self.get_mapping_set(mapping_set_id)

    def get_mapping_set(self, mapping_set_id: str, version: int | None = None) -> dict[str, Any]:
        """One mapping set, at a version if one is named.

        :raises AepNotFoundError: gone, or not yours to see
        """
        call = mappings.get_mapping_set(mapping_set_id, version)
        document: Any = self.call(call)
        if isinstance(document, dict) and document.get("id") == mapping_set_id:
            return document
        raise AepReplyError.with_advice(f"{call.method} {call.path} was answered without the mapping set.")
