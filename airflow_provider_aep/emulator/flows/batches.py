"""A batch in Catalog: it holds the rows that a run or a message brought into a dataset."""

from __future__ import annotations

import secrets

from airflow_provider_aep.emulator import settings
from airflow_provider_aep.emulator.entities import ACCOUNT
from airflow_provider_aep.emulator.flows.ingest import Outcome
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.world import World

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # of the batch ids in the samples


def new_id() -> str:
    """As in the samples."""
    return "01" + "".join(secrets.choice(ALPHABET) for _ in range(24))


def batch(
    world: World, sandbox: str, batch_id: str, dataset: str, outcome: Outcome, times: tuple[int, int]
) -> Entity:
    """A failed one holds no rows."""
    item = {
        "createdAt": world.created_at(sandbox),
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
        "metrics": {},
        "tags": {},
    }
    return Entity("batches", sandbox, batch_id, item, {"dataset": dataset, "rows": outcome.records})
