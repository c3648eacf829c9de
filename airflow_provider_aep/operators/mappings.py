"""Create a mapping set: which column of the source goes to which field of the schema."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepDatasetsLink
from airflow_provider_aep.operators.base import CreateOperator, because, none_if_blank

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aep.exactly_once import DesiredEntity
    from airflow_provider_aep.exactly_once.forecast import Forecast, MissingInput
    from airflow_provider_aep.flow_service.mappings import Mapped
    from airflow_provider_aep.operators._registry_services import MappingSetService


class CreateMappingSetOperator(CreateOperator):
    """Create a mapping set from columns to a schema's fields, from a given mapping or by name.

    If ``dataflow`` names an existing dataflow, the task reuses the mapping set of that dataflow. With
    ``if_exists="update"`` it creates a new version of it if the mapping differs. Without an existing dataflow
    the identity is organization, sandbox and content: the name is ``airflow-`` and a hash of the content, and
    the task finds the mapping set again by this name.

    Limits: the task finds a mapping set that somebody else created only by its dataflow. A mapping set has no
    ownership mark and cannot be deleted. So two tasks that create the same mapping set at the same time leave
    two of them. That is harmless: a mapping set has no effect until a dataflow uses it, and later runs all
    use the older one.

    If no mapping is given, columns are mapped by name: ``Product_Id``, ``productId`` and ``product id`` are
    the same name. A field matches by its last name or by its whole path. A warning lists the columns that do
    not map. If no column maps, the task fails.

    Adobe: Data Prep's OpenAPI, ``POST /mappingSets``.

    :param schema_id: the ``$id`` of the schema
    :param columns: the columns as ``InspectTableOperator`` returns them; required without ``mapping``
    :param mapping: ``{column: field}``, the field as its dotted path, such as ``person.name.firstName``
    :param expressions: ``{field: expression}`` for fields that Data Prep calculates, such as
        ``{"person.name.fullName": "concat(first_name, ' ', last_name)"}``
    :param dataflow: the name of the dataflow that uses the mapping set
    :return: ``{"id", "version"}``, as ``CreateDataflowOperator(mapping_set=)`` takes it
    """

    template_fields: Sequence[str] = (
        "schema_id", "columns", "mapping", "expressions", "dataflow", "aep_conn_id", "sandbox",
    )  # fmt: skip
    operator_extra_links = (AepDatasetsLink(),)
    link_key = AepDatasetsLink.xcom_key
    kind = "mapping set"
    identified_by = ("dataflow",)
    parents = ("schema_id",)

    def __init__(
        self,
        *,
        schema_id: str,
        columns: Any = None,
        mapping: dict[str, str] | None = None,
        expressions: dict[str, str] | None = None,
        dataflow: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.schema_id = schema_id
        self.columns = columns
        self.mapping = mapping
        self.expressions = expressions
        self.dataflow = dataflow

    def act(self, context: Any) -> dict[str, Any]:  # type: ignore[override]
        """Make the mapping, then create or find the mapping set."""
        from airflow_provider_aep.flow_service.validation import check_schema_id

        schema_id = check_schema_id(self.schema_id)
        mapped = self._mapped(schema_id)
        desired, service = self._planned(context, schema_id, mapped)
        outcome = self.ensure(context, desired, service)
        self._warn_of_left_out(mapped, service.fields(outcome.id))
        self.keep_link(self.link_key, service.link(outcome.id))
        return service.result(outcome.id)

    def foresee(self, context: Any, missing: Mapping[str, MissingInput]) -> Forecast:
        """Foresee the mapping set. Its result has the mapping, to which a dataflow can be compared."""
        from airflow_provider_aep.exactly_once import create_once
        from airflow_provider_aep.exactly_once.forecast import Action, Forecast, foresee
        from airflow_provider_aep.flow_service.mappings import Mapped
        from airflow_provider_aep.flow_service.validation import check_schema_id

        if missing.keys() & {"aep_conn_id", "sandbox", *self.identified_by, *self.parents}:
            return replace(super().foresee(context, missing), identity=None)  # its content is unknown
        schema_id = check_schema_id(self.schema_id)
        if missing:
            _, service = self._planned(context, schema_id, Mapped({}))
            used = service.of_dataflow()
            own = used[0].id if len(used) == 1 else None
            result = None if own is None else service.result(own)
            return Forecast(Action.UNKNOWN, own, fails=None, reason=because(missing), result=result)
        desired, service = self._planned(context, schema_id, self._mapped(schema_id))
        forecast = foresee(desired, create_once(desired), service)
        return replace(forecast, result=service.planned_result(forecast))

    def _planned(
        self, context: Any, schema_id: str, mapped: Mapped
    ) -> tuple[DesiredEntity, MappingSetService]:
        from airflow_provider_aep.flow_service.mappings import mapping_set_body
        from airflow_provider_aep.flow_service.validation import check_name
        from airflow_provider_aep.hooks.data_prep import DataPrepHook
        from airflow_provider_aep.operators._registry_services import MappingSetService

        dataflow = none_if_blank(self.dataflow)
        if dataflow is not None:
            check_name(dataflow, "dataflow")
        body = mapping_set_body(schema_id, mapped.pairs, mapped.expressions)
        desired = self.desired(context, kind=self.kind, name=body["name"], identity={}, interchangeable=True)
        return desired, MappingSetService(self.hook.to(DataPrepHook), body, dataflow)

    def _warn_of_left_out(self, mapped: Mapped, fields: dict[str, str]) -> None:
        """Warn of the columns that the mapping set does not map."""
        from airflow_provider_aep.flow_service.mappings import told

        used = set(fields.values())
        if left_out := {name: reason for name, reason in mapped.left_out.items() if name not in used}:
            self.log.warning("These columns are not ingested: %s", told(left_out))

    def _mapped(self, schema_id: str) -> Mapped:
        """Return the mapping, checked against columns and schema."""
        from airflow_provider_aep.flow_service import mappings, xdm
        from airflow_provider_aep.flow_service.errors import AepConfigError
        from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook

        columns, mapping = none_if_blank(self.columns), none_if_blank(self.mapping)
        given = none_if_blank(self.expressions)
        if columns is None and mapping is None and given is None:
            raise AepConfigError(
                "`mapping` and `columns` are both missing: give a mapping, or the columns to map by name.",
                parameter="mapping",
            )
        names = None if columns is None else [column["name"] for column in xdm.merge_columns(columns)]
        fields = self.hook.to(SchemaRegistryHook).schema_fields(schema_id)
        expressions = mappings.check_expressions(given, fields, mapping)
        if mapping is not None:
            mapped = mappings.check_mapping(mapping, names, fields)
        elif names is not None:
            free = [path for path in fields if path not in expressions]
            mapped = mappings.map_by_name(names, free, xdm.namespace_of(schema_id))
        else:
            mapped = mappings.Mapped({})
        return replace(mapped, expressions=expressions)
