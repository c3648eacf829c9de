"""An entity of the same name that differs: the client warns, refuses, or updates it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.flow_service.collections import SOURCE_CONNECTIONS, TARGET_CONNECTIONS
from airflow_provider_aep.operators import connections, dataflows
from tests.harness import all_operators
from tests.harness.connections import MakeHook
from tests.harness.dag_runs import DagRun, changes
from tests.harness.documented_sources import DAILY, base_of
from tests.harness.emulator import Emulator
from tests.harness.operators import Logged, context, unwrapped
from tests.harness.pipeline import Pipeline
from tests.harness.platform import Platform, made
from tests.harness.workers import Workers

NAMES = {"Product_Id": "_emulator.Product_Id", "Product_Name": "_emulator.Product_Name"}
PLAN = {"schedule": DAILY, "delta_column": "Create_Time", "description": "Every day"}


@pytest.fixture
def pipeline(emulator: Emulator, hook: Any) -> Pipeline:
    """A base connection, a schema and a dataset."""
    return Pipeline(emulator, hook)


@pytest.fixture
def platform(emulator: Emulator) -> Platform:
    """A client that knows nothing of this project."""
    return Platform(emulator)


def warnings(log: str) -> list[str]:
    """The differences that were told, by line."""
    return [line for line in log.splitlines() if "exists and differs" in line]


def told(line: str) -> list[str]:
    """The fields that a line names."""
    return re.findall(r"`([\w.]+)`: existing", line)


def changed(emulator: Emulator) -> list[tuple[str, str]]:
    """Return the requests that changed anything, by method and collection."""
    sent = [one for one in emulator.requests() if changes(one)]
    return [(one["method"], one["path"].removeprefix("/data/foundation/").split("/")[1]) for one in sent]


DIFFERENT: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "interval": ({"schedule": {"frequency": "day", "interval": 2}}, ["schedule.interval"], "'1', desired 2"),
    "frequency": (
        {"schedule": {"frequency": "hour", "interval": 1}},
        ["schedule.frequency"],
        "'day', desired 'hour'",
    ),
    "delta column": (
        {"delta_column": "Product_Id"},
        ["delta_column.name"],
        "'Create_Time', desired 'Product_Id'",
    ),
    "date format": (
        {"delta_column": {"name": "Create_Time", "timezone": "UTC"}},
        ["delta_column.timezone"],
        "none, desired 'UTC'",
    ),
    "description": ({"description": "Each day"}, ["description"], "'Every day', desired 'Each day'"),
    "diagnostics": ({"error_diagnostics": True}, ["error_diagnostics"], "existing False, desired True"),
    "partial ingestion": (
        {"partial_ingestion_percent": "12.5"},
        ["partial_ingestion_percent"],
        "existing none, desired 12.5",
    ),
}
FIXED: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "start": ({"schedule": {**DAILY, "start": "2099-01-01"}}, ["schedule.start"], "desired 4070908800"),
    "backfill": ({"schedule": {**DAILY, "backfill": False}}, ["schedule.backfill"], "True, desired False"),
    "once": (
        {"schedule": {"frequency": "once"}, "delta_column": None},
        ["schedule.frequency"],
        "'day', desired 'once'",
    ),
}
EVERY = {**DIFFERENT, **FIXED}


@pytest.mark.parametrize(("options", "fields", "said"), EVERY.values(), ids=EVERY)
def test_reuse_tells_each_difference(
    pipeline: Pipeline, logged: Logged, options: dict[str, Any], fields: list[str], said: str
) -> None:
    """One warning names field, existing and new value; nothing is changed."""
    own = pipeline.dataflow(**PLAN)
    before = pipeline.hook.get_flow(own)
    logged()
    assert pipeline.dataflow(**{**PLAN, **options}) == own
    (line,) = warnings(logged())
    assert "warning" in line.lower()
    assert (told(line), said in line) == (fields, True)
    assert pipeline.hook.get_flow(own) == before


def test_all_in_one_warning(pipeline: Pipeline, logged: Logged) -> None:
    """One warning names all differences."""
    own = pipeline.dataflow(**PLAN)
    logged()
    options = {"schedule": {"frequency": "week", "interval": 3}, "delta_column": "Product_Id"}
    assert pipeline.dataflow(**{**PLAN, **options}) == own
    (line,) = warnings(logged())
    assert told(line) == ["schedule.frequency", "schedule.interval", "delta_column.name"]


@pytest.mark.parametrize(("options", "fields", "said"), EVERY.values(), ids=EVERY)
def test_reuse_refuses_a_difference_on_demand(
    pipeline: Pipeline, options: dict[str, Any], fields: list[str], said: str
) -> None:
    """With a typed error that carries them, and nothing changed."""
    own = pipeline.dataflow(**PLAN)
    before = pipeline.hook.get_flow(own)
    with unwrapped(errors.EntityDiffersError, match="E510") as caught:
        pipeline.dataflow(on_difference="fail", **{**PLAN, **options})
    assert [one.field for one in caught.value.differences] == fields
    assert all(text in str(caught.value) for text in (said, "`on_difference`", "`if_exists`", own))
    assert pipeline.hook.get_flow(own) == before


@pytest.mark.parametrize("if_exists", ["reuse", "update"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"schedule": {"frequency": "DAY", "interval": "1"}},
        {"schedule": {**DAILY, "backfill": True}},
        {"schedule": {**DAILY, "start": ""}},
        {"description": None},
        {"description": "Every day "},
        {"schedule": None, "delta_column": None},
        {"mapping_set": None},
        {"error_diagnostics": " false", "partial_ingestion_percent": ""},
    ],
    ids=[
        "same",
        "texts",
        "default",
        "no start",
        "no description",
        "blank",
        "no schedule",
        "no mapping",
        "no options",
    ],
)
def test_what_was_not_said_is_no_difference(
    emulator: Emulator, pipeline: Pipeline, logged: Logged, options: dict[str, Any], if_exists: str
) -> None:
    """Another notation in AEP is no difference either, and an update sends no PATCH."""
    own = pipeline.dataflow(**PLAN)
    emulator.advance(3600)
    before = pipeline.hook.get_flow(own)
    logged()
    emulator.forget_requests()
    order = {**PLAN, **options, "on_difference": "fail", "if_exists": if_exists}
    assert pipeline.dataflow(**order) == own
    assert warnings(logged()) == []
    assert changed(emulator) == []
    assert pipeline.hook.get_flow(own) == before


@pytest.mark.parametrize(("options", "fields", "said"), DIFFERENT.values(), ids=DIFFERENT)
def test_update_changes_what_can_be_changed(
    emulator: Emulator,
    pipeline: Pipeline,
    logged: Logged,
    options: dict[str, Any],
    fields: list[str],
    said: str,
) -> None:
    """By one PATCH; from then on nothing differs, and nothing more is sent."""
    own = pipeline.dataflow(**PLAN)
    before = pipeline.hook.get_flow(own)
    emulator.forget_requests()
    for _ in range(2):
        assert pipeline.dataflow(if_exists="update", **{**PLAN, **options}) == own
        assert changed(emulator) == [("PATCH", "flows")]
    logged()
    assert pipeline.dataflow(on_difference="fail", **{**PLAN, **options}) == own
    after = pipeline.hook.get_flow(own)
    same = ("id", "name", "sourceConnectionIds", "targetConnectionIds", "state")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert after["scheduleParams"]["startTime"] == before["scheduleParams"]["startTime"]


@pytest.mark.parametrize(("options", "fields", "said"), FIXED.values(), ids=FIXED)
def test_update_refuses_what_cannot_be_changed(
    platform: Platform, pipeline: Pipeline, options: dict[str, Any], fields: list[str], said: str
) -> None:
    """Naming the way round; what could be changed besides is not, either."""
    own = pipeline.dataflow(**{**PLAN, "schedule": {**DAILY, "start": "2099-01-01"}})
    patch = [{"op": "replace", "path": "/scheduleParams/startTime", "value": platform.now() - 1}]
    headers = {"If-Match": platform.get("flows", own)["etag"]}
    made(platform.api("PATCH", f"/flows/{own}", json=patch, headers=headers), 200)
    before = pipeline.hook.get_flow(own)
    with unwrapped(errors.EntityDiffersError, match="another `name`") as caught:
        pipeline.dataflow(if_exists="update", **{**PLAN, **options, "description": "New"})
    assert [one.field for one in caught.value.differences] == fields
    assert "DeleteDataflowOperator" in str(caught.value)
    assert pipeline.hook.get_flow(own) == before


def test_a_start_that_lies_ahead_can_be_moved(pipeline: Pipeline) -> None:
    """An update can move a start until it has passed."""
    own = pipeline.dataflow(**{**PLAN, "schedule": {**DAILY, "start": "2099-01-01"}})
    later = {**DAILY, "start": "2099-01-02", "backfill": False}
    assert pipeline.dataflow(if_exists="update", **{**PLAN, "schedule": later}) == own
    shown = pipeline.hook.get_flow(own)["scheduleParams"]
    assert (shown["startTime"], shown["backfill"]) == (4070995200, False)


OPTIONS = {"error_diagnostics": True, "partial_ingestion_percent": 10}


def test_options_of_ingestion(emulator: Emulator, pipeline: Pipeline) -> None:
    """They are created and changed one by one. An option that is left out is not compared."""
    own = pipeline.dataflow(**PLAN, partial_ingestion_percent="10")

    def shown() -> Any:
        return pipeline.hook.get_flow(own)["options"]

    assert shown() == {"partialIngestionPercent": 10, "errorDiagnosticsEnabled": True}
    emulator.forget_requests()
    for given in ({}, {"error_diagnostics": "True"}, {"partial_ingestion_percent": 10.0}, OPTIONS):
        assert pipeline.dataflow(on_difference="fail", **PLAN, **given) == own
    assert changed(emulator) == []
    assert pipeline.dataflow(if_exists="update", **PLAN, error_diagnostics=False) == own
    assert shown() == {"partialIngestionPercent": 10, "errorDiagnosticsEnabled": False}
    assert pipeline.dataflow(on_difference="fail", **PLAN, partial_ingestion_percent=10) == own
    assert pipeline.dataflow(if_exists="update", **PLAN, partial_ingestion_percent=20) == own
    assert shown() == {"partialIngestionPercent": 20, "errorDiagnosticsEnabled": True}


def test_error_diagnostics_of_a_run(emulator: Emulator, pipeline: Pipeline, platform: Platform) -> None:
    """AEP keeps the failed records of a dataflow's runs only with error diagnostics."""
    plan = {"schedule": {"frequency": "once"}, "delta_column": None}
    without = pipeline.dataflow(name="without", **plan)
    diagnosed = pipeline.dataflow(name="with", **plan, **OPTIONS)
    platform.advance(60)
    shown = {}
    for flow in (without, diagnosed):
        (run,) = platform.runs(flow)
        decision = {"failed_records": [{"record": {"name": "Ada"}, "code": "1401", "message": "No"}]}
        ended = emulator.control("POST", f"runs/{run['id']}", decision)
        shown[flow] = "manifest" in ended["activities"][1]["statusSummary"]["extensions"]
    assert shown == {without: False, diagnosed: True}


