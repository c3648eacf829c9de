"""A hundred sensors in a real Airflow, whose triggerer is killed while they wait."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scripts.local_airflow import LocalAirflow
from tests.harness import canary
from tests.harness.emulator import CLIENT_ID, ORG_ID
from tests.harness.figures import KeepFigure
from tests.harness.real_airflow import kill_triggerer, select, start_triggerer
from tests.harness.run_server import RunServer
from tests.harness.workers import wait_until

WAITS = 100
LONG = 400.0
DAG = f'''
"""Waits for a hundred runs at a time."""
from airflow.sdk import DAG
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

with DAG("waiting", schedule=None, max_active_tasks={WAITS}):
    FlowRunSensor.partial(task_id="wait", flow_id="flow-1", timeout=3600, aep_conn_id="aep_runs").expand(
        run_id=[f"run-{{number}}" for number in range({WAITS})]
    )
'''


def stored_triggers(airflow: LocalAirflow) -> dict[str, Any]:
    """The deadline of each stored trigger, by its run."""
    found = {}
    for (text,) in select(airflow, "SELECT kwargs FROM trigger"):
        kwargs = json.loads(text)
        kwargs = kwargs.get("__var", kwargs)
        wait = kwargs["wait"]
        wait = wait.get("__var", wait)
        found[wait["run_id"]] = wait["deadline"]
    return found


def states(airflow: LocalAirflow, run_id: str) -> Counter[str]:
    """How many tasks are in which state."""
    query = "SELECT state, count(*) FROM task_instance WHERE run_id = :run GROUP BY state"
    return Counter(dict(select(airflow, query, run=run_id)))


def workers_done(airflow: LocalAirflow) -> int:
    """How many deferred tasks Airflow's workers have let go of, which can take them a minute.

    Airflow fails a task that resumes before that: it takes the worker's late word for one about that.
    """
    return (airflow.logs / "scheduler.log").read_text(errors="replace").count("final_state=deferred")


@pytest.mark.nightly
def test_a_killed_triggerer(tmp_path: Path, figure: KeepFigure) -> None:
    """All resume, none is doubled, no deadline moves, and nowhere lies a secret."""
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "waiting.py").write_text(DAG)
    settings = {"AIRFLOW__CORE__PARALLELISM": "8", "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": str(WAITS)}
    with (
        RunServer() as server,
        LocalAirflow(tmp_path / "airflow", dags=dags, environment=settings) as airflow,
    ):
        for number in range(WAITS):
            server.add(f"run-{number}")
        airflow.start()
        aep = {"conn_type": "aep", "host": server.url, "login": CLIENT_ID, "password": canary.AEP_SECRET}
        extra = {"org_id": ORG_ID, "ims_host": server.url}
        airflow.api.store_connections({"aep_runs": {**aep, "extra": extra}})
        airflow.api.wait_for_dag("waiting", "", seconds=LONG, watch=airflow.check)
        run_id = airflow.api.trigger("waiting", {})
        wait_until(lambda: states(airflow, run_id)["deferred"] == WAITS, "all deferred", LONG)
        wait_until(lambda: workers_done(airflow) == WAITS, "the workers to be done with them", LONG)
        before = stored_triggers(airflow)
        assert len(before) == WAITS
        wait_until(lambda: server.seen("/runs?"), "a poll", LONG)

        kill_triggerer(airflow)
        assert stored_triggers(airflow) == before
        for number in range(WAITS):
            server.finish(f"run-{number}", "success" if number else "failed")
        start_triggerer(airflow)
        wait_until(lambda: states(airflow, run_id)["deferred"] < WAITS, "the first to resume", LONG)

        assert airflow.api.wait_for_run("waiting", run_id, seconds=LONG, watch=airflow.check) == "failed"
        assert states(airflow, run_id) == {"success": WAITS - 1, "failed": 1}
        tasks = airflow.api.tasks("waiting", run_id)
        assert {task["try_number"] for task in tasks} == {1}
        assert canary.leaks(airflow.directory) == {}
        figure(
            "triggerer killed while sensors wait",
            f"{len(tasks)} waits, each ended as its run, in its first try",
        )
