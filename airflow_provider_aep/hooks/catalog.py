"""Catalog: datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_aep.flow_service import datasets, explanations
from airflow_provider_aep.flow_service.collections import TARGET_CONNECTIONS
from airflow_provider_aep.flow_service.datasets import BATCHES, DATASETS
from airflow_provider_aep.flow_service.validation import check_id
from airflow_provider_aep.hooks.collections import CollectionHook
from airflow_provider_aep.hooks.flow_service import FlowServiceHook


class CatalogHook(CollectionHook):
    """Catalog of Adobe Experience Platform.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    service_path = datasets.CATALOG
    permissions = explanations.FOR_DATASETS

    def list_datasets(self, *, name: str | None = None) -> list[dict[str, Any]]:
        """List all datasets of that exact name, oldest first, from every page.

        :return: each with ``id``, ``name``, ``description``, ``created`` (milliseconds) and ``schemaRef``
        """
        return self.list_entities(DATASETS, name=name)

    def dataset_pages(self) -> Iterator[list[dict[str, Any]]]:
        """Yield all datasets page by page, oldest first."""
        return self.pages(DATASETS.list_call(), DATASETS.paging)

    def find_dataset_names(self, dataset_ids: Sequence[str]) -> dict[str, str]:
        """Return the names of up to 100 datasets by id, with one request.

        :raises AepNotFoundError: Adobe's documents do not say whether one missing dataset is enough for it
        """
        call = datasets.names_call(dataset_ids)
        return datasets.names_of(datasets.read_by_id(self.call(call), str(call)))

    def get_dataset(self, dataset_id: str) -> dict[str, Any]:
        """Get one dataset. :raises AepNotFoundError: it does not exist, or the credential may not see it"""
        return self.get_entity(DATASETS, dataset_id)

    def create_dataset(self, *, name: str, schema_id: str, description: str | None = None) -> str:
        """Create a dataset with one POST and return its id. Existing datasets are not listed before."""
        return str(self.create_entity(DATASETS, datasets.dataset_body(name, description, schema_id)))

    def patch_dataset(self, dataset_id: str, fields: Mapping[str, Any]) -> None:
        """Change some fields of a dataset, such as its description."""
        self.patch_entity(DATASETS, dataset_id, dict(fields))

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset with its records.

        :raises AepNotFoundError: it does not exist. AEP can also answer 200 with an empty array, which counts
            as deleted
        """
        self.delete_entity(DATASETS, dataset_id)

    def batches_of(self, dataset_id: str) -> list[str]:
        """Return the id of one batch that added records to a dataset, or an empty list."""
        call = BATCHES.list_call([("dataSet", check_id(dataset_id, "dataset_id"))])
        return [str(item["id"]) for item in datasets.read_by_id(self.call(call), str(call))]

    def dependants_of(self, dataset_id: str) -> list[str]:
        """Return the ids of the target connections of a dataset; without any, of a batch."""
        used_by = [str(item.get("id")) for item in self.targets_of(dataset_id)]
        return used_by or self.batches_of(dataset_id)

    def targets_of(self, dataset_id: str) -> list[dict[str, Any]]:
        """Return the target connections of a dataset."""
        targets = self.to(FlowServiceHook).list_entities(TARGET_CONNECTIONS)
        return [item for item in targets if _dataset_of(item) == dataset_id]


def _dataset_of(target: Mapping[str, Any]) -> object:
    params = target.get("params")
    return params.get("dataSetId") if isinstance(params, Mapping) else None
