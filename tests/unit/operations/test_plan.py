"""What the operators say about themselves for a plan, and the rows of a plan."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_aep.exactly_once.forecast import Action, Forecast
from airflow_provider_aep.flow_service.differences import Difference
from airflow_provider_aep.operations.plan import PlanRow
from airflow_provider_aep.operators.base import CreateOperator
from tests.harness.all_operators import every_operator

OPERATORS = every_operator()
CREATING = {name: kind for name, kind in OPERATORS.items() if issubclass(kind, CreateOperator)}
READING = {name: kind for name, kind in OPERATORS.items() if getattr(kind, "reads", ())}


@pytest.mark.parametrize("kind", CREATING.values(), ids=CREATING)
def test_an_operator_that_creates_names_what_identifies_it(kind: Any) -> None:
    """It has a kind, and its identity consists of parameters that a template can set."""
    assert kind.kind
    assert {*kind.identified_by, *kind.parents} <= set(kind.template_fields) | {"source"}


@pytest.mark.parametrize("kind", READING.values(), ids=READING)
def test_an_operator_that_reads_creates_nothing(kind: Any) -> None:
    """A plan runs it. Its result depends on parameters that a template can set."""
    assert not issubclass(kind, CreateOperator)
    assert set(kind.reads) <= set(kind.template_fields)


def test_the_operators_that_a_plan_runs() -> None:
    """These send GET requests only."""
    assert set(READING) == {
        "InspectSourceOperator",
        "InspectTableOperator",
        "ListFilesOperator",
        "ListTablesOperator",
    }


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=timezone.utc), math.nan, {1, 2}], ids=str)
def test_any_value_of_a_parameter_is_json(value: Any) -> None:
    """One that JSON does not have is a text."""
    forecast = Forecast(Action.DIFFERS, "id", (Difference("auth_params.since", "old", value),))
    row = PlanRow("task", None, "base connection", "A", forecast).as_dict()
    (difference,) = json.loads(json.dumps(row, allow_nan=False))["differences"]
    assert difference == {"field": "auth_params.since", "existing": "old", "wanted": str(value)}
