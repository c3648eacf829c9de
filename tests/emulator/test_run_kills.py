"""SIGKILL at every request of a run's start: never two runs of a window, and its rows once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from airflow_provider_aep.flow_service.runs import read_run
from tests.harness import platform as path
from tests.harness.dag_runs import HOUR, DagRun, Step
from tests.harness.emulator import Emulator
from tests.harness.task_process import RESUMED
from tests.harness.workers import Workers

WINDOW = (1_700_000_000, 1_720_000_000)
STEPS = ["run", f"run{RESUMED}"]
WITHOUT = pytest.mark.nightly
"""Without the store a retry polls some 10 s for the run of the killed try."""
WHOLE = [False, pytest.param(True, marks=pytest.mark.nightly)]


class OnDemand:
    """A one-time dataflow on an emulator as new, its own run over; what is started besides is a window's."""

    def __init__(self, emulator: Emulator, workers: Workers, *, memory: bool) -> None:
        emulator.reset()
        self._emulator = emulator
        self._workers = workers
        self._memory = memory
        self._client = path.Platform(emulator)
        self._flow = self._client.flow(self._client.once())
        self._client.advance(HOUR)
        self._whole = self._landed()
        emulator.forget_requests()

    def run(self, directory: Path) -> DagRun:
        """A DAG run."""
        arguments = {
            "task_id": "run",
            "flow_id": self._flow,
            "window_start": WINDOW[0],
            "window_end": WINDOW[1],
            "delta_column": "Create_Time",
        }
        build = "operators.dataflows.RunDataflowOperator"
        return DagRun(self._emulator, self._workers, directory, build, arguments, memory=self._memory)

    def moved(self) -> int:
        """How often the window's rows have been moved: all alike, and once by each of its runs."""
        self._client.advance(60)
        windows = [read_run(item).window for item in self._client.runs(self._flow)]
        again = self._landed() - self._whole
        times = set(again.values())
        assert len(times) <= 1
        assert windows.count(WINDOW) == len(windows) - 1 == max(times, default=0)
        return windows.count(WINDOW)

    def _landed(self) -> Counter[str]:
        return Counter(row["_emulator"]["Product_Id"] for row in self._client.rows())


@pytest.fixture(scope="module")
def steps(
    emulator_process: Emulator, workers: Workers, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Step]:
    """What the task sends if nobody disturbs it."""
    order = OnDemand(emulator_process, workers, memory=True)
    run = order.run(tmp_path_factory.mktemp("undisturbed") / "run")
    assert run.finish()["run"]["records_written"] > 0
    found = {step.name: step for step in run.steps()}
    assert list(found) == STEPS
    assert order.moved() == 1
    return found


@pytest.mark.parametrize("whole", WHOLE, ids=["some", "every"])
@pytest.mark.parametrize(
    "memory",
    [pytest.param(True, id="with the state store"), pytest.param(False, id="without", marks=WITHOUT)],
)
@pytest.mark.parametrize("name", STEPS)
def test_a_start_survives_a_kill(
    emulator: Emulator,
    workers: Workers,
    steps: dict[str, Step],
    tmp_path: Path,
    name: str,
    memory: bool,
    whole: bool,
) -> None:
    """One run; or an error that says that it is unknown, and one run when the task is cleared."""
    for number, point in enumerate(steps[name].points(whole)):
        print(point)  # which one, where it fails
        order = OnDemand(emulator, workers, memory=memory)
        run = order.run(tmp_path / f"run_{number}")
        steps[name].begin(emulator, point)
        error = run.go_on(point.kill(name))
        assert run.deaths == 1, "nobody was killed"
        if error is not None:
            assert "Clear the task" in error["text"]
            assert order.moved() == 0
            run.finish(max_tries=5)
        assert order.moved() == 1
