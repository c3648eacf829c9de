"""Operators keep data from one try to the next in Airflow's task state store, on a real database.

Each run is a real `airflow dags test`, with its tries. On Airflow before 3.3 there is no store, and the same
runs show what becomes of a task then.
"""

from __future__ import annotations

import importlib.util
import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.operators import connections, dataflows
from airflow_provider_aep.operators.base import CreateOperator
from tests.harness import operations
from tests.harness.all_operators import every_operator
from tests.harness.dag_plans import aep_connection, run_plan
from tests.harness.emulator import PAYPAL_ID, PAYPAL_SECRET, Emulator
from tests.harness.operations import PreparedPlatform
from tests.harness.platform import COLUMNS

HAS_STORE = importlib.util.find_spec("airflow.models.task_state_store") is not None
needs_a_store = pytest.mark.skipif(not HAS_STORE, reason="Airflow before 3.3 has no task state store")
DAG = """
import json
from datetime import timedelta
import httpx
from airflow.sdk import DAG
from airflow.sdk.api.client import Client
from airflow_provider_aep.operators import connections, dataflows

calls = []
send = httpx.Client.send

def counting_send(self, request, **options):
    if isinstance(self, Client):
        calls.append(f"{{request.method}} {{request.url.path}}")
    return send(self, request, **options)

httpx.Client.send = counting_send

def begin(context):
    calls.clear()

def end(context, result=None):
    ti = context["ti"]
    print("--- calls", json.dumps([ti.dag_id, ti.task_id, ti.try_number, calls]), flush=True)
    if {fails!r} and ti.try_number == 1:
        raise RuntimeError("the first try ends here")

retries = {{"retries": 1, "retry_delay": timedelta(0)}}
with DAG({name!r}, schedule=None, default_args=retries):
    for task_id, module, kind, arguments in {orders!r}:
        getattr({{"connections": connections, "dataflows": dataflows}}[module], kind)(
            task_id=task_id, **arguments, pre_execute=begin, post_execute=end
        )
"""
"""Tasks side by side. With `fails` the first try of each does everything, and is lost all the same.

Each try prints its calls of Airflow's API within `execute`.
"""
DATE = "2026-01-01T00:00:00+00:00"
REFUSED = "Airflow's task state store ("
NO_WRITES = [
    f"CREATE TRIGGER no_{verb} BEFORE {verb} ON task_state_store BEGIN SELECT RAISE(ABORT, 'full'); END"
    for verb in ("INSERT", "UPDATE")
]
NOTHING = ["ALTER TABLE task_state_store RENAME TO mislaid"]
WRITES = ["DROP TRIGGER no_INSERT", "DROP TRIGGER no_UPDATE"]
Order = tuple[str, str, str, dict[str, Any]]


