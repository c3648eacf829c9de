"""The ready pipelines in somebody's DAG: twice without a clash, mapped, and with their tasks in order."""

from __future__ import annotations

from airflow.sdk import DAG

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


def test_the_dataflow_comes_after_all_it_stands_on() -> None:
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
