"""The ready pipelines in somebody's DAG: twice without a clash, mapped, and with their tasks in order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator

from airflow_provider_aep.task_groups import paypal_ingestion, source_ingestion

TASKS = [
    "inspect_table",
    "create_schema",
    "create_dataset",
    "create_source_connection",
    "create_target_connection",
    "create_mapping_set",
    "create_dataflow",
    "wait_for_run",
]


def test_two_in_one_dag_do_not_clash() -> None:
    """The second group gets an id of its own, and so do its tasks."""
    with DAG(dag_id="twice", schedule=None) as dag:
        paypal_ingestion(connection_id="c", dataset="one")
        paypal_ingestion(connection_id="c", dataset="two")
    groups = {task_id.split(".")[0] for task_id in dag.task_ids}
    assert groups == {"paypal_ingestion", "paypal_ingestion__1"}
    assert len(dag.task_ids) == 2 * len(TASKS)


def test_it_maps_over_tables() -> None:
    """One group a table, as many as there are when it runs."""
    with DAG(dag_id="mapped", schedule=None) as dag:
        source_ingestion.partial(connection_id="c").expand_kwargs(
            [{"table": "a", "dataset": "A"}, {"table": "b", "dataset": "B"}]
        )
    assert sorted(dag.task_ids) == sorted(f"source_ingestion.{name}" for name in TASKS)


def test_the_dataflow_comes_after_all_that_it_needs() -> None:
    """The order follows from what each task hands to the next."""
    with DAG(dag_id="ordered", schedule=None) as dag:
        source_ingestion(connection_id="c", table="t", dataset="d")
    flow = dag.get_task("source_ingestion.create_dataflow")
    before = {name.split(".")[1] for name in flow.get_flat_relative_ids(upstream=True)}
    assert before == set(TASKS) - {"create_dataflow", "wait_for_run"}
    assert flow.downstream_task_ids == {"source_ingestion.wait_for_run"}


def test_without_waiting_the_last_task_is_left_out() -> None:
    """For a DAG that waits elsewhere."""
    with DAG(dag_id="no_wait", schedule=None) as dag:
        source_ingestion(connection_id="c", table="t", dataset="d", wait=False)
    assert "source_ingestion.wait_for_run" not in dag.task_ids


def test_options_of_the_wait_go_to_the_sensor() -> None:
    """How long, and how much may be missing, is for the DAG that uses the group to say."""
    with DAG(dag_id="options", schedule=None) as dag:
        source_ingestion(
            connection_id="c", table="t", dataset="d", wait={"timeout": 60, "max_failed_ratio": 0.005}
        )
    sensor = dag.get_task("source_ingestion.wait_for_run")
    assert (sensor.timeout, sensor.max_failed_ratio) == (60, 0.005)


def test_options_of_ingestion_go_to_the_dataflow() -> None:
    """And to the first task, which checks them before anything is created."""
    given = {"error_diagnostics": True, "partial_ingestion_percent": 5}
    with DAG(dag_id="options", schedule=None) as dag:
        source_ingestion(connection_id="c", table="t", dataset="d", **given)
        paypal_ingestion(connection_id="c", **given)
    for group in ("source_ingestion", "paypal_ingestion"):
        for name in ("inspect_table", "create_dataflow"):
            task = dag.get_task(f"{group}.{name}")
            assert (task.error_diagnostics, task.partial_ingestion_percent) == (True, 5)
            assert given.keys() <= set(task.template_fields)


def test_the_connection_comes_from_the_default_args() -> None:
    """The `default_args` apply as for a single task. A parameter of the group has priority."""
    with DAG(
        dag_id="defaults", schedule=None, default_args={"aep_conn_id": "aep_eu", "sandbox": "dev"}
    ) as dag:
        source_ingestion(connection_id="c", table="t", dataset="d", sandbox="prod")
    assert {(task.aep_conn_id, task.sandbox) for task in dag.tasks} == {("aep_eu", "prod")}


def test_a_second_dataflow_fills_the_same_dataset() -> None:
    """All else is the first one's; by its name the dataflow would be taken for the first."""
    with DAG(dag_id="second", schedule=None) as dag:
        source_ingestion(connection_id="c", table="t", dataset="d", dataflow="d, on demand")
    names = {task.name for task in dag.tasks if hasattr(task, "name")}
    flow = dag.get_task("source_ingestion.create_dataflow")
    assert (names, flow.name) == ({"d", "d, on demand"}, "d, on demand")


@pytest.mark.parametrize("on_drift", ["warn", "fail"])
@pytest.mark.parametrize("mapped", [False, True])
def test_columns_are_checked_before_anything_is_created(mapped: bool, on_drift: str) -> None:
    """Mapped or not, with the columns that the first task has read."""
    tables = [{"table": "a", "dataset": "A"}, {"file": "/b/", "dataset": "B"}]
    with DAG(dag_id="checked", schedule=None) as dag:
        if mapped:
            source_ingestion.partial(connection_id="c", check_schema=on_drift).expand_kwargs(tables)
        else:
            source_ingestion(connection_id="c", check_schema=on_drift, **tables[0])
    check = dag.get_task("source_ingestion.check_schema")
    assert check.on_drift == on_drift
    assert check.upstream_task_ids == {"source_ingestion.inspect_table"}
    assert {
        one.task_id for one in dag.tasks if check.task_id in one.get_flat_relative_ids(upstream=True)
    } == {f"source_ingestion.{name}" for name in TASKS[1:]}
    assert check.columns.operator.task_id == "source_ingestion.inspect_table"
    pulled = SimpleNamespace(map_index=1, xcom_pull=lambda *_, **__: tables)
    named = check.dataflow.resolve({"ti": pulled}) if mapped else check.dataflow
    assert named == ("B" if mapped else "A")
    with DAG(dag_id="paypal", schedule=None) as dag:
        paypal_ingestion(connection_id="c", check_schema=on_drift, dataflow="F")
    assert dag.get_task("paypal_ingestion.check_schema").dataflow == "F"