def test_other_ends_are_refused(pipeline: Pipeline) -> None:
    """Swapping them has no effect, so not even an update tries."""
    pipeline.dataflow(**PLAN)
    other = pipeline.target_connection(name="Another target")
    with unwrapped(errors.EntityExistsError, match="other connections"):
        pipeline.dataflow(if_exists="update", **{**PLAN, "target_connection_id": other})


# Mapping sets


def mapping_set(schema: str, **order: Any) -> dict[str, Any]:
    task = dataflows.CreateMappingSetOperator(task_id="mapping", schema_id=schema, **order)
    return dict(task.execute(context()))


def test_a_dataflow_with_another_mapping_set(
    emulator: Emulator, pipeline: Pipeline, platform: Platform, logged: Logged
) -> None:
    """Its content is what counts: the fields are told, and an update takes the other one."""
    own = pipeline.dataflow(**PLAN)
    (schema,) = {one["schemaRef"]["id"] for one in made(platform.catalog("GET", "/dataSets"), 200).values()}
    columns = [{"name": name} for name in ("Product_Id", "Product_Name", "Description", "Create_Time")]
    same = mapping_set(schema, columns=columns)
    logged()
    assert pipeline.dataflow(on_difference="fail", **{**PLAN, "mapping_set": same}) == own
    other = mapping_set(schema, mapping={**NAMES, "Description": "_emulator.Create_Time"})
    assert pipeline.dataflow(**{**PLAN, "mapping_set": other}) == own
    (line,) = warnings(logged())
    assert told(line) == ["mapping._emulator.Create_Time", "mapping._emulator.Description"]
    assert "existing 'Create_Time', desired 'Description'" in line
    assert pipeline.dataflow(if_exists="update", **{**PLAN, "mapping_set": other}) == own
    (params,) = [
        one["params"] for one in pipeline.hook.get_flow(own)["transformations"] if one["name"] == "Mapping"
    ]
    assert params == {"mappingId": other["id"], "mappingVersion": "0"}
    assert [one["name"] for one in pipeline.hook.get_flow(own)["transformations"]] == ["Copy", "Mapping"]


