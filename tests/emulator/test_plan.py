"""`plan` against the emulator: what it says of a DAG, and that a run of the DAG does so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.harness import canary
from tests.harness.dag_plans import aep_connection, run_plan
from tests.harness.emulator import PAYPAL_ID, Emulator
from tests.harness.platform import Platform

DAGS = """
from airflow.sdk import DAG, Param
from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator
from airflow_provider_aep.task_groups import paypal_ingestion

MAPPING = {"Product_Id": "_emulator.Product_Id"}
PARAMS = {
    "interval": Param(1, type="integer", minimum=1),
    "mapping": Param(MAPPING, type="object"),
    "sandbox": Param(None, type=["null", "string"]),
}
KINDS = {
    "ingest": {},
    "strict": {"on_difference": "fail"},
    "change": {"if_exists": "update"},
}
for dag_id, options in KINDS.items():
    with DAG(
        dag_id,
        schedule=None,
        params=PARAMS,
        default_args={"sandbox": "{{ params.sandbox }}"},
    ) as dag:
        connection = CreatePayPalConnectionOperator(task_id="connect", name="PayPal", **options)
        paypal_ingestion.override(group_id="products")(
            connection_id=connection.output,
            dataset="Products",
            schedule={"frequency": "day", "interval": "{{ params.interval }}"},
            delta_column="Create_Time",
            mapping=dag.param("mapping", MAPPING),
            wait=False,
            **options,
        )
"""
TASKS = [
    "connect",
    *(
        f"products.create_{name}"
        for name in ("schema", "dataset", "source_connection", "target_connection", "mapping_set", "dataflow")
    ),
]
CHANGED = {"interval": 2, "mapping": {"Description": "_emulator.Product_Id"}}
DEV = {"sandbox": "dev"}
TOKEN = "POST /ims/token/v3"


@dataclass(frozen=True)
class Step:
    """A plan or a run: its output, its requests that are no GET, and whether it ended with 0."""

    text: str
    sent: list[str]
    fine: bool

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the rows of a plan by task."""
        document = re.search(r"^\[$.*?^\]$", self.text, re.MULTILINE | re.DOTALL)
        assert document, self.text[-3000:]
        return {row["task"]: row for row in json.loads(document[0])}

    @property
    def actions(self) -> dict[str, str]:
        """Return the actions by the last part of the task's name."""
        return {task.rpartition(".")[2]: row["action"] for task, row in self.rows.items()}

    @property
    def changed(self) -> list[str]:
        """Return the requests of a run that changed something in AEP, as method and collection."""
        found = []
        for one in self.sent:
            method, _, path = one.partition(" ")
            if one != TOKEN:
                found.append(f"{method} {path.replace('/tenant', '').split('/')[4]}")
        return sorted(found)


def plan(dag_id: str, conf: dict[str, Any] | None = None, *words: str) -> dict[str, Any]:
    """Return a step that plans."""
    given = ["--conf", json.dumps(conf)] if conf else []
    return {"aep": ["plan", dag_id, "--output", "json", *given, *words]}


