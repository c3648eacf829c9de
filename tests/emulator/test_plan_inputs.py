"""What a plan knows of the parameters: templates, params, results of other tasks, mapped arguments."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from airflow.sdk import DAG, Param, task
from rich.console import Console

from airflow_provider_aep.cli.plan import code, show, summary
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.operations.plan import PlanRow, plan_dag
from airflow_provider_aep.operators.connections import CreateBaseConnectionOperator as CreateBase
from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator as CreatePayPal
from airflow_provider_aep.operators.dataflows import (
    CreateDataflowOperator,
    CreateDatasetOperator,
    CreateMappingSetOperator,
    CreateSchemaOperator,
    CreateSourceConnectionOperator,
    CreateTargetConnectionOperator,
)
from airflow_provider_aep.operators.explore import InspectTableOperator, ListTablesOperator
from airflow_provider_aep.task_groups import paypal_ingestion
from tests.harness import canary
from tests.harness.connections import SetConnection
from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID, PRODUCTS, Emulator
from tests.harness.platform import Platform

pytestmark = pytest.mark.usefixtures("hook", "paypal")


@pytest.fixture
def platform(emulator: Emulator) -> Platform:
    """A client that knows nothing of this project."""
    return Platform(emulator)


def a_dag(**options: Any) -> DAG:
    """Return an empty DAG."""
    return DAG("a_dag", schedule=None, **options)


def told(dag: DAG, conf: dict[str, Any] | None = None) -> dict[str, PlanRow]:
    """Return the rows of a plan by task, with the map index."""
    rows = plan_dag(dag, conf)
    return {row.task if row.map_index is None else f"{row.task}[{row.map_index}]": row for row in rows}


def actions(dag: DAG, conf: dict[str, Any] | None = None) -> dict[str, str]:
    """Return the actions of a plan by task."""
    return {name: row.forecast.action.value for name, row in told(dag, conf).items()}


def never(*_args: Any, **_kwargs: Any) -> Any:
    """Fail: a plan calls no function of a DAG."""
    raise AssertionError("a function of the DAG was called")


def test_templates_have_params_conf_and_dates(platform: Platform) -> None:
    """`--conf` replaces the defaults of the params, and the run is one that is triggered now."""
    own = platform.base(name="Orders")
    with a_dag(params={"name": Param("Nothing", type="string")}) as dag:
        CreatePayPal(task_id="one", name="{{ params.name }}")
        CreatePayPal(task_id="two", name="{{ dag_run.conf.name }} of {{ data_interval_end | ds | length }}")
    rows = told(dag, {"name": "Orders"})
    assert (rows["one"].forecast.action, rows["one"].forecast.id) == ("reuse", own)
    assert (rows["two"].name, rows["two"].forecast.action) == ("Orders of 10", "create")
    assert actions(dag)["one"] == "create"


def test_conf_that_does_not_fit_the_params() -> None:
    """The error names the param, and nothing is asked."""
    with a_dag(params={"name": Param("Nothing", type="string")}) as dag:
        CreatePayPal(task_id="one", name="{{ params.name }}")
    with pytest.raises(AepConfigError, match="name"):
        plan_dag(dag, {"name": 1})


def test_a_result_that_only_a_run_knows(platform: Platform) -> None:
    """The reason names the task. The DAG's functions are not called, and a known id is told all the same."""
    own = platform.base(name="PayPal")
    with a_dag() as dag:
        chosen = task(never, task_id="choose")()
        CreatePayPal(task_id="name", name=chosen)
        CreatePayPal(task_id="pulled", name="{{ ti.xcom_pull(task_ids='choose') }}")
        CreatePayPal(task_id="description", name="PayPal", description=chosen)
        CreatePayPal(task_id="other_key", name="{{ ti.xcom_pull(task_ids='name', key='link') }}")
        CreatePayPal(task_id="new", name="Another", description=chosen)
    rows = told(dag)
    for name in ("name", "pulled"):
        assert (rows[name].forecast.action, rows[name].name, rows[name].forecast.fails) == (
            "unknown",
            None,
            None,
        )
        assert "'choose'" in rows[name].forecast.reason
    assert "'link'" in rows["other_key"].forecast.reason
    known = rows["description"]
    assert (known.forecast.action, known.forecast.id, known.name) == ("unknown", own, "PayPal")
    assert "`description` is unknown" in known.forecast.reason
    assert rows["new"].forecast.action == "create"
    assert "`description` is unknown" in rows["new"].forecast.reason