def test_a_mapping_set_by_its_id_alone(pipeline: Pipeline, platform: Platform) -> None:
    """Says nothing of its version."""
    own = pipeline.dataflow(**PLAN)
    (schema,) = {one["schemaRef"]["id"] for one in made(platform.catalog("GET", "/dataSets"), 200).values()}
    changed_set = mapping_set(schema, mapping=NAMES, dataflow="Products flow", if_exists="update")
    assert changed_set["version"] == 1
    assert pipeline.dataflow(if_exists="update", **{**PLAN, "mapping_set": changed_set}) == own
    order = {**PLAN, "mapping_set": changed_set["id"], "on_difference": "fail"}
    assert pipeline.dataflow(**order) == own


class TestOfADataflow:
    """`CreateMappingSetOperator(dataflow=)`."""

    COLUMNS = [{"name": name} for name in ("Product_Id", "Product_Name", "Description")]  # noqa: RUF012

    @pytest.fixture
    def schema(self, platform: Platform) -> str:
        """Return the schema of the dataset of a dataflow `Products` that ingests all columns."""
        body = platform.prepared(name="Products")
        platform.flow(body)
        self.own = body["transformations"][1]["params"]["mappingId"]
        target = platform.get("targetConnections", body["targetConnectionIds"][0])
        return str(target["data"]["schema"]["id"])

    @pytest.fixture(autouse=True)
    def right_connection(self, make_hook: MakeHook, emulator: Emulator) -> None:
        """`aep_default`."""
        make_hook(emulator.url)

    def test_reuse(self, emulator: Emulator, schema: str, logged: Logged) -> None:
        """The dataflow's own, with a warning; nothing is said to be left out that it brings in."""
        emulator.forget_requests()
        found = mapping_set(schema, columns=self.COLUMNS, mapping=NAMES, dataflow="Products")
        assert found == {"id": self.own, "version": 0}
        log = logged()
        (line,) = warnings(log)
        assert told(line) == ["mapping._emulator.Description", "mapping._emulator.Create_Time"]
        assert "existing 'Description', desired none" in line
        assert "not ingested" not in log
        assert changed(emulator) == []

    def test_fail(self, emulator: Emulator, schema: str) -> None:
        """The task fails before it creates a second set."""
        with unwrapped(errors.EntityDiffersError, match="Description"):
            mapping_set(schema, mapping=NAMES, dataflow="Products", on_difference="fail")
        assert emulator.state()["mappingSets"] == 1

    def test_update(self, emulator: Emulator, platform: Platform, schema: str, logged: Logged) -> None:
        """A new version of the same set, which a second try finds; the dataflow's version stays as it was."""
        emulator.forget_requests()
        for _ in range(2):
            order = {"mapping": NAMES, "columns": self.COLUMNS, "dataflow": "Products"}
            found = mapping_set(schema, **order, if_exists="update")
            assert found == {"id": self.own, "version": 1}
            assert changed(emulator) == [("PUT", "mappingSets")]
        assert "'Description' (not in `mapping`)" in logged()
        assert emulator.state()["mappingSets"] == 1
        shown = [
            made(platform.conversion("GET", f"/mappingSets/{self.own}", params={"version": version}), 200)
            for version in (0, 1)
        ]
        assert [len(one["mappings"]) for one in shown] == [4, 2]

    def test_an_update_without_a_difference(self, emulator: Emulator, schema: str) -> None:
        """Sends nothing."""
        columns = [*self.COLUMNS, {"name": "Create_Time"}]
        emulator.forget_requests()
        found = mapping_set(schema, columns=columns, dataflow="Products", if_exists="update")
        assert found == {"id": self.own, "version": 0}
        assert changed(emulator) == []


