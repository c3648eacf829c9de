"""SIGKILL at the requests of each operator, and races for each create: one effect in the end.

`test_run_kills.py` kills the start of a run, `test_ingestion_kills.py` a group of tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_aep.operators import connections
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.operations import OPERATORS, Count, Operation, PreparedPlatform
from tests.harness.platform import COLUMNS
from tests.harness.workers import Worker, Workers

KILLED = [one for one in OPERATORS if one.ready and one.kind in ("create", "update", "switch")]
RACING = [
    one
    for one in KILLED
    if one.kind == "create" and not one.name.endswith(("'fail'", "without a mark"))
    if one.covers != "CreateMappingSetOperator"  # it has no name to race for
]
QUICK = {"CreateDataflowOperator, publish", "CreateDatasetOperator, update", *(one.name for one in RACING)}
"""The operations that `make test` kills."""
NIGHTLY = pytest.mark.nightly
RACERS = 4


class Task:
    """The task of an operation, on an emulator with what exists before."""

    def __init__(self, operation: Operation, emulator: Emulator, workers: Workers) -> None:
        emulator.reset()
        assert operation.ready
        platform = PreparedPlatform(emulator)
        if operation.name.endswith("the schema"):  # else the field group is what they race for
            platform.field_group("Rows fields", {name: {"type": "string"} for name in COLUMNS})
        self.emulator = emulator
        self.done: Count
        self._arguments, self.done = operation.ready(platform)
        self._workers = workers
        module = "connections" if hasattr(connections, operation.covers) else "dataflows"
        self._kind = f"{module}.{operation.covers}"
        emulator.forget_requests()

    def start(self, **options: Any) -> Worker:
        """Start a try."""
        arguments = {"name": None, **self._arguments}
        return self._workers.start(self.emulator.url, kind=self._kind, settle=0, **arguments, **options)


def returned(worker: Worker) -> Any:
    """Return what a try returned."""
    result = worker.result()
    assert "error" not in result, f"{result['error']}\n{worker.said()}"
    return result["id"]


@pytest.fixture(autouse=True)
def hook_of_the_test(
    make_hook: MakeHook, emulator: Emulator, paypal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the test, too, create by operators what exists before."""
    make_hook(emulator.url)
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "0")


def requests_of(operation: Operation, emulator: Emulator, workers: Workers) -> tuple[int, int]:
    """Return how many requests an undisturbed try sends, and the number of the one at stake."""
    task = Task(operation, emulator, workers)
    returned(task.start())
    sent = emulator.requests()
    assert task.done() == 1
    stake = next(n for n, one in enumerate(sent, 1) if operation.matches(one["method"], one["path"]))
    return len(sent), stake


def kills() -> Iterator[Any]:
    """Yield each operation with the kill after its request at stake, and with a kill at each request."""
    for operation in KILLED:
        name = operation.name.replace(" ", "_")
        marks = () if operation.name in QUICK else NIGHTLY
        yield pytest.param(operation, False, id=f"{name}-some", marks=marks)
        yield pytest.param(operation, True, id=f"{name}-every", marks=NIGHTLY)


@pytest.mark.parametrize(("operation", "whole"), kills())
def test_a_task_survives_a_kill(
    emulator: Emulator, workers: Workers, operation: Operation, whole: bool
) -> None:
    """Whatever the try had done when it died, the retry does the rest, and nothing twice."""
    count, stake = requests_of(operation, emulator, workers)
    every = [(at, number) for number in range(1, count + 1) for at in ("before", "after")]
    for point in every if whole else [("after", stake)]:
        task = Task(operation, emulator, workers)
        first = task.start(kill=point)
        assert first.was_killed, f"{point}\n{first.said()}"
        returned(task.start())
        assert task.done() == 1, point


def races() -> Iterator[Any]:
    """Yield each create that has a name to race for."""
    for operation in RACING:
        quick = operation.covers in (
            "CreateSchemaOperator",
            "CreateDatasetOperator",
            "CreateDataflowOperator",
        )
        name = operation.name.replace(" ", "_")
        yield pytest.param(operation, id=name, marks=() if quick else NIGHTLY)


@pytest.mark.parametrize("operation", races())
def test_a_race(emulator: Emulator, workers: Workers, operation: Operation) -> None:
    """All of them list and see none, and send their POST; one entity exists in the end, and all name it."""
    _, stake = requests_of(operation, emulator, workers)
    task = Task(operation, emulator, workers)
    racers = [task.start(pause=("before", stake), run_id=f"run_{number}") for number in range(RACERS)]
    for worker in racers:
        worker.wait_stopped()
    assert task.done() == 0
    for worker in racers:
        worker.go_on()
    assert len({str(returned(worker)) for worker in racers}) == 1
    sent = [operation.matches(one["method"], one["path"]) for one in emulator.requests()]
    assert sent.count(True) == RACERS, "it was no race"
    assert task.done() == 1
