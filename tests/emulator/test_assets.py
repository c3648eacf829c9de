"""Events of assets, as Airflow stores them when a wait has ended: by `airflow dags test`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_aep.assets import EVENT_KEYS, aep_dataset
from airflow_provider_aep.flow_service.errors import AepPermissionError, AepReplyError, AepServerError
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
from tests.harness import canary
from tests.harness.connections import MakeHook
from tests.harness.dag_plans import aep_connection, run_plan
from tests.harness.emulator import Emulator
from tests.harness.operators import context, unwrapped
from tests.harness.platform import Platform, decide
from tests.harness.run_server import RunServer
from tests.harness.waits import deferred, resumed, sensor
from tests.harness.workers import wait_until

PLANS = 'Plans / 100% "€" é'
DAG = f"""
from airflow.sdk import DAG, Asset, AssetAlias
from airflow_provider_aep.assets import aep_dataset
from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator
from airflow_provider_aep.operators.dataflows import RunDataflowOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
from airflow_provider_aep.task_groups import paypal_ingestion

PARAMS = {{"flow_id": "", "run_id": "", "once_id": ""}}
RUN = {{"flow_id": "{{{{ params.flow_id }}}}", "run_id": "{{{{ params.run_id }}}}"}}
WAITS = aep_dataset("Waits")

with DAG("landing", schedule=None, params=PARAMS):
    RunDataflowOperator(
        task_id="run", flow_id="{{{{ params.once_id }}}}", window_start="2024-02-01", window_end="2024-02-02",
        delta_column="Create_Time", outlets=[WAITS, Asset("other")],
    )
    connection = CreatePayPalConnectionOperator(task_id="create_connection", name="Landing")
    paypal_ingestion.partial(connection_id=connection.output, outlets=AssetAlias("tables")).expand_kwargs([
        {{"table": "PayPal.Billing_Plans", "dataset": {PLANS!r}}},
        {{"table": "PayPal.Billing_Plans_Payment_Definition", "dataset": "Definitions"}},
    ])

with DAG("modes", schedule=None, params=PARAMS):
    FlowRunSensor(task_id="in_slot", deferrable=False, outlets=WAITS, **RUN)
    FlowRunSensor(task_id="rescheduled", deferrable=False, mode="reschedule", outlets=WAITS, **RUN)
    FlowRunSensor(task_id="by_reference", outlets=[Asset.ref(name=WAITS.name)], **RUN)
    FlowRunSensor(task_id="in_sandbox", sandbox="prod", outlets=AssetAlias("tables"), **RUN)

with DAG("failing", schedule=None, params=PARAMS):
    FlowRunSensor(task_id="fails", outlets=[WAITS, AssetAlias("tables")], **RUN)

with DAG("skipping", schedule=None, params=PARAMS):
    FlowRunSensor(task_id="skips", soft_fail=True, outlets=[WAITS, AssetAlias("tables")], **RUN)
"""


@dataclass
class Stored:
    """What Airflow stored."""

    database: Path
    dataset: str
    """The dataset's name of the runs that were waited for."""

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database)) as database:
            return database.execute(query, values).fetchall()

    def events(self, dag_id: str) -> dict[tuple[str, int], list[tuple[str, Any]]]:
        """Return URI and content of each event, by task and map index."""
        found: dict[tuple[str, int], list[tuple[str, Any]]] = {}
        for task, index, uri, extra in self._rows(
            "SELECT source_task_id, source_map_index, uri, e.extra FROM asset_event e "
            "JOIN asset a ON a.id = e.asset_id WHERE source_dag_id = ? ORDER BY uri",
            dag_id,
        ):
            found.setdefault((task, index), []).append((uri, json.loads(extra)))
        return found

    def states(self, dag_id: str) -> dict[str, str]:
        """Return how each task ended."""
        return dict(self._rows("SELECT task_id, state FROM task_instance WHERE dag_id = ?", dag_id))

    def result(self, dag_id: str, task: str, index: int) -> dict[str, Any]:
        """Return what a task returned."""
        query = "SELECT value FROM xcom WHERE (dag_id, task_id, map_index, key) = (?, ?, ?, 'return_value')"
        value = json.loads(self._rows(query, dag_id, task, index)[0][0])
        return dict(json.loads(value) if isinstance(value, str) else value)


