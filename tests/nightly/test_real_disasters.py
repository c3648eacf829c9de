"""The machines below a real Airflow fail while it creates and waits: nothing is lost, nothing is doubled.

The triggerer's own end is in `test_real_waiting.py` and `test_real_ingestion.py`, the tasks' in
`test_real_crashes.py`, a full disk in `tests/emulator/test_full_disk.py`, a clock set back in
`tests/emulator/test_clock_set_back.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path as File
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from scripts.local_airflow import LocalAirflow
from scripts.processes import LocalError
from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID, PAYPAL_ID, PAYPAL_SECRET, Emulator
from tests.harness.figures import KeepFigure
from tests.harness.platform import Platform
from tests.harness.postgres import Postgres, found
from tests.harness.real_airflow import revive, tasks_talking_to
from tests.harness.workers import wait_until

pytestmark = pytest.mark.nightly
SETTINGS = {
    # A lost task counts as lost soon, not after five minutes.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__AEP__SETTLE": "0.2",
}
LONG = 600.0
HELD = 60.0
"""Seconds that a POST is held: it outlasts the disaster."""

NAMES = ["First", "Second"]
DAG = '''
"""What a disaster finds under way."""
from datetime import timedelta
from airflow.sdk import DAG
from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

again = {{"retries": 30, "retry_delay": timedelta(seconds=2)}}
with DAG("disaster", schedule=None, default_args={{"aep_conn_id": "aep_disaster", **again}}):
    create = CreatePayPalConnectionOperator.partial(task_id="create", paypal_conn_id="paypal_disaster")
    create.expand(name={names})
    FlowRunSensor(task_id="wait", flow_id="{flow}", match="latest", timeout=3600)
'''


def patiently(condition: Callable[[], Any], what: str) -> None:
    """Twice a second: to ask Airflow costs it something."""

    def slow() -> Any:
        time.sleep(0.5)
        return condition()

    wait_until(slow, what, LONG)


class UnderWay:
    """One POST is held before its effect and one after it; the run that is waited for goes on."""

    def __init__(self, airflow: LocalAirflow, platform: Emulator) -> None:
        self.airflow, self.platform = airflow, platform
        path = Platform(platform)
        path.stop_clock()
        flow = path.flow(path.prepared())
        path.advance(3)
        (run,) = path.runs(flow)
        self.awaited = str(run["id"])
        dags = airflow.directory / "dags"
        dags.mkdir(parents=True)
        (dags / "disaster.py").write_text(DAG.format(names=NAMES, flow=flow))
        airflow.migrate()
        airflow.start_airflow()
        self._store_connections()
        airflow.api.wait_for_dag("disaster", "", seconds=LONG, watch=airflow.check)
        for when in ("before", "after"):
            platform.fault(method="POST", path="/connections", when=when, delay=HELD)
        platform.forget_requests()
        self.run_id = airflow.api.trigger("disaster")
        patiently(lambda: self.held() == len(NAMES), "both POSTs")
        patiently(lambda: self.states("wait") == ["deferred"], "the wait to be deferred")
        assert self.held() == len(NAMES)

    def _store_connections(self) -> None:
        extra = {"org_id": ORG_ID, "ims_host": self.platform.url, "timeout": 5 * HELD}
        aep = {"conn_type": "aep", "host": self.platform.url, "login": CLIENT_ID, "password": CLIENT_SECRET}
        paypal = {"conn_type": "paypal", "login": PAYPAL_ID, "password": PAYPAL_SECRET}
        connections = {"aep_disaster": {**aep, "extra": extra}, "paypal_disaster": paypal}
        self.airflow.api.store_connections(connections)

    def held(self) -> int:
        """How many POSTs wait for their reply."""
        return sum(one["status"] is None for one in self.platform.requests("POST", "/connections"))

    def tasks(self, task_id: str) -> list[dict[str, Any]]:
        """The instances of a task, mapped ones in their order."""
        tasks = self.airflow.api.tasks("disaster", self.run_id)
        return sorted((one for one in tasks if one["task_id"] == task_id), key=lambda one: one["map_index"])

    def states(self, task_id: str) -> list[str]:
        """Their states."""
        return [str(task["state"]) for task in self.tasks(task_id)]

    def given_up(self) -> bool:
        """Whether no task of Airflow's holds a connection to the platform any more."""
        try:
            return not any(tasks_talking_to(self.airflow, self.platform.url))
        except psutil.NoSuchProcess:
            return False

    def answers(self) -> bool:
        """Whether Airflow can be asked."""
        try:
            self.airflow.api("GET", "/dags/disaster")
        except (LocalError, OSError):
            return False
        return True

    def said(self, number: int) -> str:
        """The logs of one try of the creates."""
        files = self.airflow.task_logs.rglob(f"task_id=create/*/attempt={number}.log")
        return "\n".join(file.read_text(errors="replace") for file in files)

    def end(self) -> None:
        """The platform ends its run, and the DAG run has to end well."""
        self.platform.control("POST", f"runs/{self.awaited}", {"status": "success"})
        run = f"/dags/disaster/dagRuns/{quote(self.run_id)}"

        def ended() -> bool:
            revive(self.airflow)
            return self.answers() and self.airflow.api("GET", run)["state"] in ("success", "failed")

        patiently(ended, "the end of the DAG run")
        states = self.states("create") + self.states("wait")
        assert set(states) == {"success"}, states

    def hold_to_one_each(self) -> str:
        """One connection a name, which the XCom names, and the run that was meant; as a figure."""
        listed = self.platform.api()("GET", "/connections", params={"limit": 100}).json()["items"]
        made = [one for one in listed if one["name"] in NAMES]
        assert sorted(one["name"] for one in made) == NAMES, made
        for index, name in enumerate(NAMES):
            (existing,) = [one["id"] for one in made if one["name"] == name]
            assert self.airflow.api.xcom("disaster", self.run_id, "create", index) == existing
        result = self.airflow.api.xcom("disaster", self.run_id, "wait")
        assert (result["run_id"], result["status"]) == (self.awaited, "success"), result
        assert self.platform.state()["runs"] == 1
        return f"{len(NAMES)} creates held, {len(made)} connections; 1 wait deferred, 1 run"