def test_a_stream_has_no_columns_to_check() -> None:
    """The DAG would promise a check that AEP cannot answer."""
    with DAG(dag_id="stream", schedule=None), pytest.raises(ValueError, match="`check_schema`"):
        source_ingestion(connection_id="c", dataset="d", stream=True, columns=[], check_schema="fail")


CREATES = {f"source_ingestion.{name}" for name in TASKS if name.startswith("create_")}


@pytest.mark.parametrize("mapped", [False, True])
def test_each_create_is_told_what_to_do_with_what_exists(mapped: bool) -> None:
    """Mapped or not; without a word it reuses, and warns."""
    chosen = {"if_exists": "update", "on_difference": "fail"}
    for options in (chosen, {}):
        with DAG(dag_id="told", schedule=None) as dag:
            if mapped:
                group = source_ingestion.partial(connection_id="c", **options)
                group.expand_kwargs([{"table": "t", "dataset": "d"}])
            else:
                source_ingestion(connection_id="c", table="t", dataset="d", **options)
        told = {
            task.task_id: (task.if_exists, task.on_difference)
            for task in dag.tasks
            if hasattr(task, "if_exists")
        }
        assert told == dict.fromkeys(CREATES, tuple(options.values()) or ("reuse", "warn"))
    with DAG(dag_id="paypal", schedule=None) as dag:
        paypal_ingestion(connection_id="c", **chosen)
    flow = dag.get_task("paypal_ingestion.create_dataflow")
    assert (flow.if_exists, flow.on_difference) == ("update", "fail")


def test_a_stream_has_no_run_to_wait_for() -> None:
    """The group ends with the URL that takes its rows, whatever the wait."""
    for wait in (True, False, {"timeout": 60}):
        with DAG(dag_id="stream", schedule=None) as dag:
            source_ingestion(connection_id="c", dataset="d", stream={}, columns=[], wait=wait)
        names = [task_id.split(".")[1] for task_id in dag.task_ids]
        assert names == [*TASKS[:-1], "get_inlet"]


class TestMapped:
    """Airflow's own task groups fail with a KeyError where a mapping leaves an argument out."""

    TABLES = ({"table": "a", "dataset": "A"}, {"table": "b", "dataset": "B", "delta_column": "Changed"})

    def flows(self, dag: Any) -> list[tuple[Any, ...]]:
        """Name, delta column and schedule of each dataflow, as they are when the tasks run."""
        task = dag.get_task("source_ingestion.create_dataflow")
        made = []
        for index in range(len(self.TABLES)):
            pulled = list(self.TABLES)
            ti = SimpleNamespace(map_index=index, xcom_pull=lambda *_, pulled=pulled, **__: pulled)
            values = (task.name, task.delta_column, task.schedule)
            made.append(tuple(v.resolve({"ti": ti}) if hasattr(v, "resolve") else v for v in values))
        return made

    def test_what_the_dicts_leave_out_keeps_its_default(self) -> None:
        """Each dict for itself; what is the same for all is said once."""
        with DAG(dag_id="listed", schedule=None) as dag:
            source_ingestion.partial(connection_id="c", schedule={"frequency": "once"}).expand_kwargs(
                list(self.TABLES)
            )
        assert self.flows(dag) == [
            ("A", None, {"frequency": "once"}),
            ("B", "Changed", {"frequency": "once"}),
        ]
        assert dag.get_task("source_ingestion.create_dataflow").aep_conn_id == "aep_default"

    def test_the_dicts_may_come_from_a_task(self) -> None:
        """Which tables there are may be known only when the DAG runs."""
        with DAG(dag_id="pulled", schedule=None) as dag:
            tables = BaseOperator(task_id="choose").output
            source_ingestion.partial(connection_id="c", wait=False).expand_kwargs(tables)
        assert self.flows(dag) == [("A", None, None), ("B", "Changed", None)]
        assert "source_ingestion.wait_for_run" not in dag.task_ids

    def test_tables_and_files_side_by_side(self) -> None:
        """Each dict names its own; what the others name is nothing to it."""
        given = [{"table": "a", "dataset": "A"}, {"file": "/b/", "dataset": "B"}]
        with DAG(dag_id="mixed", schedule=None) as dag:
            source_ingestion.partial(connection_id="c").expand_kwargs(given)
        task = dag.get_task("source_ingestion.create_source_connection")
        ti = SimpleNamespace(map_index=1, xcom_pull=lambda *_, **__: given)
        resolved = [getattr(task, name).resolve({"ti": ti}) for name in ("table", "file", "resource")]
        assert resolved == [None, "/b/", None]

    @pytest.mark.filterwarnings("ignore:Partial task group")
    @pytest.mark.parametrize(
        "name", ["wait", "sandbox", "stream", "if_exists", "on_difference", "check_schema", "colour"]
    )
    def test_what_cannot_differ_is_refused(self, name: str) -> None:
        """Airflow would ignore it, and every table would get the default without a warning."""
        with DAG(dag_id="refused", schedule=None), pytest.raises(TypeError, match=name):
            source_ingestion.partial(connection_id="c").expand_kwargs([{**self.TABLES[0], name: False}])
