"""Desired and existing entities, and a driver with scripted answers."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, TypeVar

from airflow_provider_aep.exactly_once import DesiredEntity, Entity, Outcome, create_once, make_mark
from airflow_provider_aep.exactly_once import steps as s
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepNotFoundError,
    AepRequestError,
    AepServerError,
)

T = TypeVar("T")

MARK = make_mark("dag", "task", "run", -1)
OTHER = make_mark("dag", "other", "run", -1)
GONE = AepNotFoundError("gone", status=404)
LOST = AepServerError("lost", status=503)
NO = AepRequestError("no", status=400)
TOKEN = AepAuthError("token", status=401)


class ScriptedDriver:
    """Answer each kind of step in turn, the last answer again and again.

    `ScriptedDriver(listed=[[a], [a, b]], get=[error])`: an error among the answers is raised at the step. A
    step without an answer gets None, and `Dependants` an empty list.
    """

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = {"dependants": [[]], **{kind: list(some) for kind, some in answers.items()}}
        self.steps: list[s.Step] = []

    def play(self, reconciliation: Generator[s.Step, Any, T]) -> T:
        """Carry a reconciliation out to its end, or to the error that it raises."""
        reply: Any = None
        while True:
            try:
                step = (
                    reconciliation.throw(reply)
                    if isinstance(reply, Exception)
                    else reconciliation.send(reply)
                )
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            self.steps.append(step)
            some = self.answers.get(
                "listed" if isinstance(step, s.ListExisting) else type(step).__name__.lower(), [None]
            )
            reply = some.pop(0) if len(some) > 1 else some[0]

    def asked(self, kind: type) -> list[Any]:
        """Return the steps of one kind."""
        return [step for step in self.steps if isinstance(step, kind)]

    @property
    def slept(self) -> list[float]:
        """The seconds of each sleep."""
        return [step.seconds for step in self.asked(s.Sleep)]

    @property
    def told(self) -> list[tuple[str, str, bool]]:
        """The decisions: text, id, and whether each is a warning."""
        return [(step.text, step.id, step.warning) for step in self.asked(s.Decided)]


def typed(steps: Sequence[s.Step]) -> list[tuple[type, s.Step]]:
    """Return steps with their classes: steps of two classes with the same fields are equal."""
    return [(type(step), step) for step in steps]


def desired(**changes: Any) -> DesiredEntity:
    facts: dict[str, Any] = {"kind": "flow", "name": "n", "identity": {}, "if_exists": "reuse", "mark": MARK}
    return DesiredEntity(**{**facts, "settle": 0.0, **changes})


def entity(id: str, at: float = 1.0, mark: str | None = MARK, state: str = "enabled") -> Entity:
    return Entity(id, at, state, "1", mark or "by hand")


def create(order: DesiredEntity, **answers: list[Any]) -> tuple[Outcome, ScriptedDriver]:
    driver = ScriptedDriver(**answers)
    return driver.play(create_once(order)), driver


def words(driver: ScriptedDriver) -> str:
    return "\n".join(text for text, _, _ in driver.told)