def test_a_template_that_fails_is_no_failure_of_the_plan() -> None:
    """Its row says why, the others are planned, and a value in the error of a filter is not shown."""
    secret = canary.made_for("a value in a template")
    with a_dag(user_defined_filters={"broken": int}, user_defined_macros={"password": secret}) as dag:
        CreatePayPal(task_id="undefined", name="{{ params.missing.more }}")
        CreatePayPal(task_id="filter", name="{{ password | broken }}")
        CreatePayPal(task_id="fine", name="PayPal")
    rows = told(dag)
    assert "UndefinedError" in rows["undefined"].forecast.reason
    assert "ValueError" in rows["filter"].forecast.reason
    assert secret not in json.dumps([row.as_dict() for row in rows.values()])
    assert rows["fine"].forecast.action == "create"


def test_an_error_of_one_task_is_not_the_error_of_all(emulator: Emulator) -> None:
    """A wrong parameter fails its own task; a refusal of AEP makes one row unknown."""
    emulator.fault(method="GET", path="/tenant/schemas", status=403, times=10)
    with a_dag() as dag:
        CreatePayPal(task_id="no_name", name=" ")
        CreateBase(task_id="no_connection", name="One", source_conn_id="missing")
        CreateSchemaOperator(task_id="refused", name="A schema", columns=[{"name": "id", "type": "string"}])
        CreatePayPal(task_id="fine", name="PayPal")
    rows = told(dag)
    assert [(row.forecast.action, row.forecast.fails) for row in rows.values()] == [
        ("unknown", True), ("unknown", True), ("unknown", None), ("create", False),
    ]  # fmt: skip
    assert [row.error is not None for row in rows.values()] == [True, True, True, False]
    assert "403" in rows["refused"].forecast.reason or "permission" in rows["refused"].forecast.reason


def test_incomplete_credentials_fail_the_create(set_connection: SetConnection) -> None:
    """The action is known, and so is that the task fails. The plan shows no credential."""
    secret = canary.made_for("half of the credentials")
    set_connection("half", conn_type="paypal", password=secret)
    with a_dag() as dag:
        CreatePayPal(task_id="one", paypal_conn_id="half")
    (row,) = plan_dag(dag)
    assert row.forecast.fails is True
    assert "half" in row.forecast.reason
    assert secret not in json.dumps(row.as_dict())


def test_mapped_arguments(platform: Platform) -> None:
    """Each instance of a literal list has a row; lists are combined as Airflow does."""
    own = platform.base(name="b")
    with a_dag() as dag:
        CreatePayPal.partial(task_id="names").expand(name=["a", "b"])
        CreatePayPal.partial(task_id="dicts", mark=False).expand_kwargs(
            [{"name": "{{ 1 + 1 }}"}, {"name": "b"}]
        )
        CreatePayPal.partial(task_id="product").expand(name=["b", "c"], description=["x", "y"])
        unknown = task(never, task_id="choose")()
        CreatePayPal.partial(task_id="unknown").expand(name=unknown)
        CreatePayPal.partial(task_id="function").expand_kwargs(unknown.map(never))
    rows = told(dag)
    assert {name: row.forecast.action.value for name, row in rows.items()} == {
        "names[0]": "create", "names[1]": "reuse", "dicts[0]": "create", "dicts[1]": "reuse",
        "product[0]": "differs", "product[1]": "differs", "product[2]": "create", "product[3]": "reuse",
        "unknown": "unknown", "function": "unknown",
    }  # fmt: skip
    assert rows["dicts[0]"].name == "2"
    assert rows["names[1]"].forecast.id == own
    assert rows["product[3]"].forecast.reason == "Task 'product' of the same run creates it."
    for name in ("unknown", "function"):
        assert "number of its instances" in rows[name].forecast.reason
        assert "'choose'" in rows[name].forecast.reason


def test_arguments_mapped_over_results(platform: Platform) -> None:
    """Results of tasks that create and of tasks that only read are known; each instance for itself."""
    base = platform.base(name="b")
    platform.source(base)
    with a_dag() as dag:
        connections = CreatePayPal.partial(task_id="connect").expand(name=["a", "b"])
        CreateSourceConnectionOperator.partial(
            task_id="source", name=f"{PRODUCTS} source", table=PRODUCTS
        ).expand(connection_id=connections.output)
        tables = ListTablesOperator(task_id="tables", connection_id=base)
        CreateSourceConnectionOperator.partial(task_id="each", name="One", connection_id=base).expand(
            table=tables.output
        )
    found = actions(dag)
    assert (found["source[0]"], found["source[1]"]) == ("create", "reuse")
    assert len([name for name in found if name.startswith("each[")]) == len(plan_tables(platform, base))


def plan_tables(platform: Platform, base: str) -> list[Any]:
    """List the tables of PayPal."""
    found = platform.api("GET", f"/connections/{base}/explore", params={"objectType": "root"}).json()
    return list(found)


