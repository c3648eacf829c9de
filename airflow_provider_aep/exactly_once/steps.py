"""What the recipe is told, and what it asks for."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep.exactly_once.marks import find_mark, maker
from airflow_provider_aep.flow_service.replies import Readiness, readiness


@dataclass(frozen=True)
class Wanted:
    """What shall stand exactly once.

    :param kind: in words, such as ``base connection``
    :param identity: everything that makes two entities the same one, its name included
    :param on_difference: what to do under ``reuse`` where it differs: ``warn`` or ``fail``
    :param mark: this task instance's mark, or None to work without
    :param drafts: it is made as a draft, which has no effect yet, and published once it is chosen
    :param alike: all entities of this identity do the same, carry no mark and cannot be deleted: any will do
    :param wait_timeout: seconds to wait for an entity that is still coming up
    :param settle: seconds between an own post and the look for a race; see the recipe's bound
    """

    kind: str
    name: str
    identity: Mapping[str, str]
    if_exists: str
    mark: str | None
    drafts: bool = False
    alike: bool = False
    on_difference: str = "warn"
    wait_timeout: float = 120.0
    settle: float = 1.0

    @property
    def named(self) -> str:
        return f"the {self.kind} {self.name!r}"

    @property
    def title(self) -> str:
        return f"The {self.kind} {self.name!r}"


@dataclass(frozen=True)
class Entity:
    """One entity as the service lists it.

    :param shown: all that was read of it, out of which no secret may go any further
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
    def maker(self) -> str:
        return maker(self.description)

    @property
    def age_key(self) -> tuple[float, str]:
        """Sorts the oldest first, the same way for everyone who looks."""
        return (self.created_at, self.id)


@dataclass(frozen=True)
class Outcome:
    """The entity that stands, and whether this try made it."""

    id: str
    created: bool


@dataclass(frozen=True)
class Recall:
    """The id in the task's memory that fits this try, or None."""


@dataclass(frozen=True)
class Keep:
    """Remember the id."""

    id: str


@dataclass(frozen=True)
class Look:
    """List every entity of the identity."""


@dataclass(frozen=True)
class Get:
    """Read one entity."""

    id: str


@dataclass(frozen=True)
class Post:
    """Create, with one request."""


@dataclass(frozen=True)
class Publish:
    """Make an entity of a draft."""

    id: str


@dataclass(frozen=True)
class Compare:
    """In which fields an entity differs from what is wanted."""

    entity: Entity


@dataclass(frozen=True)
class Update:
    """Bring an entity to what is wanted, as of its etag; whether there was anything to change."""

    entity: Entity


@dataclass(frozen=True)
class Delete:
    """Delete one entity."""

    id: str


@dataclass(frozen=True)
class Dependants:
    """The ids of what hangs on an entity."""

    id: str


@dataclass(frozen=True)
class Sleep:
    """Wait; ``jitter`` asks for anything between half and all of it."""

    seconds: float
    jitter: bool = False


@dataclass(frozen=True)
class Decided:
    """A decision, for the log; with the id of whom it is about."""

    text: str
    id: str = ""
    warning: bool = False


Step = Recall | Keep | Look | Get | Post | Publish | Compare | Update | Delete | Dependants | Sleep | Decided
Recipe = Generator[Step, Any, Outcome]
