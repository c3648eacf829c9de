"""Runs `airflow dags test` again and again in one process, with faults of the emulator in between.

Importing Airflow takes seconds, a run then a fraction of one. The plan comes as JSON on standard input: the
connections to store in the metadata database, and a list of `{"words", "dag", "conf", "faults"}`. A run may
also have `"sql"`, statements for the database that come first, and a `"command"` of Airflow's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
import urllib.request
from pathlib import Path
from typing import Any

from tests.harness import canary, canary_watch
from tests.harness.canary_watch import LOGS, WATCH
from tests.harness.emulator import CLIENT_ID, ORG_ID

ROOT = Path(__file__).parents[2]


def run_plan(plan: dict[str, Any], home: Path, dags: Path) -> str:
    """Carry a plan out in a process of its own, and return its log: everything at DEBUG.

    What it leaves behind, its database first, is searched at the test's end.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW__AEP__SETTLE": "0.1",
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.harness.canary_dags"],
        input=json.dumps(plan),
        env={**kept, **settings},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1800,
    )
    log = canary.without_mask_orders(done.stdout)
    WATCH.text(LOGS, log)
    WATCH.place(lambda: canary_watch.files_under(home), lambda: True)
    assert done.returncode == 0, log[-5000:]
    return log


def ended_well(log: str) -> list[str]:
    """The words of the runs that did."""
    return [line[16:] for line in log.splitlines() if line.startswith("=== ended well: ")]


def aep_connection(url: str) -> dict[str, Any]:
    """With the canary as its secret."""
    extra = json.dumps({"org_id": ORG_ID, "ims_host": url, "timeout": 20})
    return {
        "conn_type": "aep",
        "host": url,
        "login": CLIENT_ID,
        "password": canary.AEP_SECRET,
        "extra": extra,
    }


def main(plan: dict[str, Any]) -> None:
    from airflow.cli import cli_parser
    from airflow.models import Connection
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session
    from sqlalchemy import text

    from airflow_provider_aep.hooks.ims import TOKENS

    initdb()
    with create_session() as session:
        for conn_id, fields in plan["connections"].items():
            session.add(Connection(conn_id=conn_id, **fields))
    parser = cli_parser.get_parser()
    for run in plan["runs"]:
        print(f"=== {run['words']}", flush=True)
        TOKENS.clear()  # every run is a process of its own in a real Airflow
        control(plan["control"], "DELETE", None)
        for fault in run["faults"]:
            control(plan["control"], "POST", fault)
        with create_session() as session:
            for statement in run.get("sql", ()):
                session.execute(text(statement))
        command = run.get("command") or ["dags", "test", run["dag"], "--conf", json.dumps(run["conf"])]
        arguments = parser.parse_args(command)
        try:
            arguments.func(arguments)
            print(f"=== ended well: {run['words']}", flush=True)
        except (SystemExit, Exception):
            traceback.print_exc()
            print(f"=== failed: {run['words']}", flush=True)


def control(url: str, method: str, body: Any) -> None:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + "/_emulator/faults", data, method=method)
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()


if __name__ == "__main__":
    main(json.load(sys.stdin))
