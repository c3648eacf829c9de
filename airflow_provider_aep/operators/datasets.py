"""Create or delete the dataset of a source's records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepDatasetLink
from airflow_provider_aep.operators.base import CreateOperator, DeleteOperator, none_if_blank

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aep.exactly_once import DesiredEntity
    from airflow_provider_aep.exactly_once.forecast import MissingInput
    from airflow_provider_aep.operators._services import EntityService


class CreateDatasetOperator(CreateOperator):
    """Create exactly one dataset of this name, and return its id.

    Its identity is organization, sandbox and exact name. Names are not unique in Catalog. If two tasks create
    the same dataset, the oldest is kept, as for a base connection. An existing dataset of this name with
    another schema is an error, because records of two schemas must not mix. The error names both schemas.

    Adobe: "Create a dataset using APIs".

    :param name: the dataset's name
    :param schema_id: the ``$id`` of its schema
    :param description: a free text; the task adds its ownership mark at the end
    :param if_exists: if the dataset exists already: ``reuse`` it, ``update`` its description (no other field
        can be changed), or ``fail``
    :return: the dataset's id
    """

    template_fields: Sequence[str] = ("name", "schema_id", "description", "aep_conn_id", "sandbox")
    operator_extra_links = (AepDatasetLink(),)
    link_key = AepDatasetLink.xcom_key
    kind = "dataset"

    def __init__(self, *, name: str, schema_id: str, description: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.schema_id = schema_id
        self.description = description

    def plan(self, context: Any) -> tuple[DesiredEntity, EntityService[Any]]:
        """Check the parameters. Catalog checks whether the schema exists."""
        from airflow_provider_aep.flow_service import datasets
        from airflow_provider_aep.flow_service.validation import check_name, check_schema_id, check_text
        from airflow_provider_aep.hooks.catalog import CatalogHook
        from airflow_provider_aep.operators._services import EntityDefinition, EntityService

        name, schema_id = check_name(self.name), check_schema_id(self.schema_id)
        description = check_text(none_if_blank(self.description), "description")
        desired = self.desired(context, kind=self.kind, name=name, identity={})
        catalog = self.hook.to(CatalogHook)
        definition = EntityDefinition(
            collection=datasets.DATASETS,
            body=datasets.dataset_body(name, description, schema_id),
            mark=desired.mark,
            dependants=catalog.dependants_of,
            check_same_entity=lambda item: datasets.check_same_schema(item, name, schema_id),
        )
        return desired, EntityService(catalog, definition)

    def identify(
        self, context: Any, missing: Mapping[str, MissingInput]
    ) -> tuple[DesiredEntity, EntityService[Any]]:
        """Return the dataset by its name."""
        from airflow_provider_aep.flow_service import datasets
        from airflow_provider_aep.flow_service.validation import check_name
        from airflow_provider_aep.hooks.catalog import CatalogHook
        from airflow_provider_aep.operators._services import known_by

        desired = self.desired(context, kind=self.kind, name=check_name(self.name), identity={})
        return desired, known_by(
            self.hook.to(CatalogHook),
            datasets.DATASETS,
            desired.name,
            missing,
            references=lambda item: {"schema_id": datasets.schema_of(item)},
        )


class DeleteDatasetOperator(DeleteOperator):
    """Delete a dataset with its records, unless a target connection uses it. This cannot be undone.

    Adobe: "Delete an object" of the Catalog guide.

    :param dataset_id: the dataset's id
    :param missing_ok: whether the task succeeds if the dataset does not exist
    """

    template_fields: Sequence[str] = ("dataset_id", "aep_conn_id", "sandbox")

    def __init__(self, *, dataset_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset_id = dataset_id

    def act(self, context: Any) -> None:
        """Delete the dataset. It is read first: AEP can answer a DELETE of a missing one with success."""
        from airflow_provider_aep.flow_service.validation import check_id
        from airflow_provider_aep.hooks.catalog import CatalogHook

        own, catalog = check_id(self.dataset_id, "dataset_id"), self.hook.to(CatalogHook)
        self.delete_unused(
            f"dataset {own}",
            find=lambda: catalog.get_dataset(own),
            users=lambda: [
                f"target connection {one.get('id')} ({one.get('name')})" for one in catalog.targets_of(own)
            ],
            delete=lambda: catalog.delete_dataset(own),
            todo="Delete the dataflow with DeleteDataflowOperator(with_connections=True) first.",
        )
