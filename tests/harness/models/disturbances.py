"""What happens to a step on its way: a request that fails, somebody who is faster, the end of the process."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from airflow_provider_aep.flow_service import errors

Errors = Mapping[str, type[BaseException]]


class Killed(BaseException):
    """The process ends here, as if by SIGKILL: nothing after it is done."""


@dataclass(frozen=True, eq=False)
class Fault:
    """One request that fails.

    :param at: which, as `METHOD end-of-path`; `{id}` is the entity that the step is about
    :param how: as the control plane takes it
    :param errors: what a step ends with for it, by the step's name; any other goes on as if nothing were
    :param after: how many such requests go well before
    """

    at: str
    how: dict[str, Any]
    errors: Errors = field(default_factory=dict)
    after: int = 0

    @property
    def has_effect(self) -> bool:
        return self.how.get("when") == "after"

    def orders(self, entity_id: str) -> list[dict[str, Any]]:
        """For the control plane: first the requests that go well."""
        method, path = self.at.split(" ")
        where = {"method": method, "path": path.format(id=entity_id)}
        return [*[where] * self.after, {**where, **self.how}]


@dataclass(frozen=True)
class Meanwhile:
    """What somebody else does just before, or after, the step's first request of a kind."""

    at: str
    what: str
    after: bool = False


@dataclass(frozen=True)
class Kill:
    """The process ends just before, or after, the step's first request of a kind."""

    at: str
    after: bool


@dataclass(eq=False)
class Probe:
    """Disturbs nothing, and learns where it could have."""

    places: set[str] = field(default_factory=set)


Disturbance = Fault | Meanwhile | Kill | Probe | None


def at_place(disturbance: Disturbance, kind: type, at: str) -> Any:
    """The disturbance, if it is of that kind and there; else None."""
    if isinstance(disturbance, Probe):
        disturbance.places.add(at)
        return None
    return disturbance if isinstance(disturbance, kind) and getattr(disturbance, "at", None) == at else None


def stop(disturbance: Disturbance, at: str, step: str) -> None:
    """Raise what a fault at this place ends the step with."""
    if (fault := at_place(disturbance, Fault, at)) and step in fault.errors:
        raise fault.errors[step]("as ordered")


def die(disturbance: Disturbance, at: str, *, after: bool) -> None:
    """End here, if the process is killed just before, or after, this request."""
    if (kill := at_place(disturbance, Kill, at)) and kill.after == after:
        raise Killed


def places(model: Any, step: Callable[[Any, Disturbance], Any]) -> list[str]:
    """The requests of a step, as a model would have it take place: where it can be disturbed."""
    probe = Probe()
    with contextlib.suppress(errors.AepError):
        step(copy.deepcopy(model), probe)
    return sorted(probe.places)


def draw(data: st.DataObject, where: list[str], known: Sequence[Fault | Meanwhile | Kill]) -> Disturbance:
    """Now and then none; else one at a place that the step passes, each kind of it as likely."""
    at = data.draw(st.sampled_from(["", *where, *where]))
    if not at:
        return None
    there = [one for one in known if one.at == at]
    kind = data.draw(st.sampled_from(sorted({_kind(one) for one in there})))
    return data.draw(st.sampled_from([one for one in there if _kind(one) == kind]))


def _kind(one: Fault | Meanwhile | Kill) -> str:
    """Faults that end some step are a kind of their own: they are fewer."""
    return type(one).__name__ + (" with errors" if isinstance(one, Fault) and one.errors else "")


AFTER = {"when": "after"}
LOST: list[dict[str, Any]] = [
    {"drop": True},
    {"drop": True, **AFTER},
    {"status": 503},
    {"status": 503, **AFTER},
]
SOON = {"status": 429, "headers": {"Retry-After": "1"}}
HOUR = {"status": 429, "headers": {"Retry-After": "3600"}}
EXPIRED = {"status": 401, "body": {"error_code": "401013", "message": "Oauth token is not valid"}}


def healed(at: str, *more: dict[str, Any]) -> list[Fault]:
    """Faults that no step may show."""
    return [Fault(at, how) for how in (*LOST, SOON, EXPIRED, *more)]


def refused(at: str, status: int, error: type[BaseException], *steps: str, **how: Any) -> Fault:
    """A fault that ends these steps with this error."""
    body = {} if how.get("status", status) < 500 else "<html>late</html>"
    return Fault(at, {"status": status, "body": body, **how}, dict.fromkeys(steps, error))


def perform(disturbance: Disturbance, act: Callable[[str, str], None]) -> Callable[[str], None]:
    """What is to be done at the place of a `Meanwhile` or a `Kill`; gets the end of the request's path."""

    def do(id: str) -> None:
        if isinstance(disturbance, Kill):
            raise Killed
        assert isinstance(disturbance, Meanwhile)
        act(disturbance.what, id)

    return do


DENIED = errors.AepPermissionError
