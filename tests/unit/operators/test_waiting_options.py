"""The options of all waits. Airflow finds them in every place where a DAG can set them."""

from __future__ import annotations

import datetime as dt
import time
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep.flow_runs.spec import WaitSpec
from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError
from airflow_provider_aep.operators.dataflows import RetryFlowRunOperator, RunDataflowOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

OPTIONS: dict[str, Any] = {
    "deferrable": False,
    "timeout": 7,
    "poll_interval": 9,
    "max_failed_records": 3,
    "max_failed_ratio": 0.1,
    "fail_on_partial": False,
}
KINDS: list[Any] = [
    pytest.param(FlowRunSensor, {"flow_id": "flow-1"}, id="sensor"),
    pytest.param(RunDataflowOperator, {"flow_id": "flow-1"}, id="run"),
    pytest.param(RetryFlowRunOperator, {"run_id": "run-1"}, id="retry"),
]


def options_of(task: Any) -> dict[str, Any]:
    return {name: getattr(task, name) for name in OPTIONS}


@pytest.mark.parametrize(("kind", "own"), KINDS)
def test_options_come_from_the_task_or_its_defaults(kind: Any, own: dict[str, Any]) -> None:
    """A DAG's `default_args` reach what a base class takes."""
    assert options_of(kind(task_id="wait", **own, **OPTIONS)) == OPTIONS
    assert options_of(kind(task_id="wait", **own, default_args=OPTIONS)) == OPTIONS


@pytest.mark.filterwarnings("ignore:.*was never mapped")
@pytest.mark.parametrize(("kind", "own"), KINDS)
def test_options_are_known_where_a_task_is_mapped(kind: Any, own: dict[str, Any]) -> None:
    """`partial` accepts them and refuses an unknown parameter."""
    assert kind.partial(task_id="wait", **OPTIONS).kwargs.items() >= OPTIONS.items()
    with pytest.raises(TypeError, match="max_failed"):
        kind.partial(task_id="wait", max_failed=3)


@pytest.mark.parametrize(("kind", "own"), KINDS)
def test_limits_and_ids_are_templates(kind: Any, own: dict[str, Any]) -> None:
    """Beside what every operator renders."""
    fields = {*own, "max_failed_records", "max_failed_ratio", "aep_conn_id", "sandbox"}
    assert fields <= set(kind.template_fields)


@pytest.mark.parametrize(("kind", "own"), KINDS)
def test_the_interval_is_checked(kind: Any, own: dict[str, Any]) -> None:
    """A time of any kind, at least a second. An invalid time is an error that names the parameter."""
    for given, seconds in ((None, None), (9, 9.0), (dt.timedelta(minutes=2), 120.0), (0.01, 1.0)):
        assert kind(task_id="wait", poll_interval=given, **own).poll_seconds() == seconds
    with pytest.raises(AepConfigError) as caught:
        kind(task_id="wait", poll_interval="soon", **own).poll_seconds()
    assert caught.value.parameter == "poll_interval"


@pytest.mark.parametrize(("kind", "own"), KINDS)
def test_the_timeout_is_a_number_or_a_timedelta(kind: Any, own: dict[str, Any]) -> None:
    """A task that resumes with an event alone, as in `dag.test()`, keeps it too."""
    for timeout in (120, dt.timedelta(minutes=2)):
        spec = kind(task_id="wait", timeout=timeout, **own).default_spec({})
        assert 110 < spec.deadline - time.time() <= 120


def test_a_resumed_sensor_without_its_wait_keeps_its_match() -> None:
    """`dag.test()` resumes with the event alone."""
    sensor = FlowRunSensor(task_id="wait", flow_id="flow-1", match="next")
    assert sensor.default_spec({}).match == "next"


@pytest.mark.parametrize(
    "options",
    [
        {"poll_interval": dt.timedelta(minutes=5)},
        {"poke_interval": 300},
        {"default_args": {"poke_interval": 300}},
        {"poll_interval": 300, "poke_interval": 60},
    ],
)
def test_the_sensor_pokes_in_its_poll_interval(options: dict[str, Any]) -> None:
    """In every mode, whichever of the two names the DAG uses, and in its `default_args`."""
    sensor = FlowRunSensor(task_id="wait", flow_id="flow-1", **options)
    assert (sensor.poke_interval, sensor.poll_seconds()) == (300, 300)


def test_a_sensor_without_an_interval_adapts_it() -> None:
    """Airflow's own default is for rescheduled sensors only."""
    sensor = FlowRunSensor(task_id="wait", flow_id="flow-1")
    assert (sensor.poke_interval, sensor.poll_seconds()) == (60, None)


def test_a_wait_of_a_newer_version_names_the_remedy() -> None:
    """A triggerer or worker from before the field would otherwise fail with a bare `TypeError`."""
    stored = {"flow_id": "flow-1", "run_id": None, "deadline": 1.0, "priority": 3}
    with pytest.raises(AepReplyError, match=r"fields priority are unknown.*triggerers first") as caught:
        WaitSpec.restore(stored)
    assert not caught.value.retryable


def test_a_failed_run_without_a_dataflow_is_named() -> None:
    """`RetryFlowRunOperator` has no `flow_id` that an error could name."""
    from airflow_provider_aep.operators._runs import retrigger

    hook: Any = SimpleNamespace(get_run=lambda run_id: {"id": run_id})
    with pytest.raises(AepReplyError, match="no valid dataflow ID for run run-1"):
        retrigger(hook, {}, run_id="run-1", log=None)
