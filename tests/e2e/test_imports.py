"""Imports in fresh interpreters: nothing is sent, and a DAG file pays only for what it needs."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_aep
from airflow_provider_aep.get_provider_info import get_provider_info
from tests.harness.figures import KeepFigure

PACKAGE = Path(airflow_provider_aep.__file__).parent
DAGS = sorted((Path(__file__).parents[2] / "dags").glob("*.py"))

HEAVY = ("requests", "aiohttp", "urllib3", "jsonschema", "starlette", "openlineage")
HEAVY += ("airflow.providers.http", "airflow.providers.openlineage")

IMPORT_ALL = """
import importlib, json, pkgutil, sys
import urllib3  # binds a socket of its own to find out whether this machine has IPv6
import airflow.api_fastapi.core_api.security  # starts `file`, because a module of it asks for the platform

def refuse(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.system", "os.posix_spawn", "os.fork")):
        raise SystemExit(f"{imported[-1:]}: {event} {arguments}")

imported = []
sys.addaudithook(refuse)
import airflow_provider_aep
for module in pkgutil.walk_packages(airflow_provider_aep.__path__, "airflow_provider_aep."):
    if not module.name.endswith(".__main__"):
        imported.append(module.name)
        importlib.import_module(module.name)
print(json.dumps(imported))
"""

PROVIDER_INFO = """
import json, sys
before = set(sys.modules)
from airflow_provider_aep.get_provider_info import get_provider_info
get_provider_info()
print(json.dumps(sorted(set(sys.modules) - before)))
"""

TASK = """
import json, sys
import airflow.sdk, airflow.sdk.execution_time.task_runner
before = set(sys.modules)
from airflow_provider_aep.operators import _base_connections, connections
print(json.dumps(sorted(set(sys.modules) - before)))
"""

PARSE = """
import importlib, json, pkgutil, runpy, sys
from airflow.sdk import DAG, Asset, BaseHook, BaseOperator, Param, XComArg, task, task_group
Asset("s3://bucket/key")  # the first asset with a URI makes Airflow import what it needs for one

def refuse(*_args):
    raise AssertionError("a connection is read at parse time")

def watch(event, arguments):
    if event.startswith("socket."):
        raise AssertionError("a socket is opened at parse time")
    if event == "open" and str(arguments[0]).endswith("sources.json"):
        raise AssertionError("the catalogue is read at parse time")

BaseHook.get_connection = refuse
sys.addaudithook(watch)
before = set(sys.modules)
from airflow_provider_aep import operators, sensors, task_groups, triggers
for package in (operators, sensors, task_groups, triggers):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if not module.name.rpartition(".")[2].startswith("_"):
            importlib.import_module(module.name)
from airflow_provider_aep.operators import connections, explore
with DAG("d", schedule=None):
    base = connections.CreateBaseConnectionOperator(
        task_id="b", source="s3", name="n", source_conn_id="c", auth_params={"bucketName": "b"}
    )
    connections.CreateBaseConnectionOperator.partial(task_id="m", source_conn_id="c").expand_kwargs(
        [{"source": "stripe", "name": "n"}]
    )
    explore.ListFilesOperator(task_id="f", source="landing zone")
    task_groups.source_ingestion(connection_id=base.output, file="/orders/", dataset="n")
    task_groups.source_ingestion.override(group_id="s")(source="lava", stream=True, columns=[], dataset="n")
    task_groups.paypal_ingestion(connection_id=base.output)
for file in sys.argv[1:]:
    runpy.run_path(file)
print(json.dumps(sorted(set(sys.modules) - before)))
"""

ASSET = """
import json, sys
from airflow.sdk import DAG
before = set(sys.modules)
from airflow_provider_aep.assets import aep_dataset, new_runs
imported = sorted(set(sys.modules) - before)
aep_dataset("Orders")  # for the first asset with a URI Airflow imports the handlers of all providers
new_runs({})
print(json.dumps([imported, [name for name in sys.modules if name.startswith("airflow_provider_aep")]]))
"""

WATCHER = """
import json, sys, time
import airflow.triggers.base
from airflow.sdk import DAG, Asset, AssetWatcher
import airflow_provider_aep.assets
sys.dont_write_bytecode, sys.pycache_prefix = False, sys.argv[1]  # an installed package has byte code
before, started = set(sys.modules), time.process_time()
from airflow_provider_aep.triggers.assets import FlowRunAssetTrigger
AssetWatcher(name="aep", trigger=FlowRunAssetTrigger(flow_name="Orders"))
seconds = time.process_time() - started
print(json.dumps([sorted(set(sys.modules) - before), seconds]))
"""

PLUGIN = """
import importlib, json, sys, time
manager = importlib.import_module(sys.argv[1])
before, started = set(sys.modules), time.perf_counter()
from airflow_provider_aep.plugin import AepPlugin
seconds = time.perf_counter() - started
assert issubclass(AepPlugin, manager.AirflowPlugin)
print(json.dumps([sorted(set(sys.modules) - before), seconds]))
"""


def run(code: str, *arguments: str) -> Any:
    """Run code in a fresh interpreter and return the JSON that it prints last."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_importing_sends_nothing() -> None:
    """No module opens a socket, resolves a name or starts a process when it is imported."""
    left_out = [PACKAGE / "__init__.py", *PACKAGE.rglob("__main__.py")]  # imported first; runs when imported
    assert len(run(IMPORT_ALL)) == len(list(PACKAGE.rglob("*.py"))) - len(left_out)


def test_provider_info_imports_nothing() -> None:
    """Airflow loads it in every process, the command line included."""
    assert set(run(PROVIDER_INFO)) <= {
        "__future__",
        "airflow_provider_aep",
        "airflow_provider_aep.get_provider_info",
    }


def test_a_dag_file_pays_for_no_http_library() -> None:
    """Airflow parses DAG files every 30 seconds, in processes that never send a request."""
    added = run(PARSE, *map(str, DAGS))
    assert {"airflow_provider_aep.task_groups", "airflow_provider_aep.operators.schemas"} <= set(added)
    ours = ("airflow_provider_aep.hooks", "airflow_provider_aep.flow_service.sources")
    assert not [name for name in added if name.startswith((*HEAVY, *ours))]


def test_an_asset_pays_for_no_operator() -> None:
    """A DAG file that only reacts to data needs no hook. Airflow imports the scheme's handler everywhere."""
    imported, ours = run(ASSET)
    names = ("", ".assets", ".get_provider_info")
    assert set(ours) == {f"airflow_provider_aep{name}" for name in names}
    assert not [name for name in imported if name.startswith(HEAVY)]


def test_a_task_pays_only_for_its_own_entity() -> None:
    """Each task is a process. A create of a base connection needs no forecast, registry or async hook."""
    added = run(TASK)
    assert "airflow_provider_aep.hooks.flow_service" in added
    others = (
        "exactly_once.forecast",
        "hooks.aio",
        "hooks.data_prep",
        "hooks.diagnosis",
        "hooks.schema_registry",
    )
    others += ("flow_service.bodies", "flow_service.mappings", "flow_service.xdm", "flow_runs", "operations")
    ours = tuple(f"airflow_provider_aep.{name}" for name in others)
    assert not [name for name in added if name.startswith(("jsonschema", "rich", "openlineage", *ours))]


def test_a_watcher_pays_for_no_hook_and_no_poller(figure: KeepFigure, tmp_path: Path) -> None:
    """A DAG file with a watcher is parsed again and again. Only the triggerer polls."""
    run(WATCHER, str(tmp_path))  # writes the byte code
    added, seconds = run(WATCHER, str(tmp_path))
    parts = ("flow_service", "flow_service.errors", "flow_service.validation", "triggers", "triggers.assets")
    ours = {name for name in added if name.startswith("airflow_provider_aep")}
    assert ours == {f"airflow_provider_aep.{part}" for part in parts}
    assert not [name for name in added if name.startswith(HEAVY)]
    figure("parse of a watcher", f"{seconds * 1000:.1f} ms of CPU time")


@pytest.mark.parametrize("manager", ["airflow.plugins_manager", "airflow.sdk.plugins_manager"])
def test_the_plugin_imports_nothing(manager: str, figure: KeepFigure) -> None:
    """Each process of Airflow loads it: scheduler, DAG processor, triggerer and every task."""
    if find_spec(manager) is None:
        pytest.skip("Airflow 3.1 has one manager of plugins.")
    added, seconds = run(PLUGIN, manager)
    assert set(added) <= {"airflow_provider_aep", "airflow_provider_aep.plugin"}
    figure(f"import of the plugin, by {manager}", f"{seconds * 1000:.1f} ms")


def test_the_plugin_is_an_entry_point_only() -> None:
    """Airflow registers a plugin twice, with an error, if the provider info names it too."""
    [found] = entry_points(group="airflow.plugins", name="aep")
    assert found.value == "airflow_provider_aep.plugin:AepPlugin"
    assert "plugins" not in get_provider_info()
