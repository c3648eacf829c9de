"""Files, resources and streams by `source_ingestion`: from nothing to rows in the dataset, each once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_aep.flow_service.errors import AepConfigError
from tests.harness.connections import MakeHook
from tests.harness.dag_plans import aep_connection, run_plan
from tests.harness.dag_runs import DAY, HOUR, DagRun, changes
from tests.harness.documented_sources import COLUMNS, DAILY, LANDING_ZONE, LAVA, base_of
from tests.harness.emulator import Emulator
from tests.harness.operators import context, unwrapped
from tests.harness.platform import PRODUCTS, Platform
from tests.harness.workers import Workers

ONE_EACH = ("sourceConnections", "targetConnections", "flows", "schemas", "datasets", "mappingSets")
ZIPPED = "archive/customers.csv.gz"
ORDERS: dict[str, tuple[str | None, dict[str, Any], int, int]] = {
    "a table": ("Salesforce", {"table": "Account", "delta_column": "CreatedDate"}, 200, 3),
    "a folder": ("Amazon S3", {"file": "/orders/"}, 300, 15),
    "a pattern": ("SFTP", {"file": {"path": "/orders/*.csv", "file_type": "delimited"}}, 300, 15),
    "a compressed file": ("Azure Blob Storage", {"file": f"/{ZIPPED}"}, 200, 0),
    "the landing zone": (None, {"source": LANDING_ZONE, "file": f"dlz-user-container/{ZIPPED}"}, 200, 0),
    "a resource": ("Stripe", {"resource": "charges"}, 300, 3),
    "the only resource": ("Zendesk", {"resource": {}}, 200, 3),
}


class Group:
    """`source_ingestion` on an emulator, with a DAG run's tasks in processes of their own."""

    def __init__(self, emulator: Emulator, workers: Workers, directory: Path) -> None:
        self.client = Platform(emulator)
        self.emulator = emulator
        self._workers = workers
        self._directory = directory

    def order(self, base: str | None, **order: Any) -> dict[str, Any]:
        """With a base connection to the source, if it needs one."""
        connection = {"connection_id": base_of(self.client, base)} if base else {}
        return {**connection, "dataset": "All of it", **order}

    def run(self, name: str, order: dict[str, Any], *, memory: bool = True) -> DagRun:
        """A DAG run."""
        build = "task_groups.source_ingestion"
        directory = self._directory / name
        return DagRun(self.emulator, self._workers, directory, build, order, memory=memory)

    def rows(self, returned: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the records, without the tenant's namespace."""
        return [row["_emulator"] for row in self.client.rows(returned["create_dataset"])]


@pytest.fixture
def group(emulator: Emulator, workers: Workers, tmp_path: Path) -> Group:
    """On an emulator as new."""
    return Group(emulator, workers, tmp_path)


@pytest.mark.parametrize(("base", "order", "count", "daily"), ORDERS.values(), ids=ORDERS)
def test_on_two_days(group: Group, base: str | None, order: dict[str, Any], count: int, daily: int) -> None:
    """All of it on the first day, on the second what is new; of each entity one."""
    given = group.order(base, schedule=DAILY, **order)
    first = group.run("first", given).finish()
    assert len(group.rows(first)) == first["wait_for_run"]["records_written"] == count
    group.emulator.advance(DAY - HOUR)
    second = group.run("second", given).finish()
    assert second["wait_for_run"]["records_written"] == daily
    assert len(group.rows(second)) == count + daily
    state = group.emulator.state()
    assert {kind: state[kind] for kind in ONE_EACH} == dict.fromkeys(ONE_EACH, 1)


def test_values_land_with_their_types(group: Group) -> None:
    """By the path of a record's field; a mapping chooses some of them."""
    returned = group.run("run", group.order("Stripe", resource="charges")).finish()
    (charge, *_) = group.rows(returned)
    assert charge["data_id"] == "ch_00000"
    assert isinstance(charge["data_paid"], bool)


STREAMS: dict[str, tuple[str | None, dict[str, Any]]] = {
    "HTTP API": ("HTTP API (streaming)", {"stream": True}),
    "LAVA": (None, {"source": LAVA, "stream": True}),
    "Capillary": ("Capillary Streaming Events", {"stream": {}}),
}


@pytest.mark.parametrize(("base", "order"), STREAMS.values(), ids=STREAMS)
def test_a_stream(group: Group, base: str | None, order: dict[str, Any]) -> None:
    """The group ends with the URL that takes rows, and waits for no run; again, it is the same one."""
    given = group.order(base, columns=COLUMNS, **order)
    first = group.run("first", given).finish()
    assert "wait_for_run" not in first
    headers = {"x-adobe-flow-id": first["create_dataflow"]}
    token = {"Authorization": f"Bearer {group.emulator.token()}"}
    row = {"name": "Ada", "age": "36"}
    reply = requests.post(first["get_inlet"], json=row, headers={**headers, **token}, timeout=30)
    assert reply.status_code == 200, reply.text
    assert group.rows(first) == [{"name": "Ada", "age": 36}]
    assert group.run("second", given).finish()["get_inlet"] == first["get_inlet"]
    state = group.emulator.state()
    assert {kind: state[kind] for kind in ONE_EACH} == dict.fromkeys(ONE_EACH, 1)


def test_a_stream_that_the_platform_fetches(group: Group) -> None:
    """Its parameters are the source's own, and there is no URL to send rows to."""
    params = {"eventHubName": "clicks", "dataType": "raw", "reset": "latest"}
    returned = group.run("run", group.order("Azure Event Hubs", stream=params, columns=COLUMNS)).finish()
    assert returned["get_inlet"] is None
    source = group.client.get("sourceConnections", returned["create_source_connection"])
    assert source["params"] == params
    assert "scheduleParams" not in group.client.get("flows", returned["create_dataflow"])


@pytest.mark.parametrize("number", range(1, 5))
@pytest.mark.parametrize("name", ["create_source_connection", "create_dataflow"])
def test_killed_without_a_base_connection(group: Group, name: str, number: int) -> None:
    """An entity that only spec and name identify is created once, too, at whichever request the task dies."""
    run = group.run("run", group.order(None, source=LAVA, stream=True, columns=COLUMNS))
    run.finish((f"source_ingestion.{name}", "after", number))
    assert run.deaths == 1
    state = group.emulator.state()
    assert {kind: state[kind] for kind in ONE_EACH} == dict.fromkeys(ONE_EACH, 1)


def test_two_landing_zone_sources_of_one_name(
    emulator: Emulator, make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reused for the same path; for another one an error."""
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "0")
    from airflow_provider_aep.flow_service.errors import EntityExistsError
    from airflow_provider_aep.operators.dataflows import CreateSourceConnectionOperator

    make_hook(emulator.url)

    def make(path: str) -> Any:
        order: dict[str, Any] = {"name": "Zone", "source": LANDING_ZONE, "file": path}
        return CreateSourceConnectionOperator(task_id="t", **order).execute(context())

    first = "dlz-user-container/customers.csv"
    assert make(first) == make(first)
    with unwrapped(EntityExistsError, match=r"customers\.csv"):
        make("dlz-user-container/customers.json")
    assert emulator.state()["sourceConnections"] == 1


WRONG: dict[str, tuple[str | None, dict[str, Any]]] = {
    "nothing to bring in": ("Amazon S3", {}),
    "two things": ("Amazon S3", {"file": "/orders/", "table": "orders"}),
    "no such file": ("Amazon S3", {"file": "/nothing.csv"}),
    "no such resource": ("Stripe", {"resource": "nothing"}),
    "a delta column of files": (
        "Amazon S3",
        {"file": "/orders/", "delta_column": "ordered_at", "schedule": DAILY},
    ),
    "files without a mapped column": ("Amazon S3", {"file": "/orders/", "mapping": {"Nothing": "_e.x"}}),
    "columns of files": ("Amazon S3", {"file": "/orders/", "columns": COLUMNS}),
    "a schedule of a stream": (None, {"source": LAVA, "stream": True, "columns": COLUMNS, "schedule": DAILY}),
    "partial ingestion of a stream": (
        None,
        {"source": LAVA, "stream": True, "columns": COLUMNS, "partial_ingestion_percent": 5},
    ),
    "an invalid option": (None, {"source": LAVA, "stream": True, "columns": COLUMNS, "error_diagnostics": 3}),
    "a stream without columns": (None, {"source": LAVA, "stream": True}),
    "a stream without a source": (None, {"stream": True, "columns": COLUMNS}),
    "an unknown source": (None, {"source": "Lawa", "stream": True, "columns": COLUMNS}),
}


@pytest.mark.parametrize(("base", "order"), WRONG.values(), ids=WRONG)
def test_a_wrong_order_makes_nothing(group: Group, base: str | None, order: dict[str, Any]) -> None:
    """The group's first task says so, before the others leave anything behind."""
    given = group.order(base, **order)
    group.emulator.forget_requests()
    run = group.run("run", given)
    error = run.go_on()
    assert error is not None
    assert "AepError" in error["kinds"] or "AirflowFailException" in error["kinds"]
    assert list(run.sent) == ["source_ingestion.inspect_table"]
    assert not any(map(changes, group.emulator.requests()))


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("schedule", DAILY), ("error_diagnostics", True), ("partial_ingestion_percent", "5")],
)
def test_a_schedule_for_what_streams(
    emulator: Emulator, make_hook: MakeHook, parameter: str, value: Any
) -> None:
    """Also options of batch ingestion. The dataflow's own operator says so before it changes anything."""
    from airflow_provider_aep.operators.dataflows import CreateDataflowOperator

    make_hook(emulator.url)
    client = Platform(emulator)
    ends = client.prepared()
    body = {"name": "L", "data": {"format": "json"}, "connectionSpec": {"id": LAVA, "version": "1.0"}}
    source = client.api("POST", "/sourceConnections", json=body).json()["id"]
    emulator.forget_requests()
    flow = CreateDataflowOperator(
        task_id="t",
        name="Stream",
        source_connection_id=source,
        target_connection_id=ends["targetConnectionIds"][0],
        **{parameter: value},
    )
    with unwrapped(AepConfigError) as caught:
        flow.execute(context())
    assert caught.value.parameter == parameter
    assert not any(map(changes, emulator.requests()))


