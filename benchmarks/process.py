"""Measure each thing in a process of its own, in an environment that changes nothing.

Some sides read proxies and CA bundles from the caller's environment, and others do not. The settings of
the caller's Airflow would apply too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID, PAYPAL_ID, PAYPAL_SECRET

ROOT = Path(__file__).parents[1]
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR")


def run(module: str, *args: str, **variables: str) -> Any:
    """`python -m module args` in a fresh process; the last line that it prints is its result, as JSON."""
    with tempfile.TemporaryDirectory() as home:
        own = {"HOME": home, "AIRFLOW_HOME": f"{home}/airflow", "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        done = subprocess.run(
            [sys.executable, "-m", module, *args],
            cwd=ROOT,
            env={**{name: os.environ[name] for name in _KEPT if name in os.environ}, **own, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(args)} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def answer(result: Any) -> None:
    """From inside: the result."""
    print(json.dumps(result), flush=True)


def airflow_connections(url: str, ca: str | None = None) -> Mapping[str, str]:
    """The variables that give a process the connections `aep_default`, `paypal_default`, `http_default`."""
    verify = {"verify": ca} if ca else {}
    aep = {"org_id": ORG_ID, "ims_host": url, **verify}
    connections: dict[str, dict[str, Any]] = {
        "aep": {"host": url, "login": CLIENT_ID, "password": CLIENT_SECRET, "extra": aep},
        "paypal": {"login": PAYPAL_ID, "password": PAYPAL_SECRET},
        "http": {"host": url, "extra": verify},
    }
    return {
        f"AIRFLOW_CONN_{kind.upper()}_DEFAULT": json.dumps({"conn_type": kind, **fields})
        for kind, fields in connections.items()
    }
