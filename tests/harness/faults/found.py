"""What of the package needs a row: found in its source, so that nothing new goes without."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from airflow_provider_aep import flow_service, hooks, operators, sensors
from airflow_provider_aep.hooks.base import AepHook
from airflow_provider_aep.operators.base import AepOperator

CHANGES = frozenset(("POST", "PATCH", "PUT", "DELETE"))


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """All modules of a package."""
    for found in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{found.name}")


def classes(package: ModuleType, base: type) -> list[type]:
    """Subclasses that users may name: public ones, of public modules; the common bases stand in `base`."""
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
    """Every operator and sensor. A common base does nothing by itself: it leaves `act` to its subclasses."""
    return {
        kind.__name__
        for package in (operators, sensors)
        for kind in classes(package, AepOperator)
        if kind.act is not AepOperator.act  # type: ignore[attr-defined]
    }


def _functions(module: ModuleType) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.FunctionDef):
            yield node


def _names(function: ast.FunctionDef) -> set[str]:
    nodes = list(ast.walk(function))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in nodes if isinstance(node, ast.Name)}


def _writes_a_change(function: ast.FunctionDef) -> bool:
    """Whether it holds a `Call("POST", ...)` or its like."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Call"
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value in CHANGES
        for node in ast.walk(function)
    )


def hook_methods() -> set[str]:
    """Every public hook method that leads, by what it names, to a request that changes something, once."""
    changing = {
        function.name
        for package in (flow_service, hooks)
        for module in modules(package)
        for function in _functions(module)
        if _writes_a_change(function)
    }
    methods = [function for module in modules(hooks) for function in _functions(module)]
    while more := {one.name for one in methods if _names(one) & changing} - changing:
        changing |= more
    return {
        f"{kind.__name__}.{name}"
        for kind in classes(hooks, AepHook)
        for name in vars(kind)
        if name in changing and not name.startswith("_")
    }
