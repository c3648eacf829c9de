"""The source objects that the dataflows of a fleet read, and the runs that they had in the last hours."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from airflow_provider_aep.emulator import sources
from airflow_provider_aep.emulator.flows import diagnostics, ingest, metrics
from airflow_provider_aep.emulator.flows.ingest import COPY, PROMOTION, Outcome
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.tables import library
from airflow_provider_aep.emulator.tables.table import Table

SOURCES = (
    "PayPal",
    "Salesforce",
    "Amazon S3",
    "MySQL",
    "Stripe",
    "Snowflake",
    "SFTP",
    "Microsoft Dynamics",
    "Zendesk",
    "PostgreSQL",
    "Azure Blob Storage",
    "Shopify",
    "Google Ads",
    "ServiceNow",
    "HubSpot",
    "Google Cloud Storage",
)
TYPES = {
    "epoch": {"type": "integer"},
    "double": {"type": "number"},
    "date-time": {"type": "string", "format": "date-time"},
}
REASONS = (diagnostics.MAPPER, "1555", diagnostics.MAPPER, diagnostics.CORRUPT)
MAX_FAILED = 40  # failed records of a partial run


@dataclass(frozen=True)
class Failure:
    """Why a run failed: its copy, the files of its batch, or else its records."""

    copy: str = ""  # the `errorDetail` of a failed copy
    files: tuple[str, str] | None = None  # the code and the message of what is wrong with the files


UNAUTHORIZED = Failure("ErrorCode=UserErrorUnauthorized, the source refused the credentials")
TIMEOUT = Failure("ErrorCode=UserErrorSourceTimeout, the source did not answer in time")
NETWORK = Failure(
    "ErrorCode=SftpNetworkIssue,'Type=Microsoft.DataTransfer.Common.Shared.HybridDeliveryException,"
    "Message=Meet network issue when connect to Sftp server, SocketErrorCode: 'TimedOut'.'"
)
NO_FILES = Failure(
    files=(
        "133",
        "We are unable to locate any files uploaded for this batch. Please upload files to ingest.",
    )
)
EMPTY_FILE = Failure(files=("106", "The file is empty. Please upload a file with records."))
RECORDS = Failure()


def failure(source: Source, n: int) -> Failure:
    """Return a failure that suits a source; successive numbers give different ones."""
    if source.family != "file":
        return (UNAUTHORIZED, RECORDS, TIMEOUT, RECORDS)[n % 4]
    return (NO_FILES, RECORDS, EMPTY_FILE, NETWORK if source.name == "SFTP" else UNAUTHORIZED)[n % 4]


Item = dict[str, Any]


@dataclass(frozen=True)
class SourceObject:
    """The source object of a source connection, and the columns of its records."""

    source: Source
    table: Table
    data: Item
    params: Item
    prefix: str = ""  # of the columns in a record

    @property
    def title(self) -> str:
        """Return a short name, such as `Salesforce Contact`."""
        return f"{self.source.name} {self.table.name.rpartition('.')[2].replace('_', ' ')}"

    @property
    def is_personal(self) -> bool:
        """Say whether the records are about persons: they have an e-mail address."""
        return any("@" in str(value) for value in self.table.rows[0].values())

    @property
    def delta_column(self) -> str | None:
        """Return the delta column of a table; files and resources have none."""
        return self.table.time if self.source.family == "table" else None

    def fields(self) -> Item:
        """Return the fields of the records' schema."""
        return {name: TYPES.get(kind, {"type": kind}) for name, kind in self.table.kinds.items()}


def offered(platform: Platform) -> list[SourceObject]:
    """Return the source objects that the platform offers; neighbours have different sources."""
    known = {source.name: source for source in sources.offered(platform)}
    found = [list(_of(known[name])) for name in SOURCES if name in known]
    return [objects[n] for n in range(3) for objects in found if n < len(objects)]


def _of(source: Source) -> Iterator[SourceObject]:
    tables = [table for table in library.tables(source).values() if table.time]
    if source.family == "table":
        for table in tables:
            yield SourceObject(source, table, {"format": "tabular"}, {"tableName": table.name})
    elif source.family == "rest":
        wrapper = library.WRAPPERS.get(source.name)
        for table in tables:
            prefix = f"{wrapper}." if wrapper else ""
            yield SourceObject(source, table, {"format": "json"}, {"resourcePath": table.name}, prefix)
    else:  # the files of a folder, which gets new ones
        params: Item = {"path": f"/{tables[-1].name}/", "recursive": True}
        form: Item = {"format": "delimited", "properties": {"columnDelimiter": ","}}
        yield SourceObject(source, tables[-1], form, params)


@dataclass(frozen=True)
class History:
    """The common properties of a dataflow's runs."""

    flow: Item
    plan: Item
    rows: tuple[Item, ...]  # of the source object, for failed records
    every: int  # seconds between two runs
    last: int  # the scheduled time of the last run
    failure: Failure
    partial_status: str
    shown_end: bool  # whether a failed run says when it ended


