"""Move a run's rows: read them from the source, map them, and put them into a batch of the dataset."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_aep.emulator import mapping, settings, sources
from airflow_provider_aep.emulator.entities import ACCOUNT
from airflow_provider_aep.emulator.flows import diagnostics
from airflow_provider_aep.emulator.flows.bodies import transformation
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.tables import files, library
from airflow_provider_aep.emulator.tables.table import Table, table_at
from airflow_provider_aep.emulator.xdm import XdmResources

Item = dict[str, Any]
COPY = "CONNECTOR-1001-500", "Error in copying the data from Source."
PROMOTION = (
    "CONNECTOR-2001-500",
    "Error in processing (parsing, validation or transformation) the copied data.",
)
Window = Sequence[float | None]
BATCH_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # of the batch ids in the samples


@dataclass
class Outcome:
    """The counts, the records and the error of a run.

    `rejected` are the records that do not fit, `files` the errors of whole files.
    """

    read: int = 0
    written: int = 0
    failed: int = 0
    skipped: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    records: list[Item] = field(default_factory=list)
    rejected: list[Item] = field(default_factory=list)
    files: list[Item] = field(default_factory=list)
    error: tuple[str, str] | None = None
    detail: str = ""


def ends(platform: Platform, sandbox: str, flow: Item) -> Item:
    """Return the two ends of a dataflow, which it stores when it is created or published.

    "You should not update your source and target connections separately, as the changes will not be
    reflected in their corresponding dataflow" (the tutorial on updating dataflows).
    """
    source = platform.store.get("sourceConnections", sandbox, flow["sourceConnectionIds"][0])
    target = platform.store.get("targetConnections", sandbox, flow["targetConnectionIds"][0])
    return {
        "read": read_plan(source.item) if source else None,
        "dataset": target.item["params"]["dataSetId"] if target else "",
    }


def plan(platform: Platform, flow: Entity) -> Item:
    """Return everything that a run needs; later changes apply to later runs."""
    item = flow.item
    known = flow.hidden.get("ends") or ends(platform, flow.sandbox, item)
    source = platform.store.get("sourceConnections", flow.sandbox, item["sourceConnectionIds"][0])
    copy, mapped = transformation(item, "Copy"), transformation(item, "Mapping")
    options = item.get("options", {})
    forced = platform.settings.partial_diagnostics == "forced"
    return {
        "flow": flow.id,
        "source": item["sourceConnectionIds"][0],
        "target": item["targetConnectionIds"][0],
        **known,
        "read": known["read"] if source else None,
        "mapping": mapped.get("mappingId"),
        "version": int(mapped.get("mappingVersion", 0)),
        "delta": copy["deltaColumn"]["name"] if copy else None,
        "partial": options.get("partialIngestionPercent", 0),
        "diagnostics": diagnostics.enabled(options, forced=forced),
    }


def ingest(platform: Platform, resources: XdmResources, sandbox: str, run: Item, at: float) -> Outcome:
    """Read and map the rows of `run`, a plan with its `window`. Nothing is stored here."""
    try:
        rows = source_rows(platform, sandbox, run, at)
    except CopyError as error:
        return Outcome(error=COPY, detail=str(error))
    return fitted(platform, resources, sandbox, run, rows)


def fitted(
    platform: Platform, resources: XdmResources, sandbox: str, run: Item, rows: Sequence[Item]
) -> Outcome:
    """Map rows into the dataset's schema."""
    outcome = Outcome(read=len(rows), input_bytes=_size(rows))
    dataset = platform.store.get("datasets", sandbox, run["dataset"])
    if dataset is None:
        outcome.error, outcome.detail = PROMOTION, "the dataset does not exist"
        return outcome
    fields = resources.schema_fields(sandbox, dataset.item["schemaRef"]["id"]) or {}
    mapping_set = platform.store.get("mappingSets", sandbox, run["mapping"]) if run["mapping"] else None
    content = mapping.at_version(mapping_set, run.get("version")) if mapping_set else None
    rules = mapping.compiled(content["mappings"]) if content else None
    for row in rows:
        try:
            record = dict(row) if rules is None else mapping.apply(rules, row, fields)
        except ValueError as error:
            outcome.rejected.append(diagnostics.rejected(row, diagnostics.MAPPER, str(error)))
            continue
        if record:
            outcome.records.append(record)
        else:
            outcome.skipped += 1
    outcome.failed, outcome.written = len(outcome.rejected), len(outcome.records)
    outcome.output_bytes = _size(outcome.records)
    return judged(outcome, run["partial"])


