"""The ingestion group in a real Airflow: plain and mapped in one DAG, its workers and triggerer killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from scripts.local_airflow import LocalAirflow
from tests.harness import canary
from tests.harness.documented_sources import source_rows
from tests.harness.emulator import CLIENT_ID, ORG_ID
from tests.harness.figures import KeepFigure
from tests.harness.real_airflow import kill_triggerer, select, start_triggerer, tasks_talking_to
from tests.harness.wiretap import PUBLISHED, Wiretap
from tests.harness.workers import wait_until

LONG = 400.0
HOUR, DAY = 3600, 86400
KEYS = {
    "PayPal.Catalog_Products": "Product_Id",
    "PayPal.Billing_Plans": "Id",
    "PayPal.Billing_Plans_Payment_Definition": "Id",
}
PLACES = [("", -1), ("__1", 0), ("__1", 1)]
"""The group's suffix and the map index, of each table."""
DAG = '''
"""One table, and two more."""
from datetime import timedelta
from airflow.sdk import DAG
from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator
from airflow_provider_aep.task_groups import paypal_ingestion

with DAG("ingestion", schedule=None, default_args={"retries": 5, "retry_delay": timedelta(seconds=1)}):
    connection = CreatePayPalConnectionOperator(
        task_id="create_connection", aep_conn_id="aep_canary", paypal_conn_id="paypal_canary"
    )
    daily = {
        "connection_id": connection.output,
        "schedule": {"frequency": "day", "interval": 1},
        "aep_conn_id": "aep_canary",
    }
    paypal_ingestion(dataset="Products", delta_column="Create_Time", **daily)
    paypal_ingestion.partial(**daily, delta_column="Update_Time").expand_kwargs([
        {"table": "PayPal.Billing_Plans", "dataset": "Plans"},
        {"table": "PayPal.Billing_Plans_Payment_Definition", "dataset": "Definitions"},
    ])
'''


class Installation:
    """A real Airflow whose connections hold secrets that can be told from anything else."""

    def __init__(self, airflow: LocalAirflow, tap: Wiretap) -> None:
        self.airflow, self.tap = airflow, tap
        extra = {"org_id": ORG_ID, "ims_host": tap.url}
        aep = {"conn_type": "aep", "host": tap.url, "login": CLIENT_ID, "password": canary.AEP_SECRET}
        paypal = {"conn_type": "paypal", "login": canary.PAYPAL_ID, "password": canary.PAYPAL_SECRET}
        airflow.api.store_connections({"aep_canary": {**aep, "extra": extra}, "paypal_canary": paypal})
        airflow.emulator("clock", "POST", {"running": False})  # no run ends before all wait
        airflow.api.wait_for_dag("ingestion", "", seconds=LONG, watch=airflow.check)

    def finish(self, run_id: str) -> None:
        """Until all tasks are done."""
        ended = self.airflow.api.wait_for_run("ingestion", run_id, seconds=LONG, watch=self.airflow.check)
        assert ended == "success"

    def advance(self, seconds: float) -> None:
        """Move the emulator's clock."""
        self.airflow.emulator("clock", "POST", {"advance": seconds})

    def hold(self, path: str, when: str) -> None:
        """Let the next POST hang, before its effect or after it."""
        fault = {"method": "POST", "path": path, "when": when, "delay": 3600}
        self.airflow.emulator("faults", "POST", fault)

    def kill_held(self, path: str) -> None:
        """Once a POST is held, SIGKILL for the task that sent it, and for all that talk to the platform."""

        def held() -> bool:
            items = self.airflow.emulator("requests")["items"]
            return any(one["path"].endswith(path) and one["status"] is None for one in items)

        wait_until(held, f"a POST to {path}", LONG)
        for task in tasks_talking_to(self.airflow, self.tap.url):
            with suppress(psutil.NoSuchProcess):  # another that was just done
                task.kill()

    def triggers(self) -> list[tuple[Any, ...]]:
        """As they are stored while tasks wait."""
        return select(self.airflow, "SELECT * FROM trigger")

    def wait_for_all(self) -> None:
        """Until each table's wait is in the triggerer."""
        wait_until(lambda: len(self.triggers()) == len(KEYS), "all waits deferred", LONG)

    def landed(self, run_id: str) -> dict[str, list[str]]:
        """The keys in each dataset, by the table they are from; not one row holds a secret."""
        found = {}
        for (table, key), (group, index) in zip(KEYS.items(), PLACES, strict=True):
            task = f"paypal_ingestion{group}.create_dataset"
            dataset = self.airflow.api.xcom("ingestion", run_id, task, index)
            rows = self.airflow.emulator(f"datasets/{dataset}/rows")["items"]
            assert canary.find(json.dumps(rows)) == []
            found[table] = sorted(row["_emulator"][key] for row in rows)
        return found


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Installation]:
    """Every component, at DEBUG."""
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "ingestion.py").write_text(DAG)
    settings = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG", "AIRFLOW__AEP__SETTLE": "0.2"}
    with LocalAirflow(tmp_path / "airflow", dags=dags, environment=settings) as airflow:
        airflow.start()
        with Wiretap(airflow.emulator_url.removeprefix("http://"), PUBLISHED) as tap:
            yield Installation(airflow, tap)


