"""The coefficients of the cost model, each from a figure of this bench, and the file that `cost` reads."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FILE = ROOT / "airflow_provider_aep" / "flow_runs" / "cost.json"
COMMAND = "make bench ARGS=growth"
Figures = dict[str, Any]


def _wait_memory(found: Figures) -> float:
    few, many = found["waits"]["greenlets"][0], found["waits"]["greenlets"][-1]
    return float((many["memory"] - few["memory"]) / (many["waits"] - few["waits"]))


def _status_requests(found: Figures) -> float:
    most = found["status"][max(found["status"])]
    return float((most["requests"] - most["runs"] / 100) / most["dataflows"])


COEFFICIENTS: dict[str, tuple[str, str, Callable[[Figures], float]]] = {
    "triggerer_memory": ("MB", "a triggerer's process", lambda found: found["waits"]["own"][0]["memory"]),
    "wait_memory": ("MB", "memory of a further wait, with Airflow's greenlet", _wait_memory),
    "poll_cpu": (
        "s",
        "CPU of a triggerer for a wait and poll",
        lambda found: found["waits"]["own"][-1]["cpu"] / found["waits"]["own"][-1]["polls"],
    ),
    "defer_cpu": ("s", "CPU of a worker until a wait is deferred", lambda found: found["defer"]["cpu"]),
    "resume_cpu": ("s", "CPU of a worker when it resumes", lambda found: found["resume"]["cpu"]),
    "reuse_cpu": ("s", "CPU of a worker for a reuse", lambda found: found["reuse"]["cpu"]),
    "defer_requests": ("requests", "until a wait is deferred", lambda found: found["defer"]["requests"]),
    "resume_requests": ("requests", "when it resumes", lambda found: found["resume"]["requests"]),
    "reuse_requests": ("requests", "of a reuse", lambda found: found["reuse"]["requests"]),
    "wait_rows": ("rows", "metadata: a DAG run with one wait", lambda found: found["rows"]["wait"]),
    "reuse_rows": ("rows", "metadata: a reuse in it", lambda found: found["rows"]["reuse"]),
    "status_requests": ("requests", "of `status`, a dataflow without its runs", _status_requests),
}
"""By name: the unit, the row of the bench, and the coefficient of the figures."""


def write(found: Figures) -> dict[str, float]:
    """Write the file, and return the coefficients."""
    values = {name: float(f"{of(found):.4g}") for name, (_, _, of) in COEFFICIENTS.items()}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    stored = {
        "measured": {
            "command": COMMAND,
            "date": dt.datetime.now(dt.timezone.utc).date().isoformat(),
            "machine": f"{os.cpu_count()} CPUs ({platform.machine()}), {memory:.0f} GB, {platform.system()}",
            "versions": f"Python {platform.python_version()}, Airflow {version('apache-airflow')}",
        },
        "coefficients": {
            name: {"value": values[name], "unit": unit, "row": row}
            for name, (unit, row, _) in COEFFICIENTS.items()
        },
    }
    FILE.write_text(json.dumps(stored, indent=2) + "\n", "utf-8")
    return values
