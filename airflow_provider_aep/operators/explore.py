"""List the tables or files of a source, and read their columns and first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.operators.base import AepOperator, name_instance, none_if_blank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.flow_service.source_objects import SourceObject


class SourceOperator(AepOperator):
    """Base of the operators that explore a source.

    :param connection_id: the base connection's id
    :param source: instead of ``connection_id``: a source that needs no base connection, such as Data Landing
        Zone, by its name or by the id of its connection spec
    """

    template_fields: Sequence[str] = ("connection_id", "source", "aep_conn_id", "sandbox")

    def __init__(self, *, connection_id: str | None = None, source: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id
        self.source = source

    def origin(self) -> tuple[str | None, str | None]:
        """Return the ids of base connection and connection spec. One of them is None.

        :raises AepConfigError: not exactly one of ``connection_id`` and ``source`` is given, or it is invalid
        """
        from airflow_provider_aep.flow_service.errors import AepConfigError
        from airflow_provider_aep.flow_service.source_objects import spec_id_of
        from airflow_provider_aep.flow_service.validation import check_id

        source = none_if_blank(self.source)
        if source is None:
            return check_id(self.connection_id, "connection_id"), None
        if none_if_blank(self.connection_id) is not None:
            raise AepConfigError(
                "`source` is for sources without a base connection. Give either `connection_id` or `source`.",
                parameter="source",
            )
        return None, spec_id_of(source)

    def explore(self, **query: Any) -> Any:
        """Explore the source, by its base connection or its connection spec."""
        base_id, spec_id = self.origin()
        return self.hook.explore(base_id, connection_spec_id=spec_id, **query)


class SourceObjectOperator(SourceOperator):
    """Base of the operators for one source object. Exactly one of these parameters names it.

    :param table: the table's path, or one of the dicts that ``ListTablesOperator`` returns
    :param file: a path, a dict, or one of the dicts that ``ListFilesOperator`` returns. The path of a folder
        ends with ``/``. A pattern is such as ``/orders/*.csv``. The dict has ``path``, ``file_type``
        (``delimited``, ``json`` or ``parquet``), ``column_delimiter``, ``compression_type``, ``encoding`` and
        ``recursive``. Without ``file_type`` Flow Service detects the format
    :param resource: for a self-serve REST source: the resource's path, or a dict of all parameters that
        select it, under the names of the source's tutorial; ``{}`` if the source has only one resource
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
        """Return the source object.

        :param others: further parameters that can name it, such as ``stream``
        :raises AepConfigError: not exactly one parameter is given, or it is invalid
        """
        from airflow_provider_aep.flow_service.source_objects import read_source_object

        given = {"table": self.table, "file": self.file, "resource": self.resource, **others}
        return read_source_object({name: none_if_blank(value) for name, value in given.items()})

    def explore_object(self, source_object: SourceObject, *, preview: bool = False) -> Any:
        """Explore a source object. For a folder or pattern, explore its first file."""
        from airflow_provider_aep.flow_service.source_objects import read_tables

        if source_object.kind == "folder":
            entries = self.explore(object_type="folder", object=source_object.folder)
            source_object = source_object.first_file(read_tables(entries))
            self.log.info("The columns of %s are used for all files.", source_object.path)
        object_type, path, options = source_object.explore_query()
        return self.explore(object_type=object_type, object=path, preview=preview, options=options)


class ListTablesOperator(AepOperator):
    """List the tables of a source.

    Adobe: explore tutorials of the sources.

    :param connection_id: the base connection's id
    :return: ``[{"name", "path", "type", "can_preview", "can_fetch_schema"}]``, for use in
        ``InspectTableOperator.partial(...).expand(table=list_tables.output)``
    """

    template_fields: Sequence[str] = ("connection_id", "aep_conn_id", "sandbox")
    reads: Sequence[str] = ("connection_id",)

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
    """List the files and folders of one folder of a file source, without subfolders.

    :param connection_id: the base connection's id
    :param source: instead of ``connection_id``: a source that needs no base connection, by its name or by
        the id of its connection spec
    :param folder: the folder's path; the root by default
    :return: dicts as ``ListTablesOperator`` returns them, with ``type`` ``file`` or ``folder``. Use one as
        ``file=`` of another operator
    """

    template_fields: Sequence[str] = ("connection_id", "source", "folder", "aep_conn_id", "sandbox")
    reads: Sequence[str] = ("connection_id", "source", "folder")

    def __init__(self, *, folder: str | dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder

    def act(self, context: Any) -> list[dict[str, Any]]:
        """Explore the folder."""
        from airflow_provider_aep.flow_service.source_objects import read_source_object, read_tables

        query: dict[str, Any] = {}
        if (folder := none_if_blank(self.folder)) is not None:
            query = {"object_type": "folder", "object": read_source_object({"file": folder}).folder}
            name_instance(context, query["object"])
        found = read_tables(self.explore(**query))
        self.log.info("%d files and folders: %s", len(found), ", ".join(entry["name"] for entry in found))
        return found


class InspectTableOperator(SourceObjectOperator):
    """Read the columns of a table, a file or a resource. A folder has the columns of its first file.

    Airflow's grid shows mapped instances under the paths that they read, unless you set
    ``map_index_template``.

    :param connection_id: the base connection's id
    :param table: the table's path, or one of the dicts that :class:`ListTablesOperator` returns
    :param file: instead of a table: a path, or a dict, see :class:`SourceObjectOperator`
    :param resource: instead of a table: a resource's path, or the parameters that select it
    :param source: instead of ``connection_id``, a source that needs no base connection
    :return: ``[{"name", "type", "xdm"}]``. A nested field of JSON has its dotted path as name
    """

    reads: Sequence[str] = ("connection_id", "source", "table", "file", "resource")

    def act(self, context: Any) -> list[dict[str, Any]]:
        """Explore the source object."""
        from airflow_provider_aep.flow_service.source_objects import read_columns

        source_object = self.source_object()
        name_instance(context, source_object.path)
        columns = read_columns(self.explore_object(source_object), source_object.path)
        names = ", ".join(column["name"] for column in columns)
        self.log.info("%s has %d columns: %s", source_object.path, len(columns), names)
        return columns


class PreviewTableOperator(SourceObjectOperator):
    """Read the first rows of a table, a file or a resource.

    The rows are stored in XCom and may have personal data. Use this operator to check a source, not to load
    data.

    :param connection_id: the base connection's id
    :param table: the table's path, or one of the dicts that :class:`ListTablesOperator` returns
    :param file: instead of a table: a path, or a dict, see :class:`SourceObjectOperator`
    :param resource: instead of a table: a resource's path, or the parameters that select it
    :param source: instead of ``connection_id``, a source that needs no base connection
    :param limit: the maximum number of rows
    :return: the rows, each a dict by column name
    """

    template_fields: Sequence[str] = (*SourceObjectOperator.template_fields, "limit")

    def __init__(self, *, limit: int = 10, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit = limit

    def act(self, context: Any) -> list[dict[str, Any]]:
        """Explore the source object with ``preview``."""
        from airflow_provider_aep.flow_service.source_objects import read_rows
        from airflow_provider_aep.flow_service.validation import check_count

        source_object, limit = self.source_object(), check_count(self.limit, "limit")
        name_instance(context, source_object.path)
        return read_rows(self.explore_object(source_object, preview=True), source_object.path)[:limit]
