"""Mapping sets: which column goes to which field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepDatasetsLink
from airflow_provider_aep.operators.base import AepOperator, none_if_blank, push_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.flow_service.mappings import Mapped


class CreateMappingSetOperator(AepOperator):
    """Make a mapping set from a table's columns to a schema's fields, given or made by name.

    A mapping set has no name. Its identity is its content, and it is found again only in this task's own
    memory (Airflow 3.3's state store); everywhere else each try makes a new one. One left over is harmless:
    nothing happens by a mapping set that no dataflow names.

    Made by name, ``Product_Id``, ``productId`` and ``product id`` are the same; a field is meant by its last
    name or by its whole path. What does not map is a warning that lists it; if nothing maps, an error.

    Adobe: Data Prep's OpenAPI, ``POST /mappingSets``.

    :param schema_id: the ``$id`` of the schema
    :param columns: what ``InspectTableOperator`` returns; needed where no mapping is given
    :param mapping: ``{column: field}``, the field as its dotted path, such as ``person.name.firstName``
    :return: ``{"id", "version"}``, as ``CreateDataflowOperator(mapping_set=)`` takes it
    """

    template_fields: Sequence[str] = ("schema_id", "columns", "mapping", "aep_conn_id", "sandbox")
    operator_extra_links = (AepDatasetsLink(),)

    def __init__(
        self, *, schema_id: str, columns: Any = None, mapping: dict[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.schema_id = schema_id
        self.columns = columns
        self.mapping = mapping

    def act(self, context: Any) -> dict[str, Any]:
        """Map, and keep what was made for a later try."""
        from airflow_provider_aep.flow_service import mappings
        from airflow_provider_aep.flow_service.checks import check_schema_id
        from airflow_provider_aep.hooks.data_prep import DataPrepHook
        from airflow_provider_aep.operators._memory import TaskMemory
        from airflow_provider_aep.operators._schemas import schema_link

        schema_id = check_schema_id(self.schema_id)
        mapped = self._mapped(schema_id)
        body = mappings.mapping_set_body(schema_id, mapped.pairs)
        hook = self.hook.to(DataPrepHook)
        identity = {
            "org": hook.settings.org_id,
            "sandbox": hook.sandbox,
            "content": mappings.content_hash(body),
        }
        memory = TaskMemory(context, "aep_mapping_set", identity, self.log)
        made = self._remembered(hook, memory.recall())
        if made is None:
            made = hook.create_mapping_set(body)
            memory.keep(made["id"])
            self.log.info("Made mapping set %s of %d mappings.", made["id"], len(mapped.pairs))
        push_link(self, context, AepDatasetsLink.xcom_key, schema_link(hook, "mappingSetId", made["id"]))
        return made

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
        if mapped.left_out:
            self.log.warning("Columns that are not brought in: %s", mappings.told(mapped.left_out))
        return mapped

    def _remembered(self, hook: Any, known: str | None) -> dict[str, Any] | None:
        """What an earlier try of this task made of the same content, if it stands."""
        from airflow_provider_aep.flow_service.errors import AepNotFoundError
        from airflow_provider_aep.flow_service.mappings import read_created

        if known is None:
            return None
        try:
            made = read_created(hook.get_mapping_set(known), f"GET /mappingSets/{known}")
        except AepNotFoundError:
            return None
        self.log.info("An earlier try of this task made mapping set %s.", known)
        return made
