"""The lineage of a wait: what AEP's mapping set says, with few requests, and never an error of the task."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepError
from tests.harness import canary
from tests.harness.dag_plans import aep_connection, run_plan
from tests.harness.documented_sources import base_of, row_of
from tests.harness.emulator import ORG_ID, PRODUCTS, Emulator, source_body
from tests.harness.openlineage import read_events, validate
from tests.harness.operators import Logged, Store, context, unwrapped
from tests.harness.pipeline import Pipeline
from tests.harness.platform import BASE_ROWS, CRM, Platform, made, spec

MAPPINGS = [
    ("ATTRIBUTE", "Product_Id", "_emulator.Product_Id"),
    ("ATTRIBUTE", "Product_Name", "_emulator.Description"),
    ("EXPRESSION", 'concat(upper(Product_Id), "-", Description)', "_emulator.Product_Name"),
    ("EXPRESSION", '"2026-01-01T00:00:00Z"', "_emulator.Create_Time"),
]


@pytest.fixture(autouse=True)
def _events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let OpenLineage emit events."""
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "console")
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "here")


@pytest.fixture
def flow(emulator: Emulator, hook: Any, short_pauses: None) -> str:
    """A dataflow for one time with direct, renamed, expression and constant targets; its run has ended."""
    pipeline = Pipeline(emulator, hook, mappings=MAPPINGS)
    flow = pipeline.dataflow(schedule={"frequency": "once"}, delta_column=None)
    emulator.advance(3600)
    hook.list_runs(flow)
    return flow


def wait(flow: str, **options: Any) -> Any:
    """Return a task that waits for the newest run."""
    from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

    return FlowRunSensor(task_id="wait", flow_id=flow, match="latest", deferrable=False, **options)


def event(task: Any) -> dict[str, Any]:
    """Return the event with the task's lineage, as OpenLineage's client writes it."""
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.serde import Serde

    found = task.get_openlineage_facets_on_complete(None)
    made = RunEvent(
        eventType=RunState.COMPLETE,
        eventTime="2026-01-01T00:00:00Z",
        run=Run("01234567-89ab-cdef-0123-456789abcdef", found.run_facets),
        job=Job("airflow", "dag.wait"),
        inputs=found.inputs,
        outputs=found.outputs,
    )
    document: dict[str, Any] = json.loads(Serde.to_json(made))
    validate(document)
    return document


def test_lineage_shows_where_each_field_comes_from(hook: Any, flow: str) -> None:
    """Direct, renamed, expression and constant, each with its columns and its transformation."""
    task = wait(flow)
    result = task.execute(context(Store()))
    shown = event(task)
    [source], [dataset] = shown["inputs"], shown["outputs"]
    base_id = hook.list_connections()[0]["id"]
    assert (source["namespace"], source["name"]) == (f"aep://{ORG_ID}", f"prod.{base_id}.{PRODUCTS}")
    assert (dataset["namespace"], dataset["name"]) == (f"aep://{ORG_ID}", f"prod.{result['dataset_id']}")

    def column(name: str, **how: Any) -> dict[str, Any]:
        place = {"namespace": source["namespace"], "name": source["name"], "field": name}
        return {**place, "transformations": [{"type": "DIRECT", **how}]}

    expression = {"subtype": "TRANSFORMATION", "description": MAPPINGS[2][1]}
    assert dataset["facets"]["columnLineage"]["fields"] == {
        "_emulator.Product_Id": {"inputFields": [column("Product_Id", subtype="IDENTITY")]},
        "_emulator.Description": {"inputFields": [column("Product_Name", subtype="IDENTITY")]},
        "_emulator.Product_Name": {
            "inputFields": [column("Product_Id", **expression), column("Description", **expression)]
        },
        "_emulator.Create_Time": {
            "inputFields": [],
            "transformationDescription": 'No column: "2026-01-01T00:00:00Z"',
        },
    }


