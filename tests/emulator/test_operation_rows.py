"""No operator or hook method that changes something goes without its row in the table of operations.

`test_fault_matrix.py` holds the table to the page whose rows are counted here.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_aep import flow_service, hooks, operators, sensors
from airflow_provider_aep.hooks.base import AepHook
from airflow_provider_aep.operators import connections, dataflows, explore
from airflow_provider_aep.operators.base import AepOperator
from airflow_provider_aep.operators.diagnostics import FetchFailedRecordsOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
from tests.harness.all_operators import VALUES
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.operations import OPERATORS, PreparedPlatform
from tests.harness.platform import PRODUCTS


@pytest.fixture(autouse=True)
def connections_of_airflow(make_hook: MakeHook, emulator: Emulator, paypal: str) -> None:
    """`aep_default` is the emulator."""
    make_hook(emulator.url)


def changing(emulator: Emulator) -> list[dict[str, Any]]:
    """Return what was sent that may change something."""
    return [
        one for one in emulator.requests() if one["method"] != "GET" and not one["path"].startswith("/ims/")
    ]


def awaited(at: PreparedPlatform) -> dict[str, Any]:
    """Return a run that is over, to wait for."""
    flow = at.once_flow()
    return {"flow_id": flow, "run_id": at.runs(flow)[0]["id"], "deferrable": False}


READERS: dict[Any, Callable[[PreparedPlatform], dict[str, Any]]] = {
    FlowRunSensor: awaited,
    FetchFailedRecordsOperator: lambda at: {"run_id": at.failed_run(), "path": VALUES["path"]},
    dataflows.GetInletOperator: lambda at: {"flow_id": at.flow_of()},
    explore.CheckSourceSchemaOperator: lambda at: {
        "connection_id": at.base(),
        "table": PRODUCTS,
        "dataflow": at.flow_of(),
    },
    explore.InspectTableOperator: lambda at: {"connection_id": at.base(), "table": PRODUCTS},
    explore.ListFilesOperator: lambda at: {"connection_id": at.base()},
    explore.ListTablesOperator: lambda at: {"connection_id": at.base()},
    explore.PreviewTableOperator: lambda at: {"connection_id": at.base(), "table": PRODUCTS},
    connections.TestConnectionOperator: lambda at: {"connection_id": at.base()},
}
"""Operators without rows."""


@pytest.mark.parametrize("kind", READERS, ids=lambda kind: kind.__name__)
def test_a_reader(emulator: Emulator, kind: Any) -> None:
    """An operator without rows changes nothing."""
    platform = PreparedPlatform(emulator)
    arguments = READERS[kind](platform)
    emulator.forget_requests()
    kind(task_id="task", **arguments).execute(platform.task)
    assert emulator.requests("GET")
    assert changing(emulator) == []


# Every operator and hook method, found in the package, so that nothing new goes without rows

CHANGES = frozenset(("POST", "PATCH", "PUT", "DELETE"))


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """Yield all modules of a package."""
    for found in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{found.name}")


def classes(package: ModuleType, base: type) -> list[type]:
    """Return the subclasses that users may name: public ones, of public modules, but for the common bases."""
    return [
        kind
        for module in modules(package)
        if not module.__name__.rpartition(".")[2].startswith("_") and not module.__name__.endswith(".base")
        for name, kind in vars(module).items()
        if inspect.isclass(kind)
        and issubclass(kind, base)
        and kind.__module__ == module.__name__
        and not name.startswith("_")
    ]


def operator_names() -> set[str]:
    """Return every operator and sensor. A common base leaves `act` to its subclasses."""
    return {
        kind.__name__
        for package in (operators, sensors)
        for kind in classes(package, AepOperator)
        if kind.act is not AepOperator.act  # type: ignore[attr-defined]
    }


def functions(module: ModuleType) -> Iterator[ast.FunctionDef]:
    """Yield the functions of a module."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.FunctionDef):
            yield node


def names_in(function: ast.FunctionDef) -> set[str]:
    """Return all that a function names."""
    nodes = list(ast.walk(function))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in nodes if isinstance(node, ast.Name)}


def writes_a_change(function: ast.FunctionDef) -> bool:
    """Say whether a function holds a `Call("POST", ...)` or its like."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Call"
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value in CHANGES
        for node in ast.walk(function)
    )


def hook_method_names() -> set[str]:
    """Return every public hook method that leads, by what it names, to a changing request, once."""
    changes = {
        function.name
        for package in (flow_service, hooks)
        for module in modules(package)
        for function in functions(module)
        if writes_a_change(function)
    }
    methods = [function for module in modules(hooks) for function in functions(module)]
    while more := {one.name for one in methods if names_in(one) & changes} - changes:
        changes |= more
    return {
        f"{kind.__name__}.{name}"
        for kind in classes(hooks, AepHook)
        for name in vars(kind)
        if name in changes and not name.startswith("_")
    }


def test_every_operator_and_hook_method_has_its_rows() -> None:
    """A new one without rows fails here. The POST of the permissions only reads."""
    page = (Path(__file__).parents[2] / "docs" / "fault-matrix.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `([\w.]+)`", page.partition("\n## Operations\n")[2], re.MULTILINE))
    written = {one.covers for one in OPERATORS}
    assert rows - written - {"FlowServiceHook.run"} == hook_method_names() - {"AccessHook.list_permissions"}
    assert written | {kind.__name__ for kind in READERS} == operator_names()
