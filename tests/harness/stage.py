"""A recipe played step by step against answers that a test wrote down."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from airflow_provider_aep.exactly_once import steps as s

T = TypeVar("T")


class Stage:
    """`Stage(look=[[a], [a, b]], get=[error])`: each kind of step is answered in turn, the last for ever.

    An error among the answers is raised where the step was asked for. What no answer is given to gets None,
    and `Dependants` an empty list.
    """

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = {"dependants": [[]], **{kind: list(some) for kind, some in answers.items()}}
        self.steps: list[s.Step] = []

    def play(self, recipe: Generator[s.Step, Any, T]) -> T:
        """To its end, or to the error that it ends with."""
        reply: Any = None
        while True:
            try:
                step = recipe.throw(reply) if isinstance(reply, Exception) else recipe.send(reply)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            self.steps.append(step)
            some = self.answers.get(
                "look" if isinstance(step, s.ListExisting) else type(step).__name__.lower(), [None]
            )
            reply = some.pop(0) if len(some) > 1 else some[0]

    def asked(self, kind: type) -> list[Any]:
        """The steps of one kind."""
        return [step for step in self.steps if isinstance(step, kind)]

    @property
    def slept(self) -> list[float]:
        """Seconds, nap by nap."""
        return [step.seconds for step in self.asked(s.Sleep)]

    @property
    def told(self) -> list[tuple[str, str, bool]]:
        """What was decided, about whom, and whether as a warning."""
        return [(step.text, step.id, step.warning) for step in self.asked(s.Decided)]
