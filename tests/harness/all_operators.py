"""Every operator that a DAG's author may write, with arguments that make it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import tempfile
from collections.abc import Mapping
from typing import Any

import airflow_provider_aep

BASES = {
    "AepOperator",
    "CreateOperator",
    "DeleteOperator",
    "SourceObjectOperator",
    "SourceOperator",
    "WaitsForRun",
}
"""Base classes, which no DAG uses."""

OPTIONAL = {
    "CheckSourceSchemaOperator": ("connection_id", "table"),
    "CreatePayPalConnectionOperator": ("name",),
    "CreateSourceConnectionOperator": ("connection_id", "table"),
    "CreateMappingSetOperator": ("columns", "mapping"),
    "CreateDataflowOperator": ("mapping_set", "schedule", "delta_column"),
    "InspectSourceOperator": ("connection_id", "table"),
    "InspectTableOperator": ("connection_id", "table"),
    "PreviewTableOperator": ("connection_id", "table"),
    "ListFilesOperator": ("connection_id",),
    "RunDataflowOperator": ("window_start", "window_end", "delta_column"),
    "FlowRunSensor": ("match",),
}
"""Parameters that an operator needs although its signature has a default."""

BY_KIND: dict[str, dict[str, Any]] = {
    "CheckSourceSchemaOperator": {"dataflow": "A dataflow"},
    "InspectSourceOperator": {"columns": None, "stream": None, "dataflow": "A dataflow", "mapping": None},
}
"""Values for one operator only."""

OWN = {"CreatePayPalConnectionOperator": {"source_conn_id"}}
"""Parameters of its bases that an operator sets itself."""

AN_ID = "24151d58-ffa7-4960-951d-58ffa7396097"
VALUES: dict[str, Any] = {
    "name": "A name",
    "source_conn_id": "paypal_default",
    "dataset": "A dataset",
    "schedule": {"frequency": "day", "interval": 1},
    "delta_column": "Create_Time",
    "window_start": "2024-01-01",
    "window_end": "2025-01-01",
    "mapping": {"Product_Id": "_emulator.Product_Id"},
    "mapping_set": "0" * 32,
    "match": "latest",
    "table": "PayPal.Catalog_Products",
    "columns": [{"name": "Product_Id", "type": "string"}],
    "path": f"file://{tempfile.gettempdir()}/aep-failed-records-of-tests.jsonl",
    "schema_id": "https://ns.adobe.com/emulator/schemas/0",
}
"""By parameter; every other parameter that ends in `_id` gets an id."""


def every_operator() -> dict[str, type]:
    """Return all operators by name, including the sensor and those of the task groups."""
    from airflow_provider_aep.operators.base import AepOperator

    for module in pkgutil.walk_packages(airflow_provider_aep.__path__, "airflow_provider_aep."):
        if {"operators", "sensors", "task_groups"} & set(module.name.split(".")):
            importlib.import_module(module.name)
    found, left = {}, [AepOperator]
    while left:
        kind = left.pop()
        left += kind.__subclasses__()
        ours = kind.__module__.startswith("airflow_provider_aep.")
        if ours and kind.__name__ not in BASES and not kind.__name__.startswith("_"):
            found[kind.__name__] = kind
    return dict(sorted(found.items()))


def make(kind: type, values: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """Make a task of the operator.

    :param values: replace those of :data:`VALUES`
    :param more: arguments to pass as they are
    """
    known = {**VALUES, **(values or {}), **BY_KIND.get(kind.__name__, {})}
    names = {*_required(kind), *OPTIONAL.get(kind.__name__, ())}
    given = {name: known[name] if name in known else _an_id(name) for name in sorted(names)}
    return kind(task_id="task", **{**given, **more})


def _an_id(name: str) -> str:
    assert name.endswith("_id"), f"VALUES says nothing of {name}"
    return AN_ID


def _required(kind: type) -> set[str]:
    """Return the parameters without a default in any class of the operator."""
    from airflow_provider_aep.operators.base import AepOperator

    found: dict[str, bool] = {}
    for one in kind.__mro__[: kind.__mro__.index(AepOperator)]:
        own = one.__dict__.get("__init__")
        for name, parameter in inspect.signature(own).parameters.items() if own else ():
            if parameter.kind is parameter.KEYWORD_ONLY:
                found.setdefault(name, parameter.default is parameter.empty)
    own_accord = OWN.get(kind.__name__, set())
    return {name for name, required in found.items() if required} - own_accord
