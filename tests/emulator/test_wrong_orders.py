"""An error names a wrong argument before the first request that changes anything."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepConfigError, AepError
from tests.harness import platform as path
from tests.harness.connections import MakeHook
from tests.harness.dag_runs import DagRun, changes
from tests.harness.emulator import Emulator
from tests.harness.operators import context, unwrapped
from tests.harness.workers import Workers

DAILY = {"frequency": "day", "interval": 1}
NOBODY = "a" * 32
OTHER = "(another schema's)"
SCHEDULES = {
    "too often": {"schedule": {"frequency": "minute", "interval": 5}},
    "no such frequency": {"schedule": {"frequency": "monthly", "interval": 1}},
    "no interval": {"schedule": {"frequency": "day"}},
    "in the past": {"schedule": {**DAILY, "start": "2020-01-01"}},
    "an unknown key": {"schedule": {"every": 3}},
    "no schedule": {"schedule": "daily"},
    "no delta column": {"delta_column": None},
    "a delta column with once": {"schedule": {"frequency": "once"}},
    "another table's column": {"delta_column": "Update_Time"},
}
ORDERS: dict[str, dict[str, dict[str, Any]]] = {
    "CreateDataflowOperator": {
        **SCHEDULES,
        "no mapping set": {"mapping_set": {"version": 0}},
        "a mapping set that is gone": {"mapping_set": "0" * 32},
        "another schema's mapping set": {"mapping_set": OTHER},
        "a source that is gone": {"source_connection_id": NOBODY},
        "a target that is gone": {"target_connection_id": NOBODY},
    },
    "CreateMappingSetOperator": {
        "an unknown field": {"mapping": {"Product_Id": "_emulator.Nothing"}},
        "an unknown column": {"mapping": {"Nothing": "_emulator.Product_Id"}},
        "two for one": {"mapping": dict.fromkeys(("Product_Id", "Product_Name"), "_emulator.Product_Id")},
        "no mapping": {"mapping": ["Product_Id"]},
    },
    "CreateSourceConnectionOperator": {
        "an unknown table": {"table": "PayPal.Nothing"},
        "no table": {"table": {}},
        "no columns": {"columns": ["Product_Id"]},
        "a base that is gone": {"connection_id": NOBODY},
    },
    "CreateDatasetOperator": {
        "no name": {"name": ""},
        "no schema": {"schema_id": "Products"},
        "another schema's name": {"name": "Other"},
    },
    "CreateTargetConnectionOperator": {
        "a dataset that is gone": {"dataset_id": "5c8c3c555033b814b69f947f"},
        "another schema's dataset": {"dataset_id": OTHER},
        "no dataset": {"dataset_id": "no id"},
    },
    "RunDataflowOperator": {
        "the end before the start": {"window_end": 5},
        "no time": {"window_start": "yesterday"},
        "another table's column": {"delta_column": "Update_Time"},
        "a dataflow that is gone": {"flow_id": NOBODY},
    },
}
GROUP: dict[str, dict[str, Any]] = {
    **SCHEDULES,
    "an unknown table": {"table": "PayPal.Nothing"},
    "no dataset": {"dataset": " "},
    "an unknown column": {"mapping": {"Nothing": "_emulator.Product_Id"}},
}


class Right:
    """A right order to each operator, on entities made by a client of its own."""

    def __init__(self, emulator: Emulator) -> None:
        client = path.Platform(emulator)
        schema, other = client.schema(), client.schema("Other")
        dataset, base = client.dataset(schema), client.base()
        columns = [{"name": name, **column} for name, column in path.COLUMNS.items()]
        source, target = client.source(base, columns=columns), client.target(schema, dataset)
        flow = client.flow({**client.once(), "sourceConnectionIds": [source]})
        self.other = {"dataset_id": client.dataset(other, "Other"), "mapping_set": client.mapping(other)}
        self.orders: dict[str, dict[str, Any]] = {
            "CreateDataflowOperator": {
                "name": "Nightly",
                "source_connection_id": source,
                "target_connection_id": target,
                "mapping_set": client.mapping(schema),
                "schedule": DAILY,
                "delta_column": "Create_Time",
            },
            "CreateMappingSetOperator": {
                "schema_id": schema,
                "columns": columns,
                "mapping": {"Product_Id": "_emulator.Product_Id"},
            },
            "CreateSourceConnectionOperator": {
                "name": "Nightly",
                "connection_id": base,
                "table": path.PRODUCTS,
            },
            "CreateDatasetOperator": {"name": "Nightly", "schema_id": schema},
            "CreateTargetConnectionOperator": {
                "name": "Nightly",
                "dataset_id": dataset,
                "schema_id": schema,
            },
            "RunDataflowOperator": {
                "flow_id": flow,
                "window_start": "2024-01-01",
                "window_end": "2025-01-01",
                "delta_column": "Create_Time",
                "wait": False,
            },
        }
        emulator.forget_requests()

    def execute(self, name: str, /, **wrong: Any) -> Any:
        """Run the operator, its order changed."""
        from airflow_provider_aep.operators import dataflows

        other = {key: self.other[key] for key, value in wrong.items() if value == OTHER}
        order = {**self.orders[name], **wrong, **other}
        return getattr(dataflows, name)(task_id="task", **order).execute(context())


@pytest.fixture
def right(emulator: Emulator, make_hook: MakeHook, short_pauses: None) -> Right:
    """Right orders, on `aep_default`."""
    make_hook(emulator.url)
    return Right(emulator)


@pytest.mark.parametrize("name", ORDERS)
def test_a_right_order_changes_something(emulator: Emulator, right: Right, name: str) -> None:
    """Otherwise the other tests would prove nothing."""
    right.execute(name)
    assert any(map(changes, emulator.requests()))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        pytest.param(name, wrong, id=f"{name}, {words}")
        for name, cases in ORDERS.items()
        for words, wrong in cases.items()
    ],
)
def test_a_wrong_order_changes_nothing(
    emulator: Emulator, right: Right, name: str, wrong: dict[str, Any]
) -> None:
    """A typed error; where it is about what was given, it names that."""
    with unwrapped(AepError) as caught:
        right.execute(name, **wrong)
    assert not any(map(changes, emulator.requests()))
    if isinstance(caught.value, AepConfigError):
        assert caught.value.parameter in {*right.orders[name], *wrong}


@pytest.mark.parametrize("wrong", GROUP.values(), ids=GROUP)
def test_a_wrong_ingestion_makes_nothing(
    emulator: Emulator, workers: Workers, tmp_path: File, wrong: dict[str, Any]
) -> None:
    """The group's first task says so, before the others leave anything behind."""
    order = {"dataset": "Products", "schedule": DAILY, "delta_column": "Create_Time", **wrong}
    arguments = {"connection_id": path.Platform(emulator).base(), **order}
    emulator.forget_requests()
    build = "task_groups.paypal_ingestion"
    run = DagRun(emulator, workers, tmp_path / "run", build, arguments, memory=True)
    error = run.go_on()
    assert error is not None
    assert list(run.sent) == ["paypal_ingestion.inspect_table"]
    assert not any(map(changes, emulator.requests()))