def in_source(at: float = 0) -> dict[str, list[str]]:
    """The keys of each table."""
    return {table: sorted(row[key] for row in source_rows(table, at)) for table, key in KEYS.items()}


def hold_to_one_each(real: Installation, runs: int) -> None:
    """One of each entity a table, however often it was tried."""
    state = real.airflow.emulator("state")
    assert state.pop("connections") == 1
    assert state.pop("runs") == runs
    assert set(state.values()) == {len(KEYS)}, state


def test_tables_land_once(real: Installation) -> None:
    """Two groups in one DAG, one of them mapped, and two workers killed: each row once, and no secret."""
    held = {"/tenant/schemas": "before", "/flows": "after"}
    for path, when in held.items():
        real.hold(path, when)
    run_id = real.airflow.api.trigger("ingestion")
    for path in held:
        real.kill_held(path)
    real.wait_for_all()
    assert canary.find(str(real.triggers())) == []
    assert canary.leaks(real.airflow.home) == {}
    real.advance(HOUR)
    real.finish(run_id)
    tries = [task["try_number"] for task in real.airflow.api.tasks("ingestion", run_id)]
    assert sum(tries) >= len(tries) + len(held), "nobody was killed"
    assert real.landed(run_id) == in_source()
    hold_to_one_each(real, runs=len(KEYS))
    assert any(json.dumps(canary.PAYPAL_SECRET)[1:-1] in sent.body for sent in real.tap.sent), "never sent"
    assert canary.leaks(real.airflow.directory) == {}


@pytest.mark.nightly
def test_the_second_day_moves_only_new_rows(real: Installation, figure: KeepFigure) -> None:
    """Though the triggerer was killed on the first, while all waited."""
    first = real.airflow.api.trigger("ingestion")
    real.wait_for_all()
    kill_triggerer(real.airflow)
    real.advance(HOUR)
    start_triggerer(real.airflow)
    real.finish(first)
    landed = real.landed(first)
    assert landed == in_source()
    rows = sum(map(len, landed.values()))
    figure("triggerer killed while ingestions wait", f"{len(landed)} tables, {rows} rows, each once")

    real.advance(DAY)
    second = real.airflow.api.trigger("ingestion")
    real.finish(second)
    assert real.landed(second) == in_source(DAY)
    hold_to_one_each(real, runs=2 * len(KEYS))
    for group, index in PLACES:
        task = f"paypal_ingestion{group}.wait_for_run"
        assert real.airflow.api.xcom("ingestion", second, task, index)["records_written"] == 3
    assert canary.leaks(real.airflow.directory) == {}
