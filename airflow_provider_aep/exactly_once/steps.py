"""The steps that the reconciler yields, and the data that it works on.

A step is a named tuple: to define a dataclass takes seven times as long, and each task process defines the
steps anew. So two steps of different classes can be equal: tell them apart by their class.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from airflow_provider_aep.flow_service.marks import created_by, find_mark, task_of
from airflow_provider_aep.flow_service.replies import Readiness, readiness


@dataclass(frozen=True)
class DesiredEntity:
    """The entity that should exist exactly once.

    :param kind: in words, such as ``base connection``
    :param identity: everything by which two entities count as the same, its name included
    :param if_missing: what to do if none exists: ``create`` it or ``fail``
    :param on_difference: what to do under ``reuse`` if an existing entity differs: ``warn`` or ``fail``
    :param mark: this task instance's ownership mark, or None for none
    :param drafts: whether it is created as a draft, which has no effect, and published when it is chosen
    :param interchangeable: whether all entities of this identity are equivalent, have no ownership mark and
        cannot be deleted, so that any of them can be used
    :param wait_timeout: seconds to wait for an entity that is still being set up
    :param settle: seconds between an own POST and the list that shows a race; see the reconciler's bound
    :param any_state: whether an existing entity that is disabled or a draft is used as it is
    :param first_try: whether no earlier try of the task can have created the entity
    :param last_try: whether Airflow retries the task no more. Another try follows only if somebody clears the
        task, or if Airflow loses the scheduler of a running one
    """

    kind: str
    name: str
    identity: Mapping[str, str]
    if_exists: str
    mark: str | None
    drafts: bool = False
    interchangeable: bool = False
    on_difference: str = "warn"
    wait_timeout: float = 120.0
    settle: float = 1.0
    first_try: bool = False
    last_try: bool = False
    any_state: bool = False
    if_missing: str = "create"

    def may_use(self, entity: Entity) -> bool:
        """Return whether an entity's state is accepted as it is, although it is disabled or a draft.

        A draft of the same task is not accepted: a try that died left it, and it must be published.
        """
        own = self.mark is not None and task_of(entity.description) == task_of(self.mark)
        refused = entity.readiness is Readiness.REFUSED
        return self.any_state and refused and not (entity.is_draft and own)

    @property
    def named(self) -> str:
        return f"the {self.kind} {self.name!r}"

    @property
    def title(self) -> str:
        return f"The {self.kind} {self.name!r}"


@dataclass(frozen=True)
class Entity:
    """One entity, as the service lists it.

    :param shown: the whole item; a secret in it must not leave this object
    """

    id: str
    created_at: float = math.inf
    state: str = ""
    etag: str | None = None
    description: str = ""
    shown: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def readiness(self) -> Readiness:
        return readiness(self.state)

    @property
    def is_draft(self) -> bool:
        return self.state.strip().lower() == "draft"

    @property
    def mark(self) -> str | None:
        return find_mark(self.description)

    @property
    def created_by(self) -> str:
        return created_by(self.description)

    @property
    def age_key(self) -> tuple[float, str]:
        """Sort the oldest first, in the same way for every task that lists them."""
        return (self.created_at, self.id)


class Outcome(NamedTuple):
    """The entity to use, and whether this try created it."""

    id: str
    created: bool


class Recall(NamedTuple):
    """Return the id that an earlier try of this task stored, or None."""


class Keep(NamedTuple):
    """Remember the id."""

    id: str


class ListExisting(NamedTuple):
    """List every entity of the identity."""


class Get(NamedTuple):
    """Read one entity."""

    id: str


class Post(NamedTuple):
    """Create the entity with one POST. The service may read specs first."""


class Publish(NamedTuple):
    """Publish a draft."""

    id: str


class Compare(NamedTuple):
    """Return the fields in which an entity differs from the desired entity."""

    entity: Entity


class Update(NamedTuple):
    """PATCH an entity to the desired one, with ``If-Match``; return whether anything was to change."""

    entity: Entity


class Delete(NamedTuple):
    """Delete one entity."""

    id: str


class Dependants(NamedTuple):
    """Return the ids of what depends on an entity."""

    id: str


class Sleep(NamedTuple):
    """Sleep; with ``jitter`` for a random time between half of it and all of it."""

    seconds: float
    jitter: bool = False


class Decided(NamedTuple):
    """Log a decision, with the id of the entity that it is about."""

    text: str
    id: str = ""
    warning: bool = False


Step = (
    Recall
    | Keep
    | ListExisting
    | Get
    | Post
    | Publish
    | Compare
    | Update
    | Delete
    | Dependants
    | Sleep
    | Decided
)
Reconciliation = Generator[Step, Any, Outcome]
