"""Create a target connection: the dataset for the records of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepDatasetLink
from airflow_provider_aep.operators.base import CreateOperator, none_if_blank

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aep.exactly_once import DesiredEntity
    from airflow_provider_aep.exactly_once.forecast import MissingInput
    from airflow_provider_aep.operators._services import EntityService


class CreateTargetConnectionOperator(CreateOperator):
    """Create exactly one target connection of this name for a dataset, and return its id.

    Its identity is organization, sandbox, dataset and exact name.

    Adobe: collect tutorials of the sources.

    :param name: the target connection's name
    :param dataset_id: the dataset's id
    :param schema_id: the ``$id`` of the dataset's schema
    :param description: a free text
    :return: the target connection's id
    """

    template_fields: Sequence[str] = (
        "name",
        "dataset_id",
        "schema_id",
        "description",
        "aep_conn_id",
        "sandbox",
    )
    operator_extra_links = (AepDatasetLink(),)
    link_key = AepDatasetLink.xcom_key
    kind = "target connection"
    parents = ("dataset_id",)

    def __init__(
        self, *, name: str, dataset_id: str, schema_id: str, description: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.dataset_id = dataset_id
        self.schema_id = schema_id
        self.description = description

    def plan(self, context: Any) -> tuple[DesiredEntity, EntityService[Any]]:
        """Check the parameters, and read the dataset to check its schema."""
        from airflow_provider_aep.flow_service import bodies, differences
        from airflow_provider_aep.flow_service.bodies import check_dataset
        from airflow_provider_aep.flow_service.collections import TARGET_CONNECTIONS
        from airflow_provider_aep.flow_service.validation import (
            check_description,
            check_id,
            check_name,
            check_schema_id,
        )
        from airflow_provider_aep.hooks.catalog import CatalogHook
        from airflow_provider_aep.operators._services import EntityDefinition, EntityService

        name, dataset_id = check_name(self.name), check_id(self.dataset_id, "dataset_id")
        schema_id = check_schema_id(self.schema_id)
        description = check_description(none_if_blank(self.description))
        desired = self.desired(context, kind=self.kind, name=name, identity={"dataset": dataset_id})
        check_dataset(self.hook.to(CatalogHook).get_dataset(dataset_id), schema_id)
        definition = EntityDefinition(
            collection=TARGET_CONNECTIONS,
            filters=[("params.dataSetId", dataset_id)],
            body=bodies.target_connection(
                name=name, description=description, dataset_id=dataset_id, schema_id=schema_id
            ),
            mark=desired.mark,
            of=dataset_id,
            dependants=lambda own: self.hook.flows_using(target_connection_id=own),
            desired_fields={"schema_id": schema_id},
            existing_fields=lambda item: {"schema_id": differences.schema_of_target(item) or schema_id},
            fixed=lambda _item, field, _value: "" if field == "description" else differences.ENDS_FIXED,
        )
        return desired, EntityService(self.hook, definition)

    def identify(
        self, context: Any, missing: Mapping[str, MissingInput]
    ) -> tuple[DesiredEntity, EntityService[Any]]:
        """Return the target connection by dataset and name."""
        from airflow_provider_aep.flow_service import differences
        from airflow_provider_aep.flow_service.collections import TARGET_CONNECTIONS
        from airflow_provider_aep.flow_service.validation import check_id, check_name
        from airflow_provider_aep.operators._services import known_by

        name, dataset_id = check_name(self.name), check_id(self.dataset_id, "dataset_id")
        desired = self.desired(context, kind=self.kind, name=name, identity={"dataset": dataset_id})
        return desired, known_by(
            self.hook,
            TARGET_CONNECTIONS,
            name,
            missing,
            filters=[("params.dataSetId", dataset_id)],
            references=lambda item: {"schema_id": differences.schema_of_target(item)},
        )
