"""What the package needs is declared, is as little as before, and fits together where it is installed."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TypeGuard

import airflow_provider_aep
from scripts.docs import EXTRAS, PACKAGE, declared

MODULES = Path(airflow_provider_aep.__file__).parent
COMPAT = MODULES / "_compat.py"

# What is imported and not declared, because it cannot be missing: it comes with what is.
COMES_WITH = {
    "aiohttp": "apache-airflow-providers-http",
    "asgiref": "apache-airflow-providers-http",
    "certifi": "requests",
    "cryptography": "apache-airflow-core",
    "fastapi": "apache-airflow-core",
    "h11": "uvicorn",
    "jinja2": "apache-airflow-core",
    "packaging": "apache-airflow-core",
    "pendulum": "apache-airflow-core",
    "referencing": "jsonschema",
    "sqlalchemy": "apache-airflow-core",
    "urllib3": "requests",
    "yarl": "aiohttp",
}
IMPORTED_AS = {"apache-airflow": "airflow", "openlineage-python": "openlineage"}
# Airflow 3.1's API server puts a stand-in where it lacks the real one.
MAY_BE_MISSING = {"wtforms"}


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Every module, parsed."""
    for path in MODULES.rglob("*.py"):
        yield path, ast.parse(path.read_text("utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """What a module imports, at whatever place, with the names it takes: `airflow.sdk.BaseHook`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_every_import_is_declared() -> None:
    """What is imported is Python's own, declared, or brought along by what is declared."""
    named = {one.name for extra in ("", *EXTRAS) for one in declared(PACKAGE, extra)}
    modules = {IMPORTED_AS.get(name, name).replace("-", "_") for name in named}
    found = {name.split(".")[0] for _, tree in trees() for name in imported(tree)}
    ours = {"airflow_provider_aep", *COMES_WITH, *MAY_BE_MISSING}
    assert found - set(sys.stdlib_module_names) - modules - ours == set()
    for name, bringer in COMES_WITH.items():
        assert name in {one.name for one in declared(bringer)}


def test_what_is_installed_fits_together() -> None:
    """As `pip check` sees it: what the package brings along has the versions that it asks for."""
    wrong = [
        f"{name} asks for {one}, there is {there.version if there else 'none'}"
        for name in closure([PACKAGE])
        for one in declared(name)
        if not (there := find(one.name)) or not one.specifier.contains(there.version, prereleases=True)
    ]
    assert wrong == []


def test_an_airflow_has_it_all_already() -> None:
    """Whoever adds this provider to an Airflow that speaks HTTP installs one package."""
    there = closure(["apache-airflow", "apache-airflow-providers-http"])
    assert {one.name for extra in ("", "emulator") for one in declared(PACKAGE, extra)} <= there


def closure(names: Iterable[str]) -> set[str]:
    """Return the distributions, all that they need, and so on; those that are installed."""
    found: set[str] = set()
    queue = [(normal(name), "") for name in names]
    known = set(queue)
    while queue:
        name, extra = queue.pop()
        if find(name) is None:
            continue
        found.add(name)
        steps = {(normal(one.name), inner) for one in declared(name, extra) for inner in {"", *one.extras}}
        queue += steps - known
        known |= steps
    return found


def find(name: str) -> Distribution | None:
    """Return the distribution if it is installed."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def normal(name: str) -> str:
    """Return the name of a distribution as the index writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_one_module_knows_versions() -> None:
    """Only `_compat.py` has to change when an old Airflow is dropped."""
    for path, tree in trees():
        text = "\n".join([*imported(tree), ast.unparse(tree)])
        asked = re.search(r"airflow\.(__version__|version)\b|AIRFLOW_V_|version\(['\"]apache-airflow", text)
        assert not asked, f"{path} asks for Airflow's version: {asked}"
        lines = [node.lineno for node in ast.walk(tree) if _survives_a_missing_name(node)]
        assert path == COMPAT or not lines, f"{path}, lines {lines}: belongs into _compat.py"


def _survives_a_missing_name(node: ast.AST) -> TypeGuard[ast.expr | ast.ExceptHandler]:
    """Return whether it continues without a module or a name of Airflow. An error for the user does not."""
    if isinstance(node, ast.ExceptHandler) and node.type is not None:
        last = node.body[-1]
        if isinstance(last, ast.Raise) or ast.unparse(last).startswith("sys.exit("):
            return False
        caught = ast.unparse(node.type)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
        caught = ast.unparse(node)
    else:
        return False
    return "ImportError" in caught or "ModuleNotFoundError" in caught
