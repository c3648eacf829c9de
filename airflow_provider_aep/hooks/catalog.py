"""Catalog: datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_aep.flow_service import datasets, explanations
from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.flow_service.replies import endless
from airflow_provider_aep.flow_service.requests import MAX_PAGES
from airflow_provider_aep.hooks.base import AepHook


class CatalogHook(AepHook):
    """Catalog of Adobe Experience Platform.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    service_path = datasets.CATALOG
    permissions = explanations.FOR_DATASETS

    def list_datasets(self, *, name: str | None = None) -> list[dict[str, Any]]:
        """All datasets of that exact name, oldest first, from every page.

        :return: each with ``id``, ``name``, ``description``, ``created`` (milliseconds) and ``schemaRef``
        """
        found: dict[str, dict[str, Any]] = {}
        for page in range(MAX_PAGES):
            call = datasets.list_datasets(name, page * datasets.PAGE_SIZE)
            items = datasets.read_by_id(self.call(call), f"{call.method} {call.path}")
            found.update({str(item["id"]): item for item in items})
            if len(items) < datasets.PAGE_SIZE:
                return [item for item in found.values() if name is None or item.get("name") == name]
        raise endless("GET /dataSets")

    def get_dataset(self, dataset_id: str) -> dict[str, Any]:
        """One dataset. :raises AepNotFoundError: gone, or not yours to see"""
        call = datasets.get_dataset(dataset_id)
        items = datasets.read_by_id(self.call(call), f"{call.method} {call.path}")
        if len(items) != 1:
            raise AepReplyError.with_advice(
                f"{call.method} {call.path} was answered with {len(items)} datasets."
            )
        return items[0]

    def create_dataset(self, *, name: str, schema_id: str, description: str | None = None) -> str:
        """Create with one POST and return the id. Nothing is looked up and nothing repeated."""
        body = datasets.dataset_body(name, description, schema_id)
        return datasets.read_created(self.call(datasets.create_dataset(body)), "POST /dataSets")

    def patch_dataset(self, dataset_id: str, fields: Mapping[str, Any]) -> None:
        """Change some fields of a dataset, such as its description."""
        self.call(datasets.patch_dataset(dataset_id, fields))

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset with its rows. :raises AepNotFoundError: there is none of this id"""
        self.call(datasets.delete_dataset(dataset_id))

    def batches_of(self, dataset_id: str) -> list[str]:
        """The ids of batches that brought rows into a dataset; one at most, to know whether there are any."""
        call = datasets.list_batches(dataset_id)
        return [
            str(item["id"]) for item in datasets.read_by_id(self.call(call), f"{call.method} {call.path}")
        ]
