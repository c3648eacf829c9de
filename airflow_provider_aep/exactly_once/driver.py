"""Drive a reconciliation: carry out each step with a hook, and send the result back."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from airflow_provider_aep.exactly_once import steps
from airflow_provider_aep.exactly_once.steps import Entity, Outcome, Reconciliation, Step
from airflow_provider_aep.flow_service.differences import Difference
from airflow_provider_aep.flow_service.errors import AepError


class Service(Protocol):
    """Reads and changes the entities of one identity. Every method may raise an :class:`AepError`."""

    def list_existing(self) -> Sequence[Entity]: ...
    def get(self, id: str) -> Entity: ...
    def post(self) -> str: ...
    def publish(self, id: str) -> None: ...
    def differences(self, entity: Entity) -> Sequence[Difference]: ...
    def update(self, entity: Entity) -> bool: ...
    def delete(self, id: str) -> None: ...
    def dependants(self, id: str) -> Sequence[str]: ...
    def link(self, id: str) -> str: ...


class Memory(Protocol):
    """Keeps an id between tries."""

    def recall(self) -> str | None: ...
    def keep(self, id: str) -> None: ...


def carry_out(
    reconciliation: Reconciliation,
    service: Service,
    memory: Memory,
    log: Any,
    sleep: Callable[[float], None],
) -> Outcome:
    """Drive a reconciliation to its end. Signals and time-outs pass through.

    :param sleep: may raise :class:`WorkerSlotError`, handled like the error of a step
    """
    reply: Any = None
    failure: AepError | None = None
    while True:
        try:
            step = reconciliation.send(reply) if failure is None else reconciliation.throw(failure)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        reply, failure = None, None
        try:
            reply = _perform(step, service, memory, log, sleep)
        except AepError as error:
            failure = error


def _perform(step: Step, service: Service, memory: Memory, log: Any, sleep: Callable[[float], None]) -> Any:
    match step:
        case steps.ListExisting():
            return service.list_existing()
        case steps.Get(id):
            return service.get(id)
        case steps.Post():
            return service.post()
        case steps.Publish(id):
            return service.publish(id)
        case steps.Compare(entity):
            return service.differences(entity)
        case steps.Update(entity):
            return service.update(entity)
        case steps.Delete(id):
            return service.delete(id)
        case steps.Dependants(id):
            return service.dependants(id)
        case steps.Sleep(seconds, jitter):
            return sleep(seconds * random.uniform(0.5, 1) if jitter else seconds)  # noqa: S311
        case steps.Recall():
            return memory.recall()
        case steps.Keep(id):
            return memory.keep(id)
        case steps.Decided(text, id, warning):  # pragma: no branch - a step is one of these
            link = f": {id} {service.link(id)}" if id else ""
            return (log.warning if warning else log.info)("%s%s", text, link)
