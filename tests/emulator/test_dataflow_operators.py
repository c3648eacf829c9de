"""From a base connection to a dataflow: each step exactly one, on the real emulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_aep.flow_service.collections import SOURCE_CONNECTIONS, TARGET_CONNECTIONS
from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepConflictError,
    AepNotFoundError,
    AepPermissionError,
    AepRequestError,
    EntityExistsError,
    EntityStateError,
    TaskStoreError,
)
from tests.harness.dag_runs import changes
from tests.harness.emulator import Emulator
from tests.harness.operators import Store, context, unwrapped
from tests.harness.pipeline import COLUMN_NAMES, Pipeline

TABLE = "PayPal.Catalog_Products"


@pytest.fixture
def pipeline(emulator: Emulator, hook: Any) -> Pipeline:
    """A base connection, a schema and a dataset; the rest is for the tests."""
    return Pipeline(emulator, hook)


def test_a_source_connection_is_made_once(emulator: Emulator, pipeline: Pipeline) -> None:
    """Run twice, there is one; its columns are read from the source."""
    made = pipeline.source_connection()
    assert pipeline.source_connection() == made
    assert emulator.state()["sourceConnections"] == 1
    item = pipeline.hook.get_source_connection(made)
    assert item["params"]["tableName"] == TABLE
    assert [column["name"] for column in item["params"]["columns"]] == COLUMN_NAMES


def test_a_name_taken_by_another_table_is_an_error(pipeline: Pipeline) -> None:
    """Reusing it would ingest the wrong table in silence."""
    pipeline.source_connection()
    with unwrapped(EntityExistsError, match="Billing_Plans"):
        pipeline.source_connection(table="PayPal.Billing_Plans")


def test_a_target_connection_is_made_once(emulator: Emulator, pipeline: Pipeline) -> None:
    """Run twice, there is one, for the dataset."""
    made = pipeline.target_connection()
    assert pipeline.target_connection() == made
    assert emulator.state()["targetConnections"] == 1


def test_a_dataflow_is_published_once(emulator: Emulator, pipeline: Pipeline) -> None:
    """It is created as a draft and ends enabled; a second run creates no second one."""
    made = pipeline.dataflow()
    assert pipeline.dataflow() == made
    assert emulator.state()["flows"] == 1
    posts = [r for r in emulator.requests() if r["method"] == "POST" and r["path"].endswith("/flows")]
    assert [post["query"] for post in posts] == [{"mode": "draft"}]
    assert pipeline.hook.get_flow(made)["state"] in ("enabled", "initializing")


def test_a_draft_left_behind_is_published(emulator: Emulator, pipeline: Pipeline) -> None:
    """A try that died before it published leaves a draft; the next one makes a dataflow of it."""
    emulator.fault(method="POST", path="/action", status=400, times=1)
    with pytest.raises(Exception, match="400"):
        pipeline.dataflow()
    assert [flow["state"] for flow in pipeline.hook.list_flows()] == ["draft"]
    made = pipeline.dataflow()
    assert emulator.state()["flows"] == 1
    assert pipeline.hook.get_flow(made)["state"] in ("enabled", "initializing")


@pytest.mark.parametrize(
    ("wrong", "parameter"),
    [
        ({"schedule": {"frequency": "minute", "interval": 5}}, "schedule"),
        ({"schedule": {"frequency": "day", "interval": 1, "start": "2020-01-01"}}, "schedule"),
        ({"schedule": {"frequency": "day", "interval": 1}, "delta_column": None}, "delta_column"),
        ({"schedule": {"frequency": "once"}, "delta_column": "Create_Time"}, "delta_column"),
        ({"schedule": {"every": 3}}, "schedule"),
        ({"mapping_set": {"version": 0}}, "mapping_set"),
        ({"name": ""}, "name"),
    ],
    ids=[
        "too often",
        "in the past",
        "no delta column",
        "a delta column with once",
        "unknown key",
        "mapping",
        "name",
    ],
)
def test_a_wrong_order_is_named_before_anything_is_made(
    emulator: Emulator, pipeline: Pipeline, wrong: dict[str, Any], parameter: str
) -> None:
    """Nothing that changes anything has been sent by then."""
    with unwrapped(AepConfigError) as caught:
        pipeline.dataflow(**wrong)
    assert caught.value.parameter == parameter
    assert emulator.state()["flows"] == 0


def test_a_default_start_after_the_emulators_clock_was_moved(emulator: Emulator, pipeline: Pipeline) -> None:
    """The message blames the clocks and names the way out, which works."""
    emulator.advance(86_400)
    with unwrapped(AepRequestError, match=r"86[34]\d\d s ahead of this worker's") as caught:
        pipeline.dataflow()
    assert caught.value.code == "FLOW-1360-400"
    assert "docs/emulator.md" in str(caught.value)
    start = emulator.control("GET", "clock")["now"] + 60
    assert pipeline.dataflow(schedule={"frequency": "day", "interval": 1, "start": start})


def test_a_start_that_has_passed_is_fine_if_the_dataflow_exists(pipeline: Pipeline) -> None:
    """A DAG with a fixed start runs every day, and the start lies in the past from the second day on."""
    made = pipeline.dataflow()
    assert pipeline.dataflow(schedule={"frequency": "day", "interval": 1, "start": "2020-01-01"}) == made


def test_deleting_goes_in_order(emulator: Emulator, pipeline: Pipeline) -> None:
    """The flow is deleted first, then its connections; a second delete succeeds, too."""
    flow = pipeline.dataflow()
    pipeline.delete(flow, with_connections=True)
    state = emulator.state()
    assert (state["flows"], state["sourceConnections"], state["targetConnections"]) == (0, 0, 0)
    pipeline.delete(flow)


def test_a_retry_deletes_what_an_earlier_try_left(emulator: Emulator, pipeline: Pipeline) -> None:
    """The dataflow that named its connections is gone by then; also where a missing one is an error."""
    flow, task = pipeline.dataflow(), context(Store())
    for collection in (SOURCE_CONNECTIONS, TARGET_CONNECTIONS):
        listed = pipeline.hook.list_entities(collection)
        emulator.fault(method="DELETE", path=listed[0]["id"], status=403, body={})
    for _ in range(2):
        with unwrapped(AepPermissionError):
            pipeline.delete(flow, task, with_connections=True, missing_ok=False)
        assert emulator.state()["flows"] == 0
    pipeline.delete(flow, task, with_connections=True, missing_ok=False)
    state = emulator.state()
    assert (state["sourceConnections"], state["targetConnections"]) == (0, 0)
    with unwrapped(AepNotFoundError):
        pipeline.delete(flow, task, with_connections=True, missing_ok=False)


@pytest.mark.parametrize("number", [1, 2])
def test_without_a_store_a_later_try_does_not_guess(
    emulator: Emulator, pipeline: Pipeline, logged: Callable[[], str], number: int
) -> None:
    """On Airflow 3.1 and 3.2 an earlier try may have left connections. A first try has nothing before it."""
    flow, task = pipeline.dataflow(), context()
    pipeline.hook.delete_flow(flow)
    task["ti"].try_number = number
    if number == 1:
        pipeline.delete(flow, task, with_connections=True)
        assert f"The connections of dataflow {flow} are unknown" in logged()
        return
    pipeline.delete(flow, task)
    with unwrapped(AepConflictError, match="stores nothing for a later try") as caught:
        pipeline.delete(flow, task, with_connections=True)
    assert not caught.value.retryable
    assert emulator.state()["sourceConnections"] == 1


def test_a_dataflow_deleted_by_somebody_else(emulator: Emulator, pipeline: Pipeline) -> None:
    """With a store: nothing was kept, so no try of this task has deleted anything."""
    flow, task = pipeline.dataflow(), context(Store())
    pipeline.hook.delete_flow(flow)
    task["ti"].try_number = 2
    pipeline.delete(flow, task, with_connections=True)
    assert emulator.state()["sourceConnections"] == 1


@pytest.mark.parametrize("verb", ["get", "set"])
def test_a_store_that_fails_keeps_a_dataflow_with_its_connections(
    emulator: Emulator, pipeline: Pipeline, verb: str
) -> None:
    """Nothing is deleted, since a retry would not know what is left."""
    flow, task = pipeline.dataflow(), context(Store(refuses=(verb,)))
    with pytest.raises(TaskStoreError):
        pipeline.delete(flow, task, with_connections=True)
    assert emulator.state()["flows"] == 1
    pipeline.delete(flow, task)
    assert emulator.state()["flows"] == 0


def test_what_could_not_be_deleted_is_named(
    emulator: Emulator, pipeline: Pipeline, logged: Callable[[], str]
) -> None:
    """The log names it, since before Airflow 3.3 no retry knows it."""
    flow = pipeline.dataflow()
    (source,) = pipeline.hook.list_entities(SOURCE_CONNECTIONS)
    (target,) = pipeline.hook.list_entities(TARGET_CONNECTIONS)
    emulator.fault(method="DELETE", path=source["id"], status=403, body={})
    with unwrapped(AepPermissionError):
        pipeline.delete(flow, with_connections=True)
    said = logged()
    assert f"source connection {source['id']}, target connection {target['id']}" in said


def test_disabled_and_enabled_again(pipeline: Pipeline) -> None:
    """Both can be repeated, as a retry does."""
    flow = pipeline.dataflow()
    for state in ("disabled", "disabled", "enabled", "enabled"):
        pipeline.switch(flow, state)
        assert pipeline.hook.get_flow(flow)["state"] == state


def test_accept_disabled_leaves_a_disabled_dataflow_disabled(emulator: Emulator, pipeline: Pipeline) -> None:
    """A disabled dataflow is an error by default. With `accept_disabled` it is used, and stays so."""
    made = pipeline.dataflow()
    pipeline.switch(made, "disabled")
    with unwrapped(EntityStateError, match="disabled"):
        pipeline.dataflow()
    emulator.forget_requests()
    assert pipeline.dataflow(accept_disabled=True) == made
    assert pipeline.hook.get_flow(made)["state"] in ("disabled", "disabling")
    assert not any(map(changes, emulator.requests()))
    with unwrapped(AepConfigError, match="accept_disabled"):
        pipeline.dataflow(accept_disabled="yes")
