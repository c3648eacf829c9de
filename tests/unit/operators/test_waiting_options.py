"""The options of all waits. Airflow finds them in every place where a DAG can set them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepConfigError
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
