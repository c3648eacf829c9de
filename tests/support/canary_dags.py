"""Runs `airflow dags test` again and again in one process, with faults of the emulator in between.

Importing Airflow takes seconds, a run then a fraction of one. The plan comes as a JSON file: the connections
to store in the metadata database, and a list of `{"dag", "conf", "faults"}`.
"""

from __future__ import annotations

import json
import sys
import traceback
import urllib.request
from pathlib import Path
from typing import Any


def main(plan: dict[str, Any]) -> None:
    from airflow.cli import cli_parser
    from airflow.models import Connection
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

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
        arguments = parser.parse_args(["dags", "test", run["dag"], "--conf", json.dumps(run["conf"])])
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
    main(json.loads(Path(sys.argv[1]).read_text()))
