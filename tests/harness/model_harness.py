"""What the models of `tests/nightly` share: an emulator, and one disturbance of a step.

A step runs on the emulator and on the model. A request of it fails, somebody else is faster, or the process
ends; :func:`draw` chooses.
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.hooks import auth_selection, ims
from airflow_provider_aep.hooks.transport import Transport
from tests.harness.connections import MakeHook
from tests.harness.emulator import FLOW_SERVICE, Api, Emulator
from tests.harness.faults import AFTER, LOST, RETRY_SOON, TOKEN_REFUSED, UNAVAILABLE, How, at
from tests.harness.figures import KeepFigure

SANDBOXES = ("prod", "dev")
NEW = "(new)"
"""The id of what the step under way creates."""
MARK = re.compile(r"\[airflow:[^\[\]\s]+ [0-9a-f]{8}\]$")
DENIED = errors.AepPermissionError


@dataclass(frozen=True)
class Task:
    """A task instance: what Airflow keeps of it from try to try."""

    dag_id: str
    run_id: str
    map_index: int

    @property
    def mark(self) -> str:
        digest = sha256(f"{self.run_id}\n{self.map_index}".encode()).hexdigest()
        return f"[airflow:{self.dag_id}.create {digest[:8]}]"


class Killed(BaseException):
    """The process ends here, as if by SIGKILL: nothing after it is done."""


@dataclass(frozen=True, eq=False)
class FailedRequest:
    """One request that fails.

    :param at: which, as `METHOD end-of-path`; `{id}` is the entity that the step is about
    :param how: as in :mod:`tests.harness.faults`
    :param errors: the error that ends a step, by the step's name; any other step does not notice
    :param spared: how many such requests succeed before
    """

    at: str
    how: How
    errors: Mapping[str, type[BaseException]] = field(default_factory=dict)
    spared: int = 0

    @property
    def has_effect(self) -> bool:
        return self.how.get("when") == "after"

    def orders(self, entity_id: str) -> list[dict[str, Any]]:
        """Return the faults for the emulator: first the requests that succeed."""
        request = self.at.format(id=entity_id)
        return [*[at(request)] * self.spared, at(request, self.how)]


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


Disturbance = FailedRequest | Meanwhile | Kill | Probe | None


def at_place(disturbance: Disturbance, kind: type, place: str) -> Any:
    """Return the disturbance, if it is of that kind and there; else None."""
    if isinstance(disturbance, Probe):
        disturbance.places.add(place)
        return None
    there = isinstance(disturbance, kind) and getattr(disturbance, "at", None) == place
    return disturbance if there else None


def stop(disturbance: Disturbance, place: str, step: str) -> None:
    """Raise the error that a failed request at this place ends the step with."""
    if (fault := at_place(disturbance, FailedRequest, place)) and step in fault.errors:
        raise fault.errors[step]("as ordered")


def die(disturbance: Disturbance, place: str, *, after: bool) -> None:
    """End here, if the process is killed just before, or after, this request."""
    if (kill := at_place(disturbance, Kill, place)) and kill.after == after:
        raise Killed


def places(model: Any, step: Callable[[Any, Disturbance], Any]) -> list[str]:
    """Return the requests of a step according to a model: where it can be disturbed."""
    probe = Probe()
    with contextlib.suppress(errors.AepError):
        step(copy.deepcopy(model), probe)
    return sorted(probe.places)


def draw(
    data: st.DataObject, where: list[str], known: Sequence[FailedRequest | Meanwhile | Kill]
) -> Disturbance:
    """Now and then None; else a disturbance at a place that the step passes, each kind as likely."""
    place = data.draw(st.sampled_from(["", *where, *where]))
    if not place:
        return None
    there = [one for one in known if one.at == place]
    kind = data.draw(st.sampled_from(sorted({_kind(one) for one in there})))
    return data.draw(st.sampled_from([one for one in there if _kind(one) == kind]))


def _kind(one: FailedRequest | Meanwhile | Kill) -> str:
    """Failed requests that end some step are a kind of their own: they are fewer."""
    return type(one).__name__ + (" with errors" if isinstance(one, FailedRequest) and one.errors else "")


def healed(place: str, *more: How) -> list[FailedRequest]:
    """Return the failures that no step may show."""
    lost = [{**how, **when} for how in (LOST, UNAVAILABLE) for when in ({}, AFTER)]
    return [FailedRequest(place, how) for how in (*lost, RETRY_SOON, TOKEN_REFUSED, *more)]


def refused(place: str, status: int, error: type[BaseException], *steps: str, **how: Any) -> FailedRequest:
    """Return a failure that ends these steps with this error."""
    body = {} if how.get("status", status) < 500 else "<html>late</html>"
    return FailedRequest(place, {"status": status, "body": body, **how}, dict.fromkeys(steps, error))


class ModelHarness:
    """One emulator. A step runs on it undisturbed, or with one disturbance."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.apis: dict[str, Api] = {}
        self.injected: Counter[Disturbance] = Counter()
        self._due: Meanwhile | Kill | None = None
        self._meanwhile: Callable[[str, str], None] = lambda *_: None
        self._sandboxes: set[str] = set()

    def reset(self) -> None:
        """Begin the next example with nothing."""
        self.emulator.reset()
        ims.TOKENS.clear()
        auth_selection.SPECS.clear()
        token = self.emulator.token()
        self.apis = {sandbox: self.emulator.api(token, sandbox) for sandbox in SANDBOXES}

    def run(
        self,
        step: Callable[[], Any],
        sandbox: str,
        disturbance: Disturbance = None,
        *,
        about: str | None = None,
        meanwhile: Callable[[str, str], None] = lambda *_: None,
    ) -> Any:
        """Return what the step returns, or the error that it raises: ours, or the end of the process.

        :param about: the entity that the step is about, if it is known before
        :param meanwhile: carries out a :class:`Meanwhile`; gets the end of the request's path
        """
        self._sandboxes.clear()
        self._meanwhile = meanwhile
        if isinstance(disturbance, FailedRequest):
            for order in disturbance.orders(about or "none"):
                self.emulator.fault(**order)
        elif isinstance(disturbance, Meanwhile | Kill):
            self._due = disturbance
        try:
            return step()
        except (errors.AepError, Killed) as error:
            return error
        except Exception as error:
            if isinstance(error.__cause__, errors.AepError):  # below Airflow 3.3
                return error.__cause__
            raise
        finally:
            self._disarm(disturbance)
            assert self._sandboxes <= {sandbox}, f"a step in {sandbox} spoke of {self._sandboxes}"

    def _disarm(self, disturbance: Disturbance) -> None:
        injected = self._due is None
        if isinstance(disturbance, FailedRequest):
            injected = not self.emulator.control("GET", "faults")["items"]
            self.emulator.clear_faults()
        self._due = None
        self.injected[disturbance] += injected

    def pass_by(self, request: Any, *, after: bool) -> None:
        """Let a request pass: what is due for it happens, once."""
        path = str(request.url).split("?")[0]
        if FLOW_SERVICE not in path:
            return
        self._sandboxes.add(request.headers["x-sandbox-name"])
        due = self._due
        if due is None or due.after != after:
            return
        method, end = due.at.split(" ")
        if method == request.method and path.endswith(end):
            self._due = None
            if isinstance(due, Kill):
                raise Killed
            self._meanwhile(due.what, path.rsplit("/", 1)[1])