def test_xdm_goes_without_a_mapping(emulator: Emulator, make_hook: MakeHook) -> None:
    """The client selects the flow spec of the source that supports the parameters."""
    from airflow_provider_aep.operators.dataflows import (
        CreateDataflowOperator,
        CreateSourceConnectionOperator,
        GetInletOperator,
    )

    make_hook(emulator.url)
    client = Platform(emulator)
    schema = client.schema()
    client.dataset_id = client.dataset(schema)
    base = base_of(client, "HTTP API (streaming)", dataType="xdm")
    source: Any = CreateSourceConnectionOperator(task_id="s", name="X", connection_id=base, stream=True)
    ends = {"source_connection_id": source.execute(context())}
    ends["target_connection_id"] = client.target(schema, client.dataset_id)
    flow = CreateDataflowOperator(task_id="f", name="X", **ends).execute(context())
    assert client.get("flows", flow)["transformations"] == []
    specs = client.api("GET", "/flowSpecs").json()["items"]
    (chosen,) = [one for one in specs if one["id"] == client.get("flows", flow)["flowSpec"]["id"]]
    assert chosen["name"] == "Stream data without transformation"
    url = GetInletOperator(task_id="i", flow_id=flow).execute(context())
    entity = {"_id": "1", "_emulator": {"Product_Id": "P"}}
    headers = {"Authorization": f"Bearer {emulator.token()}"}
    reply = requests.post(
        url, json={"header": {}, "body": {"xdmEntity": entity}}, headers=headers, timeout=30
    )
    assert reply.status_code == 200, reply.text
    assert client.rows() == [entity]


