"""Create a source connection: the source object that a dataflow ingests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepConnectionLink
from airflow_provider_aep.operators.base import CreateOperator, none_if_blank
from airflow_provider_aep.operators.explore import SourceObjectOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aep.exactly_once import DesiredEntity
    from airflow_provider_aep.exactly_once.forecast import Forecast, MissingInput
    from airflow_provider_aep.flow_service.source_objects import SourceObject
    from airflow_provider_aep.operators._services import EntityService


class CreateSourceConnectionOperator(SourceObjectOperator, CreateOperator):
    """Create exactly one source connection of this name for a base connection, and return its id.

    Its identity is organization, sandbox, base connection and exact name. For a source without a base
    connection, the connection spec replaces the base connection. An existing source connection of this name
    for another source object is an error. ``if_exists="update"`` changes only the description, because a
    dataflow ignores later changes of its source connection.

    Adobe: collect tutorials of the sources.

    :param name: the source connection's name
    :param connection_id: the base connection's id
    :param source: instead of ``connection_id``: a source that needs no base connection, by its name or by
        the id of its connection spec
    :param table: the table's path, or one of the dicts that ``ListTablesOperator`` returns
    :param file: instead of a table: a path, or a dict, see
        :class:`~airflow_provider_aep.operators.explore.SourceObjectOperator`
    :param resource: instead of a table: a resource of a self-serve REST source, by its path or by the
        parameters that select it
    :param stream: instead of a table, for a streaming source: True, or the source's own parameters under the
        names of its tutorial, such as ``{"eventHubName": "clicks", "dataType": "raw"}``
    :param columns: a table's columns as ``InspectTableOperator`` returns them; by default the task reads them
    :param description: a free text
    :return: the source connection's id
    """

    template_fields: Sequence[str] = (
        "name",
        *SourceObjectOperator.template_fields,
        "stream",
        "columns",
        "description",
    )
    operator_extra_links = (AepConnectionLink(),)
    link_key = AepConnectionLink.xcom_key
    kind = "source connection"
    identified_by = ("name", "source")
    parents = ("connection_id",)

    def __init__(
        self,
        *,
        name: str,
        stream: bool | dict[str, Any] | None = None,
        columns: list[dict[str, Any]] | None = None,
        description: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.stream = stream
        self.columns = columns
        self.description = description

    def plan(self, context: Any) -> tuple[DesiredEntity, EntityService[Any]]:
        """Check the parameters. Read the base connection, and missing columns or formats from the source."""
        from airflow_provider_aep.flow_service import bodies, differences
        from airflow_provider_aep.flow_service.collections import SOURCE_CONNECTIONS
        from airflow_provider_aep.flow_service.validation import check_description, check_name
        from airflow_provider_aep.operators._services import EntityDefinition, EntityService

        name, source_object = check_name(self.name), self.source_object(stream=self.stream)
        description = check_description(none_if_blank(self.description))
        base_id, spec_id = self.origin()
        columns = self._given_columns(source_object)
        said = differences.source_fields(bodies.source_body(source_object, columns or []), source_object.kind)
        desired, filters = self._identity(context)
        base = self.hook.get_connection_details(base_id) if base_id else {}
        source_object, columns = self._completed(source_object, columns)
        definition = EntityDefinition(
            collection=SOURCE_CONNECTIONS,
            filters=filters,
            body=bodies.source_connection(
                name=name,
                description=description,
                base_connection_id=base_id,
                connection_spec=base.get("connectionSpec") or {"id": spec_id},
                source_object=source_object,
                columns=columns or [],
            ),
            mark=desired.mark,
            of=base_id,
            dependants=lambda own: self.hook.flows_using(source_connection_id=own),
            check_same_entity=lambda item: _same_source_object(item, name, source_object),
            desired_fields=said,
            existing_fields=lambda item: differences.shown_source_fields(item, source_object.kind, said),
            fixed=lambda _item, field, _value: "" if field == "description" else differences.ENDS_FIXED,
            whole=("columns",),
        )
        return desired, EntityService(self.hook, definition)

    def _identity(self, context: Any) -> tuple[DesiredEntity, list[tuple[str, str]]]:
        """Return the desired entity, and the filters that list the entities of its identity."""
        from airflow_provider_aep.flow_service.validation import check_name

        base_id, spec_id = self.origin()
        identity = {"base": base_id} if base_id else {"spec": str(spec_id)}
        desired = self.desired(context, kind=self.kind, name=check_name(self.name), identity=identity)
        return desired, [("baseConnectionId", base_id) if base_id else ("connectionSpec.id", str(spec_id))]

    def foresee(self, context: Any, missing: Mapping[str, MissingInput]) -> Forecast:
        """Foresee the source connection. Its connection spec is that of the base connection."""
        forecast = super().foresee(context, missing)
        if forecast.action.value != "create":
            return forecast
        if "connection_id" in missing:
            return replace(forecast, spec_id=missing["connection_id"].spec_id)
        base_id, spec_id = self.origin()
        if base_id is not None:
            base = self.hook.get_connection_details(base_id)
            spec_id = (base.get("connectionSpec") or {}).get("id")
        return replace(forecast, spec_id=spec_id)

    def identify(
        self, context: Any, missing: Mapping[str, MissingInput]
    ) -> tuple[DesiredEntity, EntityService[Any]]:
        """Return the source connection by base connection and name."""
        from airflow_provider_aep.flow_service.collections import SOURCE_CONNECTIONS
        from airflow_provider_aep.operators._services import known_by

        desired, filters = self._identity(context)
        return desired, known_by(self.hook, SOURCE_CONNECTIONS, desired.name, missing, filters=filters)

    def _given_columns(self, source_object: SourceObject) -> list[dict[str, Any]] | None:
        """Return the columns that are given for a table. Other source objects ignore ``columns``."""
        from airflow_provider_aep.flow_service.source_objects import check_columns

        given = none_if_blank(self.columns)
        return check_columns(given) if given is not None and source_object.kind == "table" else None

    def _completed(
        self, source_object: SourceObject, columns: list[dict[str, Any]] | None
    ) -> tuple[SourceObject, list[dict[str, Any]] | None]:
        """Return source object and columns. Read missing columns and the missing format of files."""
        from airflow_provider_aep.flow_service.source_objects import read_columns

        if source_object.kind == "table" and columns is None:
            return source_object, read_columns(self.explore_object(source_object), source_object.path)
        if source_object.data is None:
            return source_object.with_detected_format(self.explore_object(source_object)), None
        return source_object, columns


def _same_source_object(item: Any, name: str, source_object: SourceObject) -> None:
    """Check that an existing source connection is for the same source object.

    :raises EntityExistsError: it is for another source object
    """
    from airflow_provider_aep.flow_service.differences import PARAMETERS, Difference
    from airflow_provider_aep.flow_service.errors import EntityExistsError

    for key, found in source_object.differing(item.get("params") or {}).items():
        desired = source_object.params[key]
        raise EntityExistsError(
            f"The source connection {name!r} exists already, for {key} {found!r} instead of {desired!r}: "
            f"{item.get('id')}. Choose another `name`.",
            differences=[Difference(f"{PARAMETERS[source_object.kind]}.{key}", found, desired)],
            entity_id=str(item.get("id")),
        )
