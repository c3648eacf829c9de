"""Fifty triggers in a real triggerer, twenty of them cancelled while they look something up.

It runs on whatever Airflow is installed: what spoils a triggerer of 3.1 cannot be seen on 3.3.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scripts.local_airflow import LocalAirflow
from scripts.processes import LocalError
from tests.harness.airflow_database import select
from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID
from tests.harness.run_server import RunServer
from tests.harness.workers import wait_until

ROOT = Path(__file__).parents[2]
LONG = 400.0
WAITS, CLEARED, MARKED, PAUSED = 30, 7, 7, 6
CONNECTIONS = 5
DAGS = f'''
"""Thirty waits, fourteen tasks whose triggers do nothing but look up, six watchers that do the same."""
from airflow.sdk import DAG, Asset, AssetWatcher
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
from tests.harness.looking_up import LookingUp, LooksUp

with DAG("waiting", schedule=None, max_active_tasks=100):
    FlowRunSensor.partial(task_id="wait", match="latest", poll_interval=2, timeout=3600).expand_kwargs(
        [
            {{"flow_id": f"flow-{{one}}", "aep_conn_id": f"aep_runs_{{one % {CONNECTIONS}}}"}}
            for one in range({WAITS})
        ]
    )

with DAG("looking", schedule=None, max_active_tasks=100):
    LookingUp.partial(task_id="look").expand(number=list(range({CLEARED + MARKED})))

assets = [
    Asset(f"watched-{{one}}", watchers=[AssetWatcher(name="look", trigger=LooksUp(1000 + one))])
    for one in range({PAUSED})
]
with DAG("watching", schedule=assets):
    EmptyOperator(task_id="nothing")
'''


class Triggers:
    """The two DAG runs and the watchers, and what can be done to them."""

    def __init__(self, airflow: LocalAirflow) -> None:
        self.airflow = airflow
        for name in ("waiting", "looking", "watching"):
            airflow.api.wait_for_dag(name, "", seconds=LONG, watch=airflow.check)
        self.runs = {name: airflow.api.trigger(name, {}) for name in ("waiting", "looking")}
        self.order("PATCH", "/dags/watching", {"is_paused": False})

    def states(self, name: str) -> Counter[str]:
        """How many tasks of a DAG run are in which state."""
        query = (
            "SELECT state, count(*) FROM task_instance WHERE run_id = :run AND dag_id = :dag GROUP BY state"
        )
        return Counter(dict(select(self.airflow, query, run=self.runs[name], dag=name)))

    def at_work(self) -> int:
        """How many triggers the triggerer has."""
        return int(select(self.airflow, "SELECT count(*) FROM trigger WHERE triggerer_id IS NOT NULL")[0][0])

    def turns(self) -> int:
        """How many tasks have got through all kinds of look-ups at least once."""
        return int(select(self.airflow, "SELECT count(*) FROM xcom WHERE key = 'turn'")[0][0])

    def order(self, method: str, path: str, body: Any) -> None:
        """Ask Airflow's API to do it, again while SQLite is busy: twice is once."""

        def done() -> bool:
            try:
                self.airflow.api(method, path, body)
            except (LocalError, OSError) as error:
                self.airflow.check()
                return " answered 409" in str(error)
            return True

        wait_until(done, f"{method} {path}", LONG)

    def path(self, name: str) -> str:
        """The DAG run in Airflow's API."""
        return f"/dags/{name}/dagRuns/{quote(self.runs[name])}/taskInstances"

    def mark(self, number: int) -> None:
        """Failed, as with the button in Airflow's UI."""
        self.order("PATCH", f"{self.path('looking')}/look/{number}", {"new_state": "failed"})

    def clear(self, numbers: Iterable[int]) -> None:
        """As with the button in Airflow's UI."""
        names = [["look", number] for number in numbers]
        tasks = {"dag_run_id": self.runs["looking"], "task_ids": names}
        order = {"dry_run": False, "only_failed": False, "reset_dag_runs": True, **tasks}
        self.order("POST", "/dags/looking/clearTaskInstances", order)

    def log(self, number: int) -> str:
        """The log of a wait, as Airflow's UI shows it."""
        path = f"{self.path('waiting')}/wait/{number}/logs/1?full_content=true&map_index={number}"
        return json.dumps(self.airflow.api("GET", path.replace(f"wait/{number}/logs", "wait/logs")))

    def links(self, number: int) -> dict[str, Any]:
        """The links of a wait, as Airflow's UI shows them."""
        found: dict[str, Any] = self.airflow.api(
            "GET", f"{self.path('waiting')}/wait/links?map_index={number}"
        )
        return dict(found["extra_links"])


