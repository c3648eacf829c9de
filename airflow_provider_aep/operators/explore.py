"""What a source offers: its tables or files, their columns, their first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.operators.base import AepOperator, name_instance, none_if_blank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.flow_service.source_objects import SourceObject


class SourceOperator(AepOperator):
    """Base of the operators that ask a source.

    :param connection_id: the base connection's id
    :param source: instead of it, a source that needs no base connection, such as Data Landing Zone: its name,
        or its connection spec's id
    """

    template_fields: Sequence[str] = ("connection_id", "source", "aep_conn_id", "sandbox")

    def __init__(self, *, connection_id: str | None = None, source: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id
        self.source = source

    def origin(self) -> tuple[str | None, str | None]:
        """The base connection's id or the connection spec's; the other is None."""
        from airflow_provider_aep.flow_service.errors import AepConfigError
        from airflow_provider_aep.flow_service.source_objects import spec_id_of
        from airflow_provider_aep.flow_service.validation import check_id

        source = none_if_blank(self.source)
        if source is None:
            return check_id(self.connection_id, "connection_id"), None
        if none_if_blank(self.connection_id) is not None:
            raise AepConfigError(
                "`source` is for what needs no base connection: give `connection_id` or `source`.",
                parameter="source",
            )
        return None, spec_id_of(source)

    def explore(self, **question: Any) -> Any:
        """Ask the source, by its base connection or its spec."""
        base_id, spec_id = self.origin()
        return self.hook.explore(base_id, connection_spec_id=spec_id, **question)


class SourceObjectOperator(SourceOperator):
    """Base of the operators that are about one part of a source; exactly one of the three says which.

    :param table: the table's path, or one of the dicts that ``ListTablesOperator`` returns
    :param file: the path of a file, of a folder (it ends with ``/``), or a pattern such as ``/orders/*.csv``;
        or a dict of ``path``, ``file_type`` (``delimited``, ``json``, ``parquet``), ``column_delimiter``,
        ``compression_type``, ``encoding``, ``recursive``; or one of the dicts that ``ListFilesOperator``
        returns. Without ``file_type`` Flow Service finds out how the files are written
    :param resource: for self-serve REST sources: the resource's path, or a dict of all parameters that
        choose it, as the source's tutorial names them; ``{}`` where there is nothing to choose
    """

    template_fields: Sequence[str] = (
        "connection_id",
        "source",
        "table",
        "file",
        "resource",
        "aep_conn_id",
        "sandbox",
    )

    def __init__(
        self,
        *,
        table: str | dict[str, Any] | None = None,
        file: str | dict[str, Any] | None = None,
        resource: str | dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.file = file
        self.resource = resource

    def source_object(self, **others: Any) -> SourceObject:
        """What is meant; ``others`` are further ways to say it."""
        from airflow_provider_aep.flow_service.source_objects import read_source_object

        given = {"table": self.table, "file": self.file, "resource": self.resource, **others}
        return read_source_object({name: none_if_blank(value) for name, value in given.items()})

    def explore_object(self, source_object: SourceObject, *, preview: bool = False) -> Any:
        """Explore it; a folder's or a pattern's first file stands for all of them."""
        from airflow_provider_aep.flow_service.source_objects import read_tables

        if source_object.kind == "folder":
            entries = self.explore(object_type="folder", object=source_object.folder)
            source_object = source_object.first_file(read_tables(entries))
            self.log.info("%s stands for all files.", source_object.path)
        object_type, path, options = source_object.explore_query()
        return self.explore(object_type=object_type, object=path, preview=preview, options=options)


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
        from airflow_provider_aep.flow_service.source_objects import read_tables

        tables = read_tables(self.hook.explore(self.connection_id))
        self.log.info("%d tables: %s", len(tables), ", ".join(table["name"] for table in tables))
        return tables


class ListFilesOperator(SourceOperator):
    """List the files and folders right in one folder of a file source.

    :param connection_id: the base connection's id
    :param source: instead of it, a source that needs no base connection: its name, or its spec's id
    :param folder: the folder's path; the root if not given
    :return: as ``ListTablesOperator``, with ``type`` ``file`` or ``folder``; each can be given as ``file=``
    """

    template_fields: Sequence[str] = ("connection_id", "source", "folder", "aep_conn_id", "sandbox")

    def __init__(self, *, folder: str | dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder

    def act(self, context: Any) -> list[dict[str, Any]]:
        """Explore the folder."""
        from airflow_provider_aep.flow_service.source_objects import read_source_object, read_tables

        where: dict[str, Any] = {}
        if (folder := none_if_blank(self.folder)) is not None:
            where = {"object_type": "folder", "object": read_source_object({"file": folder}).folder}
            name_instance(context, where["object"])
        found = read_tables(self.explore(**where))
        self.log.info("%d files and folders: %s", len(found), ", ".join(entry["name"] for entry in found))
        return found


class InspectTableOperator(SourceObjectOperator):
    """Read the columns of a table, a file or a resource. A folder has those of its first file.

    Mapped, its instances are shown under the paths that they read, unless ``map_index_template`` is given.

    :param connection_id: the base connection's id
    :param table: the table's path, or one of the dicts that :class:`ListTablesOperator` returns
    :param file: instead of a table: a path, or a dict with ``path``, ``file_type`` and so on; see the guide
    :param resource: instead of a table: a resource's path, or the parameters that choose it
    :param source: instead of ``connection_id``, a source that needs no base connection
    :return: ``[{"name", "type", "xdm"}]``; fields of records in JSON by their dotted path
    """

    def act(self, context: Any) -> list[dict[str, Any]]:
        """Explore it."""
        from airflow_provider_aep.flow_service.source_objects import read_columns

        source_object = self.source_object()
        name_instance(context, source_object.path)
        columns = read_columns(self.explore_object(source_object), source_object.path)
        names = ", ".join(column["name"] for column in columns)
        self.log.info("%s has %d columns: %s", source_object.path, len(columns), names)
        return columns


class PreviewTableOperator(SourceObjectOperator):
    """Read the first rows of a table, a file or a resource. They may hold personal data, and land in XCom:
    use it to look, not to load.

    :param connection_id: the base connection's id
    :param table: the table's path, or one of the dicts that :class:`ListTablesOperator` returns
    :param file: instead of a table: a path, or a dict with ``path``, ``file_type`` and so on; see the guide
    :param resource: instead of a table: a resource's path, or the parameters that choose it
    :param source: instead of ``connection_id``, a source that needs no base connection
    :param limit: how many rows at most
    :return: the rows, each a dict by column name
    """

    template_fields: Sequence[str] = (*SourceObjectOperator.template_fields, "limit")

    def __init__(self, *, limit: int = 10, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit = limit

    def act(self, context: Any) -> list[dict[str, Any]]:
        """Explore it with ``preview``."""
        from airflow_provider_aep.flow_service.source_objects import read_rows
        from airflow_provider_aep.flow_service.validation import check_count

        source_object, limit = self.source_object(), check_count(self.limit, "limit")
        name_instance(context, source_object.path)
        return read_rows(self.explore_object(source_object, preview=True), source_object.path)[:limit]
