"""Where the models play: an emulator, what somebody does by hand, and the place where a step is disturbed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.hooks import auth_selection, ims
from airflow_provider_aep.hooks.transport import Transport
from tests.harness.connections import MakeHook
from tests.harness.emulator import FLOW_SERVICE, Api, Emulator
from tests.harness.figures import KeepFigure
from tests.harness.models.disturbances import Disturbance, Fault, Killed, perform

SANDBOXES = ("prod", "dev")


class Stage:
    """One emulator. A step runs on it undisturbed, or with one disturbance."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.hands: dict[str, Api] = {}
        self.struck: Counter[Disturbance] = Counter()
        self._at: tuple[str, bool] | None = None
        self._sandboxes: set[str] = set()
        self._do: Callable[[str], None] = lambda _: None

    def reset(self) -> None:
        """As new, for the next example."""
        self.emulator.reset()
        ims.TOKENS.clear()
        auth_selection.SPECS.clear()
        token = self.emulator.token()
        self.hands = {sandbox: self.emulator.api(token, sandbox) for sandbox in SANDBOXES}

    def run(
        self,
        step: Callable[[], Any],
        sandbox: str,
        disturbance: Disturbance = None,
        *,
        about: str | None = None,
        meanwhile: Callable[[str, str], None] = lambda *_: None,
    ) -> Any:
        """What the step returns, or the error that it raises: ours, or the end of the process.

        :param about: the entity that the step is about, if it is known before
        """
        self._sandboxes.clear()
        if isinstance(disturbance, Fault):
            for order in disturbance.orders(about or "none"):
                self.emulator.fault(**order)
        elif disturbance is not None:
            self._at = (disturbance.at, disturbance.after)
            self._do = perform(disturbance, meanwhile)
        try:
            return step()
        except (AepError, Killed) as error:
            return error
        except Exception as error:
            if isinstance(error.__cause__, AepError):  # below Airflow 3.3
                return error.__cause__
            raise
        finally:
            self._disarm(disturbance)
            assert self._sandboxes <= {sandbox}, f"a step in {sandbox} spoke of {self._sandboxes}"

    def _disarm(self, disturbance: Disturbance) -> None:
        struck = self._at is None
        if isinstance(disturbance, Fault):
            struck = not self.emulator.control("GET", "faults")["items"]
            self.emulator.clear_faults()
        self._at = None
        self.struck[disturbance] += struck

    def pass_by(self, request: Any, *, after: bool) -> None:
        """A request passes: whatever was planned for it happens, once."""
        path = str(request.url).split("?")[0]
        if FLOW_SERVICE not in path:
            return
        self._sandboxes.add(request.headers["x-sandbox-name"])
        if self._at is None:
            return
        (method, end), wanted_after = self._at[0].split(" "), self._at[1]
        if method == request.method and after == wanted_after and path.endswith(end):
            self._at = None
            self._do(path.rsplit("/", 1)[1])


@pytest.fixture
def stage(emulator: Emulator, make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch, waits: Any) -> Stage:
    """`aep_default` leads to the emulator; nobody waits, and every request passes by."""
    make_hook(emulator.url)
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "0")
    stage, send = Stage(emulator), Transport.send

    def sending(self: Transport, request: Any) -> Any:
        stage.pass_by(request, after=False)
        reply = send(self, request)
        stage.pass_by(request, after=True)
        return reply

    monkeypatch.setattr(Transport, "send", sending)
    return stage


def tell(figure: KeepFigure, what: str, machine: Any, stage: Stage) -> None:
    """How much was tried. Sequences that hypothesis tried twice count twice."""
    struck = sum(count for disturbance, count in stage.struck.items() if disturbance is not None)
    figure(
        f"model-based: sequences of {what} steps",
        f"{machine.sequences} sequences, {machine.steps} steps, {struck} of them disturbed, "
        "each compared with the model",
    )
