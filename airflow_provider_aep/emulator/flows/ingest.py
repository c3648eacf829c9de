"""What a run moves: the source's rows in its window, through the mapping, into the dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep.emulator import mapping, mapping_bodies
from airflow_provider_aep.emulator.flows import reading
from airflow_provider_aep.emulator.flows.bodies import transformation
from airflow_provider_aep.emulator.registry.resources import Resources
from airflow_provider_aep.emulator.store import Entity
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


def ends(world: World, sandbox: str, flow: Item) -> Item:
    """What a dataflow knows of its two ends from the moment it is made or published.

    "You should not update your source and target connections separately, as the changes will not be
    reflected in their corresponding dataflow" (the tutorial on updating dataflows).
    """
    source = world.store.get("sourceConnections", sandbox, flow["sourceConnectionIds"][0])
    target = world.store.get("targetConnections", sandbox, flow["targetConnectionIds"][0])
    return {
        "read": reading.plan(source.item) if source else None,
        "dataset": target.item["params"]["dataSetId"] if target else "",
    }


def plan(world: World, flow: Entity) -> Item:
    """All a run needs to know, as it is when the run is made: later changes are for later runs."""
    item = flow.item
    known = flow.hidden.get("ends") or ends(world, flow.sandbox, item)
    there = world.store.get("sourceConnections", flow.sandbox, item["sourceConnectionIds"][0])
    copy, mapped = transformation(item, "Copy"), transformation(item, "Mapping")
    return {
        "source": item["sourceConnectionIds"][0],
        "target": item["targetConnectionIds"][0],
        **known,
        "read": known["read"] if there else None,
        "mapping": mapped.get("mappingId"),
        "version": int(mapped.get("mappingVersion", 0)),
        "delta": copy["deltaColumn"]["name"] if copy else None,
        "partial": item.get("options", {}).get("partialIngestionPercent", 0),
    }


def move(world: World, resources: Resources, sandbox: str, run: Item, at: float) -> Outcome:
    """`run` is the run's plan with its `window`. Nothing is written here."""
    try:
        rows = reading.rows(world, sandbox, run, at)
    except reading.CopyError as error:
        return Outcome(error=COPY, detail=str(error))
    return fitted(world, resources, sandbox, run, rows)


def fitted(world: World, resources: Resources, sandbox: str, run: Item, rows: Sequence[Item]) -> Outcome:
    """Rows through the mapping into the dataset's schema."""
    outcome = Outcome(read=len(rows), input_bytes=_size(rows))
    dataset = world.store.get("datasets", sandbox, run["dataset"])
    if dataset is None:
        outcome.error, outcome.detail = PROMOTION, "the dataset is gone"
        return outcome
    fields = resources.schema_fields(sandbox, dataset.item["schemaRef"]["id"]) or {}
    mapping_set = world.store.get("mappingSets", sandbox, run["mapping"]) if run["mapping"] else None
    content = mapping_bodies.at_version(mapping_set, run.get("version")) if mapping_set else None
    rules = mapping.compiled(content["mappings"]) if content else None
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


def _size(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(json.dumps(row)) for row in rows)
