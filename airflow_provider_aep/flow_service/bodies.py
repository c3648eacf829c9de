"""Bodies of what comes after a base connection (Adobe's collect tutorials), and whether they fit each other.

Flow Service accepts much that does not fit: the dataflow exists, and its runs fail or move nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_aep.flow_service import mappings
from airflow_provider_aep.flow_service.datasets import schema_of
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.schedules import Schedule
from airflow_provider_aep.flow_service.source_objects import SourceObject
from airflow_provider_aep.flow_service.validation import check_id, is_id, whole_number

DATA_LAKE_SPEC = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
"""The connection spec of every target in the data lake. One tutorial prints the source's (1307-400)."""


def base_connection(
    *,
    name: str,
    description: str | None,
    connection_spec_id: str,
    connection_spec_version: str,
    auth_spec_name: str,
    auth_params: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the body of a base connection.

    The version is always sent: documents disagree whether it may be omitted.
    """
    return _described(
        {
            "name": name,
            "auth": {"specName": auth_spec_name, "params": dict(auth_params)},
            "connectionSpec": {
                "id": check_id(connection_spec_id, "connection_spec_id"),
                "version": connection_spec_version,
            },
        },
        description,
    )


def source_connection(
    *,
    name: str,
    description: str | None,
    base_connection_id: str | None,
    connection_spec: Mapping[str, Any],
    source_object: SourceObject,
    columns: list[dict[str, Any]],
) -> dict[str, Any]:
    """A source connection; a source that needs no base connection must not have one (1332-400)."""
    return _described(
        {
            "name": name,
            **({"baseConnectionId": base_connection_id} if base_connection_id else {}),
            **source_body(source_object, columns),
            "connectionSpec": {
                "id": connection_spec["id"],
                "version": connection_spec.get("version") or "1.0",
            },
        },
        description,
    )


def source_body(source_object: SourceObject, columns: list[dict[str, Any]]) -> dict[str, Any]:
    """``data`` and ``params`` of a source connection."""
    sent = [{key: column[key] for key in ("name", "type", "xdm") if column.get(key)} for column in columns]
    return {
        "data": dict(source_object.data or {}),
        "params": {**source_object.params, **({"columns": sent} if sent else {})},
    }


def target_connection(
    *, name: str, description: str | None, dataset_id: str, schema_id: str
) -> dict[str, Any]:
    """A dataset in the data lake."""
    return _described(
        {
            "name": name,
            "data": {"schema": {"id": schema_id, "version": "application/vnd.adobe.xed-full+json;version=1"}},
            "params": {"dataSetId": dataset_id},
            "connectionSpec": {"id": DATA_LAKE_SPEC, "version": "1.0"},
        },
        description,
    )


def flow(
    *,
    name: str,
    description: str | None,
    flow_spec: Mapping[str, Any],
    source_connection_id: str,
    target_connection_id: str,
    mapping_set: Mapping[str, Any] | None,
    schedule: Schedule | None,
    delta_column: Mapping[str, str] | None,
) -> dict[str, Any]:
    """A dataflow from one source connection to one target connection; one that streams has no schedule."""
    transformations: list[dict[str, Any]] = []
    if delta_column is not None:
        transformations.append({"name": "Copy", "params": {"deltaColumn": dict(delta_column)}})
    if mapping_set is not None:
        params = {"mappingId": mapping_set["id"], "mappingVersion": mapping_set.get("version", 0)}
        transformations.append({"name": "Mapping", "params": params})
    return _described(
        {
            "name": name,
            "flowSpec": {"id": flow_spec["id"], "version": flow_spec.get("version") or "1.0"},
            "sourceConnectionIds": [source_connection_id],
            "targetConnectionIds": [target_connection_id],
            "transformations": transformations,
            **({} if schedule is None else {"scheduleParams": schedule.params()}),
        },
        description,
    )


def read_delta_column(
    given: object, schedule: Schedule | None, *, tabular: bool = True
) -> dict[str, str] | None:
    """The delta column as a name or ``{"name", "dateFormat", "timezone"}``: needed by what recurs alone.

    :param tabular: whether rows come from a table; what is new of anything else is told by its time
    :raises AepConfigError: missing though needed (1367-400), or given with ``once`` (1369-400), or where
        there is no table
    """
    column = {"name": given} if isinstance(given, str) and given.strip() else given
    if not tabular or schedule is None:
        if column:
            raise _wrong("is given though the source is no table: what is new there is told by its time")
        return None
    if schedule.once:
        if column:
            raise _wrong("is given though the schedule is 'once', which copies everything")
        return None
    if not isinstance(column, Mapping) or not str(column.get("name") or "").strip():
        raise _wrong("is missing: a recurring dataflow needs it to tell new rows from old ones")
    if unknown := sorted(set(map(str, column)) - {"name", "dateFormat", "timezone"}):
        raise _wrong(f"has unknown keys: {', '.join(unknown)}")
    return {str(key): str(value) for key, value in column.items()}


def read_mapping_set(given: object) -> dict[str, Any] | None:
    """A mapping set as its id or as ``{"id", "version"}``; None for a dataflow without one."""
    if given is None:
        return None
    mapping_set = {"id": given, "version": 0} if isinstance(given, str) else given
    if isinstance(mapping_set, Mapping) and is_id(mapping_set.get("id")):
        version = mapping_set.get("version", 0)
        number = whole_number(version)  # which XCom may hand on as a text
        return {"id": mapping_set["id"], "version": version if number is None else number}
    raise AepConfigError(
        "`mapping_set` is neither a mapping set's id nor what CreateMappingSetOperator returns.",
        parameter="mapping_set",
    )


def _described(body: dict[str, Any], description: str | None) -> dict[str, Any]:
    return {**body, "description": description} if description else body


def _wrong(problem: str) -> AepConfigError:
    return AepConfigError(f"`delta_column` {problem}.", parameter="delta_column")


def columns_of(source: Mapping[str, Any]) -> list[Any]:
    """The columns that a source connection names; none if it names none."""
    columns = (source.get("params") or {}).get("columns")
    return columns if isinstance(columns, list) else []


def is_tabular(source: Mapping[str, Any]) -> bool:
    """Return whether a source connection reads a table."""
    return (source.get("data") or {}).get("format") in (None, "tabular")


def check_no_schedule(schedule: object) -> None:
    """A source that streams brings rows when they come.

    :raises AepConfigError: there is a schedule all the same
    """
    if schedule:
        raise AepConfigError(
            "`schedule` is given though the source streams: its rows come when they come.",
            parameter="schedule",
        )


def check_delta_column(name: str, columns: Iterable[Any]) -> None:
    """The table must have the delta column, or each run fails with CONNECTOR-1001-500.

    :raises AepConfigError: its columns are known, and this is none of them
    """
    names = [one.get("name") for one in columns if isinstance(one, Mapping)]
    if names and name not in names:
        raise AepConfigError(
            f"`delta_column` {name!r} is no column of the table. It has {', '.join(map(repr, names))}.",
            parameter="delta_column",
        )


def check_mapping_set(mapping_set: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    """A mapping set must lead to the schema that the target connection's dataset has.

    :raises AepConfigError: it leads to another one
    """
    reached = mappings.schema_of(mapping_set)
    wanted = ((target.get("data") or {}).get("schema") or {}).get("id")
    if reached and wanted and reached != wanted:
        raise AepConfigError(
            f"`mapping_set` {mapping_set.get('id')} leads to schema {reached}, and the dataset has {wanted}.",
            parameter="mapping_set",
        )


def check_dataset(dataset: Mapping[str, Any], schema_id: str) -> None:
    """A target connection must name the schema that its dataset has.

    :raises AepConfigError: the dataset has another one
    """
    own = schema_of(dataset)
    if own and own != schema_id:
        raise AepConfigError(
            f"`schema_id` {schema_id} is not the schema of dataset {dataset.get('id')}, which has {own}.",
            parameter="schema_id",
        )
