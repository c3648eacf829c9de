"""Whether what a dataflow joins belongs together.

Flow Service takes much that does not: the dataflow stands, and its runs fail or move nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_aep.flow_service import mappings
from airflow_provider_aep.flow_service.datasets import schema_of
from airflow_provider_aep.flow_service.errors import AepConfigError


def columns_of(source: Mapping[str, Any]) -> list[Any]:
    """The columns that a source connection names; none if it names none."""
    columns = (source.get("params") or {}).get("columns")
    return columns if isinstance(columns, list) else []


def is_tabular(source: Mapping[str, Any]) -> bool:
    """Whether a source connection reads a table."""
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