def judged(outcome: Outcome, partial: float) -> Outcome:
    """Fail an outcome with more failed records than partial ingestion allows, in percent."""
    if outcome.failed and 100 * outcome.failed > partial * outcome.read:
        outcome.error, outcome.records = PROMOTION, []
        outcome.written = outcome.output_bytes = 0
        outcome.detail = f"{outcome.failed} of {outcome.read} records do not fit the schema"
    return outcome


def with_rejected(outcome: Outcome, rejected: Sequence[Item]) -> Outcome:
    """Return an outcome whose run also read these records, and rejected them."""
    own = list(rejected)
    read = outcome.written + outcome.skipped + len(own)
    return replace(outcome, rejected=own, failed=len(own), read=read)


def _size(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(json.dumps(row)) for row in rows)


class CopyError(Exception):
    """The source cannot be read; the text is the run's `errorDetail`."""


def read_plan(source_connection: Item) -> Item:
    """Return the parts of a source connection that a run needs."""
    params, data = source_connection.get("params", {}), source_connection.get("data", {})
    return {
        "spec": source_connection["connectionSpec"]["id"],
        "base": source_connection.get("baseConnectionId"),
        "params": {name: value for name, value in params.items() if name != "columns"},
        "columns": _names(params.get("columns")),
        "data": data,
    }


def _names(columns: object) -> list[str]:
    if not isinstance(columns, list):
        return []
    return [c["name"] for c in columns if isinstance(c, dict) and isinstance(c.get("name"), str)]


def source_rows(platform: Platform, sandbox: str, run: Item, at: float) -> list[Item]:
    """Return the source's rows in the run's window, with the selected columns."""
    read_plan = run.get("read")
    if read_plan is None:
        raise CopyError("ErrorCode=UserErrorSourceConnectionNotFound, the source connection does not exist")
    if read_plan["base"] is not None:
        base = platform.store.get("connections", sandbox, read_plan["base"])
        if base is None or not all(base.hidden["right"].values()):
            raise CopyError("ErrorCode=UserErrorUnauthorized, the source refused the credentials")
    source = sources.find(platform, read_plan["spec"])
    if source is None:
        raise CopyError("ErrorCode=UserErrorConnectorNotFound, the source was withdrawn")
    found = _READERS[source.family](platform, source, run, at)
    names = read_plan["columns"]
    return [{k: v for k, v in row.items() if k in names} if names else dict(row) for row in found]


def _table_rows(platform: Platform, source: Source, run: Item, at: float) -> list[Item]:
    name, delta = run["read"]["params"].get("tableName", ""), run["delta"]
    table = library.tables(source).get(str(name))
    if table is None:
        raise CopyError(f"ErrorCode=UserErrorInvalidTableName, unknown table {name}")
    if delta is not None and delta not in table.kinds:
        raise CopyError(f"ErrorCode=UserErrorInvalidColumnName, unknown column {delta}")
    return _between(table_at(table, platform.started_at, at), delta, run["window"])


def _file_rows(platform: Platform, source: Source, run: Item, at: float) -> list[Item]:
    """Return the rows of all files modified in the window."""
    params = run["read"]["params"]
    requested, recursive = str(params.get("path", "")), str(params.get("recursive")).lower() == "true"
    tree = files.tree(source, platform.started_at, at)
    paths = files.matching(list(tree), requested, recursive=recursive)
    if not paths and "*" not in requested:
        raise CopyError(f"ErrorCode=UserErrorFileNotFound, unknown path {requested}")
    form = files.form_of(run["read"]["data"])
    chosen = (tree[path] for path in paths if _within(tree[path].modified, run["window"]))
    try:
        return [row for file in chosen for row in files.read(file, form).rows]
    except files.UnreadableError as error:
        raise CopyError(f"ErrorCode=UserErrorInvalidFileFormat, {error}") from None


