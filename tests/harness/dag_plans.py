"""Runs `airflow dags test` again and again in one process, with faults of the emulator in between.

Importing Airflow takes seconds, a run takes a fraction of one. The plan comes as JSON on standard input:
the connections to store in the metadata database, the emulator's URL, and a list of runs. Each run names
its DAG and may have `conf`, `faults`, `sql` (statements for the database that come first), a `command`
of Airflow's own, or the words `aep` of a command of this provider. `files` replace all DAG files first, and
`environ` is added to the environment. Each run ends with a line of its requests that are no GET.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import requests

from tests.harness import canary
from tests.harness.emulator import CLIENT_ID, ORG_ID

ROOT = Path(__file__).parents[2]


def run_plan(
    url: str, runs: list[dict[str, Any]], connections: dict[str, Any], directory: Path, **dags: str
) -> tuple[str, list[str]]:
    """Carry out a plan in a process of its own: return its DEBUG log and the runs that succeeded.

    The search at the test's end reads the log and all files of `directory/home`, Airflow's database first.

    :param dags: the text of each DAG file
    """
    from tests.harness.secret_search import LOGS, SEARCH, files_under

    home = directory / "home"
    (directory / "dags").mkdir(exist_ok=True)
    for name, text in dags.items():
        (directory / "dags" / f"{name}.py").write_text(text)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(directory / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW__AEP__SETTLE": "0.1",
        "AIRFLOW__AEP__TOKEN_CACHE": "False",  # each run meets IMS
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.harness.dag_plans"],
        input=json.dumps({"emulator": url, "runs": runs, "connections": connections}),
        env={**kept, **settings},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1800,
    )
    log = canary.without_mask_messages(done.stdout)
    SEARCH.add_text(LOGS, log)
    SEARCH.add(lambda: files_under(home), lambda: True)
    assert done.returncode == 0, log[-5000:]
    return log, [line.partition(": ")[2] for line in log.splitlines() if line.startswith("=== succeeded: ")]


def aep_connection(url: str) -> dict[str, Any]:
    """Return the Airflow connection to AEP, with a canary as its secret."""
    extra = json.dumps({"org_id": ORG_ID, "ims_host": url, "timeout": 20})
    fields = {"conn_type": "aep", "host": url, "login": CLIENT_ID, "password": canary.AEP_SECRET}
    return {**fields, "extra": extra}


def main(plan: dict[str, Any]) -> None:
    """Carry out the plan in this process."""
    from airflow.cli import cli_parser
    from airflow.models import Connection
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session
    from sqlalchemy import text

    from airflow_provider_aep.__main__ import main as aep
    from airflow_provider_aep.hooks.ims import TOKENS

    initdb()
    with create_session() as session:
        for conn_id, fields in plan["connections"].items():
            session.add(Connection(conn_id=conn_id, **fields))
    parser = cli_parser.get_parser()
    emulator = requests.Session()
    emulator.trust_env = False
    faults, log = (f"{plan['emulator']}/_emulator/{one}" for one in ("faults", "requests"))
    seen = len(emulator.get(log, timeout=30).json()["items"])
    for run in plan["runs"]:
        name = run["name"]
        print(f"=== {name}", flush=True)
        TOKENS.clear()  # in a real Airflow each run is a process of its own
        emulator.delete(faults, timeout=30).raise_for_status()
        for fault in run.get("faults", ()):
            emulator.post(faults, json=fault, timeout=30).raise_for_status()
        os.environ.update(run.get("environ", {}))
        if "files" in run:
            replace_files(Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]), run["files"])
        with create_session() as session:
            for statement in run.get("sql", ()):
                session.execute(text(statement))
        conf = json.dumps(run.get("conf", {}))
        sys.argv = ["airflow_provider_aep", *run.get("aep", ())]
        arguments = parser.parse_args(
            run.get("command") or ["dags", "test", run.get("dag", ""), "--conf", conf]
        )
        try:
            aep() if "aep" in run else arguments.func(arguments)
            print(f"=== succeeded: {name}", flush=True)
        except (SystemExit, Exception):
            traceback.print_exc()
            print(f"=== failed: {name}", flush=True)
        sent = emulator.get(log, timeout=30).json()["items"]
        changing = [f"{one['method']} {one['path']}" for one in sent[seen:] if one["method"] != "GET"]
        print(f"=== sent: {json.dumps(changing)}")
        seen = len(sent)


def replace_files(folder: Path, files: dict[str, str]) -> None:
    """Replace all DAG files of a folder."""
    for old in folder.glob("*.py"):
        old.unlink()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)


if __name__ == "__main__":
    main(json.load(sys.stdin))
