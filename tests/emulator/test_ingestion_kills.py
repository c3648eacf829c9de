"""SIGKILL at every request of every task of `paypal_ingestion`, and the retry: one of each, each row once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import platform as path
from tests.harness.dag_runs import DAY, HOUR, DagRun, Point, Step
from tests.harness.documented_sources import source_rows
from tests.harness.emulator import Emulator
from tests.harness.task_process import RESUMED
from tests.harness.workers import Workers

TASKS = (
    "inspect_table",
    "create_schema",
    "create_dataset",
    "create_source_connection",
    "create_target_connection",
    "create_mapping_set",
    "create_dataflow",
    "wait_for_run",
)
STEPS = [f"paypal_ingestion.{name}" for name in (*TASKS, f"wait_for_run{RESUMED}")]
ORDER = {
    "table": path.PRODUCTS,
    "dataset": "Products",
    "schedule": {"frequency": "day", "interval": 1},
    "delta_column": "Create_Time",
}
ONE_EACH = (
    "connections",
    "sourceConnections",
    "targetConnections",
    "flows",
    "schemas",
    "datasets",
    "mappingSets",
)
NIGHTLY = pytest.mark.nightly
WHOLE = [False, pytest.param(True, marks=NIGHTLY)]
WITH, WITHOUT = "with the state store", "without"
SAMPLE = {("create_dataflow", True), (f"wait_for_run{RESUMED}", False)}
"""Of the steps, those that `make test` kills by themselves, and whether with the state store."""


class Ingestion:
    """The group on an emulator as new."""

    def __init__(self, emulator: Emulator, workers: Workers, *, memory: bool) -> None:
        emulator.reset()
        self.emulator = emulator
        self._workers = workers
        self._memory = memory
        client = path.Platform(emulator)
        client.stop_clock()  # no run ends before its wait is deferred, however slow the machine is
        self._base = client.base()
        emulator.forget_requests()

    def run(self, directory: Path) -> DagRun:
        """A DAG run."""
        arguments = {"connection_id": self._base, **ORDER}
        build = "task_groups.paypal_ingestion"
        return DagRun(self.emulator, self._workers, directory, build, arguments, memory=self._memory)

    def hold_to_one_each(self, returned: dict[str, Any], *, runs: int) -> None:
        """One of each entity, and in the dataset each row of the source once."""
        state = self.emulator.state()
        assert {kind: state[kind] for kind in ONE_EACH} == dict.fromkeys(ONE_EACH, 1)
        assert state["runs"] == runs
        client = path.Platform(self.emulator)
        groups = path.made(client.registry("GET", "/tenant/fieldgroups", headers=path.SHORT), 200)
        assert len(groups["results"]) == 1
        landed = [row["_emulator"]["Product_Id"] for row in client.rows(returned["create_dataset"])]
        assert sorted(landed) == sorted(
            row["Product_Id"] for row in source_rows(path.PRODUCTS, (runs - 1) * DAY)
        )


def undisturbed(emulator: Emulator, workers: Workers, directory: Path) -> dict[str, Step]:
    """What the steps send, in a run whose rows are those of the source."""
    ingestion = Ingestion(emulator, workers, memory=False)
    run = ingestion.run(directory)
    returned = run.finish()
    found = {step.name: step for step in run.steps()}
    assert list(found) == STEPS
    ingestion.hold_to_one_each(returned, runs=1)
    landed = [row["_emulator"] for row in path.Platform(emulator).rows(returned["create_dataset"])]
    assert landed == source_rows(path.PRODUCTS)
    assert returned["wait_for_run"]["records_written"] == len(landed)
    return found


@pytest.fixture(scope="module")
def steps(
    emulator_process: Emulator, workers: Workers, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Step]:
    """The steps on the emulator as it is."""
    return undisturbed(emulator_process, workers, tmp_path_factory.mktemp("steps") / "run")


def kill_at(point: Point, step: Step, ingestion: Ingestion, directory: Path) -> None:
    """Die there once: the DAG run comes to the same end."""
    print(point)  # which one, where it fails
    run = ingestion.run(directory)
    step.begin(ingestion.emulator, point)
    returned = run.finish(point.kill(step.name))
    assert run.deaths == 1, "nobody was killed"
    ingestion.hold_to_one_each(returned, runs=1)


def steps_to_kill() -> Iterator[Any]:
    """Yield each step, with and without the state store."""
    for name in STEPS:
        for memory in (True, False):
            marks = () if (name.rpartition(".")[2], memory) in SAMPLE else NIGHTLY
            yield pytest.param(name, memory, id=f"{name}-{WITH if memory else WITHOUT}", marks=marks)


@pytest.mark.parametrize("whole", WHOLE, ids=["some", "every"])
@pytest.mark.parametrize(("name", "memory"), steps_to_kill())
def test_a_step_survives_a_kill(
    emulator: Emulator,
    workers: Workers,
    steps: dict[str, Step],
    tmp_path: Path,
    name: str,
    memory: bool,
    whole: bool,
) -> None:
    """A worker dies before a request leaves, with its reply lost or unused, or at the very end."""
    for number, point in enumerate(steps[name].points(whole)):
        ingestion = Ingestion(emulator, workers, memory=memory)
        kill_at(point, steps[name], ingestion, tmp_path / f"run_{number}")


@pytest.mark.parametrize(
    "memory", [pytest.param(True, id=WITH, marks=NIGHTLY), pytest.param(False, id=WITHOUT)]
)
@pytest.mark.parametrize("whole", WHOLE, ids=["some", "every"])
def test_a_dataflow_that_cannot_be_a_draft(
    workers: Workers, tmp_path: Path, memory: bool, whole: bool
) -> None:
    """It may ingest at once; it is one all the same, whenever its maker dies."""
    with Emulator("--drafts", "off") as emulator:
        step = undisturbed(emulator, workers, tmp_path / "run")["paypal_ingestion.create_dataflow"]
        for number, point in enumerate(step.points(whole)):
            ingestion = Ingestion(emulator, workers, memory=memory)
            kill_at(point, step, ingestion, tmp_path / f"run_{number}")


@pytest.mark.parametrize(
    "memory", [pytest.param(True, id=WITH), pytest.param(False, id=WITHOUT, marks=NIGHTLY)]
)
def test_every_task_killed_on_two_days(
    emulator: Emulator, workers: Workers, tmp_path: Path, memory: bool
) -> None:
    """The second run moves only the new rows, whatever dies on the way of both."""
    ingestion = Ingestion(emulator, workers, memory=memory)
    kills = [(name, "after", 2) for name in STEPS]
    first = ingestion.run(tmp_path / "first")
    ingestion.hold_to_one_each(first.finish(*kills), runs=1)
    emulator.advance(DAY - HOUR)
    second = ingestion.run(tmp_path / "second")
    returned = second.finish(*kills)
    assert returned["wait_for_run"]["records_written"] == 3
    ingestion.hold_to_one_each(returned, runs=2)
    assert first.deaths == second.deaths == len(STEPS)
