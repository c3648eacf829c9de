"""One unchanged pipeline of each kind, run three times: the second and third run leave nothing more behind.

Without a task state store as well, as on Airflow 3.1 and 3.2: what exists is found again in AEP.
"""

from __future__ import annotations

import json
from pathlib import Path as File
from typing import Any

import pytest

from tests.emulator.test_families import ORDERS, STREAMS
from tests.harness.canary_dags import aep_connection, ended_well, run_plan
from tests.harness.dag_runs import DagRun, changes
from tests.harness.emulator import Emulator
from tests.harness.emulator_path import PRODUCTS, Path
from tests.harness.places import COLUMNS, DAILY, base_of
from tests.harness.workers import Workers

LATER = {"frequency": "once", "start": "2099-01-01T00:00:00Z"}
TABLE = {"table": "Account", "schedule": DAILY, "delta_column": "CreatedDate"}
KINDS: dict[str, tuple[str | None, dict[str, Any]]] = {
    **{name: (base, {"schedule": DAILY, **order}) for name, (base, order, _, _) in ORDERS.items()},
    **{name: (base, {"columns": COLUMNS, **order}) for name, (base, order) in STREAMS.items()},
    "once": ("Salesforce", {"table": "Account"}),
    "on demand": ("Salesforce", {"table": "Account", "schedule": LATER, "wait": False}),
    "a given mapping": ("Salesforce", {**TABLE, "mapping": {"Id": "_emulator.Id", "Name": "_emulator.Name"}}),
    "a second dataflow": ("Salesforce", {**TABLE, "dataflow": "Every day"}),
}
STORE = pytest.mark.parametrize("memory", [True, False], ids=["with the state store", "without"])


@STORE
@pytest.mark.parametrize(("base", "order"), KINDS.values(), ids=KINDS)
def test_runs_of_an_unchanged_pipeline(
    emulator: Emulator,
    workers: Workers,
    tmp_path: File,
    base: str | None,
    order: dict[str, Any],
    memory: bool,
) -> None:
    """The state of AEP stays the same, and no request of the later runs changes anything."""
    connection = {"connection_id": base_of(Path(emulator), base)} if base else {}
    newest = {"wait": {"match": "latest"}}  # between the DAG runs no other flow run comes due
    arguments = {**connection, "dataset": "All of it", **newest, **order}
    states = []
    for name in ("first", "second", "third"):
        emulator.forget_requests()
        build = "task_groups.source_ingestion"
        DagRun(emulator, workers, tmp_path / name, build, arguments, memory=memory).finish()
        states.append(emulator.state())
        if name != "first":
            assert [sent for sent in emulator.requests() if changes(sent)] == []
    assert states[0]["flows"] == states[0]["mappingSets"] == 1
    assert states[1:] == states[:1] * 2


DAG = f"""
from airflow.sdk import DAG
from airflow_provider_aep.task_groups import paypal_ingestion

with DAG("mapped", schedule=None, params={{"connection_id": ""}}):
    paypal_ingestion.partial(
        connection_id="{{{{ params.connection_id }}}}", schedule={LATER!r}, wait=False
    ).expand_kwargs(
        [{{"table": {PRODUCTS!r}, "dataset": "A"}}, {{"table": "PayPal.Billing_Plans", "dataset": "B"}}]
    )
"""


def test_runs_of_mapped_groups(emulator: Emulator, tmp_path: File) -> None:
    """By Airflow itself, whichever version it is, with its own store where it has one."""
    dags, home = tmp_path / "dags", tmp_path / "home"
    dags.mkdir()
    (dags / "mapped.py").write_text(DAG)
    conf = {"connection_id": Path(emulator).base()}
    states = []
    for name in ("first", "second", "third"):
        run = {"words": name, "dag": "mapped", "conf": conf, "faults": []}
        known = {"aep_default": aep_connection(emulator.url)} if name == "first" else {}
        log = run_plan({"control": emulator.url, "runs": [run], "connections": known}, home, dags)
        assert ended_well(log) == [name], log[-5000:]
        states.append(emulator.state())
    assert states[0]["flows"] == states[0]["mappingSets"] == 2, json.dumps(states)
    assert states[1:] == states[:1] * 2