@pytest.mark.skipif(
    not found("initdb"), reason="no PostgreSQL server is installed: its `initdb` is not found"
)
def test_the_metadata_database_crashes(tmp_path: File, figure: KeepFigure) -> None:
    """Down for so long that Airflow gives both tries up: the next ones find what exists.

    Airflow's DAG processor and triggerer do not survive it, and its scheduler need not: what has ended is
    started again, as systemd would.
    """
    with ExitStack() as stack:
        database = stack.enter_context(Postgres())
        platform = stack.enter_context(Emulator())
        home, settings = tmp_path / "airflow", {**SETTINGS, **database.settings}
        airflow = stack.enter_context(LocalAirflow(home, dags=home / "dags", environment=settings))
        under_way = UnderWay(airflow, platform)
        database.crash()
        assert not under_way.answers()
        patiently(under_way.given_up, "the end of both tries")
        database.start()
        under_way.end()
        assert all(task["try_number"] > 1 for task in under_way.tasks("create"))
        figure("metadata database crashed in a create and a wait", under_way.hold_to_one_each())


def test_the_platform_is_killed(tmp_path: File, figure: KeepFigure) -> None:
    """The tasks' tries say that it cannot be reached; once it is back, the next ones find what exists."""
    with ExitStack() as stack:
        state = str(tmp_path / "state")
        platform = stack.enter_context(Emulator("--state", state))
        home = tmp_path / "airflow"
        airflow = stack.enter_context(LocalAirflow(home, dags=home / "dags", environment=SETTINGS))
        under_way = UnderWay(airflow, platform)
        platform.kill()
        patiently(lambda: all(task["try_number"] > 1 for task in under_way.tasks("create")), "second tries")
        assert "AepConnectError" in under_way.said(1)
        assert under_way.states("wait") == ["deferred"]
        under_way.platform = stack.enter_context(Emulator("--state", state, "--port", str(platform.port)))
        under_way.end()
        figure("platform killed in a create and a wait, then restarted", under_way.hold_to_one_each())