# Everything else


def test_a_source_connection(emulator: Emulator, pipeline: Pipeline, logged: Logged) -> None:
    """Its columns are told or refused; AEP would take a change, and its dataflow would not."""
    some = [{"name": "Product_Id", "type": "string"}, {"name": "Create_Time", "type": "string"}]
    own = pipeline.source_connection(columns=some, description="Old")
    logged()
    other = [some[0], {"name": "Product_Name", "type": "string"}]
    emulator.forget_requests()
    assert pipeline.source_connection(columns=other) == own
    (line,) = warnings(logged())
    assert told(line) == ["columns.Product_Name", "columns.Create_Time"]
    with unwrapped(errors.EntityDiffersError, match=r"another `name`.*with_connections=True"):
        pipeline.source_connection(columns=other, if_exists="update")
    assert changed(emulator) == []
    assert pipeline.source_connection(if_exists="update") == own
    assert pipeline.source_connection(columns=some, if_exists="update", description="New") == own
    assert changed(emulator) == [("PATCH", "sourceConnections")]
    assert warnings(logged()) == []


def test_a_stream_s_parameters(
    emulator: Emulator, make_hook: MakeHook, platform: Platform, logged: Logged
) -> None:
    """By the names that the author gave."""
    make_hook(emulator.url)
    base = base_of(platform, "Azure Event Hubs")

    def create(hub: str, **options: Any) -> Any:
        stream = {"eventHubName": hub, "dataType": "raw"}
        order = {"name": "Clicks", "connection_id": base, "stream": stream, **options}
        return dataflows.CreateSourceConnectionOperator(task_id="source", **order).execute(context())

    own = create("clicks")
    logged()
    assert create("views") == own
    (line,) = warnings(logged())
    assert told(line) == ["stream.eventHubName"]
    with unwrapped(errors.EntityDiffersError, match="'clicks', desired 'views'"):
        create("views", if_exists="update")