def test_a_mapped_group(platform: Platform) -> None:
    """Each instance has its own tasks, and the tasks of one instance know each other."""
    with a_dag() as dag:
        connection = CreatePayPal(task_id="connect", name="PayPal")
        paypal_ingestion.partial(connection_id=connection.output, wait=False).expand_kwargs(
            [{"dataset": "A"}, {"dataset": "B", "table": "PayPal.Billing_Plans"}]
        )
    found = told(dag)
    assert {row.forecast.action.value for row in found.values()} == {"create"}
    assert [found[f"paypal_ingestion.create_schema[{index}]"].name for index in (0, 1)] == ["A", "B"]
    assert len(found) == 1 + 2 * 6


def test_what_two_tasks_create_is_created_once() -> None:
    """The second of two groups into one dataset reuses what the first creates."""
    with a_dag() as dag:
        connection = CreatePayPal(task_id="connect", name="PayPal")
        for name in ("first", "second"):
            paypal_ingestion.override(group_id=name)(
                connection_id=connection.output, dataset="Products", dataflow=name, wait=False
            )
    found = actions(dag)
    assert {found[f"first.create_{kind}"] for kind in ("schema", "dataset", "target_connection")} == {
        "create"
    }
    shared = ("schema", "dataset", "source_connection", "target_connection")
    assert {found[f"second.create_{kind}"] for kind in shared} == {"reuse"}
    assert found["second.create_dataflow"] == "create"


def test_a_new_parent_of_what_exists(platform: Platform) -> None:
    """A dataset or dataflow is known by its name: with a new schema or connection a run would fail."""
    body = platform.prepared()
    flow = platform.flow({**body, "name": "Flow"})
    with a_dag() as dag:
        schema = CreateSchemaOperator(
            task_id="schema", name="New", columns=[{"name": "Product_Id", "type": "string"}]
        )
        datasets = platform.catalog("GET", "/dataSets").json()
        (name,) = {one["name"] for own, one in datasets.items() if own == platform.dataset_id}
        dataset = CreateDatasetOperator(task_id="dataset", name=name, schema_id=schema.output)
        target = CreateTargetConnectionOperator(
            task_id="target", name="New", dataset_id=dataset.output, schema_id=schema.output
        )
        CreateDataflowOperator(
            task_id="flow",
            name="Flow",
            source_connection_id=body["sourceConnectionIds"][0],
            target_connection_id=target.output,
        )
        CreateMappingSetOperator(
            task_id="mapping", schema_id=schema.output, mapping={"Product_Id": "_emulator.Product_Id"}
        )
    rows = told(dag)
    assert (rows["schema"].forecast.action, rows["mapping"].forecast.action) == ("create", "create")
    (difference,) = rows["dataset"].forecast.differences
    assert (difference.field, difference.desired) == ("schema_id", "the id of what task 'schema' creates")
    assert rows["dataset"].forecast.fails is True
    assert rows["target"].forecast.action == "create"
    assert [one.field for one in rows["flow"].forecast.differences] == ["target_connection_id"]
    assert (rows["flow"].forecast.id, rows["flow"].forecast.fails) == (flow, True)


def test_a_dataflow_of_a_new_source_connection(platform: Platform) -> None:
    """A dataflow of the name exists: a run would fail. It is unknown for a source that only a run knows."""
    flow = platform.flow({**platform.prepared(), "name": "Flow"})
    with a_dag() as dag:
        base = CreatePayPal(task_id="base", name="New")
        source = CreateSourceConnectionOperator(
            task_id="source", name="New", connection_id=base.output, table=PRODUCTS
        )
        ends = {"source_connection_id": source.output, "target_connection_id": "0" * 8}
        unknown = {**ends, "source_connection_id": task(never, task_id="choose")()}
        CreateDataflowOperator(task_id="same_name", name="Flow", **ends)
        CreateDataflowOperator(task_id="unknown", name="Flow", **unknown)
        CreateDataflowOperator(task_id="other_name", name="Another", **ends)
    rows = told(dag)
    same = rows["same_name"].forecast
    assert (same.action, same.id, same.fails) == ("differs", flow, True)
    assert [one.field for one in same.differences] == ["source_connection_id"]
    assert (rows["unknown"].forecast.action, rows["unknown"].forecast.id) == ("unknown", flow)
    assert rows["other_name"].forecast.action == "create"


