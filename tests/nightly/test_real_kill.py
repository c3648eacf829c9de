"""`disable_on_kill` in a real Airflow: what users do to deferred tasks, and what happens to triggerers."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from airflow.triggers.base import BaseTrigger

from scripts.local_airflow import LocalAirflow
from scripts.processes import Service, stop
from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID, Emulator
from tests.harness.platform import Platform
from tests.harness.real_airflow import select, start_triggerer
from tests.harness.workers import wait_until

LONG = 400.0
FAILED, SUCCEEDED, CLEARED, LEFT = range(4)
DAG = '''
"""Waits for runs of four dataflows."""
from airflow.sdk import DAG
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

with DAG("killing", schedule=None):
    options = {{"match": "latest", "disable_on_kill": True, "aep_conn_id": "aep_kill"}}
    FlowRunSensor.partial(task_id="wait", **options).expand(flow_id={flows})
'''

SLOT_DAG = '''
"""Waits in a worker's slot."""
from airflow.sdk import DAG
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

with DAG("in_a_slot", schedule=None):
    options = {{"deferrable": False, "disable_on_kill": True, "aep_conn_id": "aep_kill"}}
    FlowRunSensor(task_id="wait", flow_id={flow!r}, **options)
'''


class Waits:
    """The four waits of one DAG run, and what can be done to them."""

    def __init__(self, airflow: LocalAirflow, path: Platform, flows: list[str]) -> None:
        self.airflow, self.path, self.flows = airflow, path, flows
        airflow.api.wait_for_dag("killing", "", seconds=LONG, watch=airflow.check)
        self.run_id = airflow.api.trigger("killing", {})

    def deferred(self) -> int:
        """How many are deferred."""
        query = "SELECT count(*) FROM task_instance WHERE run_id = :run AND state = 'deferred'"
        return int(select(self.airflow, query, run=self.run_id)[0][0])

    def try_of(self, number: int) -> int:
        """Which try of it Airflow is at."""
        query = "SELECT try_number FROM task_instance WHERE run_id = :run AND map_index = :number"
        return int(select(self.airflow, query, run=self.run_id, number=number)[0][0])

    def mark(self, number: int, state: str) -> None:
        """As with the button in Airflow's UI."""
        path = f"/dags/killing/dagRuns/{quote(self.run_id)}/taskInstances/wait/{number}"
        self.airflow.api("PATCH", path, {"new_state": state})

    def clear(self, number: int) -> None:
        """As with the button in Airflow's UI."""
        tasks = {"dag_run_id": self.run_id, "task_ids": [["wait", number]]}
        order = {"dry_run": False, "only_failed": False, "reset_dag_runs": True, **tasks}
        self.airflow.api("POST", "/dags/killing/clearTaskInstances", order)

    def off(self, number: int) -> bool:
        """Whether its dataflow was disabled."""
        return str(self.path.get("flows", self.flows[number])["state"]) in ("disabled", "disabling")

    def said(self, number: int) -> str:
        """The logs of its triggers."""
        files = self.airflow.task_logs.rglob(f"*map_index={number}/*trigger*")
        return "\n".join(file.read_text(errors="replace") for file in files)

    def wait_for_a_poll(self) -> None:
        """Until some triggerer has asked for runs from here on."""
        self.path.emulator.forget_requests()
        wait_until(lambda: self.path.emulator.requests("GET", "/runs"), "a poll", LONG)


def users(waits: Waits) -> None:
    """Marked tasks end with their dataflows; a cleared one waits again, and its dataflow goes on.

    AEP takes its time: longer than the triggerer's pause between two cancels.
    """
    waits.path.emulator.fault(path="/action", delay=5, times=2)
    waits.mark(FAILED, "failed")
    waits.mark(SUCCEEDED, "success")
    waits.clear(CLEARED)
    wait_until(lambda: waits.off(FAILED) and waits.off(SUCCEEDED), "both disabled", LONG)
    wait_until(
        lambda: "was not disabled in spite of" in waits.said(CLEARED), "a word about the cleared one", LONG
    )
    wait_until(lambda: waits.try_of(CLEARED) == 2 and waits.deferred() == 2, "it waits again", LONG)
    line = f"Disabled dataflow 'Flow {FAILED}' ({waits.flows[FAILED]})"
    wait_until(lambda: line in waits.said(FAILED), "a word about the failed one", LONG)


def reassignment(waits: Waits, first: Service) -> Service:
    """A stopped triggerer is told to kill what another one has taken over: it finds that nobody ended it."""

    def owners() -> set[Any]:
        return {owner for (owner,) in select(waits.airflow, "SELECT triggerer_id FROM trigger")}

    before = owners()
    for process in first.members():
        process.send_signal(signal.SIGSTOP)
    second = start_triggerer(waits.airflow, "triggerer-2")
    wait_until(lambda: owners() and not owners() & before, "the second to take over", LONG)
    for process in first.members():
        process.send_signal(signal.SIGCONT)
    wait_until(lambda: "the task is deferred" in waits.said(LEFT), "a word from the first", LONG)
    return second


@pytest.mark.nightly
@pytest.mark.skipif(not hasattr(BaseTrigger, "on_kill"), reason="before 3.3 nobody tells a triggerer")
def test_users_and_triggerers(tmp_path: Path, emulator: Emulator) -> None:
    """A user's end disables; clearing, a take-over and a shutdown do not; the order outlives them all."""
    path = Platform(emulator)
    path.stop_clock()
    body = path.prepared()
    flows = [path.flow({**body, "name": f"Flow {number}"}) for number in range(4)]
    path.advance(3)
    assert all(path.runs(flow) for flow in flows)
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "killing.py").write_text(DAG.format(flows=flows))
    settings = {
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    }
    with LocalAirflow(tmp_path / "airflow", dags=dags, environment=settings) as airflow:
        airflow.start()
        airflow.api.store_connections({"aep_kill": connection(emulator)})
        waits = Waits(airflow, path, flows)
        wait_until(lambda: waits.deferred() == len(flows), "all deferred", LONG)
        waits.wait_for_a_poll()
        users(waits)

        (first,) = [service for service in airflow.services if service.name == "triggerer"]
        second = reassignment(waits, first)
        stop([first, second])
        airflow.services = [one for one in airflow.services if one not in (first, second)]
        start_triggerer(airflow, "triggerer-3")
        waits.wait_for_a_poll()
        assert waits.deferred() == 2
        assert not waits.off(CLEARED)
        assert not waits.off(LEFT)
        waits.mark(LEFT, "failed")
        wait_until(lambda: waits.off(LEFT), "the last disabled", LONG)
        assert not waits.off(CLEARED)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("method", "reply"), [("POST", "/ims/token/v3"), ("GET", "/runs")], ids=["token", "poll"]
)
def test_a_user_ends_a_wait_in_a_slot(tmp_path: Path, emulator: Emulator, method: str, reply: str) -> None:
    """In the middle of a request. Airflow's supervisor ends the process 5 s after SIGTERM."""
    path = Platform(emulator)
    path.stop_clock()
    flow = path.flow(path.prepared())
    path.advance(3)
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "in_a_slot.py").write_text(SLOT_DAG.format(flow=flow))
    parts = ("api-server", "scheduler", "dag-processor")
    settings = {"AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1"}
    with LocalAirflow(tmp_path / "airflow", dags=dags, components=parts, environment=settings) as airflow:
        airflow.migrate()
        airflow.start_airflow()
        airflow.api.store_connections({"aep_kill": connection(emulator)})
        airflow.api.wait_for_dag("in_a_slot", "", seconds=LONG, watch=airflow.check)
        emulator.fault(method=method, path=reply, delay=2 * LONG)
        emulator.forget_requests()
        run_id = airflow.api.trigger("in_a_slot", {})
        wait_until(lambda: emulator.requests(method, reply), "the request", LONG)
        task = f"/dags/in_a_slot/dagRuns/{quote(run_id)}/taskInstances/wait"
        airflow.api("PATCH", task, {"new_state": "failed"})
        off = ("disabled", "disabling")
        wait_until(lambda: path.get("flows", flow)["state"] in off, "the dataflow disabled", LONG, pause=0.2)


def connection(emulator: Emulator) -> dict[str, Any]:
    """The Airflow connection to an emulator."""
    extra = {"org_id": ORG_ID, "ims_host": emulator.url, "timeout": 2 * LONG}
    return {
        "conn_type": "aep",
        "host": emulator.url,
        "login": CLIENT_ID,
        "password": CLIENT_SECRET,
        "extra": extra,
    }