def test_files(emulator: Emulator, make_hook: MakeHook, platform: Platform, logged: Logged) -> None:
    """A format that Flow Service detected is not compared."""
    make_hook(emulator.url)
    base = base_of(platform, "Amazon S3")

    def create(**file: Any) -> Any:
        order = {"name": "Orders", "connection_id": base, "file": {"path": "/orders/", **file}}
        return dataflows.CreateSourceConnectionOperator(task_id="source", **order).execute(context())

    own = create(file_type="delimited", column_delimiter=",")
    logged()
    assert create() == own
    assert warnings(logged()) == []
    assert create(file_type="json", recursive=True) == own
    (line,) = warnings(logged())
    assert told(line) == ["file.recursive", "file.format"]


def test_a_target_connection(
    emulator: Emulator, pipeline: Pipeline, platform: Platform, logged: Logged
) -> None:
    """Whose schema is not the dataset's."""
    own = pipeline.target_connection()
    other = platform.schema("Another")
    patch = [{"op": "replace", "path": "/data/schema/id", "value": other}]
    headers = {"If-Match": platform.get("targetConnections", own)["etag"]}
    made(platform.api("PATCH", f"/targetConnections/{own}", json=patch, headers=headers), 200)
    logged()
    assert pipeline.target_connection() == own
    (line,) = warnings(logged())
    assert told(line) == ["schema_id"]
    with unwrapped(errors.EntityDiffersError, match=other):
        pipeline.target_connection(if_exists="update")


