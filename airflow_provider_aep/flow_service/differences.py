"""Compare an existing entity with the desired one field by field, and write the patches that change it.

A field is named by the operator's parameter. A field that the caller did not set is missing or None. It is
not compared, whatever AEP shows. The fields of a body to send and of an existing entity are read in the same
way. Adobe's "Update dataflows using the Flow Service API" says which fields AEP changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_aep.flow_service.secret_rules import secrets_in
from airflow_provider_aep.flow_service.validation import is_id, whole_number

Fields = Mapping[str, Any]
Fixed = Callable[[str, Any], str]
"""Return why a field cannot be changed and the way round, given its name and existing value; else nothing."""

_MOST_TOLD = 30
_LONGEST_VALUE = 160


@dataclass(frozen=True)
class Difference:
    """One field. A value that is None is missing.

    :param fixed: why AEP does not change it, and the way round; empty if it can be changed
    """

    field: str
    existing: Any
    desired: Any
    fixed: str = ""

    def __str__(self) -> str:
        return f"`{self.field}`: existing {_shown(self.existing)}, desired {_shown(self.desired)}"


def compare(
    desired: Fields,
    existing: Fields,
    *,
    fixed: Fixed = lambda _field, _existing: "",
    whole: Collection[str] = (),
    defaults: Fields | None = None,
) -> list[Difference]:
    """Return the fields of ``desired`` whose existing value differs. Dicts are compared key by key.

    A value that may be a secret is ``***``.

    :param whole: the dicts of which a key that exists and is not desired is a difference
    :param defaults: the values of fields that AEP does not show
    """
    found = []
    for field, here, there in _pairs(desired, existing, whole):
        if there is None and defaults is not None:
            there = defaults.get(field)
        if normal(here) != normal(there):
            reason = fixed(field, there)
            found.append(Difference(field, _masked(field, there), _masked(field, here), reason))
    return found


def _masked(field: str, value: Any) -> Any:
    """Return a value to show. A parameter of a source, such as a header, can be or hold a secret."""
    parameter, _, key = field.partition(".")
    return "***" if any(secrets_in(value, key if parameter in PARAMETERS.values() else "")) else value


def listed(differences: Sequence[Difference]) -> str:
    """Return the differences in words, each with both values, for a log or an error."""
    rest = len(differences) - _MOST_TOLD
    told = [str(one) for one in differences[:_MOST_TOLD]]
    return "; ".join([*told, f"and {rest} more"] if rest > 0 else told)


def normal(value: Any) -> Any:
    """Return a value as AEP may store it: numbers and booleans as texts, dicts without missing values."""
    if isinstance(value, Mapping):
        return {str(key): normal(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [normal(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = None if value is None else str(value).strip()
    return text.lower() if text is not None and text.lower() in ("true", "false") else text


def _pairs(desired: Fields, existing: Fields, whole: Collection[str]) -> Iterator[tuple[str, Any, Any]]:
    for name, here in desired.items():
        there = existing.get(name)
        if not isinstance(here, Mapping):
            if here is not None:
                yield name, here, there
            continue
        known = there if isinstance(there, Mapping) else {}
        for key in [*here, *(key for key in known if name in whole and key not in here)]:
            if here.get(key) is not None or key not in here:
                yield f"{name}.{key}", here.get(key), known.get(key)


def _shown(value: Any) -> str:
    text = "none" if value is None else repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


Item = Mapping[str, Any]

DEFAULTS = {
    "schedule.frequency": "once",
    "schedule.backfill": True,
    "error_diagnostics": False,
}
"""Defaults of the flow specs, for fields that AEP does not show."""

_SCHEDULE = {
    "frequency": "frequency",
    "interval": "interval",
    "start": "startTime",
    "backfill": "backfill",
}
_OPTIONS = {
    "error_diagnostics": "errorDiagnosticsEnabled",
    "partial_ingestion_percent": "partialIngestionPercent",
}
PARAMETERS = {"table": "table", "file": "file", "folder": "file", "rest": "resource", "stream": "stream"}
"""The parameter of each kind of source object."""

_CREATE_ANOTHER = (
    "Choose another `name` (of a task group another `dataflow`), or delete the dataflow first with "
    "DeleteDataflowOperator."
)
_STARTED = (
    f"AEP does not change `start` and `backfill` of a dataflow once its start has passed. {_CREATE_ANOTHER}"
)
_ONCE = f"AEP does not change a dataflow that runs once into one that recurs, nor back. {_CREATE_ANOTHER}"
_MILLISECONDS = 100_000_000_000
ENDS_FIXED = (
    "A dataflow does not take over changes of its source and target connection. Choose another `name` (of a "
    "task group another `dataset`), or delete the dataflow and the connection first with "
    "DeleteDataflowOperator(with_connections=True)."
)


def flow_fields(item: Item) -> dict[str, Any]:
    """Return the fields of a dataflow, without its description and mapping."""
    schedule = item.get("scheduleParams") or {}
    copy, options = _transformation(item, "Copy")[1], _options(item)
    shown = {name: schedule.get(adobes) for name, adobes in _SCHEDULE.items()}
    start = whole_number(shown["start"])
    shown["start"] = start // 1000 if start is not None and start > _MILLISECONDS else start
    return {
        "schedule": shown,
        "delta_column": copy.get("deltaColumn"),
        **{name: options.get(adobes) for name, adobes in _OPTIONS.items()},
        "labels": item.get("labels"),
    }


def ends_of(item: Item) -> dict[str, Any]:
    """Return the ids of a dataflow's source and target connection. An end with several ids is a list."""
    ends = {
        "source_connection_id": item.get("sourceConnectionIds"),
        "target_connection_id": item.get("targetConnectionIds"),
    }
    return {name: ids[0] if isinstance(ids, list) and len(ids) == 1 else ids for name, ids in ends.items()}