def test_a_changed_mapping_without_the_name_of_the_dataflow(platform: Platform) -> None:
    """A mapping set is then known by its content: it is new, and the dataflow differs in its mapping."""
    body = platform.prepared()
    platform.flow({**body, "name": "Flow"})
    with a_dag() as dag:
        mapping = CreateMappingSetOperator(
            task_id="mapping",
            schema_id=platform.get("targetConnections", body["targetConnectionIds"][0])["data"]["schema"][
                "id"
            ],
            mapping={"Description": "_emulator.Product_Id"},
        )
        CreateDataflowOperator(
            task_id="flow",
            name="Flow",
            source_connection_id=body["sourceConnectionIds"][0],
            target_connection_id=body["targetConnectionIds"][0],
            mapping_set=mapping.output,
        )
    rows = told(dag)
    assert rows["mapping"].forecast.action == "create"
    assert rows["flow"].forecast.action == "differs"
    assert "mapping._emulator.Product_Id" in [one.field for one in rows["flow"].forecast.differences]


def test_a_table_that_does_not_exist(platform: Platform) -> None:
    """A table that does not exist is the reason of what needs its columns."""
    base = platform.base()
    with a_dag() as dag:
        columns = InspectTableOperator(task_id="inspect", connection_id=base, table="No.Such_Table")
        CreateSchemaOperator(task_id="schema", name="New", columns=columns.output)
    (row,) = plan_dag(dag)
    assert (row.forecast.action, row.forecast.fails) == ("create", None)
    assert "'inspect' fails" in row.forecast.reason
    assert code([row], False) == 3


def test_an_operator_of_the_dag_is_not_called(platform: Platform) -> None:
    """A subclass can do anything, also if its base class only reads."""

    class Mine(ListTablesOperator):
        act = never

    base = platform.base()
    with a_dag() as dag:
        tables = Mine(task_id="mine", connection_id=base)
        CreatePayPal.partial(task_id="each").expand(name=tables.output)
    (row,) = plan_dag(dag)
    assert (row.forecast.action, row.map_index) == ("unknown", None)
    assert "'mine'" in row.forecast.reason


@pytest.mark.parametrize("method", ["act", "execute"])
def test_a_class_of_the_dag_that_creates_is_unknown(platform: Platform, method: str) -> None:
    """It can change the name or the parameters before it calls its base class."""
    platform.base(name="PayPal")
    with a_dag() as dag:
        type("Mine", (CreatePayPal,), {method: never})(task_id="mine", name="PayPal")
        type("Same", (CreatePayPal,), {"ui_color": "#fff"})(task_id="same", name="PayPal")
    assert actions(dag) == {"mine": "unknown", "same": "reuse"}


def test_a_secret_of_a_template_is_not_told(platform: Platform, set_connection: SetConnection) -> None:
    """Airflow hides it in a task's log. A plan has no such log."""
    set_connection("db", conn_type="postgres", password="Hidden7-4eC39HqL")
    platform.base(name="PayPal", description="old")
    with a_dag() as dag:
        CreatePayPal(task_id="one", name="PayPal", description="as {{ conn.db.password }}")
        CreatePayPal(task_id="two", name="{{ conn.db.password }} twice")
    one, two = plan_dag(dag)
    assert [str(found) for found in one.forecast.differences] == [
        "`description`: existing 'old', desired 'as ***'"
    ]
    assert two.name == "*** twice"
    assert "Hidden7" not in repr((one, two.as_dict()))


def test_aep_that_cannot_be_reached_is_asked_once(set_connection: SetConnection) -> None:
    """Every row is unknown, the reason is the same, and the exit code is 3, also without `--check`."""
    address = "http://127.0.0.1:9"
    extra = {"org_id": ORG_ID, "ims_host": address}
    set_connection(
        "away", conn_type="aep", login=CLIENT_ID, password=CLIENT_SECRET, host=address, extra=extra
    )
    with a_dag(default_args={"aep_conn_id": "away"}) as dag:
        for name in ("one", "two", "three"):
            CreatePayPal(task_id=name, name=name)
    rows = plan_dag(dag)
    (error,) = {id(row.error): row.error for row in rows}.values()
    assert "could not connect" in str(error)
    assert {row.forecast.action for row in rows} == {"unknown"}
    assert (code(rows, False), code(rows, True)) == (3, 3)


def test_the_table_for_people(platform: Platform) -> None:
    """A line for each task, its differences, and no control characters of AEP."""
    platform.base(name="PayPal", description="old\x1b[2J")
    with a_dag() as dag:
        CreatePayPal(task_id="one", name="PayPal", description="new")
        CreatePayPal(task_id="two", name="Another")
    rows, out = plan_dag(dag), io.StringIO()
    show(rows, Console(file=out, width=40))
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("differs   one: base connection 'PayPal' ")
    assert "desired 'new'" in lines[1]
    assert lines[2].strip() == "The task would warn, and use it as it is."
    assert lines[3] == "create    two: base connection 'Another'"
    assert "\x1b" not in out.getvalue()
    assert summary(rows) == "1 to create, 1 differs."