@pytest.fixture
def harness(
    emulator: Emulator, make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch, waits: Any
) -> ModelHarness:
    """`aep_default` is the emulator; nothing sleeps, and every request passes by."""
    make_hook(emulator.url)
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "0")
    harness, send = ModelHarness(emulator), Transport.send

    def sending(self: Transport, request: Any, *arguments: Any, **options: Any) -> Any:
        harness.pass_by(request, after=False)
        response = send(self, request, *arguments, **options)
        harness.pass_by(request, after=True)
        return response

    monkeypatch.setattr(Transport, "send", sending)
    return harness


FORMS = pytest.mark.parametrize(
    "share", [pytest.param(16, id="small"), pytest.param(3, id="whole", marks=pytest.mark.nightly)]
)
"""Of hypothesis' examples a test takes one in so many."""


def compare_with_model(
    make: Callable[[], Any], share: int, harness: ModelHarness, figure: KeepFigure, what: str
) -> None:
    """Run random sequences of a state machine, and say how much was tried.

    Sequences that hypothesis tried twice count twice.
    """
    bounds = settings(max_examples=settings.default.max_examples // share, stateful_step_count=25)
    counts: list[Any] = []

    def counted() -> Any:
        counts.append(make())
        return counts[-1]

    run_state_machine_as_test(counted, settings=bounds)
    injected = sum(count for disturbance, count in harness.injected.items() if disturbance is not None)
    figure(
        f"model-based: sequences of {what} steps",
        f"{len(counts)} sequences, {sum(one.steps for one in counts)} steps, {injected} of them disturbed, "
        "each compared with the model",
    )