def why_fixed(item: Item, desired: Item, field: str, now: float) -> str:
    """Return why a field of a dataflow cannot be changed, and the way round; empty if it can be changed."""
    existing, fields = flow_fields(item)["schedule"], flow_fields(desired)["schedule"]
    once = {str(one["frequency"] or "once").lower() == "once" for one in (existing, fields)}
    if len(once) > 1 and field.startswith(("schedule.", "delta_column")):
        return _ONCE
    started = existing["start"] is not None and existing["start"] <= now
    return _STARTED if started and field in ("schedule.start", "schedule.backfill") else ""


def flow_operations(item: Item, desired: Item, changed: Collection[str]) -> list[dict[str, Any]]:
    """Return the patch that gives the changed fields of a dataflow their desired values."""
    operations = []
    schedule, shown = desired.get("scheduleParams") or {}, item.get("scheduleParams") or {}
    for name, adobes in _SCHEDULE.items():
        if f"schedule.{name}" in changed:
            operations.append(_put(f"/scheduleParams/{adobes}", schedule[adobes], adobes in shown))
    for name, field in (("Copy", "delta_column"), ("Mapping", "mapping")):
        if any(one.startswith(f"{field}.") for one in changed):
            index, new = _transformation(item, name)[0], _transformation(desired, name)[1]
            place = "-" if index is None else str(index)
            value = {"name": name, "params": dict(new)}
            operations.append(_put(f"/transformations/{place}", value, index is not None))
    if any(name in changed for name in _OPTIONS):
        operations += _option_operations(_options(item), _options(desired))
    if "labels" in changed:
        operations.append(_put("/labels", desired["labels"], "labels" in item))
    return operations


def _options(item: Item) -> Item:
    options = item.get("options")
    return options if isinstance(options, Mapping) else {}


def _option_operations(shown: Item, desired: Item) -> list[dict[str, Any]]:
    """Return the patch of all desired options that differ. AEP's other options are kept."""
    options = {name: value for name, value in desired.items() if normal(shown.get(name)) != normal(value)}
    if not shown:
        return [_put("/options", options, False)]
    return [_put(f"/options/{name}", value, False) for name, value in sorted(options.items())]


def used_mapping_set(item: Item) -> dict[str, Any] | None:
    """Return ``{"id", "version"}`` of the mapping set that a dataflow uses, None without one."""
    params = _transformation(item, "Mapping")[1]
    if not is_id(params.get("mappingId")):
        return None
    return {"id": params["mappingId"], "version": whole_number(params.get("mappingVersion")) or 0}


def source_fields(item: Item, kind: str) -> dict[str, Any]:
    """Return the fields of a source connection: its source object and its columns.

    :param kind: of the source object, such as ``table``
    """
    params = dict(item.get("params") or {})
    columns = params.pop("columns", None)
    named = {one.get("name"): one.get("type") for one in columns or [] if isinstance(one, Mapping)}
    if kind in ("file", "folder"):
        data = dict(item.get("data") or {})
        params |= {"format": data.get("format"), **(data.get("properties") or {})}
        params.pop("type", None)  # AEP's word for what the path says
    return {PARAMETERS[kind]: params, "columns": named}


def shown_source_fields(item: Item, kind: str, said: Item) -> dict[str, Any]:
    """Return the fields of an existing source connection.

    Without columns, it ingests all columns. Types may be missing.
    """
    shown, desired = source_fields(item, kind), said["columns"]
    named = {name: known or desired.get(name) or "unknown" for name, known in shown["columns"].items()}
    return {**shown, "columns": (named or desired) if desired else {}}


def schema_of_target(item: Item) -> str | None:
    """Return the ``$id`` of a target connection's schema, if it is shown."""
    data = item.get("data")
    schema = data.get("schema") if isinstance(data, Mapping) else None
    found = schema.get("id") if isinstance(schema, Mapping) else None
    return found if isinstance(found, str) else None


def _transformation(item: Item, name: str) -> tuple[int | None, Item]:
    """Return the index and the params of one of a dataflow's transformations."""
    for index, one in enumerate(item.get("transformations") or []):
        if isinstance(one, Mapping) and one.get("name") == name:
            params = one.get("params")
            return index, params if isinstance(params, Mapping) else {}
    return None, {}


def _put(path: str, value: Any, there: bool) -> dict[str, Any]:
    return {"op": "replace" if there else "add", "path": path, "value": value}
