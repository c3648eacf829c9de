"""No try sleeps for more than a minute in a worker slot, all its sleeps together."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import (
    AepError,
    AmbiguousRunError,
    EntityInUseError,
    EntityStateError,
    WorkerSlotError,
)
from airflow_provider_aep.flow_service.retry import LONGEST_WAIT
from tests.harness import platform as path
from tests.harness.all_operators import every_operator, make
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.operators import Store, context, unwrapped

OFTEN = 12
LATE = {"status": 429, "headers": {"Retry-After": "20"}, "body": {}}
BUSY = {"status": 503, "headers": {"Retry-After": "40"}, "body": {}}
SLOW: dict[str, list[dict[str, Any]]] = {
    "every other request is asked to come in 20 s": [LATE, {}] * OFTEN,
    "the service is busy to whatever changes something": [{"method": "POST", "times": 99, **BUSY}],
    "somebody else is always faster": [{"method": "PATCH", "times": 99, "status": 412, "body": {}}],
    "the service is out of order": [{"times": 999, "status": 500, "body": {}}],
    "replies are lost": [{"method": "POST", "times": 99, "status": 504, "body": "<html>"}],
}


class Inputs:
    """What the operators are given."""

    def __init__(self, emulator: Emulator) -> None:
        client = path.Platform(emulator)
        schema, base = client.schema(), client.base()
        columns = [{"name": name, **column} for name, column in path.COLUMNS.items()]
        source = client.source(base, columns=columns)
        target = client.target(schema, client.dataset(schema))
        self.emulator = emulator
        self.values = {
            "connection_id": base,
            "schema_id": schema,
            "dataset_id": client.dataset(schema, "Another"),
            "columns": columns,
            "source_connection_id": source,
            "target_connection_id": target,
            "mapping_set": client.mapping(schema),
            "flow_id": client.flow({**client.once(), "sourceConnectionIds": [source]}),
        }
        emulator.advance(3600)
        self.values["run_id"] = client.api("GET", "/runs").json()["items"][0]["id"]

    def try_once(self, kind: type, faults: list[dict[str, Any]]) -> AepError | None:
        """One try with memory; the typed error it ends with, if it does."""
        from airflow_provider_aep._compat import AirflowFailException

        task = make(kind, self.values)
        for fault in faults:
            self.emulator.fault(path="", **fault)
        found = None
        try:
            task.execute({**context(Store()), "data_interval_end": None})
        except AepError as error:
            found = error
        except AirflowFailException as error:
            found = error.__cause__
        except BaseException as error:
            if type(error).__name__ != "TaskDeferred":
                raise
        finally:
            self.emulator.clear_faults()
        return found  # type: ignore[return-value]


@pytest.fixture
def inputs(emulator: Emulator, make_hook: MakeHook, paypal: str, waits: list[float]) -> Inputs:
    """On `aep_default`, its token in hand, and with the clock replaced."""
    make_hook(emulator.url).list_connections()
    return Inputs(emulator)


@pytest.mark.parametrize("slow", SLOW)
def test_no_operator_sleeps_longer_than_a_minute(inputs: Inputs, waits: list[float], slow: str) -> None:
    """What needs more time fails for a retry, and says when; its slot is somebody else's meanwhile."""
    failed = {}
    for name, kind in sorted(every_operator().items(), key=lambda item: "Delete" in item[0]):
        waits.clear()
        error = inputs.try_once(kind, SLOW[slow])
        assert sum(waits) <= LONGEST_WAIT, f"{name} slept {waits}"
        if error is not None:
            failed[name] = error
            assert str(error).endswith(f"[{error.stable_code}]")
    assert failed
    if "faster" not in slow:
        hopeless = (AmbiguousRunError, EntityInUseError)  # neither has to do with time
        stuck = {name: str(error) for name, error in failed.items() if not error.retryable}
        assert {name: text for name, text in stuck.items() if not isinstance(failed[name], hopeless)} == {}


def test_a_create_that_needs_two_minutes_takes_two_tries(
    emulator: Emulator, inputs: Inputs, waits: list[float]
) -> None:
    """A connection that stays `initializing`: a minute, a retry that says when, and no second one."""
    from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

    def try_once() -> EntityStateError:
        waits.clear()
        with unwrapped(EntityStateError, match="'initializing' after 5.* s") as caught:
            CreatePayPalConnectionOperator(task_id="create", name="Slow").execute(context())
        assert sum(waits) <= LONGEST_WAIT
        error: EntityStateError = caught.value
        return error

    before = emulator.state()["connections"]
    slow = emulator.api().create("Slow").json()["id"]
    item = {**emulator.api()("GET", f"/connections/{slow}").json()["items"][0], "state": "initializing"}
    for place in ("/connections", f"/connections/{slow}"):
        emulator.fault(method="GET", path=place, times=999, status=200, body={"items": [item]})
    for _ in range(2):
        error = try_once()
        assert error.retryable
        assert error.retry_after == pytest.approx(LONGEST_WAIT, abs=1)
        assert slow in str(error)
    emulator.clear_faults()
    assert CreatePayPalConnectionOperator(task_id="create", name="Slow").execute(context()) == slow
    assert emulator.state()["connections"] == before + 1


def test_a_throttled_post_of_a_tired_try_is_made_by_the_next(
    emulator: Emulator, inputs: Inputs, waits: list[float]
) -> None:
    """Most of the minute is gone when Adobe asks for 50 s more: the retry is told when, and makes one."""
    from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

    late = {"status": 429, "body": {}}
    emulator.fault(method="GET", path="/connections", headers={"Retry-After": "30"}, **late)
    emulator.fault(method="POST", path="/connections", headers={"Retry-After": "50"}, when="after", **late)
    before = emulator.state()["connections"]
    with unwrapped(WorkerSlotError, match="Let Airflow retry") as caught:
        CreatePayPalConnectionOperator(task_id="create", name="Late").execute(context())
    assert (caught.value.retryable, caught.value.retry_after) == (True, 50)
    assert waits == [30]
    CreatePayPalConnectionOperator(task_id="create", name="Late").execute(context())
    assert emulator.state()["connections"] == before + 1


def test_a_hook_of_ones_own_is_not_bounded_as_a_try(
    emulator: Emulator, make_hook: MakeHook, waits: list[float]
) -> None:
    """A script may wait as often as it likes; each request still has its limit."""
    hook = make_hook(emulator.url)
    for _ in range(3):
        emulator.fault(method="GET", path="/connections", **{**LATE, "headers": {"Retry-After": "50"}})
        hook.list_connections()
    assert waits == [50, 50, 50]


def test_nothing_else_sleeps() -> None:
    """In the slot, or in a wait whose author asked for it. (The triggerer's loop has other tasks.)"""
    found = set()
    for file in files("airflow_provider_aep").rglob("*.py"):  # type: ignore[attr-defined]
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            taken = ast.unparse(node) if isinstance(node, ast.Attribute | ast.ImportFrom) else ""
            if re.fullmatch(r"time\.sleep|from time import (.*, )?sleep(,.*)?", taken):
                found.add("/".join(file.parts[file.parts.index("airflow_provider_aep") + 1 :]))
    assert {name for name in found if not name.startswith("emulator/")} == {
        "hooks/session.py",
        "operators/waiting.py",
    }
