"""What a base connection's source offers: its tables, their columns, their first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.operators.base import AepOperator

if TYPE_CHECKING:
    from collections.abc import Sequence


class ListTablesOperator(AepOperator):
    """List what the source offers.

    :param connection_id: the base connection's id
    :return: ``[{"name", "path", "type", "can_preview", "can_fetch_schema"}]``, made for
        ``InspectTableOperator.partial(...).expand(table=list_tables.output)``
    """

    template_fields: Sequence[str] = ("connection_id", "aep_conn_id", "sandbox")

    def __init__(self, *, connection_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id

    def act(self, context: Any) -> list[dict[str, Any]]:
        """Explore the root."""
        from airflow_provider_aep.flow_service.tables import read_tables

        tables = read_tables(self.hook.explore(self.connection_id))
        self.log.info("%d tables: %s", len(tables), ", ".join(table["name"] for table in tables))
        return tables


class InspectTableOperator(AepOperator):
    """Read a table's columns.

    :param connection_id: the base connection's id
    :param table: the table's path, or one of the dicts that :class:`ListTablesOperator` returns
    :return: ``[{"name", "type", "xdm"}]``
    """

    template_fields: Sequence[str] = ("connection_id", "table", "aep_conn_id", "sandbox")

    def __init__(self, *, connection_id: str, table: str | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id
        self.table = table

    def act(self, context: Any) -> list[dict[str, Any]]:
        """Explore the table."""
        from airflow_provider_aep.flow_service.tables import read_columns, table_path

        path = table_path(self.table)
        columns = read_columns(self.hook.explore(self.connection_id, object_type="table", object=path), path)
        self.log.info("%s has %d columns: %s", path, len(columns), ", ".join(c["name"] for c in columns))
        return columns


class PreviewTableOperator(AepOperator):
    """Read a table's first rows. They may hold personal data, and land in XCom: use it to look, not to load.

    :param connection_id: the base connection's id
    :param table: the table's path, or one of the dicts that :class:`ListTablesOperator` returns
    :param limit: how many rows at most
    :return: the rows, each a dict by column name
    """

    template_fields: Sequence[str] = ("connection_id", "table", "limit", "aep_conn_id", "sandbox")

    def __init__(
        self, *, connection_id: str, table: str | dict[str, Any], limit: int = 10, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id
        self.table = table
        self.limit = limit

    def act(self, context: Any) -> list[dict[str, Any]]:
        """Explore the table with ``preview``."""
        from airflow_provider_aep.flow_service.checks import check_count
        from airflow_provider_aep.flow_service.tables import read_rows, table_path

        path, limit = table_path(self.table), check_count(self.limit, "limit")
        rows = self.hook.explore(self.connection_id, object_type="table", object=path, preview=True)
        return read_rows(rows, path)[:limit]
