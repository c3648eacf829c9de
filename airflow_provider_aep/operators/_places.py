"""What operators share that look into a source, or bring something of it in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.operators.base import AepOperator, none_if_blank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.flow_service.source_objects import Place


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


class PlaceOperator(SourceOperator):
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

    def place(self, **others: Any) -> Place:
        """What is meant; ``others`` are further ways to say it."""
        from airflow_provider_aep.flow_service.source_objects import read_place

        given = {"table": self.table, "file": self.file, "resource": self.resource, **others}
        return read_place({name: none_if_blank(value) for name, value in given.items()})

    def look_at(self, place: Place, *, preview: bool = False) -> Any:
        """Explore it; a folder's or a pattern's first file stands for all of them."""
        from airflow_provider_aep.flow_service.source_objects import read_tables

        if place.kind == "folder":
            entries = self.explore(object_type="folder", object=place.folder)
            place = place.first_file(read_tables(entries))
            self.log.info("%s stands for all files.", place.path)
        object_type, path, options = place.question()
        return self.explore(object_type=object_type, object=path, preview=preview, options=options)
