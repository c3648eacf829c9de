"""Rows that tasks leave in Airflow's metadata database: counted around runs of `dag.test()` on SQLite."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks import process
from tests.harness.emulator import Emulator

KEPT = "PATH", "LANG", "LC_ALL", "TMPDIR"


def measure(progress: Callable[[str], None]) -> dict[str, float]:
    """Return the rows of a DAG run with one wait, and those of a reuse in it."""
    progress("rows of the metadata database")
    with Emulator() as emulator, tempfile.TemporaryDirectory() as home:
        emulator.control("POST", "fleet", {"flows": 1, "runs": 1})
        [flow] = emulator.api()("GET", "/flows").json()["items"]
        emulator.api().create("Reused").raise_for_status()
        variables = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            **process.airflow_connections(emulator.url),
            "HOME": home,
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": home,
        }
        (Path(home) / "rows_of_a_wait.py").write_text(DAG, "utf-8")
        airflow = [sys.executable, "-m", "airflow"]
        pipes: dict[str, Any] = {"env": variables, "capture_output": True, "text": True}
        subprocess.run([*airflow, "db", "migrate"], check=True, **pipes)
        counts = [_count(Path(home))]
        for day, reuses in enumerate((0, 0, 1, 1), 1):  # the first run of each kind also stores its DAG
            variables |= {"FLOW_ID": flow["id"], "REUSES": str(reuses)}
            subprocess.run(
                [*airflow, "dags", "test", "rows_of_a_wait", f"2026-01-0{day}"], check=True, **pipes
            )
            counts.append(_count(Path(home)))
    wait = counts[2] - counts[1]
    return {"wait": wait, "reuse": counts[4] - counts[3] - wait}


def _count(home: Path) -> int:
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return sum(database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names)


DAG = """
import os

from airflow.sdk import DAG
from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

with DAG("rows_of_a_wait", schedule=None):
    wait = FlowRunSensor(task_id="wait", flow_id=os.environ["FLOW_ID"], match="latest")
    if os.environ["REUSES"] != "0":
        CreatePayPalConnectionOperator(task_id="reuse", name="Reused") >> wait
"""
