"""What a run moves: the source's rows in its window, through the mapping, into the dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep.emulator import mapping
from airflow_provider_aep.emulator.flows.bodies import transformation
from airflow_provider_aep.emulator.registry.resources import Resources
from airflow_provider_aep.emulator.tables import growth
from airflow_provider_aep.emulator.world import World

Item = dict[str, Any]
COPY = "CONNECTOR-1001-500", "Error in copying the data from Source."
PROMOTION = (
    "CONNECTOR-2001-500",
    "Error in processing (parsing, validation or transformation) the copied data.",
)


@dataclass
class Outcome:
    """What came of a run, counted."""

    read: int = 0
    written: int = 0
    failed: int = 0
    skipped: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    records: list[Item] = field(default_factory=list)
    error: tuple[str, str] | None = None
    detail: str = ""


def plan(world: World, sandbox: str, flow: Item) -> Item:
    """All a run needs to know, as it is when the run is made: later changes are for later runs."""
    source = world.store.get("sourceConnections", sandbox, flow["sourceConnectionIds"][0])
    target = world.store.get("targetConnections", sandbox, flow["targetConnectionIds"][0])
    source_params = source.item.get("params", {}) if source else {}
    columns = source_params.get("columns")
    named = [c["name"] for c in columns if isinstance(c, dict) and isinstance(c.get("name"), str)] if (
        isinstance(columns, list)
    ) else []  # fmt: skip
    copy = transformation(flow, "Copy")
    return {
        "source": flow["sourceConnectionIds"][0],
        "target": flow["targetConnectionIds"][0],
        "spec": source.item["connectionSpec"]["id"] if source else "",
        "base": source.item.get("baseConnectionId") if source else None,
        "table": source_params.get("tableName", source_params.get("path", "")),
        "columns": named,
        "dataset": target.item["params"]["dataSetId"] if target else "",
        "mapping": transformation(flow, "Mapping").get("mappingId"),
        "delta": copy["deltaColumn"]["name"] if copy else None,
        "partial": flow.get("options", {}).get("partialIngestionPercent", 0),
    }


def move(world: World, resources: Resources, sandbox: str, run: Item, at: float) -> Outcome:
    """`run` is the run's plan with its `window`. Nothing is written here."""
    rows, complaint = _rows(world, sandbox, run, at)
    if complaint:
        return Outcome(error=COPY, detail=complaint)
    outcome = Outcome(read=len(rows), input_bytes=_size(rows))
    dataset = world.store.get("datasets", sandbox, run["dataset"])
    if dataset is None:
        outcome.error, outcome.detail = PROMOTION, "the dataset is gone"
        return outcome
    fields = resources.schema_fields(sandbox, dataset.item["schemaRef"]["id"]) or {}
    mapping_set = world.store.get("mappingSets", sandbox, run["mapping"]) if run["mapping"] else None
    rules = mapping.compiled(mapping_set.item["mappings"]) if mapping_set else None
    for row in rows:
        try:
            record = dict(row) if rules is None else mapping.apply(rules, row, fields)
        except ValueError:
            outcome.failed += 1
            continue
        if record:
            outcome.records.append(record)
        else:
            outcome.skipped += 1
    if outcome.failed and 100 * outcome.failed > run["partial"] * outcome.read:
        outcome.error, outcome.records = PROMOTION, []
        outcome.detail = f"{outcome.failed} of {outcome.read} records do not fit the schema"
        return outcome
    outcome.written, outcome.output_bytes = len(outcome.records), _size(outcome.records)
    return outcome


def _rows(world: World, sandbox: str, run: Item, at: float) -> tuple[list[Item], str]:
    """The source's rows in the window, or why it gives none."""
    if run["base"] is not None:
        base = world.store.get("connections", sandbox, run["base"])
        if base is None or not all(base.hidden["right"].values()):
            return [], "ErrorCode=UserErrorUnauthorized, the source refused the credentials"
    table = growth.live(run["spec"], str(run["table"]), world.born, at)
    if table is None:
        return [], f"ErrorCode=UserErrorInvalidTableName, there is no table {run['table']}"
    delta = run["delta"]
    if delta is not None and delta not in table.kinds:
        return [], f"ErrorCode=UserErrorInvalidColumnName, there is no column {delta}"
    chosen = [row for row in table.rows if delta is None or _within(row[delta], run["window"])]
    names = run["columns"]
    return [{k: v for k, v in row.items() if k in names} if names else dict(row) for row in chosen], ""


def _within(value: object, window: Sequence[float | None]) -> bool:
    """From the start on, up to but without the end: windows that meet share no row."""
    moment = mapping.parse_time(value)
    if moment is None:
        return False
    start, end = window
    return (start is None or moment.timestamp() >= start) and (end is None or moment.timestamp() < end)


def _size(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(json.dumps(row)) for row in rows)