def statuses(health: str, runs: int, rng: Random) -> list[str]:
    """Return how each run ended, the oldest first: the last ones decide the health."""
    found = ["success"] * runs
    if health in ("failed", "partial"):
        same = min(runs, rng.randint(1, 4))
        found[runs - same :] = [health] * same
    elif runs >= 4 and rng.random() < 0.1:  # one failure, long over
        found[rng.randrange(runs - 2)] = "failed"
    return found


def ended(
    history: History, found: list[str], rng: Random, new_item: Callable[[Item, int], Item]
) -> Iterator[Entity]:
    """Yield a run and its batch for each status. `new_item` builds an item from fields and a time."""
    for n, status in enumerate(found):
        scheduled = history.last - history.every * (len(found) - 1 - n)
        started = scheduled * 1000 + rng.randint(1000, 9000)
        times = started, started + rng.randint(12_000, max(13_000, min(240_000, history.every * 100)))
        outcome = _outcome(history, status, rng)
        shown = history.partial_status if status == "partial" else status
        plan, item = _run(history, scheduled, new_item)
        item |= {
            "updatedAt": times[1],
            "state": shown,
            "metrics": metrics.finished(shown, times, outcome, end=history.shown_end),
            "activities": metrics.activities(plan, shown, times, outcome),
        }
        counted = {**vars(outcome), "records": [], "rejected": []}
        hidden = {"started": times[0], "completed": times[1], "outcome": counted}
        yield _entity(item, plan, hidden)
        if outcome.error is not COPY:
            yield ingest.batch_of(item["sandboxName"], plan["batch"], plan, outcome, times, item["createdAt"])


def under_way(history: History, new_item: Callable[[Item, int], Item]) -> Entity:
    """Return a run in progress. It does not end by itself."""
    plan, item = _run(history, history.last, new_item)
    started = history.last * 1000
    item |= {
        "state": "inProgress",
        "metrics": metrics.pending("inProgress", started),
        "activities": metrics.activities(plan, "inProgress", (started, None), None),
    }
    return _entity(item, plan, {"started": started})


def details(run: Entity) -> Item:
    """Return the `lastRunDetails` of a dataflow."""
    return {"id": run.id, "state": run.item["state"], **run.item["metrics"]["durationSummary"]}


def _run(history: History, scheduled: int, new_item: Callable[[Item, int], Item]) -> tuple[Item, Item]:
    reference = str(uuid.uuid4())
    window = [float(scheduled - history.every), float(scheduled)]
    batch = {"batch": ingest.new_batch_id(), "ref": reference}
    plan = {**history.plan, **batch, "window": window, "once": False}
    fields = {"flowId": history.flow["id"], "flowSpec": history.flow["flowSpec"], "providerRefId": reference}
    return plan, new_item(fields, scheduled * 1000)


def _entity(item: Item, plan: Item, facts: Item) -> Entity:
    hidden = {"plan": plan, "starts_at": None, "ends_at": None, "decided": {}, **facts}
    return Entity("runs", item["sandboxName"], item["id"], item, hidden)


def _outcome(history: History, status: str, rng: Random) -> Outcome:
    read, failure = rng.randint(1000, 9000), history.failure
    if status == "failed" and failure.copy:
        return Outcome(error=COPY, detail=failure.copy)
    if status == "failed" and failure.files:
        code, message = failure.files
        return Outcome(error=PROMOTION, detail=message, files=[{"code": code, "message": message}])
    if status == "success":
        return _sized(Outcome(read=read, written=read))
    failed = rng.randint(1, MAX_FAILED) if status == "partial" else rng.randint(MAX_FAILED, 3 * MAX_FAILED)
    outcome = Outcome(read=read, failed=failed)
    if history.plan["diagnostics"]:
        outcome.rejected = [_rejected(history, rng) for _ in range(failed)]
    if status == "partial":
        outcome.written = read - failed
    else:
        outcome.error, outcome.detail = PROMOTION, f"{failed} of {read} records do not fit the schema"
    return _sized(outcome)


def _sized(outcome: Outcome) -> Outcome:
    outcome.input_bytes, outcome.output_bytes = outcome.read * 180, outcome.written * 160
    return outcome


def _rejected(history: History, rng: Random) -> Item:
    row, code = rng.choice(history.rows), rng.choice(REASONS)
    key, *others = row
    if code == "1555":
        return diagnostics.rejected({**row, key: None}, code, diagnostics.TEXTS[code])
    if code == diagnostics.CORRUPT:
        return diagnostics.rejected(row, code, "Row is corrupted and cannot be read, please fix and resend.")
    column = rng.choice(others)
    message = f"The value of {column} cannot be converted to the type of _emulator.{column}"
    return diagnostics.rejected({**row, column: "n/a"}, code, message)