def _resource_rows(platform: Platform, source: Source, run: Item, at: float) -> list[Item]:
    params = run["read"]["params"]
    table = library.find_resource(source, params)
    if table is None:
        raise CopyError(f"ErrorCode=UserErrorInvalidResource, unknown resource {params['resourcePath']}")
    found = _between(table_at(table, platform.started_at, at), table.time, run["window"])
    return [library.wrapped(source, row) for row in found]


def _stream_rows(_platform: Platform, _source: Source, _run: Item, _at: float) -> list[Item]:
    """Return nothing: a stream sends its rows."""
    return []


_READERS = {"table": _table_rows, "file": _file_rows, "rest": _resource_rows, "stream": _stream_rows}


def _between(table: Table, column: str | None, window: Window) -> list[Item]:
    return [row for row in table.rows if column is None or _within(row[column], window)]


def _within(value: object, window: Window) -> bool:
    """Say whether a time is in the window: from its start, before its end."""
    time = mapping.parse_time(value)
    if time is None:
        return False
    start, end = window
    return (start is None or time.timestamp() >= start) and (end is None or time.timestamp() < end)


def new_batch_id() -> str:
    """Return a batch id as in the samples."""
    return "01" + "".join(BATCH_ALPHABET[byte % 32] for byte in secrets.token_bytes(24))


def new_batch(
    platform: Platform, sandbox: str, batch_id: str, run: Item, outcome: Outcome, times: tuple[int, int]
) -> Entity:
    """Return a batch of Catalog for a run's plan; a failed one holds no records."""
    return batch_of(sandbox, batch_id, run, outcome, times, platform.created_at(sandbox))


def batch_of(
    sandbox: str, batch_id: str, run: Item, outcome: Outcome, times: tuple[int, int], created_at: int
) -> Entity:
    """Return a batch with a given `createdAt`."""
    read, failed, dataset = outcome.read, outcome.failed, run["dataset"]
    enabled = run.get("diagnostics", False)
    found = diagnostics.errors(outcome.rejected, failed, outcome.written, diagnostics=enabled)
    found = [*outcome.files, *found]
    if outcome.error:
        found = [{"code": outcome.error[0], "message": outcome.error[1]}, *found]
    item = {
        "createdAt": created_at,
        "imsOrg": settings.ORG_ID,
        "created": times[0],
        "createdClient": settings.CLIENT_ID,
        "createdUser": ACCOUNT,
        "updatedUser": ACCOUNT,
        "updated": times[1],
        "started": times[0],
        "completed": times[1],
        "status": "failed" if outcome.error else "success",
        "recordCount": outcome.written,
        "failedRecordCount": outcome.failed,
        "size": outcome.output_bytes,
        "version": "1.0.1",
        "relatedObjects": [{"type": "dataSet", "id": dataset}],
        "metrics": {
            "inputByteSize": outcome.input_bytes,
            "inputFileCount": 1 if read else 0,
            "inputRecordCount": read,
            "outputRecordCount": outcome.written,
            "failedRecordCount": failed,
        },
        "tags": {"flowId": [run["flow"]]} if run.get("flow") else {},
        **({"errors": diagnostics.batch_errors(found)} if found else {}),
    }
    hidden = {"dataset": dataset, "rows": outcome.records, "failed": outcome.rejected, "diagnostics": enabled}
    return Entity("batches", sandbox, batch_id, item, hidden)


def dataset_records(platform: Platform, dataset_id: str) -> list[dict[str, Any]] | None:
    """Return the records of a dataset's batches; None if no sandbox has the dataset."""
    for sandbox in settings.SANDBOXES:
        if platform.store.get("datasets", sandbox, dataset_id) is not None:
            batches = platform.store.all("batches", sandbox)
            own = (batch for batch in batches if batch.hidden["dataset"] == dataset_id)
            return [row for batch in own for row in batch.hidden["rows"]]  # a failed batch holds none
    return None
