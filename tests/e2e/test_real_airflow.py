"""What only a real Airflow shows: its retries, its clearing, links while a task runs, what it writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from scripts.local_airflow import LocalAirflow
from tests.harness import canary
from tests.harness.emulator import CLIENT_ID, ORG_ID
from tests.harness.real_airflow import tasks_talking_to
from tests.harness.wiretap import PUBLISHED, Wiretap
from tests.harness.workers import wait_until

ROOT = Path(__file__).parents[2]
DAG = "paypal_connection"
TASK = "create_connection"
LINK = "aep_connection_link"
LONG = 240.0


class Installation:
    """A real Airflow, with what these tests ask of it."""

    def __init__(self, airflow: LocalAirflow) -> None:
        self.airflow = airflow
        self.api = airflow.api

    def run(self, dag_id: str, **conf: Any) -> str:
        """Start a run of a DAG as soon as Airflow knows it."""
        self.api.wait_for_dag(dag_id, "", seconds=LONG, watch=self.airflow.check)
        return self.api.trigger(dag_id, conf)

    def finish(self, dag_id: str, run_id: str) -> str:
        """How the run ends."""
        return self.api.wait_for_run(dag_id, run_id, seconds=LONG, watch=self.airflow.check)

    def task(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """The creating task's instance."""
        return next(task for task in self.api.tasks(dag_id, run_id) if task["task_id"] == TASK)

    def link(self, dag_id: str, run_id: str) -> str | None:
        """The XCom that the link is made of, if it is there."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{TASK}/xcomEntries"
        found = self.api("GET", path)["xcom_entries"]
        if not any(entry["key"] == LINK for entry in found):
            return None
        return str(self.api("GET", f"{path}/{LINK}?stringify=false")["value"])

    def posts(self) -> list[dict[str, Any]]:
        """The POSTs that the emulator has seen."""
        items = self.airflow.emulator("requests")["items"]
        return [r for r in items if (r["method"], r["path"][-12:]) == ("POST", "/connections")]

    def existing(self) -> int:
        """How many connections stand."""
        return int(self.airflow.emulator("state")["connections"])

    def kill_task(self) -> None:
        """SIGKILL for the process that talks to the emulator."""
        url = self.airflow.emulator_url
        (worker,) = wait_until(lambda: list(tasks_talking_to(self.airflow, url)), "a worker at the emulator")
        worker.kill()
        wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "its end")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """API server, scheduler and DAG processor at DEBUG, with the DAG of the README on a brisk retry."""
    directory = tmp_path_factory.mktemp("real")
    dags = directory / "dags"
    dags.mkdir()
    text = (ROOT / "dags" / f"{DAG}.py").read_text()
    brisk = text.replace("timedelta(seconds=30)", "timedelta(seconds=1)")
    assert brisk != text
    (dags / f"{DAG}.py").write_text(brisk)
    settings = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG", "AIRFLOW__AEP__SETTLE": "0.2"}
    parts = ("api-server", "scheduler", "dag-processor")
    with LocalAirflow(directory, dags=dags, components=parts, environment=settings) as airflow:
        airflow.start()
        yield Installation(airflow)


def test_killed_twice_and_cleared(real: Installation) -> None:
    """SIGKILL before the effect and after it, then Airflow's own last retry, then a clear: one each time."""
    held = {"method": "POST", "path": "/connections", "delay": 3600}
    for when in ("before", "after"):
        real.airflow.emulator("faults", "POST", {**held, "when": when})
    run_id = real.run(DAG)
    for number, stand in ((1, 0), (2, 1)):
        wait_until(lambda number=number: len(real.posts()) == number, f"POST {number}", LONG)  # type: ignore[misc]
        assert real.posts()[-1]["status"] is None
        assert real.existing() == stand
        real.kill_task()
    assert real.finish(DAG, run_id) == "success"
    assert real.existing() == 1
    made = real.api.xcom(DAG, run_id, TASK)
    assert real.task(DAG, run_id)["try_number"] == 3
    assert made in (real.link(DAG, run_id) or "")

    chosen = {"dag_run_id": run_id, "task_ids": [TASK], "dry_run": False, "only_failed": False}
    real.api("POST", f"/dags/{DAG}/clearTaskInstances", chosen)
    wait_until(lambda: real.task(DAG, run_id)["try_number"] == 4, "the cleared task", LONG)
    assert real.finish(DAG, run_id) == "success"
    assert real.api.xcom(DAG, run_id, TASK) == made
    assert real.existing() == 1
    assert len(real.posts()) == 2


def test_all_tasks_share_one_token(real: Installation) -> None:
    """Killed and cleared ones too: Airflow made a Fernet key at its first start."""
    assert real.finish(DAG, real.run(DAG)) == "success"
    sent = real.airflow.emulator("requests")["items"]
    assert [one["status"] for one in sent if one["path"] == "/ims/token/v3"] == [200]
    assert list((real.airflow.home / "shared").glob("token-*"))


def test_mapped_tables_are_shown_by_their_paths(real: Installation) -> None:
    """In the grid, beside the state: 0, 1, 2 tell nobody which table failed."""
    run_id = real.run(DAG)
    assert real.finish(DAG, run_id) == "success"
    tables = [table["path"] for table in real.api.xcom(DAG, run_id, "list_tables")]
    mapped = [task for task in real.api.tasks(DAG, run_id) if task["task_id"] == "inspect_table"]
    shown = {task["map_index"]: task["rendered_map_index"] for task in mapped}
    assert shown == dict(enumerate(tables))


def test_no_secret_in_any_file(real: Installation) -> None:
    """Everything a real run writes, at DEBUG: task logs, service logs, the database."""
    host = real.airflow.emulator_url.removeprefix("http://")
    with Wiretap(host, PUBLISHED) as tap:
        extra = {"org_id": ORG_ID, "ims_host": tap.url}
        aep = {"conn_type": "aep", "host": tap.url, "login": CLIENT_ID, "password": canary.AEP_SECRET}
        paypal = {"conn_type": "paypal", "login": canary.PAYPAL_ID, "password": canary.PAYPAL_SECRET}
        real.api.store_connections({"aep_canary": {**aep, "extra": extra}, "paypal_canary": paypal})
        run_id = real.run(DAG, name="Canary", aep_conn_id="aep_canary", paypal_conn_id="paypal_canary")
        assert real.finish(DAG, run_id) == "success"
        refused = echo_run(real)
        assert any(json.dumps(canary.PAYPAL_SECRET)[1:-1] in sent.body for sent in tap.sent), "never sent"
    files = [path for path in real.airflow.directory.rglob("*") if path.is_file()]
    assert any(refused in str(path) for path in files), "no log of the run"
    assert canary.leaks(real.airflow.directory) == {}
    logs = real.airflow.task_logs.rglob("*.log")
    assert [str(path) for path in logs if canary.find(path.read_bytes())] == []


def echo_run(real: Installation) -> str:
    """A run whose POST is refused with all that was sent: its id."""
    told = " ".join(form for secret in canary.CANARIES[:4] for form in canary.usual_spellings(secret))
    fault = {"method": "POST", "path": "/connections", "status": 400, "body": {"message": told}}
    real.airflow.emulator("faults", "POST", fault)
    run_id = real.run(DAG, name="Refused", aep_conn_id="aep_canary", paypal_conn_id="paypal_canary")
    assert real.finish(DAG, run_id) == "failed"
    assert real.task(DAG, run_id)["try_number"] == 1, "a retry cannot help"
    return run_id
