"""Bodies of connections and dataflows (Adobe's collect tutorials), and checks whether they fit each other.

Flow Service accepts parts that do not fit: the dataflow exists, and its runs fail or ingest nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_aep.flow_service import mappings
from airflow_provider_aep.flow_service.datasets import schema_of
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.schedules import Schedule
from airflow_provider_aep.flow_service.source_objects import SourceObject
from airflow_provider_aep.flow_service.validation import check_boolean, check_id, is_id, whole_number

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
    """Return the body of a source connection.

    A source that needs no base connection must not have one (1332-400).
    """
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
    """Return ``data`` and ``params`` of a source connection."""
    sent = [{key: column[key] for key in ("name", "type", "xdm") if column.get(key)} for column in columns]
    return {
        "data": dict(source_object.data or {}),
        "params": {**source_object.params, **({"columns": sent} if sent else {})},
    }


def target_connection(
    *, name: str, description: str | None, dataset_id: str, schema_id: str
) -> dict[str, Any]:
    """Return the body of a target connection: a dataset in the data lake."""
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
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the body of a dataflow from a source to a target connection. A stream has no schedule."""
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
            **({"options": dict(options)} if options else {}),
        },
        description,
    )


def read_delta_column(
    given: object, schedule: Schedule | None, *, tabular: bool = True
) -> dict[str, str] | None:
    """Read the delta column of a recurring schedule: a name or ``{"name", "dateFormat", "timezone"}``.

    :param tabular: whether the source is a table; files and resources are recognized as new by their time
    :raises AepConfigError: it is missing though needed (1367-400), or given with ``once`` (1369-400), or
        given for a source that is not a table
    """
    column = {"name": given} if isinstance(given, str) and given.strip() else given
    if not tabular or schedule is None:
        if column:
            raise _wrong("is given though the source is not a table: new files are recognized by their time")
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
    """Read a mapping set, an id or ``{"id", "version"}``. Return None for a dataflow without one."""
    if given is None:
        return None
    mapping_set = {"id": given, "version": 0} if isinstance(given, str) else given
    if isinstance(mapping_set, Mapping) and is_id(mapping_set.get("id")):
        version = mapping_set.get("version", 0)
        number = whole_number(version)  # XCom may pass it on as a text
        return {"id": mapping_set["id"], "version": version if number is None else number}
    raise AepConfigError(
        "`mapping_set` is invalid: give a mapping set's id or the result of CreateMappingSetOperator.",
        parameter="mapping_set",
    )


def read_options(error_diagnostics: object, partial_ingestion_percent: object) -> dict[str, Any]:
    """Read the options of a dataflow as a user writes them or Jinja renders them. None is left out.

    Partial ingestion includes error diagnostics, as in AEP's UI, unless ``error_diagnostics`` is False.

    :raises AepConfigError: an option is invalid
    """
    options: dict[str, Any] = {}
    if partial_ingestion_percent is not None:
        options["partialIngestionPercent"] = _read_percent(partial_ingestion_percent)
        options["errorDiagnosticsEnabled"] = True
    if error_diagnostics is not None:
        options["errorDiagnosticsEnabled"] = check_boolean(error_diagnostics, "error_diagnostics")
    return options


def check_no_options(options: Mapping[str, Any]) -> None:
    """Check that a source that streams has no options of batch ingestion.

    :raises AepConfigError: an option is given
    """
    if not options:
        return
    partial = "partialIngestionPercent" in options
    parameter = "partial_ingestion_percent" if partial else "error_diagnostics"
    raise AepConfigError(
        f"`{parameter}` is given though the source streams: it is only for sources that ingest in batches. "
        "Leave it out.",
        parameter=parameter,
    )


def _read_percent(value: object) -> int | float:
    """Read a percentage above 0, as the flow specs require: a number, or a text of one."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if 0 < number <= 100:
        return int(number) if number.is_integer() else number
    raise AepConfigError(
        "`partial_ingestion_percent` must be a number above 0, and at most 100. Leave it out if no record "
        "may fail.",
        parameter="partial_ingestion_percent",
    )


def _described(body: dict[str, Any], description: str | None) -> dict[str, Any]:
    return {**body, "description": description} if description else body


def _wrong(problem: str) -> AepConfigError:
    return AepConfigError(f"`delta_column` {problem}.", parameter="delta_column")


def columns_of(source: Mapping[str, Any]) -> list[Any]:
    """Return the columns that a source connection names; an empty list if it names no columns."""
    columns = (source.get("params") or {}).get("columns")
    return columns if isinstance(columns, list) else []


def is_tabular(source: Mapping[str, Any]) -> bool:
    """Return whether a source connection reads a table."""
    return (source.get("data") or {}).get("format") in (None, "tabular")


def check_no_schedule(schedule: object) -> None:
    """Check that a source that streams has no schedule.

    :raises AepConfigError: a schedule is given
    """
    if schedule:
        raise AepConfigError(
            "`schedule` is given though the source streams: its records arrive when they are sent.",
            parameter="schedule",
        )


def check_delta_column(name: str, columns: Iterable[Any]) -> None:
    """Check that the table has the delta column. Otherwise each run fails with CONNECTOR-1001-500.

    :raises AepConfigError: the columns are known and do not include the delta column
    """
    names = [one.get("name") for one in columns if isinstance(one, Mapping)]
    if names and name not in names:
        raise AepConfigError(
            f"`delta_column` {name!r} is not a column of the table. It has {', '.join(map(repr, names))}.",
            parameter="delta_column",
        )


def check_mapping_set(mapping_set: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    """Check that a mapping set maps to the schema of the target connection's dataset.

    :raises AepConfigError: it maps to another schema
    """
    reached = mappings.schema_of(mapping_set)
    desired = ((target.get("data") or {}).get("schema") or {}).get("id")
    if reached and desired and reached != desired:
        raise AepConfigError(
            f"`mapping_set` {mapping_set.get('id')} maps to schema {reached}, and the dataset has {desired}.",
            parameter="mapping_set",
        )


def check_dataset(dataset: Mapping[str, Any], schema_id: str) -> None:
    """Check that a target connection names the schema of its dataset.

    :raises AepConfigError: the dataset has another schema
    """
    own = schema_of(dataset)
    if own and own != schema_id:
        raise AepConfigError(
            f"`schema_id` {schema_id} is not the schema of dataset {dataset.get('id')}, which has {own}.",
            parameter="schema_id",
        )
