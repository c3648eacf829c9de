"""Datasets: where a source's rows land."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepDatasetLink
from airflow_provider_aep.operators.base import CreateOperator, none_if_blank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.exactly_once import DesiredEntity, Service


class CreateDatasetOperator(CreateOperator):
    """Make sure that exactly one dataset of this name stands, and return its id.

    Its identity is organization, sandbox and exact name. Catalog does not keep names unique, so a race is
    settled as for a base connection: the oldest stays. A dataset of this name and another schema is an error
    that names both: rows of one shape must not land among those of another.

    Adobe: "Create a dataset using APIs".

    :param name: the dataset's name
    :param schema_id: the ``$id`` of its schema
    :param description: a free text; what this task makes carries a mark at its end
    :param if_exists: what to do where one stands: ``reuse`` it, ``update`` its description (nothing else
        can be changed), or ``fail``
    :return: the dataset's id
    """

    template_fields: Sequence[str] = ("name", "schema_id", "description", "aep_conn_id", "sandbox")
    operator_extra_links = (AepDatasetLink(),)
    link_key = AepDatasetLink.xcom_key

    def __init__(self, *, name: str, schema_id: str, description: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.schema_id = schema_id
        self.description = description

    def plan(self, context: Any) -> tuple[DesiredEntity, Service]:
        """Everything is given; whether the schema stands is for Catalog to say."""
        from airflow_provider_aep.flow_service.validation import check_name, check_schema_id, check_text
        from airflow_provider_aep.hooks.catalog import CatalogHook
        from airflow_provider_aep.operators._services import Datasets, DesiredDataset

        name = check_name(self.name)
        desired = self.desired(context, kind="dataset", name=name, identity={})
        order = DesiredDataset(
            name=name,
            schema_id=check_schema_id(self.schema_id),
            description=check_text(none_if_blank(self.description), "description"),
            mark=desired.mark,
        )
        return desired, Datasets(self.hook.to(CatalogHook), order)