def test_a_schema(emulator: Emulator, make_hook: MakeHook, platform: Platform, logged: Logged) -> None:
    """Fields and field groups that it lacks, and a type, which cannot be changed."""
    make_hook(emulator.url)
    details = "https://ns.adobe.com/xdm/context/profile-person-details"

    def create(**order: Any) -> Any:
        return dataflows.CreateSchemaOperator(task_id="schema", name="Rows", **order).execute(context())

    some = [{"name": "a", "type": "string"}, {"name": "b", "type": "long"}]
    own = create(columns=some, description="Old")
    logged()
    assert create(columns=[some[0], {"name": "c", "type": "date"}], field_groups=[details]) == own
    (line,) = warnings(logged())
    assert f"`field_groups.{details}`: existing none" in line
    assert "`columns.c`: existing none, desired 'string (date)'" in line
    assert "columns.b" not in line
    with unwrapped(errors.EntityDiffersError, match=r"`columns\.b`: existing 'integer', desired 'boolean'"):
        create(columns=[{"name": "b", "type": "boolean"}], on_difference="fail")
    emulator.forget_requests()
    with unwrapped(errors.EntityDiffersError, match="type of a field cannot be changed"):
        create(columns=[{"name": "b", "type": "boolean"}], if_exists="update")
    assert changed(emulator) == []
    assert create(columns=some, description="New", if_exists="update") == own
    assert create(columns=some, description="New", on_difference="fail") == own


def test_a_dataset(emulator: Emulator, make_hook: MakeHook, platform: Platform, logged: Logged) -> None:
    """Its description; another schema is an error of its own."""
    make_hook(emulator.url)
    schema = platform.schema()

    def create(**order: Any) -> Any:
        task = dataflows.CreateDatasetOperator(task_id="dataset", name="Rows", schema_id=schema, **order)
        return task.execute(context())

    own = create(description="Old")
    logged()
    assert create(description="New") == own
    (line,) = warnings(logged())
    assert "`description`: existing 'Old', desired 'New'" in line
    with unwrapped(errors.EntityDiffersError, match="'Old', desired 'New'"):
        create(description="New", on_difference="fail")
    assert create(description="New", if_exists="update") == own
    assert create(description="New", on_difference="fail") == own
    assert create(on_difference="fail") == own


def test_a_base_connection(
    emulator: Emulator, make_hook: MakeHook, set_connection: Any, paypal: Any, logged: Logged
) -> None:
    """Plain parameters as far as AEP shows them; secrets are neither compared nor shown."""
    make_hook(emulator.url)

    def create(**order: Any) -> Any:
        task = connections.CreatePayPalConnectionOperator(task_id="base", name="PayPal", **order)
        return task.execute(context())

    own = create(description="Old")
    logged()
    assert create(description="New", auth_params={"host": "api.paypal.com"}) == own
    (line,) = warnings(logged())
    assert told(line) == ["description", "auth_params.host"]
    assert "'api.sandbox.paypal.com', desired 'api.paypal.com'" in line
    with unwrapped(errors.EntityDiffersError, match="api.paypal.com"):
        create(auth_params={"host": "api.paypal.com"}, on_difference="fail")
    assert create(description="New", auth_params={"host": "api.paypal.com"}, if_exists="update") == own
    assert create(description="New", auth_params={"host": "api.paypal.com"}, on_difference="fail") == own


@pytest.mark.parametrize("name", [n for n in all_operators.every_operator() if n.startswith("Create")])
def test_every_create_knows_the_parameter(emulator: Emulator, pipeline: Pipeline, name: str) -> None:
    """An invalid value is named before any request that changes anything."""
    pipeline.dataflow()
    known = {
        **all_operators.VALUES,
        "connection_id": pipeline.hook.list_connections()[0]["id"],
        "source_connection_id": pipeline.hook.list_entities(SOURCE_CONNECTIONS)[0]["id"],
        "target_connection_id": pipeline.hook.list_entities(TARGET_CONNECTIONS)[0]["id"],
    }
    target = pipeline.hook.get_target_connection(known["target_connection_id"])
    known |= {"schema_id": target["data"]["schema"]["id"], "dataset_id": target["params"]["dataSetId"]}
    (flow,) = pipeline.hook.list_flows()
    known["mapping_set"] = flow["transformations"][1]["params"]["mappingId"]
    kind = all_operators.every_operator()[name]
    emulator.forget_requests()
    with unwrapped(errors.AepConfigError) as caught:
        all_operators.make(kind, known, on_difference="shout").execute(context())
    assert caught.value.parameter == "on_difference"
    assert changed(emulator) == []


# Task groups