# Unchanged pipelines: the later runs leave nothing more behind

CREATED = (
    "fieldgroups", "schemas", "dataSets", "mappingSets", "sourceConnections", "targetConnections", "flows",
)  # fmt: skip
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
WITH_STORE = ("a table", "HTTP API")
"""The kinds that `make test` runs with a task state store as well; `make test-nightly` runs all of them."""


@pytest.mark.parametrize(
    ("kind", "memory"),
    [
        pytest.param(
            kind,
            memory,
            id=f"{kind}-{'with the state store' if memory else 'without'}",
            marks=pytest.mark.nightly if memory and kind not in WITH_STORE else (),
        )
        for kind in KINDS
        for memory in (True, False)
    ],
)
def test_runs_of_an_unchanged_pipeline(group: Group, kind: str, memory: bool) -> None:
    """The state of AEP stays the same, and no request of the later runs changes anything.

    Without a task state store, as on Airflow 3.1 and 3.2, the tasks find in AEP what exists.
    """
    base, order = KINDS[kind]
    newest = {"wait": {"match": "latest"}}  # between the DAG runs no other flow run comes due
    given = group.order(base, **{**newest, **order})
    states = []
    for name in ("first", "second", "third"):
        group.emulator.forget_requests()
        group.run(name, given, memory=memory).finish()
        states.append(group.emulator.state())
        if name != "first":
            assert [sent for sent in group.emulator.requests() if changes(sent)] == []
    assert states[0]["flows"] == states[0]["mappingSets"] == 1
    assert states[1:] == states[:1] * 2


DAG = f"""
from airflow.sdk import DAG
from airflow_provider_aep.task_groups import paypal_ingestion

with DAG("mapped", schedule=None, params={{"connection_id": ""}}):
    paypal_ingestion.partial(
        connection_id="{{{{ params.connection_id }}}}", schedule={LATER!r}, wait=False, check_schema="fail"
    ).expand_kwargs(
        [{{"table": {PRODUCTS!r}, "dataset": "A"}}, {{"table": "PayPal.Billing_Plans", "dataset": "B"}}]
    )
"""


@pytest.mark.parametrize(
    "names",
    [("first", "second"), pytest.param(("first", "second", "third"), marks=pytest.mark.nightly)],
    ids=len,
)
def test_runs_of_mapped_groups(emulator: Emulator, tmp_path: Path, names: tuple[str, ...]) -> None:
    """Airflow itself runs the groups, with its own task state store if it has one."""
    conf = {"connection_id": Platform(emulator).base()}
    runs = [{"name": name, "dag": "mapped", "conf": conf} for name in names]
    known = {"aep_default": aep_connection(emulator.url)}
    emulator.forget_requests()
    log, succeeded = run_plan(emulator.url, runs, known, tmp_path, mapped=DAG)
    assert succeeded == list(names), log[-5000:]
    posts = Counter(sent["path"].rpartition("/")[2] for sent in emulator.requests("POST"))
    posts.pop("v3")  # tokens
    assert posts == dict.fromkeys(CREATED, 2) | {"action": 2}
    state = emulator.state()
    assert (state["flows"], state["mappingSets"]) == (2, 2)
