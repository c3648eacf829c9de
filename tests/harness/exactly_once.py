"""Orders, entities and a create played on a stage."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.exactly_once import DesiredEntity, Entity, Outcome, create_once, make_mark
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepNotFoundError,
    AepRequestError,
    AepServerError,
)
from tests.harness.stage import Stage

MARK = make_mark("dag", "task", "run", -1)
OTHER = make_mark("dag", "other", "run", -1)
GONE = AepNotFoundError("gone", status=404)
LOST = AepServerError("lost", status=503)
NO = AepRequestError("no", status=400)
TOKEN = AepAuthError("token", status=401)


def wanted(**changes: Any) -> DesiredEntity:
    facts: dict[str, Any] = {"kind": "flow", "name": "n", "identity": {}, "if_exists": "reuse", "mark": MARK}
    return DesiredEntity(**{**facts, "settle": 0.0, **changes})


def entity(id: str, at: float = 1.0, mark: str | None = MARK, state: str = "enabled") -> Entity:
    return Entity(id, at, state, "1", mark or "by hand")


def create(order: DesiredEntity, **answers: list[Any]) -> tuple[Outcome, Stage]:
    stage = Stage(**answers)
    return stage.play(create_once(order)), stage


def words(stage: Stage) -> str:
    return "\n".join(text for text, _, _ in stage.told)
