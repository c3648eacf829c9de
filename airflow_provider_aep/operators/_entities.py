"""Entities of Flow Service as the recipe of creation sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from airflow_provider_aep.exactly_once import Entity
from airflow_provider_aep.flow_service.checks import is_id
from airflow_provider_aep.flow_service.errors import AepReplyError


def read_entity(item: Mapping[str, Any]) -> Entity:
    """What the recipe needs of an entity."""
    if not is_id(item.get("id")):
        raise AepReplyError("Flow Service listed an entity without an id.")
    created = item.get("createdAt")
    known = isinstance(created, int | float) and not isinstance(created, bool)
    etag = item.get("etag")
    return Entity(
        id=str(item.get("id")),
        created_at=float(created) if known else math.inf,  # type: ignore[arg-type]
        state=str(item.get("state") or ""),
        etag=etag if isinstance(etag, str) and etag else None,
        description=str(item.get("description") or ""),
    )
