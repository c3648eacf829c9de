"""A source connection: which table of a base connection's source is brought in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepConnectionLink
from airflow_provider_aep.operators.base import CreateOperator, none_if_blank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.exactly_once import Service, Wanted


class CreateSourceConnectionOperator(CreateOperator):
    """Make sure that exactly one source connection of this name stands on a base connection.

    Its identity is organization, sandbox, base connection and exact name. One of this name for another table
    is an error, never reused.

    :param name: the source connection's name
    :param connection_id: the base connection's id
    :param table: the table's path, or one of the dicts that ``ListTablesOperator`` returns
    :param columns: what ``InspectTableOperator`` returns; read from the source if not given
    :param description: a free text
    :return: the source connection's id
    """

    template_fields: Sequence[str] = (
        "name",
        "connection_id",
        "table",
        "columns",
        "description",
        "aep_conn_id",
        "sandbox",
    )
    operator_extra_links = (AepConnectionLink(),)
    link_key = AepConnectionLink.xcom_key

    def __init__(
        self,
        *,
        name: str,
        connection_id: str,
        table: str | dict[str, Any],
        columns: list[dict[str, Any]] | None = None,
        description: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.connection_id = connection_id
        self.table = table
        self.columns = columns
        self.description = description

    def plan(self, context: Any) -> tuple[Wanted, Service]:
        """Read the base connection, and the columns where they are not given."""
        from airflow_provider_aep.flow_service import bodies, entities
        from airflow_provider_aep.flow_service.checks import check_description, check_id, check_name
        from airflow_provider_aep.flow_service.tables import check_columns, read_columns, table_path
        from airflow_provider_aep.links import connection_url, with_id
        from airflow_provider_aep.operators._entities import EntityOrder, FlowEntities

        name, path = check_name(self.name), table_path(self.table)
        base_id = check_id(self.connection_id, "connection_id")
        description = check_description(none_if_blank(self.description))
        given = none_if_blank(self.columns)
        columns = None if given is None else check_columns(given)
        wanted = self.wanted(context, kind="source connection", name=name, identity={"base": base_id})
        base = self.hook.get_connection_details(base_id)
        if columns is None:
            columns = read_columns(self.hook.explore(base_id, object_type="table", object=path), path)
        settings, sandbox = self.hook.settings, self.hook.sandbox
        order = EntityOrder(
            collection=entities.SOURCE_CONNECTIONS,
            parameter="source_connection_id",
            filters=[("baseConnectionId", base_id)],
            body=bodies.source_connection(
                name=name,
                description=description,
                base_connection_id=base_id,
                connection_spec=base.get("connectionSpec") or {},
                table=path,
                columns=columns,
            ),
            mark=wanted.mark,
            url=lambda own: with_id(
                connection_url(
                    org_id=settings.org_id, tenant=settings.tenant, sandbox=sandbox, connection_id=base_id
                ),
                "sourceConnectionId",
                own,
            ),
            dependants=lambda own: self.hook.flows_using(source_connection_id=own),
            fits=lambda item: _same_table(item, name, path),
        )
        return wanted, FlowEntities(self.hook, order)


def _same_table(item: Any, name: str, path: str) -> None:
    from airflow_provider_aep.flow_service.errors import EntityExistsError

    table = (item.get("params") or {}).get("tableName")
    if table not in (None, path):
        raise EntityExistsError(
            f"The source connection {name!r} stands already, for table {table!r} instead of {path!r}: "
            f"{item.get('id')}. Choose another `name`."
        )