class Shared(PreparedPlatform):
    """A platform of several orders. Titles are unique, so a schema is made once."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self._schemas: dict[str, str] = {}

    def schema(self, title: str = "Products", columns: Any = COLUMNS) -> str:
        """A schema; its id."""
        if title not in self._schemas:
            self._schemas[title] = super().schema(title, columns)
        return self._schemas[title]


def keepers(platform: PreparedPlatform) -> list[Order]:
    """Every operator that keeps something, with an order that it can carry out."""
    start = datetime.fromtimestamp(platform.now() + 86_400, timezone.utc).isoformat()
    flow = {
        **platform.dataflow_arguments(),
        "schedule": {**operations.DAILY, "start": start},
        "name": "Another flow",
    }
    base = {"name": "Base", "source": "paypal", "source_conn_id": "paypal_default"}
    source, target = platform.source_arguments(), platform.target_arguments()
    given = {
        connections.CreateBaseConnectionOperator: base,
        connections.CreatePayPalConnectionOperator: {"name": "PayPal"},
        dataflows.CreateSchemaOperator: {**operations.SCHEMA, "name": "Other rows"},
        dataflows.CreateDatasetOperator: {"name": "Other dataset", "schema_id": platform.schema()},
        dataflows.CreateSourceConnectionOperator: {**source, "name": "Another source"},
        dataflows.CreateTargetConnectionOperator: {**target, "name": "Another target"},
        dataflows.CreateMappingSetOperator: {
            "schema_id": platform.schema(),
            "columns": operations.AS_COLUMNS,
        },
        dataflows.CreateDataflowOperator: flow,
        dataflows.RunDataflowOperator: {"flow_id": platform.once_flow(), **operations.RUN},
        dataflows.RetryFlowRunOperator: {"run_id": platform.failed_run(), "wait": False},
    }
    return [order(kind, arguments) for kind, arguments in given.items()]


def order(kind: type, arguments: dict[str, Any]) -> Order:
    """A task that is called as its operator."""
    module = "connections" if kind.__module__ == connections.__name__ else "dataflows"
    return kind.__name__, module, kind.__name__, arguments


def delete(flow: str) -> list[Order]:
    """The task that deletes a dataflow with its connections."""
    return [order(dataflows.DeleteDataflowOperator, {"flow_id": flow, "with_connections": True})]


@dataclass
class Plan:
    """DAG runs, one after the other, and the dataflows that they delete."""

    dags: dict[str, str] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    flows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(
        self,
        words: str,
        orders: list[Order],
        *,
        fails: bool = False,
        sql: list[str] | None = None,
        faults: list[dict[str, Any]] | None = None,
    ) -> None:
        """A DAG run."""
        name = words.replace(" ", "_")
        self.dags[name] = DAG.format(name=name, orders=orders, fails=fails)
        run = {"name": words, "faults": faults or [], "sql": sql or []}
        self.runs.append({**run, "command": ["dags", "test", name, DATE]})

    def clear(self, words: str, name: str, task: str) -> None:
        """Clear the DAG run of that name, do what the scheduler would do, and run its task again."""
        schedule = [
            f"UPDATE dag_run SET state = 'running', start_date = run_after WHERE dag_id = '{name}'",
            f"UPDATE task_instance SET try_number = try_number + 1 WHERE dag_id = '{name}'",
        ]
        clear, again = ["tasks", "clear", "--yes", name], ["tasks", "test", name, task, DATE]
        self.runs.append({"name": f"{words} first", "command": clear})
        self.runs.append({"name": words, "sql": schedule, "command": again})

    def flow(self, platform: PreparedPlatform, words: str) -> dict[str, Any]:
        """A dataflow with connections of its own."""
        flow = platform.flow_of()
        self.flows[words] = {**platform.get("flows", flow), "id": flow}
        return self.flows[words]


@dataclass
class Outcome:
    """The outcome of the plan.

    :param flows: the dataflows that were to be deleted, as they were
    :param left: what is left of each: kinds of entities
    :param kept: what is in the store at the end, by DAG and task
    :param posts: how often each path got a POST
    :param states: how the tasks of each DAG ended
    :param calls: the calls of Airflow's API within `execute`, by DAG, task and try
    """

    flows: dict[str, dict[str, Any]]
    left: dict[str, list[str]]
    logs: dict[str, str]
    well: list[str]
    kept: dict[tuple[str, str], list[dict[str, Any]]]
    posts: Counter[str]
    states: dict[str, list[str]]
    calls: dict[tuple[str, str, int], list[str]]


def refused(end: str, status: int, times: int) -> dict[str, Any]:
    """A source connection that cannot be deleted for a while."""
    return {"method": "DELETE", "path": end, "status": status, "body": {}, "times": times}


def planned(plan: Plan, platform: PreparedPlatform) -> None:
    """All runs. A DELETE that fails is sent four times by one try."""
    orders = keepers(platform)
    left, denied = plan.flow(platform, "left"), plan.flow(platform, "denied")
    plan.add("left", delete(left["id"]), faults=[refused(left["sourceConnectionIds"][0], 500, 4)])
    plan.add("denied", delete(denied["id"]), faults=[refused(denied["sourceConnectionIds"][0], 403, 1)])
    plan.clear("cleared", "denied", "DeleteDataflowOperator")
    plan.add("kept", orders, fails=HAS_STORE)
    plan.add("reused", [one for one in orders if "Create" in one[0]])
    if HAS_STORE:
        creates = [
            order(connections.CreatePayPalConnectionOperator, {"name": f"PayPal {words}"})
            for words in ("unwritten", "unread")
        ]
        unwritten, unread = plan.flow(platform, "unwritten"), plan.flow(platform, "unread")
        plan.add("unwritten", delete(unwritten["id"]), sql=NO_WRITES)
        plan.add("unwritten create", creates[:1], fails=True)
        plan.add("unread", delete(unread["id"]), sql=[*WRITES, *NOTHING])
        plan.add("unread create", creates[1:], fails=True)


@pytest.fixture(scope="module")
def outcome(emulator_process: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """All runs in one process: to import Airflow and to make its database takes longest."""
    emulator_process.reset()
    directory = tmp_path_factory.mktemp("store")
    plan, platform = Plan(), Shared(emulator_process)
    planned(plan, platform)
    emulator_process.forget_requests()
    paypal = {"conn_type": "paypal", "login": PAYPAL_ID, "password": PAYPAL_SECRET}
    url = emulator_process.url
    connected = {"aep_default": aep_connection(url), "paypal_default": paypal}
    log, succeeded = run_plan(url, plan.runs, connected, directory, **plan.dags)
    database = directory / "home" / "airflow.db"
    emulator_process.clear_faults()
    parts = [part.partition("\n") for part in log.split("=== ")]
    return Outcome(
        flows=plan.flows,
        left={words: left_of(platform, flow) for words, flow in plan.flows.items()},
        logs={words: text for words, _, text in parts},
        well=succeeded,
        kept=kept(database),
        posts=Counter(
            sent["path"].rpartition("/foundation")[2] for sent in emulator_process.requests("POST")
        ),
        states=states(database),
        calls=calls_in(log),
    )


def calls_in(log: str) -> dict[tuple[str, str, int], list[str]]:
    """By DAG, task and try: the calls of Airflow's API within `execute`, without ids and keys."""
    found = [json.loads(line[10:]) for line in log.splitlines() if line.startswith("--- calls ")]
    return {(dag, task, number): [short(call) for call in calls] for dag, task, number, calls in found}


