"""`on_data_landed` in a real Airflow: it starts by itself when a wait of another DAG has ended well."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pendulum
import pytest

from airflow_provider_aep.assets import EVENT_KEYS
from scripts.local_airflow import LocalAirflow
from tests.harness.figures import KeepFigure
from tests.harness.workers import wait_until

LONG = 300.0
CONSUMER = "on_data_landed"
PRODUCER = '''
"""One table into the dataset that `on_data_landed` waits for."""
from airflow.sdk import DAG
from airflow_provider_aep.assets import aep_dataset
from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator
from airflow_provider_aep.task_groups import paypal_ingestion

with DAG("producer", schedule=None):
    connection = CreatePayPalConnectionOperator(task_id="create_connection")
    paypal_ingestion(
        connection_id=connection.output,
        dataset="PayPal catalogue",
        outlets=aep_dataset("PayPal catalogue"),
    )
'''


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[LocalAirflow]:
    """Run every component of an Airflow that has the two DAGs."""
    dags = tmp_path / "dags"
    dags.mkdir()
    shutil.copy(Path(__file__).parents[2] / "dags" / f"{CONSUMER}.py", dags)
    (dags / "producer.py").write_text(PRODUCER)
    with LocalAirflow(tmp_path / "airflow", dags=dags) as airflow:
        airflow.start()
        airflow.emulator("clock", "POST", {"running": False})  # the run ends when the wait is deferred
        for name in (CONSUMER, "producer"):
            airflow.api.wait_for_dag(name, "", seconds=LONG, watch=airflow.check)
        airflow.api("PATCH", f"/dags/{CONSUMER}", {"is_paused": False})
        yield airflow


def task(airflow: LocalAirflow, dag_id: str, run_id: str, name: str) -> dict[str, Any]:
    """Return a task instance as Airflow shows it."""
    return next((one for one in airflow.api.tasks(dag_id, run_id) if one["task_id"] == name), {})


def test_a_wait_starts_the_dag_that_uses_the_data(airflow: LocalAirflow, figure: KeepFigure) -> None:
    """The wait is deferred. The consumer starts when it has ended, and sees the run once."""
    api, wait = airflow.api, "paypal_ingestion.wait_for_run"
    run_id = api.trigger("producer")

    def deferred() -> bool:
        airflow.check()
        return bool(task(airflow, "producer", run_id, wait).get("state") == "deferred")

    wait_until(deferred, "the deferred wait", LONG, pause=0.5)
    assert api("GET", f"/dags/{CONSUMER}/dagRuns")["dag_runs"] == []
    # on a slow machine the run begins long after the clock was stopped
    airflow.emulator("clock", "POST", {"advance": 600})
    assert api.wait_for_run("producer", run_id, seconds=LONG, watch=airflow.check) == "success"

    def started() -> list[dict[str, Any]]:
        airflow.check()
        return list(api("GET", f"/dags/{CONSUMER}/dagRuns")["dag_runs"])

    (started_run,) = wait_until(started, "the consumer's run", LONG, pause=0.5)
    own = started_run["dag_run_id"]
    assert started_run["run_type"] == "asset_triggered"
    assert api.wait_for_run(CONSUMER, own, seconds=LONG, watch=airflow.check) == "success"
    result = api.xcom("producer", run_id, wait)
    assert result["records_written"] > 0
    assert api.xcom(CONSUMER, own, "list_runs") == [{key: result[key] for key in EVENT_KEYS}]
    ended = pendulum.parse(task(airflow, "producer", run_id, wait)["end_date"])
    first = pendulum.parse(task(airflow, CONSUMER, own, "list_runs")["start_date"])
    seconds = (first - ended).total_seconds()  # type: ignore[operator,union-attr]
    figure("from the end of a wait to the consumer's first task", f"{seconds:.1f} s")
