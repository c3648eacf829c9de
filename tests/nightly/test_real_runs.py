"""Twenty runs on demand of one dataflow in a real Airflow: each window once, whatever is lost or killed."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from airflow_provider_aep.flow_service.runs import read_run
from scripts.local_airflow import LocalAirflow
from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID, Emulator
from tests.harness.figures import KeepFigure
from tests.harness.platform import Platform
from tests.harness.real_airflow import kill_triggerer, select, start_triggerer, tasks_talking_to
from tests.harness.workers import wait_until

LONG = 400.0
TASKS = 20
FIRST, LENGTH = 1_700_000_000, 1_000_000
WINDOWS = [(float(FIRST + n * LENGTH), float(FIRST + (n + 1) * LENGTH)) for n in range(TASKS)]
DAG = '''
"""Brings in twenty windows of one dataflow."""
from datetime import timedelta
from airflow.sdk import DAG
from airflow_provider_aep.operators.dataflows import RunDataflowOperator

with DAG("windows", schedule=None, max_active_tasks={count}):
    RunDataflowOperator.partial(
        task_id="run",
        flow_id="{flow}",
        delta_column="Create_Time",
        aep_conn_id="aep_runs",
        poll_interval=1,
        retries=5,
        retry_delay=timedelta(seconds=1),
    ).expand_kwargs([{{"window_start": start, "window_end": end}} for start, end in {windows}])
'''


class Windows:
    """The DAG run, and the runs of its dataflow."""

    def __init__(self, airflow: LocalAirflow, path: Platform, flow: str) -> None:
        self.airflow, self.path, self.flow = airflow, path, flow
        airflow.api.wait_for_dag("windows", "", seconds=LONG, watch=airflow.check)
        self.run_id = airflow.api.trigger("windows", {})

    def deferred(self) -> int:
        """How many wait in the triggerer."""
        query = "SELECT count(*) FROM task_instance WHERE run_id = :run AND state = 'deferred'"
        return int(select(self.airflow, query, run=self.run_id)[0][0])

    def kill_held(self) -> None:
        """Once a POST is held, SIGKILL for the task that sent it."""

        def held() -> bool:
            sent = self.path.emulator.requests("POST", "/runs")
            return any(one["path"].endswith("/runs") and one["status"] is None for one in sent)

        wait_until(held, "a POST that is held", LONG)
        for task in tasks_talking_to(self.airflow, self.path.emulator.url):
            with suppress(psutil.NoSuchProcess):  # another that was just done
                task.kill()

    def finish(self) -> str:
        """Until all tasks are done; the DAG run's state."""
        return self.airflow.api.wait_for_run("windows", self.run_id, seconds=LONG, watch=self.airflow.check)

    def clear_failed(self) -> None:
        """As with the button in Airflow's UI."""
        order = {"dry_run": False, "only_failed": True, "reset_dag_runs": True, "dag_run_id": self.run_id}
        self.airflow.api("POST", "/dags/windows/clearTaskInstances", order)

    def ingested(self) -> Counter[tuple[float, float]]:
        """How often each window was brought in."""
        runs = [read_run(item) for item in self.path.runs(self.flow)]
        return Counter(run.window for run in runs if run.window in WINDOWS)

    def check_results(self) -> list[str]:
        """Each task that ended well returns the run of its own window; the states of all."""
        tasks = sorted(self.airflow.api.tasks("windows", self.run_id), key=lambda task: task["map_index"])
        for task in tasks:
            if task["state"] == "success":
                number = int(task["map_index"])
                result = self.airflow.api.xcom("windows", self.run_id, "run", number)
                assert read_run(self.path.get("runs", result["run_id"])).window == WINDOWS[number]
        return [task["state"] for task in tasks]

    def said(self, number: int) -> str:
        """The task's logs."""
        run = f"/dags/windows/dagRuns/{quote(self.run_id)}/taskInstances/run/logs"
        tries = next(
            task["try_number"]
            for task in self.airflow.api.tasks("windows", self.run_id)
            if task["map_index"] == number
        )
        return "".join(
            str(self.airflow.api("GET", f"{run}/{one}?map_index={number}&full_content=true"))
            for one in range(1, tries + 1)
        )


def installed(airflow: LocalAirflow, emulator: Emulator) -> None:
    """A running Airflow with its connection."""
    airflow.migrate()
    airflow.start_airflow()
    aep: dict[str, Any] = {"conn_type": "aep", "host": emulator.url, "login": CLIENT_ID}
    extra = {"org_id": ORG_ID, "ims_host": emulator.url}
    airflow.api.store_connections({"aep_runs": {**aep, "password": CLIENT_SECRET, "extra": extra}})


@pytest.mark.nightly
def test_twenty_windows(tmp_path: Path, emulator: Emulator, figure: KeepFigure) -> None:
    """Lost before and after the effect, killed in the POST, and a triggerer killed: no window twice."""
    path = Platform(emulator)
    flow = path.flow(path.once())
    path.advance(3600)
    assert path.runs(flow)
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "windows.py").write_text(DAG.format(flow=flow, windows=WINDOWS, count=TASKS))
    for lost in ({}, {"when": "after"}):
        emulator.fault(method="POST", path="/runs", drop=True, times=5, **lost)
        emulator.fault(method="POST", path="/runs", delay=3600, **lost)
    settings = {"AIRFLOW__CORE__PARALLELISM": "8"}
    with LocalAirflow(tmp_path / "airflow", dags=dags, environment=settings) as airflow:
        installed(airflow, emulator)
        windows = Windows(airflow, path, flow)
        for _ in range(2):
            windows.kill_held()
        wait_until(windows.deferred, "a wait", LONG)
        kill_triggerer(airflow)
        start_triggerer(airflow)
        windows.finish()
        states = windows.check_results()
        assert set(states) <= {"success", "failed"}
        assert windows.ingested() == dict.fromkeys(
            [window for window, state in zip(WINDOWS, states, strict=True) if state == "success"], 1
        )
        failed = [number for number, state in enumerate(states) if state == "failed"]
        assert failed, "no reply was lost before its effect"
        assert all("AEP-E508" in windows.said(number) for number in failed)

        emulator.clear_faults()
        windows.clear_failed()
        assert windows.finish() == "success"
        assert windows.check_results() == ["success"] * TASKS
        assert windows.ingested() == dict.fromkeys(WINDOWS, 1)
        figure(
            "runs on demand of one dataflow at once, replies lost, tasks and triggerer killed",
            f"{TASKS} windows, each once; {len(failed)} tasks said *ambiguous* and were cleared",
        )