def test_lineage_joins_the_mappings_of_one_field(emulator: Emulator, flow: str) -> None:
    """The schema names it, each input is listed once, and a condition is indirect."""
    wait(flow).execute(context(Store()))
    paths = [one["path"] for one in emulator.requests()[-len(PARTS) :]]
    rows = [
        ("ATTRIBUTE", "Product_Id", "_emulator.items[*].sku"),
        ("EXPRESSION", "iif(Description == 'x', Product_Id, 'none')", "_emulator.items[*].name"),
        ("EXPRESSION", "'EUR'", "_emulator.items[*].currency"),
        ("ATTRIBUTE", "Product_Name", "_emulator.labels.de"),
    ]
    keys = ("sourceType", "source", "destination")
    mappings = [dict(zip(keys, row, strict=True)) for row in rows]
    own_id = paths[2].rpartition("/")[2]
    item = {"type": "object", "properties": {"sku": {"type": "string"}, "name": {"type": "string"}}}
    own = {
        "items": {"type": "array", "items": item},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    }
    emulator.fault(path=paths[2], status=200, body={"id": own_id, "version": 0, "mappings": mappings})
    emulator.fault(path=paths[4], status=200, body={"properties": {"_emulator": {"properties": own}}})
    task = wait(flow)
    task.execute(context(Store()))
    facets = event(task)["outputs"][0]["facets"]
    found = facets["columnLineage"]["fields"]
    assert {one["name"] for one in facets["schema"]["fields"]} == found.keys()
    items = found["_emulator.items"]
    assert {one["field"]: one["transformations"] for one in items["inputFields"]} == {
        "Product_Id": [
            {"type": "DIRECT", "subtype": "TRANSFORMATION", "description": f"{rows[0][2]}: Product_Id"},
            {"type": "DIRECT", "subtype": "TRANSFORMATION", "description": f"{rows[1][2]}: {rows[1][1]}"},
        ],
        "Description": [
            {"type": "INDIRECT", "subtype": "CONDITIONAL", "description": f"{rows[1][2]}: {rows[1][1]}"}
        ],
    }
    assert len(items["inputFields"]) == 2
    assert items["transformationDescription"] == f"No column: {rows[2][2]}: 'EUR'"


def test_lineage_shows_schema_statistics_and_run(flow: str) -> None:
    """Of both ends; the dataset also under the names of Airflow's assets."""
    task = wait(flow)
    result = task.execute(context(Store()))
    shown = event(task)
    [source], [dataset] = shown["inputs"], shown["outputs"]
    types = {one["name"]: one["type"] for one in dataset["facets"]["schema"]["fields"]}
    assert types["_emulator.Product_Id"] == "string"
    assert {one["name"] for one in source["facets"]["schema"]["fields"]} >= {"Product_Id", "Create_Time"}
    counts = dataset["outputFacets"]["outputStatistics"]
    assert counts["rowCount"] == result["records_written"] > 0
    assert counts["size"] > 0
    assert counts["fileCount"] == 1
    query = shown["run"]["facets"]["externalQuery"]
    assert (query["externalQueryId"], query["source"]) == (result["run_id"], "aep")
    names = [(one["namespace"], one["name"]) for one in dataset["facets"]["symlinks"]["identifiers"]]
    assert names == [("aep://here/aep_default", "prod.Products"), ("aep://here/aep_default", "-.Products")]


def test_lineage_names_an_asset_as_the_dataset_is_named(flow: str) -> None:
    """Airflow names the outlets of other tasks: OpenLineage sees one dataset."""
    from airflow_provider_aep.assets import asset_to_dataset

    task = wait(flow)
    task.execute(context(Store()))
    [dataset] = task.get_openlineage_facets_on_complete(None).outputs
    aliases = [(one.namespace, one.name) for one in dataset.facets["symlinks"].identifiers]
    for sandbox in ("-", "prod"):
        named = asset_to_dataset(SimpleNamespace(uri=f"aep://aep_default/{sandbox}/Products"), None)
        assert (named.namespace, named.name) in aliases
    spaced = asset_to_dataset(SimpleNamespace(uri="aep://a/b/All%20orders%2F1"), None)
    assert (spaced.namespace, spaced.name) == ("aep://here/a", "b.All orders/1")


