"""List the tables or files of a source, read their columns and first rows, and find changed columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.operators.base import AepOperator, name_instance, none_if_blank

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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


class CheckSourceSchemaOperator(SourceObjectOperator):
    """Compare the columns of the source now with the columns that a dataflow reads. Change nothing.

    A dataflow keeps the columns with which it was created. It ignores a column that is added to the source,
    until source connection, mapping set and dataflow are created again.

    - ``added``: columns of the source that the source connection does not store. A column that the source
      connection stores and the mapping set does not use is left out on purpose, so it is no drift
    - ``removed``: columns that the source connection stores or the mapping set copies, and the source lacks.
      A column that only an expression of the mapping set uses is compared only if it is stored
    - ``changed``: columns whose type in the source, or whose XDM type, is not the stored one

    The source connection of files, resources and streams usually stores no columns. Then ``added`` and
    ``changed`` are None, which means unknown. If the source shows no columns, or if neither source connection
    nor mapping set names any, all three are None. What is unknown is logged, and never counts as drift.
    If the dataflow does not exist yet, there is no drift.

    :param connection_id: the base connection's id
    :param table: the table's path, or one of the dicts that :class:`ListTablesOperator` returns
    :param file: instead of a table: a path, or a dict, see :class:`SourceObjectOperator`
    :param resource: instead of a table: a resource's path, or the parameters that select it
    :param source: instead of ``connection_id``, a source that needs no base connection
    :param dataflow: the name of the dataflow, or its id
    :param columns: the columns as :class:`InspectTableOperator` returns them; by default the task reads them
    :param on_drift: ``warn`` logs a drift; ``fail`` raises it
    :return: ``{"added": [name], "removed": [name], "changed": [{"name", "was", "is"}]}``, sorted by name
    :raises SchemaDriftError: there is a drift, and ``on_drift`` is ``fail``
    :raises AepConfigError: the dataflow ingests another source object
    :raises AepNotFoundError: no dataflow has this id
    :raises AmbiguousEntityError: several dataflows of this name ingest the source object
    """

    template_fields: Sequence[str] = (
        *SourceObjectOperator.template_fields,
        "dataflow",
        "columns",
        "on_drift",
    )

    def __init__(self, *, dataflow: str, columns: Any = None, on_drift: str = "warn", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataflow = dataflow
        self.columns = columns
        self.on_drift = on_drift

    def act(self, context: Any) -> dict[str, Any]:
        """Read the dataflow, its source connection, its mapping set and the source."""
        from airflow_provider_aep.flow_service.errors import SchemaDriftError
        from airflow_provider_aep.flow_service.schema_drift import find_drift, in_words, named
        from airflow_provider_aep.flow_service.validation import check_choice, check_name

        on_drift = check_choice(self.on_drift, "on_drift", ("warn", "fail"))
        name, source_object = check_name(self.dataflow, "dataflow"), self.source_object()
        self.origin()
        name_instance(context, source_object.path)
        found = self._find_dataflow(name, source_object)
        if found is None:
            self.log.info("No dataflow %r exists yet, so its columns cannot differ.", name)
            return {"added": [], "removed": [], "changed": []}
        flow, source_connection = found
        stored = named((source_connection.get("params") or {}).get("columns"))
        columns = self._columns(source_object)
        drift = find_drift(columns, stored, self._mapped(flow))
        if unknown := " or ".join(kind for kind, names in drift.items() if names is None):
            what = "the source connection stores" if columns else "the source shows"
            self.log.warning("Unknown whether columns were %s: %s no columns.", unknown, what)
        if words := in_words(drift):
            happened = (
                f"The columns of {source_object.path!r} differ from those of the dataflow {name!r}: {words}."
            )
            error = SchemaDriftError.with_advice(happened, drift=drift)
            if on_drift == "fail":
                raise error
            self.log.warning("%s", error)
        elif not unknown:
            self.log.info("The columns of the dataflow %r are those of the source.", name)
        return drift

    def _find_dataflow(
        self, name: str, source_object: SourceObject
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        """Return the dataflow that ingests the source object, and its source connection."""
        from airflow_provider_aep.flow_service.errors import AepConfigError, AmbiguousEntityError

        found = list(self._candidates(name))
        fitting = [
            (flow, item) for flow, item in found if not source_object.differing(item.get("params") or {})
        ]
        if len(fitting) > 1:
            ids = ", ".join(str(flow.get("id")) for flow, _ in fitting)
            raise AmbiguousEntityError(
                f"Several dataflows {name!r} ingest {source_object.path!r}: {ids}. Set `dataflow` to an id."
            )
        if found and not fitting:
            flow, item = found[0]
            others = source_object.differing(item.get("params") or {})
            raise AepConfigError(
                f"The dataflow {name!r} ({flow.get('id')}) ingests another source object than "
                f"{source_object.path!r}: {', '.join(map(repr, others.values()))}.",
                parameter="dataflow",
            )
        return fitting[0] if fitting else None

    def _candidates(self, name: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Yield each dataflow of this name, else the dataflow of this id, with its source connections."""
        from airflow_provider_aep.flow_service.source_objects import is_uuid

        flows = self.hook.list_flows(name=name)
        if not flows and is_uuid(name):
            flows = [self.hook.get_flow(name)]
        for flow in flows:
            ids = flow.get("sourceConnectionIds")
            for source_id in ids or [None]:
                yield flow, {} if source_id is None else self.hook.get_source_connection(source_id)

    def _columns(self, source_object: SourceObject) -> list[dict[str, Any]]:
        """Return the columns of the source; empty if it shows none."""
        from airflow_provider_aep.flow_service.errors import AepReplyError
        from airflow_provider_aep.flow_service.source_objects import check_columns, read_columns

        if (given := none_if_blank(self.columns)) is not None:
            return check_columns(given)
        shown = self.explore_object(source_object)
        try:
            return read_columns(shown, source_object.path)
        except AepReplyError:
            return []

    def _mapped(self, flow: Mapping[str, Any]) -> set[str] | None:
        """Return the columns that the mapping set copies; None if it is unknown."""
        from airflow_provider_aep.flow_service import differences, mappings
        from airflow_provider_aep.flow_service.errors import AepNotFoundError
        from airflow_provider_aep.hooks.data_prep import DataPrepHook

        used = differences.used_mapping_set(flow)
        if used is None:
            return None
        try:
            return mappings.columns_of(
                self.hook.to(DataPrepHook).get_mapping_set(used["id"], used["version"])
            )
        except AepNotFoundError:
            return None