def short(call: str) -> str:
    """`GET connections` for `GET /execution/connections/aep_default`."""
    method, _, path = call.partition(" ")
    return f"{method} {path.strip('/').removeprefix('execution/').partition('/')[0]}"


def left_of(platform: PreparedPlatform, flow: dict[str, Any]) -> list[str]:
    """Which of a dataflow and its connections exist."""
    ids = {"flows": flow["id"]}
    ids |= {f"{end}Connections": flow[f"{end}ConnectionIds"][0] for end in ("source", "target")}
    return [kind for kind, own in ids.items() if platform.api("GET", f"/{kind}/{own}").status_code == 200]


def states(database: Path) -> dict[str, list[str]]:
    """By DAG: the states of its tasks at the end."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT dag_id, state FROM task_instance").fetchall()
    found: dict[str, list[str]] = {}
    for dag, state in rows:
        found.setdefault(dag, []).append(state)
    return found


def kept(database: Path) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """By DAG and task: what is in the store at the end, though Airflow does not find it."""
    if not HAS_STORE:
        return {}
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT dag_id, task_id, value FROM mislaid").fetchall()
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for dag, task, value in rows:
        found.setdefault((dag, task), []).append(json.loads(value))
    return found


def test_every_operator_that_keeps_something_is_here(emulator: Emulator) -> None:
    """All creates do, both ways to start a run, and the one that deletes: the other tests have that one."""
    named = {kind for _, _, kind, _ in keepers(Shared(emulator))}
    creates = {name for name, kind in every_operator().items() if issubclass(kind, CreateOperator)}
    assert creates <= named


@needs_a_store
def test_what_is_kept_comes_back(outcome: Outcome, emulator: Emulator) -> None:
    """The store takes all of it, and the second try needs no second POST."""
    assert "kept" in outcome.well
    assert REFUSED not in outcome.logs["kept"]
    for _, _, kind, _ in keepers(Shared(emulator)):
        records = outcome.kept["kept", kind]
        assert all(isinstance(record["id"], str) for record in records), kind
    outcome.posts.pop("/ims/token/v3")
    bases = outcome.posts.pop("/flowservice/connections")
    assert bases == 2 + 2  # here, and where the store fails
    assert set(outcome.posts.values()) == {1}
    assert len(outcome.posts) == 10, outcome.posts


READ = "GET connections"
"""Airflow's own call: it reads a connection, once for each connection. `HttpOperator` does it as well."""