def ran(dag_id: str, conf: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a step that runs."""
    return {"dag": dag_id, "conf": conf or {}}


STORY = {
    "nothing": plan("ingest", None, "--check"),
    "first run": ran("ingest"),
    "all": plan("ingest", None, "--check"),
    "second run": ran("ingest"),
    "changed": plan("ingest", CHANGED, "--check"),
    "run of the changed": ran("ingest", CHANGED),
    "strict": plan("strict", CHANGED),
    "strict run": ran("strict", CHANGED),
    "update": plan("change", CHANGED),
    "update run": ran("change", CHANGED),
    "updated": plan("ingest", CHANGED),
    "ambiguous": plan("ingest", DEV),
    "ambiguous run": ran("ingest", DEV),
    "wrong conf": plan("ingest", {"interval": 0}),
    "no such DAG": plan("no_such_dag"),
}
PLANS = [name for name, step in STORY.items() if "aep" in step]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Step]]:
    """Plan and run again and again, in one process, against one emulator."""
    with Emulator() as emulator:
        dev = Platform(emulator, "dev")
        for _ in range(2):
            dev.base(name="PayPal")
        known = {
            "aep_default": aep_connection(emulator.url),
            "paypal_default": {"conn_type": "paypal", "login": PAYPAL_ID, "password": canary.PAYPAL_SECRET},
        }
        steps = [{"name": name, **step} for name, step in STORY.items()]
        log, succeeded = run_plan(emulator.url, steps, known, tmp_path_factory.mktemp("plan"), dags=DAGS)
        found = {}
        for name in STORY:
            _, _, rest = log.partition(f"=== {name}\n")
            text, _, rest = rest.partition("=== sent: ")
            found[name] = Step(text, json.loads(rest.partition("\n")[0]), name in succeeded)
        yield found


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_only_reads(story: dict[str, Step], name: str) -> None:
    """It sends GET requests, and a POST for the token."""
    assert set(story[name].sent) <= {TOKEN}


def test_nothing_exists(story: dict[str, Step]) -> None:
    """Every task says `create`, and a run creates one of each."""
    assert set(story["nothing"].actions.values()) == {"create"}
    assert list(story["nothing"].rows) == TASKS
    assert not story["nothing"].fine
    assert story["first run"].changed == [
        "POST connections", "POST dataSets", "POST fieldgroups", "POST flows", "POST flows",
        "POST mappingSets", "POST schemas", "POST sourceConnections", "POST targetConnections",
    ]  # fmt: skip


def test_all_exists(story: dict[str, Step]) -> None:
    """Every task says `reuse` with the id that the first run created, and a run changes nothing."""
    assert set(story["all"].actions.values()) == {"reuse"}
    assert story["all"].fine
    for task, row in story["all"].rows.items():
        assert row["id"] in story["first run"].text, task
        assert (row["differences"], row["fails"], row["reason"]) == ([], False, None)
    assert (story["second run"].fine, story["second run"].changed) == (True, [])


def test_schedule_and_mapping_changed(story: dict[str, Step]) -> None:
    """The fields are told, and a run warns of the same and changes nothing."""
    step, others = story["changed"], set(TASKS) - {TASKS[-1], TASKS[-2]}
    assert {step.rows[task]["action"] for task in others} == {"reuse"}
    mapping, flow = step.rows[TASKS[-2]], step.rows[TASKS[-1]]
    assert (mapping["action"], flow["action"]) == ("differs", "differs")
    assert mapping["differences"] == [
        {"field": "mapping._emulator.Product_Id", "existing": "Product_Id", "wanted": "Description"}
    ]
    assert flow["differences"] == [{"field": "schedule.interval", "existing": "1", "wanted": 2}]
    assert not story["changed"].fine
    assert (story["run of the changed"].fine, story["run of the changed"].changed) == (True, [])
    assert "`schedule.interval`: existing '1', desired 2" in story["run of the changed"].text


def test_a_difference_that_fails(story: dict[str, Step]) -> None:
    """With `on_difference="fail"` the plan says that the task fails, and it does."""
    failing = [task for task, row in story["strict"].rows.items() if row["fails"]]
    assert failing == TASKS[-2:]
    assert "E510" in story["strict"].rows[TASKS[-1]]["reason"]
    assert (story["strict run"].fine, story["strict run"].changed) == (False, [])


def test_an_update(story: dict[str, Step]) -> None:
    """A new version of the mapping set is a change of the dataflow. A run changes what was said."""
    updates = [task for task, action in story["update"].actions.items() if action == "update"]
    assert updates == ["connect", "create_mapping_set", "create_dataflow"]
    assert [one["field"] for one in story["update"].rows[TASKS[-1]]["differences"]] == [
        "schedule.interval",
        "mapping._emulator.Product_Id",
    ]
    assert "credentials" in story["update"].rows["connect"]["reason"]
    assert story["update run"].changed == ["PATCH connections", "PATCH flows", "PUT mappingSets"]
    assert set(story["updated"].actions.values()) == {"reuse"}


def test_two_of_one_name(story: dict[str, Step]) -> None:
    """`ambiguous` names both, nothing after it claims more than is known, and a run fails so."""
    row = story["ambiguous"].rows["connect"]
    assert (row["action"], row["id"], row["fails"]) == ("ambiguous", None, True)
    assert len(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", row["reason"])) == 2
    assert story["ambiguous"].actions["create_source_connection"] == "unknown"
    assert "'connect', whose action is ambiguous" in story["ambiguous"].rows[TASKS[1]]["reason"]
    assert "AEP-E503" in story["ambiguous run"].text
    assert (story["ambiguous run"].fine, story["ambiguous run"].changed) == (False, [])


@pytest.mark.parametrize(("name", "told"), [("wrong conf", "interval"), ("no such DAG", "no_such_dag")])
def test_wrong_usage(story: dict[str, Step], name: str, told: str) -> None:
    """One sentence names it, and the exit code is 2."""
    (said,) = re.findall(r"^plan: (.*)$", story[name].text, re.MULTILINE)
    assert told in said
    assert "AEP-E100" in said
    assert "SystemExit: 2" in story[name].text
