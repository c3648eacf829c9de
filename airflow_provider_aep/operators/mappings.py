"""Mapping sets: which column goes to which field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepDatasetsLink
from airflow_provider_aep.operators.base import CreateOperator, none_if_blank, push_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.exactly_once import DesiredEntity
    from airflow_provider_aep.flow_service.mappings import Mapped
    from airflow_provider_aep.operators._services import MappingSets


class CreateMappingSetOperator(CreateOperator):
    """Make sure that a mapping set from a table's columns to a schema's fields exists, given or made by name.

    If ``dataflow`` names an existing dataflow, its mapping set is the one that is meant: it is reused, under
    ``if_exists="update"`` with a new version where the mapping differs. Else its identity is organization,
    sandbox and content: it is found again by its name, ``airflow-`` and a hash of the content. Limits: one
    that somebody else made is found only by its dataflow. A mapping set carries no ownership mark and cannot
    be deleted, so two tasks that make the same one at the same moment leave two. That is harmless: a mapping
    set does nothing until a dataflow uses it, and later runs all take the older one.

    Made by name, ``Product_Id``, ``productId`` and ``product id`` are the same; a field is meant by its last
    name or by its whole path. What does not map is a warning that lists it; if nothing maps, an error.

    Adobe: Data Prep's OpenAPI, ``POST /mappingSets``.

    :param schema_id: the ``$id`` of the schema
    :param columns: what ``InspectTableOperator`` returns; needed where no mapping is given
    :param mapping: ``{column: field}``, the field as its dotted path, such as ``person.name.firstName``
    :param dataflow: the name of the dataflow that uses the mapping set
    :return: ``{"id", "version"}``, as ``CreateDataflowOperator(mapping_set=)`` takes it
    """

    template_fields: Sequence[str] = (
        "schema_id", "columns", "mapping", "dataflow", "aep_conn_id", "sandbox",
    )  # fmt: skip
    operator_extra_links = (AepDatasetsLink(),)
    link_key = AepDatasetsLink.xcom_key

    def __init__(
        self,
        *,
        schema_id: str,
        columns: Any = None,
        mapping: dict[str, str] | None = None,
        dataflow: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.schema_id = schema_id
        self.columns = columns
        self.mapping = mapping
        self.dataflow = dataflow

    def act(self, context: Any) -> dict[str, Any]:  # type: ignore[override]
        """Map, then make it or find it."""
        from airflow_provider_aep.flow_service.validation import check_schema_id

        schema_id = check_schema_id(self.schema_id)
        mapped = self._mapped(schema_id)
        desired, service = self._ordered(context, schema_id, mapped)
        outcome = self.ensure(context, desired, service)
        self._tell_left_out(mapped, service.fields(outcome.id))
        push_link(self, context, self.link_key, service.link(outcome.id))
        return service.result(outcome.id)

    def _ordered(self, context: Any, schema_id: str, mapped: Mapped) -> tuple[DesiredEntity, MappingSets]:
        from airflow_provider_aep.flow_service.mappings import mapping_set_body
        from airflow_provider_aep.flow_service.validation import check_name
        from airflow_provider_aep.hooks.data_prep import DataPrepHook
        from airflow_provider_aep.operators._services import DesiredMappingSet, MappingSets

        dataflow = none_if_blank(self.dataflow)
        if dataflow is not None:
            check_name(dataflow, "dataflow")
        body = mapping_set_body(schema_id, mapped.pairs)
        desired = self.desired(context, kind="mapping set", name=body["name"], identity={}, alike=True)
        return desired, MappingSets(self.hook.to(DataPrepHook), DesiredMappingSet(body, dataflow))

    def _tell_left_out(self, mapped: Mapped, fields: dict[str, str]) -> None:
        """Warn of the columns that the mapping set in use does not bring in."""
        from airflow_provider_aep.flow_service.mappings import told

        used = set(fields.values())
        if left_out := {name: reason for name, reason in mapped.left_out.items() if name not in used}:
            self.log.warning("Columns that are not brought in: %s", told(left_out))

    def _mapped(self, schema_id: str) -> Mapped:
        """The mapping, checked against table and schema."""
        from airflow_provider_aep.flow_service import mappings, xdm
        from airflow_provider_aep.flow_service.errors import AepConfigError
        from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook

        columns, mapping = none_if_blank(self.columns), none_if_blank(self.mapping)
        if columns is None and mapping is None:
            raise AepConfigError(
                "`mapping` and `columns` are both missing: give a mapping, or the columns to make one of.",
                parameter="mapping",
            )
        names = None if columns is None else [column["name"] for column in xdm.merge_columns(columns)]
        fields = self.hook.to(SchemaRegistryHook).schema_fields(schema_id)
        if mapping is not None:
            mapped = mappings.check_mapping(mapping, names, fields)
        else:
            mapped = mappings.map_by_name(names or [], fields, xdm.namespace_of(schema_id))
        return mapped