def asked_in(outcome: Outcome, dag: str, number: int) -> dict[str, tuple[str, ...]]:
    """By task: the calls of Airflow's API in a try of a DAG, beyond Airflow's own."""
    return {
        task: tuple(call for call in calls if call != READ)
        for (one, task, tried), calls in outcome.calls.items()
        if (one, tried) == (dag, number)
    }


def test_a_reuse_asks_airflow_nothing(outcome: Outcome, emulator: Emulator) -> None:
    """Nothing can be remembered before the first try, and Airflow pushes id and link itself."""
    asked = asked_in(outcome, "reused", 1)
    assert asked == {kind: () for _, _, kind, _ in keepers(Shared(emulator)) if "Create" in kind}
    assert all(READ in calls for (dag, _, _), calls in outcome.calls.items() if dag == "reused")


def test_a_create_asks_airflow_once(outcome: Outcome, emulator: Emulator) -> None:
    """It stores the id for a retry. A retry reads the id, and stores nothing again."""
    stored = ("PUT store",) if HAS_STORE else ()
    first = {task: calls for task, calls in asked_in(outcome, "kept", 1).items() if "Create" in task}
    assert first == {kind: stored for _, _, kind, _ in keepers(Shared(emulator)) if "Create" in kind}
    again = {task: calls for task, calls in asked_in(outcome, "kept", 2).items() if "Create" in task}
    assert again == (dict.fromkeys(first, ("GET store",)) if HAS_STORE else {})


@needs_a_store
def test_a_start_of_a_run_stores_its_intent(outcome: Outcome) -> None:
    """A run has no name, so the store decides: each try reads it, and writes it before the POST and after."""
    first, again = (asked_in(outcome, "kept", number) for number in (1, 2))
    for task in ("RunDataflowOperator", "RetryFlowRunOperator"):
        assert first[task] == ("GET store", "PUT store", "PUT store")
        assert again[task] == ("GET store",)


def test_a_retry_deletes_what_is_left(outcome: Outcome) -> None:
    """The first try has deleted the dataflow, and its source connection could not be deleted."""
    if HAS_STORE:
        assert "left" in outcome.well
        assert outcome.left["left"] == []
        assert REFUSED not in outcome.logs["left"]
        assert ("left", "DeleteDataflowOperator") not in outcome.kept
    else:
        assert "left" not in outcome.well
        assert_left_is_told(outcome, "left", outcome.logs["left"])


def test_a_cleared_task_deletes_what_is_left(outcome: Outcome) -> None:
    """A role that lacks a permission fails the task for good: somebody mends it and clears the task."""
    assert "denied" not in outcome.well
    if HAS_STORE:
        assert outcome.left["denied"] == []
        assert outcome.states["denied"] == ["success"]
    else:
        assert outcome.states["denied"] == ["failed"]
        assert_left_is_told(outcome, "denied", outcome.logs["cleared"])


def assert_left_is_told(outcome: Outcome, words: str, log: str) -> None:
    """The try that finds the dataflow gone fails and says where the ids are; they are there."""
    print(log)
    flow = outcome.flows[words]
    assert outcome.left[words] == ["sourceConnections", "targetConnections"]
    assert f"Dataflow {flow['id']} is deleted already. An earlier try" in log
    source, target = flow["sourceConnectionIds"][0], flow["targetConnectionIds"][0]
    named = f"source connection {source}, target connection {target}"
    assert f"({flow['id']}), which uses {named}" in outcome.logs[words]


@needs_a_store
@pytest.mark.parametrize("words", ["unwritten", "unread"])
def test_nothing_is_deleted_where_the_store_fails(outcome: Outcome, words: str) -> None:
    """Otherwise a retry would not know the connections, and would succeed without deleting them."""
    assert words not in outcome.well
    assert outcome.left[words] == ["flows", "sourceConnections", "targetConnections"]
    assert outcome.logs[words].count("TaskStoreError") >= 2, "it was not tried again"


@needs_a_store
@pytest.mark.parametrize("words", ["unwritten create", "unread create"])
def test_a_create_needs_no_store(outcome: Outcome, words: str) -> None:
    """The next try lists what the lost one created: there is one connection (the POSTs are counted above)."""
    assert words in outcome.well
    assert "Could not write Airflow's task state store" in outcome.logs[words]
    assert "unread" not in words or "Could not read Airflow's task state store" in outcome.logs[words]
    assert (words.replace(" ", "_"), "CreatePayPalConnectionOperator") not in outcome.kept
