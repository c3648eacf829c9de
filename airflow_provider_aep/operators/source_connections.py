"""A source connection: which table, files, resource or stream of a source is brought in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepConnectionLink
from airflow_provider_aep.operators.base import CreateOperator, none_if_blank
from airflow_provider_aep.operators.explore import SourceObjectOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.exactly_once import DesiredEntity, Service
    from airflow_provider_aep.flow_service.source_objects import SourceObject


class CreateSourceConnectionOperator(SourceObjectOperator, CreateOperator):
    """Make sure that exactly one source connection of this name stands on a base connection.

    Its identity is organization, sandbox, base connection (without one, the connection spec) and exact name.
    One of this name for another table, file or resource is an error, never reused. ``update`` changes the
    description alone: a dataflow does not take over changes of its source connection.

    :param name: the source connection's name
    :param connection_id: the base connection's id
    :param source: instead of it, a source that needs no base connection: its name, or its spec's id
    :param table: the table's path, or one of the dicts that ``ListTablesOperator`` returns
    :param file: for files: a path, or a dict with ``path``, ``file_type`` and so on, as
        ``InspectTableOperator`` takes them
    :param resource: for self-serve REST sources: a resource's path, or the parameters that choose it
    :param stream: for streaming sources: True, or the source's own parameters as its tutorial names them,
        such as ``{"eventHubName": "clicks", "dataType": "raw"}``
    :param columns: of a table, what ``InspectTableOperator`` returns; read from the source if not given
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

    def plan(self, context: Any) -> tuple[DesiredEntity, Service]:
        """Read the base connection, and from the source what is not given."""
        from airflow_provider_aep.flow_service import bodies, differences, requests
        from airflow_provider_aep.flow_service.validation import check_description, check_name
        from airflow_provider_aep.operators._services import DesiredFlowEntity, FlowEntities

        name, source_object = check_name(self.name), self.source_object(stream=self.stream)
        description = check_description(none_if_blank(self.description))
        base_id, spec_id = self.origin()
        identity = {"base": base_id} if base_id else {"spec": str(spec_id)}
        columns = self._given_columns(source_object)
        said = differences.source_fields(bodies.source_body(source_object, columns or []), source_object.kind)
        desired = self.desired(context, kind="source connection", name=name, identity=identity)
        base = self.hook.get_connection_details(base_id) if base_id else {}
        source_object, columns = self._completed(source_object, columns)
        order = DesiredFlowEntity(
            collection=requests.SOURCE_CONNECTIONS,
            parameter="source_connection_id",
            filters=[("baseConnectionId", base_id) if base_id else ("connectionSpec.id", str(spec_id))],
            body=bodies.source_connection(
                name=name,
                description=description,
                base_connection_id=base_id,
                connection_spec=base.get("connectionSpec") or {"id": spec_id},
                source_object=source_object,
                columns=columns or [],
            ),
            mark=desired.mark,
            url=lambda own: self._url(base_id, own),
            dependants=lambda own: self.hook.flows_using(source_connection_id=own),
            fits=lambda item: _same_source_object(item, name, source_object),
            said=said,
            shown=lambda item: differences.shown_source_fields(item, source_object.kind, said),
            fixed=lambda _, field: "" if field == "description" else differences.ENDS_FIXED,
        )
        return desired, FlowEntities(self.hook, order)

    def _given_columns(self, source_object: SourceObject) -> list[dict[str, Any]] | None:
        """A table's; nothing else is collected by its columns."""
        from airflow_provider_aep.flow_service.source_objects import check_columns

        given = none_if_blank(self.columns)
        return check_columns(given) if given is not None and source_object.kind == "table" else None

    def _completed(
        self, source_object: SourceObject, columns: list[dict[str, Any]] | None
    ) -> tuple[SourceObject, list[dict[str, Any]] | None]:
        """A table's columns and the form of files, from the source where nobody gave them."""
        from airflow_provider_aep.flow_service.source_objects import read_columns

        if source_object.kind == "table" and columns is None:
            return source_object, read_columns(self.explore_object(source_object), source_object.path)
        if source_object.data is None:
            return source_object.with_detected_format(self.explore_object(source_object)), None
        return source_object, columns

    def _url(self, base_id: str | None, own: str) -> str:
        """The base connection's page; where there is none, the datasets' is the nearest."""
        from airflow_provider_aep.links import connection_url, datasets_url, with_id

        settings = self.hook.settings
        where: dict[str, Any] = {
            "org_id": settings.org_id,
            "tenant": settings.tenant,
            "sandbox": self.hook.sandbox,
        }
        page = connection_url(**where, connection_id=base_id) if base_id else datasets_url(**where)
        return with_id(page, "sourceConnectionId", own)


def _same_source_object(item: Any, name: str, source_object: SourceObject) -> None:
    from airflow_provider_aep.flow_service.errors import EntityExistsError

    shown = item.get("params") or {}
    for key in ("tableName", "path", "resourcePath"):
        wanted, found = source_object.params.get(key), shown.get(key)
        if wanted is not None and found not in (None, wanted):
            raise EntityExistsError(
                f"The source connection {name!r} exists already, for {key} {found!r} instead of {wanted!r}: "
                f"{item.get('id')}. Choose another `name`."
            )