ASSETS = """
from airflow.sdk import DAG, Asset
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("assets", schedule=Asset("orders", "AEP://aep_default/dev/All orders")):
    EmptyOperator(task_id="fill", outlets=Asset("profiles", "aep://aep%5Fdefault/%2d/Profiles/"))
"""


def test_airflow_itself_names_the_assets_of_a_dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parser normalizes a URI and refuses an invalid one, and OpenLineage finds the converter."""
    from airflow.providers.openlineage.utils.utils import translate_airflow_asset

    from airflow_provider_aep._compat import load_dag

    (tmp_path / "good.py").write_text(ASSETS)
    (tmp_path / "bad.py").write_text(ASSETS.replace("/dev/", "/"))
    kind = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundles = [{"name": "here", "classpath": kind, "kwargs": {"path": str(tmp_path)}}]
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))

    dag, _ = load_dag("assets")
    absent, broken = load_dag("none")
    assert absent is None
    assert [Path(one).name for one in broken] == ["bad.py"]
    assert dag is not None
    [outlet], trigger = dag.get_task("fill").outlets, dag.schedule
    assert [outlet.uri, trigger.uri] == ["aep://aep_default/-/Profiles", "aep://aep_default/dev/All%20orders"]
    named = [translate_airflow_asset(one, None) for one in (outlet, trigger)]
    assert [(one.namespace, one.name) for one in named if one] == [
        ("aep://here/aep_default", "-.Profiles"),
        ("aep://here/aep_default", "dev.All orders"),
    ]


def test_lineage_needs_few_requests(emulator: Emulator, flow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dataflow, source connection, mapping set, dataset and schema; none if no event is emitted."""
    emulator.forget_requests()
    wait(flow).execute(context(Store()))
    with_events = len(emulator.requests())
    kind = "airflow_provider_aep.sensors.flow_runs.FlowRunSensor"
    for name, value in {"disabled": "True", "disabled_for_operators": kind}.items():
        with monkeypatch.context() as patch:
            patch.setenv(f"AIRFLOW__OPENLINEAGE__{name.upper()}", value)
            emulator.forget_requests()
            task = wait(flow)
            task.execute(context(Store()))
        assert with_events - len(emulator.requests()) == 5
    assert task.get_openlineage_facets_on_complete(None).outputs == []


SERVER = {"server": "cluster.abc.eu-west-1.redshift.amazonaws.com", "database": "shop"}


def test_lineage_names_a_table_by_its_address(emulator: Emulator, hook: Any) -> None:
    """AEP shows the server, and masks the credentials."""
    platform = Platform(emulator)
    base = base_of(platform, "Amazon Redshift", **SERVER)
    body = {
        **source_body(base, table="sales.orders"),
        "connectionSpec": spec(row_of("Amazon Redshift").source["id"]),
    }
    source = made(platform.api("POST", "/sourceConnections", json=body))["id"]
    schedule = {"startTime": platform.now(), "frequency": "once"}
    columns = {"order_id": {"type": "string"}}
    flow = platform.flow(platform.joined(source, CRM, columns, scheduleParams=schedule))
    platform.advance(3600)
    [run] = platform.runs(flow)
    emulator.control("POST", f"runs/{run['id']}", {"status": "success"})
    task = wait(flow)
    task.execute(context(Store()))
    [found] = event(task)["inputs"]
    assert found["namespace"] == "redshift://cluster.eu-west-1:5439"
    assert found["name"] == "shop.sales.orders"


PARTS = {
    "dataflow": {"source", "columnLineage"},
    "source connection": {"source", "columnLineage"},
    "mapping set": {"columnLineage"},
    "dataset": {"schema", "symlinks"},
    "schema": {"schema"},
}
"""What the event lacks if a part cannot be read, in the order of the requests."""


