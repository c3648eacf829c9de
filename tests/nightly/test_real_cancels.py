"""Fifty triggers in a real triggerer, twenty of them cancelled while they ask Airflow for something.

It runs on whatever Airflow is installed: what spoils a triggerer of 3.1 cannot be seen on 3.3.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from airflow.sdk import BaseOperator
from airflow.secrets import BaseSecretsBackend
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_aep._compat import aget_connection, amask_secret, apush_xcom, atask_state
from scripts.local_airflow import LocalAirflow
from scripts.processes import LocalError
from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID
from tests.harness.real_airflow import select
from tests.harness.run_server import RunServer
from tests.harness.workers import wait_until

pytestmark = [pytest.mark.nightly, pytest.mark.matrix]
ROOT = Path(__file__).parents[2]
LONG = 400.0
WAITS, CLEARED, MARKED, PAUSED = 30, 7, 7, 6
CONNECTIONS = 5
DAGS = f'''
"""Thirty waits, fourteen tasks whose triggers do nothing but ask Airflow, six watchers that do the same."""
from airflow.sdk import DAG, Asset, AssetWatcher
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
from tests.nightly.test_real_cancels import Asking, Asks

with DAG("waiting", schedule=None, max_active_tasks=100):
    FlowRunSensor.partial(task_id="wait", match="latest", poll_interval=2, timeout=3600).expand_kwargs(
        [
            {{"flow_id": f"flow-{{one}}", "aep_conn_id": f"aep_runs_{{one % {CONNECTIONS}}}"}}
            for one in range({WAITS})
        ]
    )

with DAG("asking", schedule=None, max_active_tasks=100):
    Asking.partial(task_id="ask").expand(number=list(range({CLEARED + MARKED})))

assets = [
    Asset(f"watched-{{one}}", watchers=[AssetWatcher(name="ask", trigger=Asks(1000 + one))])
    for one in range({PAUSED})
]
with DAG("watching", schedule=assets):
    EmptyOperator(task_id="nothing")
'''


# A real Airflow imports these from here

SLOW = 0.03
"""Seconds that a request for a connection takes at least: there is always one under way."""


class SlowSecrets(BaseSecretsBackend):
    """A secrets backend that knows nothing, and takes its time for it."""

    def get_connection(self, conn_id: str, *_args: Any, **_kwargs: Any) -> None:
        """Go on with the next backend."""
        time.sleep(SLOW)


class Asks(BaseEventTrigger):
    """Asks until it is cancelled. ``number`` makes each another trigger."""

    def __init__(self, number: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.number = number

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class, and what makes the same one again."""
        return "tests.nightly.test_real_cancels.Asks", {"number": self.number}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask in every way in turn."""
        turn = 0
        while True:
            turn += 1
            await aget_connection("aep_runs")
            await amask_secret(f"a-secret-of-{self.number}-{turn}")
            if self.task_instance is not None:
                await atask_state(self.task_instance)
            if self.task_instance is not None and turn % 50 == 1:  # SQLite takes one writer at a time
                await apush_xcom(self.task_instance, "turn", str(turn))
        yield


class Asking(BaseOperator):
    """Defers to :class:`Asks`; another try ends at once."""

    template_fields = ("number",)

    def __init__(self, *, number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number

    def execute(self, context: Any) -> None:
        """Wait, or be done."""
        if context["ti"].try_number == 1:
            self.defer(trigger=Asks(self.number), method_name="execute")


# The test


class Triggers:
    """The two DAG runs and the watchers, and what can be done to them."""

    def __init__(self, airflow: LocalAirflow) -> None:
        self.airflow = airflow
        for name in ("waiting", "asking", "watching"):
            airflow.api.wait_for_dag(name, "", seconds=LONG, watch=airflow.check)
        self.runs = {name: airflow.api.trigger(name, {}) for name in ("waiting", "asking")}
        self.order("PATCH", "/dags/watching", {"is_paused": False})

    def states(self, name: str) -> Counter[str]:
        """How many tasks of a DAG run are in which state."""
        query = (
            "SELECT state, count(*) FROM task_instance WHERE run_id = :run AND dag_id = :dag GROUP BY state"
        )
        return Counter(dict(select(self.airflow, query, run=self.runs[name], dag=name)))

    def running(self) -> int:
        """How many triggers the triggerer has."""
        return int(select(self.airflow, "SELECT count(*) FROM trigger WHERE triggerer_id IS NOT NULL")[0][0])

    def turns(self) -> int:
        """How many tasks have asked in every way at least once."""
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
        self.order("PATCH", f"{self.path('asking')}/ask/{number}", {"new_state": "failed"})

    def clear(self, numbers: Iterable[int]) -> None:
        """As with the button in Airflow's UI."""
        names = [["ask", number] for number in numbers]
        tasks = {"dag_run_id": self.runs["asking"], "task_ids": names}
        order = {"dry_run": False, "only_failed": False, "reset_dag_runs": True, **tasks}
        self.order("POST", "/dags/asking/clearTaskInstances", order)

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
    wait_until(lambda: triggers.running() == WAITS + PAUSED, "fourteen to be gone", LONG)
    triggers.order("PATCH", "/dags/watching", {"is_paused": True})
    wait_until(lambda: triggers.running() == WAITS, "twenty to be gone", LONG)
    triggers.airflow.check()


def test_cancelled_questions_leave_the_triggerer_alone(tmp_path: Path) -> None:
    """It lives, the other waits end well; their runs are told and linked while they are deferred."""
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "waiting.py").write_text(DAGS)
    settings = {
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__SECRETS__BACKEND": "tests.nightly.test_real_cancels.SlowSecrets",
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
        wait_until(lambda: triggers.turns() == CLEARED + MARKED, "all that ask to run", LONG)
        wait_until(lambda: triggers.running() == WAITS + CLEARED + MARKED + PAUSED, "fifty to run", LONG)
        (triggerer,) = [service for service in airflow.services if service.name == "triggerer"]
        members = {process.pid for process in triggerer.members()}

        cancel_twenty(triggers)

        for number in range(WAITS):
            server.add(f"run-{number}", f"flow-{number}")
        wait_until(lambda: "run-7" in str(triggers.links(7)), "a link to a run under way", LONG)
        assert triggers.states("waiting") == {"deferred": WAITS}
        assert "Run run-7 of dataflow 'The flow-7' (flow-7) is selected" in triggers.log(7)
        for number in range(WAITS):
            server.finish(f"run-{number}")
        for name, state in (("waiting", "success"), ("asking", "failed")):
            run_id = triggers.runs[name]
            assert airflow.api.wait_for_run(name, run_id, seconds=LONG, watch=airflow.check) == state
        assert triggers.states("waiting") == {"success": WAITS}
        assert triggers.states("asking") == {"success": CLEARED, "failed": MARKED}
        assert members == {process.pid for process in triggerer.members()}
        assert "has died" not in (airflow.logs / "triggerer.log").read_text(errors="replace")
