"""What the package's modules reach for: no network, nothing undeclared, Airflow's versions in one place."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import airflow_provider_aep

PACKAGE = Path(airflow_provider_aep.__file__).parent
COMPAT = PACKAGE / "_compat.py"

IMPORT_ALL = """
import importlib, pkgutil, sys
import urllib3  # tries, by binding a socket of its own, whether this machine has IPv6

def refuse(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.system", "os.posix_spawn", "os.fork")):
        raise SystemExit(f"{sys.argv[-1]}: {event} {arguments}")

sys.addaudithook(refuse)
import airflow_provider_aep
for module in pkgutil.walk_packages(airflow_provider_aep.__path__, "airflow_provider_aep."):
    if not module.name.endswith(".__main__"):
        sys.argv[-1:] = [module.name]
        importlib.import_module(module.name)
        print(module.name)
"""


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Every module, parsed."""
    for path in PACKAGE.rglob("*.py"):
        yield path, ast.parse(path.read_text("utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """What a module imports, at whatever place, with the names it takes: `airflow.sdk.BaseHook`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_importing_sends_nothing() -> None:
    """No module opens a socket, looks a name up or starts a process: Airflow imports DAGs all the time."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, ""], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    left_out = [PACKAGE / "__init__.py", *PACKAGE.rglob("__main__.py")]  # imported first; runs when imported
    assert len(done.stdout.split()) == len(list(PACKAGE.rglob("*.py"))) - len(left_out)


def test_one_module_knows_versions() -> None:
    """Whoever drops an old Airflow looks into `_compat.py` alone."""
    for path, tree in trees():
        text = "\n".join([*imported(tree), ast.unparse(tree)])
        asked = re.search(r"airflow\.(__version__|version)\b|AIRFLOW_V_|version\(['\"]apache-airflow", text)
        assert not asked, f"{path} asks for Airflow's version: {asked}"
        lines = [node.lineno for node in ast.walk(tree) if _survives_a_missing_name(node)]
        assert path == COMPAT or not lines, f"{path}, lines {lines}: belongs into _compat.py"


def _survives_a_missing_name(node: ast.AST) -> TypeGuard[ast.expr | ast.ExceptHandler]:
    """Whether it goes on where a module or a name of Airflow is not there."""
    if isinstance(node, ast.ExceptHandler) and node.type is not None:
        caught = ast.unparse(node.type)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
        caught = ast.unparse(node)
    else:
        return False
    return "ImportError" in caught or "ModuleNotFoundError" in caught