@pytest.mark.parametrize("part", PARTS)
def test_lineage_that_cannot_be_read_is_less(
    emulator: Emulator, flow: str, logged: Logged, part: str
) -> None:
    """The task succeeds, one warning names the part, and the other parts are shown."""
    wait(flow).execute(context(Store()))
    path = emulator.requests()[-len(PARTS) :][list(PARTS).index(part)]["path"]
    if part == "dataflow":
        emulator.fault(path=path)  # the wait itself reads it first
    emulator.fault(path=path, status=403, times=9)
    task = wait(flow)
    logged()
    assert task.execute(context(Store()))["status"] == "success"
    told = logged()
    shown = event(task)
    [dataset] = shown["outputs"]
    lacks = {"schema", "columnLineage", "symlinks"} - set(dataset["facets"])
    assert lacks | (set() if shown["inputs"] else {"source"}) == PARTS[part]
    assert dataset["outputFacets"]["outputStatistics"]["rowCount"] > 0
    assert f"lacks: {part} (" in told


def test_lineage_gives_up_when_aep_does_not_answer(emulator: Emulator, flow: str) -> None:
    """One request is lost, and no other one is sent."""
    wait(flow).execute(context(Store()))
    path = emulator.requests()[-4]["path"]
    emulator.fault(path=path, drop=True, times=9)
    emulator.forget_requests()
    task = wait(flow)
    task.execute(context(Store()))
    assert {one["path"] for one in emulator.requests()[-4:]} == {path}
    assert event(task)["inputs"] == []


