"""The runs that a fleet's dataflows had in the last hours, with their batches and failed records."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from airflow_provider_aep.emulator.flows import diagnostics, ingest, metrics
from airflow_provider_aep.emulator.flows.ingest import COPY, PROMOTION, Outcome
from airflow_provider_aep.emulator.store import Entity

FAILURES = (
    "ErrorCode=UserErrorUnauthorized, the source refused the credentials",
    "",  # its records do not fit
    "ErrorCode=UserErrorSourceTimeout, the source did not answer in time",
    "",
)
REASONS = (diagnostics.MAPPER, "1555", diagnostics.MAPPER, diagnostics.CORRUPT)
MAX_FAILED = 40  # failed records of a partial run
Item = dict[str, Any]


@dataclass(frozen=True)
class History:
    """What the runs of a dataflow have in common."""

    flow: Item
    plan: Item
    rows: tuple[Item, ...]  # of the source object, for failed records
    every: int  # seconds between two runs
    last: int  # the scheduled time of the last run
    failure: str  # the `errorDetail` of a failed copy; empty if the records do not fit
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
    read = rng.randint(1000, 9000)
    if status == "failed" and history.failure:
        return Outcome(error=COPY, detail=history.failure)
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
