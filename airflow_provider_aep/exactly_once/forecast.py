"""Foresee a reconciliation by reading alone: the change that a run would make, without making it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol

from airflow_provider_aep.exactly_once import steps
from airflow_provider_aep.exactly_once.steps import DesiredEntity, Entity, Reconciliation, Step
from airflow_provider_aep.flow_service.differences import Difference
from airflow_provider_aep.flow_service.errors import (
    AepError,
    AmbiguousEntityError,
    EntityExistsError,
    EntityMissingError,
    EntityStateError,
)
from airflow_provider_aep.flow_service.replies import Readiness


class Action(str, Enum):
    """The action of a run for a task that creates."""

    CREATE = "create"
    REUSE = "reuse"
    DIFFERS = "differs"
    UPDATE = "update"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Forecast:
    """The forecast for a task that creates.

    :param id: the id of the existing entity, None if none exists or it is unknown
    :param differences: the fields in which the existing entity differs from the task's parameters
    :param fails: whether the task would fail; None if that is unknown
    :param reason: why, in whole sentences; empty if the action says everything
    :param result: the task's result, as far as a later task can be planned with it
    :param identity: of an entity to create: everything by which another task finds it; None if unknown
    :param spec_id: of a base or source connection to create: the id of its connection spec, if it is known
    """

    action: Action
    id: str | None = None
    differences: tuple[Difference, ...] = ()
    fails: bool | None = False
    reason: str = ""
    result: Any = None
    identity: Hashable | None = None
    spec_id: str | None = None


class MissingInput(Exception):  # noqa: N818 - only a run knows it, it is not an error
    """A parameter's value that only a run knows.

    :param new: whether it is the id of an entity that does not exist yet, so that nothing refers to it
    :param pending: whether it is known as soon as a run has created another entity
    :param spec_id: of a new base or source connection: the id of its connection spec, if it is known
    :param error: the error because of which it could not be read
    """

    def __init__(
        self,
        reason: str,
        *,
        new: bool = False,
        pending: bool = False,
        spec_id: str | None = None,
        error: AepError | None = None,
    ) -> None:
        super().__init__(reason)
        self.spec_id = spec_id
        self.error = error
        self.new = new
        self.pending = new or pending


class ReadableService(Protocol):
    """The reads of a forecast, from a :class:`~airflow_provider_aep.exactly_once.Service`."""

    def list_existing(self) -> Sequence[Entity]: ...
    def get(self, id: str) -> Entity: ...
    def differences(self, entity: Entity) -> Sequence[Difference]: ...
    def dependants(self, id: str) -> Sequence[str]: ...

    def check_create(self) -> None:
        """Raise the error with which the create would fail before its POST."""

    def changes(self, entity: Entity) -> bool:
        """Return whether an update would change anything."""


def foresee(
    desired: DesiredEntity, reconciliation: Reconciliation, service: ReadableService, missing: str = ""
) -> Forecast:
    """Drive a reconciliation by reading alone, to its POST or its end. It does not sleep.

    What is listed first counts as settled, an entity that is being set up as ready, and one that is being
    removed as gone. A PATCH or DELETE counts as done.

    :param missing: why an existing entity cannot be compared with the desired one. A field that differs all
        the same decides
    :raises AepError: AEP could not be read, or a parameter is invalid
    """
    reader = _Reader(desired, service, missing)
    try:
        return reader.drive(reconciliation)
    except _Foreseen as foreseen:
        return foreseen.forecast
    except EntityMissingError as error:
        return Forecast(Action.CREATE, fails=True, reason=str(error))
    except AmbiguousEntityError as error:
        return Forecast(Action.AMBIGUOUS, fails=True, reason=str(error))
    except EntityStateError as error:
        refused = next((one for one in reader.listed if one.readiness is Readiness.REFUSED), None)
        state = (Difference("state", refused.state, "enabled"),) if refused else ()
        own = refused.id if refused else None
        return Forecast(Action.DIFFERS, own, state, fails=True, reason=str(error))
    except EntityExistsError as error:
        found = error.entity_id or next((one.id for one in reader.listed), None)
        return Forecast(Action.DIFFERS, found, tuple(error.differences), fails=True, reason=str(error))


class _Foreseen(Exception):  # noqa: N818 - it ends the reconciliation, it is not an error
    """The reconciliation has come to the step that decides."""

    def __init__(self, forecast: Forecast) -> None:
        super().__init__()
        self.forecast = forecast


@dataclass
class _Reader:
    desired: DesiredEntity
    service: ReadableService
    missing: str
    listed: list[Entity] = field(default_factory=list)
    differences: tuple[Difference, ...] = ()
    notes: list[str] = field(default_factory=list)
    changed: bool = False
    _has_listed: bool = False
    _published: str | None = None

    def drive(self, reconciliation: Reconciliation) -> Forecast:
        reply: Any = None
        failure: AepError | None = None
        while True:
            try:
                step = reconciliation.send(reply) if failure is None else reconciliation.throw(failure)
            except StopIteration as done:
                return self._ended(done.value.id)
            reply, failure = None, None
            try:
                reply = self._read(step)
            except AepError as error:
                failure = error

    def _read(self, step: Step) -> Any:
        match step:
            case steps.ListExisting():
                return self._list()
            case steps.Get(id):
                return self._get(id)
            case steps.Compare(entity):
                return self._compare(entity)
            case steps.Dependants(id):
                return self.service.dependants(id)
            case steps.Post():
                raise _Foreseen(self._created())
            case steps.Update(entity):
                changes = self.service.changes(entity)
                self.changed = self.changed or changes
                return changes
            case steps.Publish(id):
                self._change(f"The draft {id} is published.")
                self._published = id
            case steps.Delete(id):
                self._change(f"The duplicate {id} is deleted.")
            case steps.Decided(text, _, True) if len(self.listed) > 1 and not self.differences:
                self.notes.append(f"{text}.")
        return None

    def _list(self) -> list[Entity]:
        if not self._has_listed:
            for entity in self.service.list_existing():
                if entity.readiness is Readiness.LEAVING:
                    self.notes.append(f"The task waits until {entity.id} is removed.")
                else:
                    self.listed.append(entity)
            self._has_listed = True
        return list(self.listed)

    def _get(self, id: str) -> Entity:
        entity = self.service.get(id)
        if entity.readiness is Readiness.COMING:
            self.notes.append(f"The task waits until {id} is ready.")
        elif self._published != id:
            return entity
        return replace(entity, state="enabled")

    def _compare(self, entity: Entity) -> Sequence[Difference]:
        self.differences = tuple(self.service.differences(entity))
        if not self.missing:
            return self.differences
        if self.differences:
            raise _Foreseen(
                Forecast(Action.DIFFERS, entity.id, self.differences, fails=True, reason=self.missing)
            )
        raise _Foreseen(
            Forecast(Action.UNKNOWN, entity.id, fails=None, reason=self.missing, result=entity.id)
        )

    def _created(self) -> Forecast:
        identity = (self.desired.kind, *sorted(self.desired.identity.items()))
        try:
            self.service.check_create()
        except AepError as error:
            return Forecast(Action.CREATE, fails=True, reason=str(error), identity=identity)
        return Forecast(Action.CREATE, reason=" ".join(self.notes), identity=identity)

    def _change(self, note: str) -> None:
        self.changed = True
        self.notes.append(note)

    def _ended(self, id: str) -> Forecast:
        action = Action.UPDATE if self.changed else Action.DIFFERS if self.differences else Action.REUSE
        return Forecast(action, id, self.differences, reason=" ".join(self.notes), result=id)
