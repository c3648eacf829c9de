"""Data Prep: mapping sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_aep.flow_service import explanations, mappings
from airflow_provider_aep.flow_service.mappings import MAPPING_SETS
from airflow_provider_aep.hooks.collections import CollectionHook


class DataPrepHook(CollectionHook):
    """Data Prep of Adobe Experience Platform.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    service_path = mappings.DATA_PREP
    permissions = explanations.FOR_MAPPINGS

    def list_mapping_sets(self, *, name: str) -> list[dict[str, Any]]:
        """List the mapping sets of that name with their mappings, from every page."""
        found = self.list_entities(MAPPING_SETS, [("name", name)])
        return [item for item in found if item.get("name", name) == name]

    def create_mapping_set(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create a mapping set with one POST. Existing mapping sets are not listed before.

        :return: ``{"id", "version"}``
        """
        return dict(self.create_entity(MAPPING_SETS, body))

    def replace_mapping_set(self, mapping_set_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create a new version of a mapping set and return the mapping set. Each call adds a version."""
        self.call(mappings.replace_mapping_set(mapping_set_id, {"id": mapping_set_id, **body}))
        return self.get_mapping_set(mapping_set_id)

    def get_mapping_set(self, mapping_set_id: str, version: int | None = None) -> dict[str, Any]:
        """Get one mapping set.

        :param version: None for the newest version
        :raises AepNotFoundError: it does not exist, or the credential may not see it
        """
        query = [] if version is None else [("version", str(version))]
        return self.get_entity(MAPPING_SETS, mapping_set_id, query)