def test_lineage_leaves_later_requests_their_time(
    emulator: Emulator, hook: Any, flow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits are for the lineage only: what the task still sends must not fail because of it."""
    from airflow_provider_aep import lineage
    from airflow_provider_aep.flow_service.runs import read_run

    [run] = hook.list_runs(flow)
    before = hook.sleep_budget.left
    monkeypatch.setattr(lineage, "LONGEST", 0.0)
    emulator.fault(delay=0.5, times=99)
    assert lineage.gather(hook, read_run(run)).source is None
    assert hook.get_flow(flow)["id"] == flow
    assert hook.sleep_budget.left == before


def test_lineage_of_a_failed_run_has_no_output(emulator: Emulator, flow: str) -> None:
    """Its error is shown, and its source; nothing landed."""
    [run] = emulator.api()("GET", f"/runs?property=flowId=={flow}").json()["items"]
    emulator.control("POST", f"runs/{run['id']}", {"status": "failed"})
    task = wait(flow)
    with unwrapped(AepError):
        task.execute(context(Store()))
    shown = event(task)
    assert "outputs" not in shown or shown["outputs"] == []
    assert len(shown["inputs"]) == 1
    assert run["id"] in shown["run"]["facets"]["errorMessage"]["message"]
    assert shown["run"]["facets"]["externalQuery"]["externalQueryId"] == run["id"]


def test_lineage_holds_no_secret_that_aep_repeats(emulator: Emulator, flow: str) -> None:
    """In names, columns, types and expressions. The rest of the event is shown."""
    wait(flow).execute(context(Store()))
    paths = [one["path"] for one in emulator.requests()[-len(PARTS) :]]
    source, mapping_set, dataset = (path.rpartition("/")[2] for path in paths[1:4])
    secret, plain = canary.AEP_SECRET, "Product_Id"
    columns = [{"name": secret}, {"name": "Odd", "type": secret}, {"name": plain, "type": "string"}]
    rows = [
        ("ATTRIBUTE", secret, "_emulator.Description"),
        ("ATTRIBUTE", plain, f"_emulator.{secret}"),
        ("EXPRESSION", f'concat("{secret}", {plain})', "_emulator.Product_Name"),
    ]
    keys = ("sourceType", "source", "destination")
    mappings = [dict(zip(keys, row, strict=True)) for row in rows]
    params = {"tableName": f"Table {secret}", "columns": columns}
    replies = (
        {"items": [{"id": source, "params": params}]},
        {"id": mapping_set, "version": 0, "mappings": mappings},
        {dataset: {"name": f"Products {secret}", "schemaRef": {"id": "https://ns.adobe.com/acme/schemas/1"}}},
    )
    for path, body in zip(paths[1:], replies, strict=False):
        emulator.fault(path=path, status=200, body=body)
    task = wait(flow)
    task.execute(context(Store()))
    shown = event(task)
    assert canary.find_any(json.dumps(shown)) == []
    [read], [filled] = shown["inputs"], shown["outputs"]
    assert read["name"] == f"prod.{source}"
    assert [one["name"] for one in read["facets"]["schema"]["fields"]] == [plain]
    assert set(filled["facets"]["columnLineage"]["fields"]) == {"_emulator.Product_Name"}
    assert "symlinks" not in filled["facets"]


def test_lineage_never_fails_the_task(flow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong while it is read."""
    from airflow_provider_aep import lineage

    monkeypatch.setattr(lineage, "origins_of", lambda *_: 1 / 0)
    task = wait(flow)
    result = task.execute(context(Store()))
    shown = event(task)
    assert shown["run"]["facets"]["externalQuery"]["externalQueryId"] == result["run_id"]
    assert shown["outputs"] == []


DAG = """
from airflow.sdk import DAG
from airflow_provider_aep.operators.dataflows import RunDataflowOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

with DAG("lineage", schedule=None, params={"flow": ""}):
    flow = {"flow_id": "{{ params.flow }}"}
    past = {**flow, "window_start": "2020-01-01", "window_end": "2021-01-01", "poll_interval": 1}
    wait = FlowRunSensor(task_id="wait", match="latest", deferrable=False, **flow)
    run = RunDataflowOperator(task_id="run", delta_column="Create_Time", **past)
    wait >> run >> RunDataflowOperator(task_id="fail", delta_column="Typo", **past)
"""


def test_lineage_is_written_by_openlineages_own_transport(
    emulator: Emulator, flow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a real DAG run, also of a deferred wait. The search for canaries reads the events, too."""
    file = tmp_path / "events.jsonl"
    for name, value in {"TYPE": "file", "LOG_FILE_PATH": str(file), "APPEND": "true"}.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{name}", value)
    runs = [{"name": "lineage", "dag": "lineage", "conf": {"flow": flow}}]
    log, _ = run_plan(
        emulator.url, runs, {"aep_default": aep_connection(emulator.url)}, tmp_path, lineage=DAG
    )
    ended = {
        one["job"]["name"]: one
        for one in read_events(file)
        if one["eventType"] in ("COMPLETE", "FAIL") and "." in one["job"]["name"]
    }
    assert ended.keys() == {"lineage.wait", "lineage.run", "lineage.fail"}, log[-5000:]
    for name, rows in {"wait": BASE_ROWS, "run": 0}.items():  # no product is as old as the window
        one = ended[f"lineage.{name}"]
        assert {"schema", "columnLineage", "symlinks", "outputStatistics", "externalQuery"} <= {
            *validate(one)
        }
        assert len(one["inputs"]) == len(one["outputs"]) == 1
        assert one["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == rows
    failed = ended["lineage.fail"]
    assert "errorMessage" in validate(failed)
    assert not failed["inputs"]
    assert not failed["outputs"]


def test_lineage_needs_no_openlineage() -> None:
    """Without the extra a wait finds no provider, and imports nothing."""
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "OpenLineage" not in done.stdout + done.stderr


WITHOUT = """
import sys
from importlib.machinery import PathFinder
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

def find_spec(name, path=None, target=None):
    return None if name in ("openlineage", "airflow.providers.openlineage") else find(name, path, target)

find, PathFinder.find_spec = PathFinder.find_spec, find_spec
for name in [name for name in sys.modules if "openlineage" in name]:  # Airflow reads each provider's metadata
    del sys.modules[name]
task = FlowRunSensor(task_id="wait", flow_id="flow")
task._keep_lineage(None, None)
assert task._lineage is None
assert not [name for name in sys.modules if "openlineage" in name]
"""