def cancel_twenty(triggers: Triggers) -> None:
    """By clearing, by marking and by pausing.

    A triggerer of Airflow 3.1 asks its supervisor one thing at a time. The last are cancelled together, while
    nobody else asks: so one of them is cancelled between its question and the answer.
    """
    triggers.clear(range(CLEARED))
    for number in range(CLEARED, CLEARED + MARKED):
        triggers.mark(number)
    wait_until(lambda: triggers.at_work() == WAITS + PAUSED, "fourteen to be gone", LONG)
    triggers.order("PATCH", "/dags/watching", {"is_paused": True})
    wait_until(lambda: triggers.at_work() == WAITS, "twenty to be gone", LONG)
    triggers.airflow.check()


def test_cancelled_look_ups_leave_the_triggerer_alone(tmp_path: Path) -> None:
    """It lives, the other waits end well; their runs are told and linked while they are deferred."""
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "waiting.py").write_text(DAGS)
    settings = {
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__SECRETS__BACKEND": "tests.harness.looking_up.SlowSecrets",
        # longer than SQLite waits by itself for its turn to write, and shorter than the API's caller waits
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db?timeout=20",
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "100",
    }
    with (
        RunServer() as server,
        LocalAirflow(tmp_path / "airflow", dags=dags, environment=settings) as airflow,
    ):
        airflow.start()
        aep = {"conn_type": "aep", "host": server.url, "login": CLIENT_ID, "password": CLIENT_SECRET}
        aep = {**aep, "extra": {"org_id": ORG_ID, "ims_host": server.url}}
        names = ["aep_runs", *(f"aep_runs_{one}" for one in range(CONNECTIONS))]
        airflow.api.store_connections(dict.fromkeys(names, aep))
        triggers = Triggers(airflow)
        wait_until(lambda: triggers.states("waiting")["deferred"] == WAITS, "all waits deferred", LONG)
        wait_until(lambda: triggers.turns() == CLEARED + MARKED, "all that look up at work", LONG)
        wait_until(lambda: triggers.at_work() == WAITS + CLEARED + MARKED + PAUSED, "fifty at work", LONG)
        (triggerer,) = [service for service in airflow.services if service.name == "triggerer"]
        members = {process.pid for process in triggerer.members()}

        cancel_twenty(triggers)

        for number in range(WAITS):
            server.add(f"run-{number}", f"flow-{number}")
        wait_until(lambda: "run-7" in str(triggers.links(7)), "a link to a run under way", LONG)
        assert triggers.states("waiting") == {"deferred": WAITS}
        assert "Run run-7 of dataflow 'The flow-7' (flow-7) is meant" in triggers.log(7)
        for number in range(WAITS):
            server.finish(f"run-{number}")
        for name, state in (("waiting", "success"), ("looking", "failed")):
            run_id = triggers.runs[name]
            assert airflow.api.wait_for_run(name, run_id, seconds=LONG, watch=airflow.check) == state
        assert triggers.states("waiting") == {"success": WAITS}
        assert triggers.states("looking") == {"success": CLEARED, "failed": MARKED}
        assert members == {process.pid for process in triggerer.members()}
        assert "has died" not in (airflow.logs / "triggerer.log").read_text(errors="replace")