class Group:
    """`source_ingestion` run again and again, with another order each time."""

    def __init__(self, emulator: Emulator, workers: Workers, directory: Path) -> None:
        self.client = Platform(emulator)
        self.emulator = emulator
        self._workers = workers
        self._directory = directory
        self._base = base_of(self.client, "Salesforce")
        self._runs = 0

    def run(self, **order: Any) -> dict[str, Any] | None:
        """The error that the DAG run ends with, if it does."""
        self._runs += 1
        arguments = {
            "connection_id": self._base, "table": "Account", "dataset": "Accounts", "schedule": DAILY,
            "delta_column": "CreatedDate", "wait": False, **order,
        }  # fmt: skip
        self.emulator.forget_requests()
        directory = self._directory / str(self._runs)
        build = "task_groups.source_ingestion"
        run = DagRun(self.emulator, self._workers, directory, build, arguments, memory=False)
        return run.go_on()

    def flow(self) -> dict[str, Any]:
        """The one dataflow."""
        (flow,) = made(self.client.api("GET", "/flows"), 200)["items"]
        return dict(flow)


@pytest.fixture
def group(emulator: Emulator, workers: Workers, tmp_path: Path) -> Group:
    """On an emulator as new."""
    return Group(emulator, workers, tmp_path)


OTHER = {
    "schedule": {"frequency": "day", "interval": 2},
    "mapping": {"Id": "_emulator.Id", "Name": "_emulator.Name"},
    "delta_column": "CreatedDate",
}


def test_a_group_reuses(group: Group) -> None:
    """Nothing is changed, and no mapping set is left behind."""
    assert group.run() is None
    state, flow = group.emulator.state(), group.flow()
    assert group.run(**OTHER) is None
    assert changed(group.emulator) == []
    assert (group.emulator.state(), group.flow()) == (state, flow)


def test_a_group_refuses_on_demand(group: Group) -> None:
    """The parameter goes to each of its tasks."""
    assert group.run() is None
    state = group.emulator.state()
    for other in ({"schedule": OTHER["schedule"]}, {"mapping": OTHER["mapping"]}):
        error = group.run(**other, on_difference="fail")
        assert error is not None
        assert "EntityDiffersError" in error["kinds"], error
        assert group.emulator.state() == state


def test_a_group_updates(group: Group) -> None:
    """Schedule and mapping, by a new version of the mapping set; again, there is nothing more to change."""
    assert group.run() is None
    state, before = group.emulator.state(), group.flow()
    assert group.run(**OTHER, if_exists="update") is None
    assert [method for method, _ in changed(group.emulator)] == ["PUT", "PATCH"]
    after = group.flow()
    assert (after["scheduleParams"]["frequency"], after["scheduleParams"]["interval"]) == ("day", "2")
    old, new = (flow["transformations"][1]["params"] for flow in (before, after))
    assert new == {"mappingId": old["mappingId"], "mappingVersion": "1"}
    for if_exists in ("update", "reuse"):
        assert group.run(**OTHER, if_exists=if_exists, on_difference="fail") is None
        assert changed(group.emulator) == []
    assert (group.emulator.state(), group.flow()["etag"]) == (state, after["etag"])


def test_a_group_fails_where_it_exists(group: Group) -> None:
    """`if_exists="fail"` goes on to each task, too."""
    assert group.run(if_exists="fail") is None
    error = group.run(if_exists="fail")
    assert error is not None
    assert "EntityExistsError" in error["kinds"]


def test_a_group_checks_the_columns_first(group: Group) -> None:
    """The first run has nothing to compare. If a column is added, `fail` stops before any change."""
    assert group.run(check_schema="fail") is None
    assert group.run(check_schema="fail") is None
    state, flow = group.emulator.state(), group.flow()
    [account] = made(group.client.api("GET", "/sourceConnections"), 200)["items"]
    path = f"connectionSpecs/{account['connectionSpec']['id']}/columns"
    group.emulator.control("POST", path, {"table": "Account", "columns": {"Region": "string"}})
    error = group.run(check_schema="fail", if_exists="update")
    assert error is not None
    assert "SchemaDriftError" in error["kinds"], error
    assert "added: 'Region'" in error["text"]
    assert changed(group.emulator) == []
    assert group.run(check_schema="warn") is None
    assert group.run() is None
    assert changed(group.emulator) == []
    assert (group.emulator.state(), group.flow()) == (state, flow)