def ended(platform: Platform, status: str) -> dict[str, str]:
    """Let a run of a new dataflow end so within seconds; return the ids of both."""
    flow = platform.flow(platform.prepared())
    (run,) = wait_until(lambda: platform.runs(flow), "a run")
    decide(platform, run["id"], status=status)
    return {"flow_id": flow, "run_id": run["id"]}


@pytest.fixture(scope="module")
def stored(emulator_process: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """Run all DAGs in one process: importing Airflow and making its database takes longest."""
    emulator_process.reset()
    platform = Platform(emulator_process)
    bad, good = ended(platform, "failed"), ended(platform, "success")
    dataset = platform.catalog("GET", f"/dataSets/{platform.dataset_id}").json()[platform.dataset_id]["name"]
    runs = [
        {"name": "landing", "dag": "landing", "conf": {"once_id": platform.flow(platform.once())}},
        {"name": "modes", "dag": "modes", "conf": good},
        {"name": "failing", "dag": "failing", "conf": bad},
        {"name": "skipping", "dag": "skipping", "conf": bad},
    ]
    paypal = {"conn_type": "paypal", "login": canary.PAYPAL_ID, "password": canary.PAYPAL_SECRET}
    known = {"aep_default": aep_connection(emulator_process.url), "paypal_default": paypal}
    directory = tmp_path_factory.mktemp("assets")
    log, succeeded = run_plan(emulator_process.url, runs, known, directory, assets=DAG)
    assert succeeded == ["landing", "modes", "skipping"], log[-5000:]
    return Stored(directory / "home" / "airflow.db", dataset)


def test_a_wait_that_ended_well_has_an_event(stored: Stored) -> None:
    """Deferred, in a worker slot, rescheduled, started on demand, and in a mapped group."""
    waits = [aep_dataset("Waits").uri]
    assert {task: [uri for uri, _ in told] for task, told in stored.events("landing").items()} == {
        ("run", -1): [*waits, "other"],
        ("paypal_ingestion.wait_for_run", 0): [aep_dataset(PLANS).uri],
        ("paypal_ingestion.wait_for_run", 1): [aep_dataset("Definitions").uri],
    }
    assert {task: [uri for uri, _ in told] for task, told in stored.events("modes").items()} == {
        ("in_slot", -1): waits,
        ("rescheduled", -1): waits,
        ("by_reference", -1): waits,
        ("in_sandbox", -1): [aep_dataset(stored.dataset, sandbox="prod").uri],
    }


@pytest.mark.parametrize("dag_id", ["landing", "modes"])
def test_an_event_has_the_facts_of_its_run(stored: Stored, dag_id: str) -> None:
    """In the form of the wait's result. The event of another asset stays empty."""
    for (task, index), told in stored.events(dag_id).items():
        result = stored.result(dag_id, task, index)
        assert result["status"] == "success"
        facts = {key: result[key] for key in EVENT_KEYS}
        assert None not in facts.values()
        assert all(extra == ({} if uri == "other" else facts) for uri, extra in told)


def test_other_waits_have_no_event(stored: Stored) -> None:
    """The run failed: one task failed, the other was skipped."""
    assert stored.states("failing") == {"fails": "failed"}
    assert stored.states("skipping") == {"skips": "skipped"}
    assert stored.events("failing") == stored.events("skipping") == {}


def with_events() -> dict[str, Any]:
    """Return the context of a try, with Airflow's own object for events."""
    return {**context(), "outlet_events": OutletEventAccessors()}


def alias_events(ctx: dict[str, Any]) -> list[Any]:
    """Return the events that a try added to aliases."""
    return [event for accessor in ctx["outlet_events"].values() for event in accessor.asset_alias_events]


@pytest.mark.parametrize("sandbox", [None, "None", "prod"])
def test_a_resumed_task_names_the_sandbox_as_the_dag_does(
    emulator: Emulator, make_hook: MakeHook, sandbox: str | None
) -> None:
    """The wait stores the connection's own sandbox by its name, and the asset must not change with that."""
    make_hook(emulator.url)
    platform = Platform(emulator)
    platform.stop_clock()
    flow = platform.flow(platform.prepared())
    platform.advance(1)
    (run,) = platform.runs(flow)
    name = platform.catalog("GET", f"/dataSets/{platform.dataset_id}").json()[platform.dataset_id]["name"]
    task = FlowRunSensor(
        task_id="wait", flow_id=flow, run_id=run["id"], sandbox=sandbox, outlets=AssetAlias("tables")
    )
    left, ctx = deferred(task, with_events()), with_events()
    platform.advance(60)
    resumed(task, left, {"status": "ended", "flow_id": flow, "run_id": run["id"]}, ctx)
    (event,) = alias_events(ctx)
    desired = aep_dataset(name, sandbox="prod" if sandbox == "prod" else None)
    assert (event.dest_asset_key.uri, event.source_alias_name) == (desired.uri, "tables")
    assert event.extra["run_id"] == run["id"]


def test_a_dataset_whose_name_cannot_be_read_fails_the_task(emulator: Emulator, make_hook: MakeHook) -> None:
    """An alias needs the name. Else an event would be missing for good, and nobody would know."""
    make_hook(emulator.url)
    platform = Platform(emulator)
    run = ended(platform, "success")
    emulator.advance(10)
    for status, kind in ((403, AepPermissionError), (503, AepServerError)):
        emulator.clear_faults()
        emulator.fault(method="GET", path=platform.dataset_id, status=status, times=100)
        ctx = with_events()
        task = FlowRunSensor(task_id="wait", outlets=[AssetAlias("tables")], **run)
        with unwrapped(kind, match="dataSets"):
            task.execute(ctx)
        assert alias_events(ctx) == []


@pytest.mark.parametrize(
    ("name", "last"),
    [
        (" Orders ", "Orders"),
        ("Orders {{ old }} {% x", "Orders%20%7B%7B%20old%20%7D%7D%20%7B%25%20x"),
        (" ", None),
        (None, None),
        ("x" * 1500, None),
    ],
)
def test_a_dataset_with_an_odd_name_does_not_fail_the_task(
    emulator: Emulator, make_hook: MakeHook, logged: Any, name: Any, last: str | None
) -> None:
    """The run ended well. If its dataset's name cannot be in an asset, a warning says why."""
    make_hook(emulator.url)
    platform = Platform(emulator)
    run = ended(platform, "success")
    emulator.advance(10)
    emulator.fault(
        method="GET",
        path=f"/dataSets/{platform.dataset_id}",
        status=200,
        body={platform.dataset_id: {"name": name}},
    )
    ctx = with_events()
    result = FlowRunSensor(task_id="wait", outlets=[AssetAlias("tables")], **run).execute(ctx)
    assert result["status"] == "success"
    uris = [event.dest_asset_key.uri for event in alias_events(ctx)]
    assert uris == ([] if last is None else [f"aep://aep_default/-/{last}"])
    assert ("cannot be an asset" in logged()) is (last is None)


def test_an_unknown_dataset(server: RunServer) -> None:
    """A named dataset has its event, in which the id is unknown. With an alias a retry reads again."""
    server.add("run-1", status="COMPLETED")
    orders, ctx = aep_dataset("Orders"), with_events()
    result = sensor(outlets=orders).execute(ctx)
    assert ctx["outlet_events"][orders].extra == {key: result[key] for key in EVENT_KEYS}
    assert (result["run_id"], result["dataset_id"]) == ("run-1", None)
    ctx = with_events()
    with pytest.raises(AepReplyError, match="run-1 is unknown") as caught:
        sensor(outlets=AssetAlias("tables")).execute(ctx)
    assert caught.value.retryable
    assert alias_events(ctx) == []
