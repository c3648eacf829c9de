"""Runs tasks in real processes, which tests may kill: a server that forks one process a job.

Importing Airflow takes seconds, so it is done once. A forked process has used nothing of what it inherits:
its sessions, its token and its connections are its own, as in a worker of Airflow's.

One job a line comes in, as JSON; `{"job", "pid"}` goes out when its process runs, `{"job", "exit"}` when it
has ended. What came of it is in the job's file `out`.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.harness.dag_try import run_dag
from tests.harness.task_try import Job, run, write


def child(job: Job) -> None:
    """The forked process. It never returns into the server's loop."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
        write(Path(job["out"]), run_dag(job) if "build" in job else run(job))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Fork and reap until the input ends; then nobody waits for the rest any more."""
    import requests  # noqa: F401

    import airflow_provider_aep.hooks.data_prep
    import airflow_provider_aep.hooks.flow_service
    import airflow_provider_aep.operators._base_connections
    import airflow_provider_aep.operators._runs
    import airflow_provider_aep.operators._services
    import airflow_provider_aep.operators.connections
    import airflow_provider_aep.task_groups
    import airflow_provider_aep.triggers.flow_runs  # noqa: F401

    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.set_blocking(0, False)
    jobs: dict[int, int] = {}
    pending = b""

    def tell(**event: Any) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    tell(ready=True)
    while True:
        if select.select([0], [], [], 0.01)[0]:
            data = os.read(0, 1 << 20)
            if not data:
                break
            pending += data
            *lines, pending = pending.split(b"\n")
            for line in lines:
                job = json.loads(line)
                pid = os.fork()
                if pid == 0:
                    child(job)
                jobs[pid] = job["job"]
                tell(job=job["job"], pid=pid)
        while jobs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            tell(job=jobs.pop(pid), exit=os.waitstatus_to_exitcode(status))
    for pid in jobs:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    serve()
