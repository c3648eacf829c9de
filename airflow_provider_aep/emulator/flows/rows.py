"""`GET /_emulator/datasets/{id}/rows`: what landed, in the order it landed."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.emulator import settings
from airflow_provider_aep.emulator.world import World


def of_dataset(world: World, dataset_id: str) -> list[dict[str, Any]] | None:
    """The rows of its batches; None when no sandbox has such a dataset."""
    for sandbox in settings.SANDBOXES:
        if world.store.get("datasets", sandbox, dataset_id) is not None:
            batches = world.store.all("batches", sandbox)
            landed = (batch for batch in batches if batch.hidden["dataset"] == dataset_id)
            return [row for batch in landed for row in batch.hidden["rows"]]  # a failed batch holds none
    return None
