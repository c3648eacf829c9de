"""What the demos share: one run of a DAG on a real Airflow, against the emulator, and what came of it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from scripts.local_airflow import COMPONENTS, LocalAirflow
from scripts.processes import LocalError, end_by_signal, ignore_signals, tail
from scripts.progress import step, tell

ROOT = Path(__file__).resolve().parent.parent
PARSE_SECONDS = 120
RUN_SECONDS = 300


@dataclass(frozen=True)
class Demo:
    """Which DAG, what happens before its run, and what is shown of it."""

    dag: str
    state: str
    """The directory of its own, under the checkout."""
    report: Callable[[LocalAirflow, str], list[str]]
    """The lines to show, of the run with this id."""
    prepare: Callable[[LocalAirflow], None] = lambda _: None
    conf: Mapping[str, Any] = field(default_factory=dict)
    components: Sequence[str] = COMPONENTS


def main(demo: Demo) -> int:
    """Show it; the exit code says whether the DAG succeeded."""
    end_by_signal()
    began = time.monotonic()
    try:
        lines = run(demo)
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing is left running.", file=sys.stderr)
        return 130
    print(*lines, f"seconds: {time.monotonic() - began:.0f}", sep="\n")
    return 0


def run(demo: Demo) -> list[str]:
    """Start everything, run the DAG, end everything; return the lines to show."""
    directory, dags = ROOT / demo.state, ROOT / "dags"
    with LocalAirflow(directory, dags=dags, components=demo.components) as airflow:
        try:
            since = datetime.now(timezone.utc).isoformat()
            with step("Starting the emulator"):
                airflow.start_emulator()
            with step("Preparing Airflow's database"):
                airflow.migrate()
            with step("Starting Airflow"):
                airflow.start_airflow()
                airflow.store_connections()
                airflow.api.wait_for_dag(demo.dag, since, seconds=PARSE_SECONDS, watch=airflow.check)
            demo.prepare(airflow)
            with step(f"Running {demo.dag}"):
                run_id = airflow.api.trigger(demo.dag, dict(demo.conf))
                state = airflow.api.wait_for_run(
                    demo.dag,
                    run_id,
                    seconds=RUN_SECONDS,
                    watch=airflow.check,
                    report=lambda line: tell(f"  {line}"),
                )
            if state != "success":
                raise LocalError(failure(airflow, demo.dag, run_id))
            lines = demo.report(airflow, run_id)
        except LocalError as error:
            raise LocalError(f"{error}\nAll logs are in {airflow.logs} and {airflow.task_logs}.") from error
        finally:
            ignore_signals()
    return lines


def connection_line(airflow: LocalAirflow, dag: str, run_id: str) -> str:
    """The base connection, and whether this run made it: the emulator's log of requests knows."""
    connection = airflow.api.xcom(dag, run_id, "create_connection")
    created = any(
        request["method"] == "POST" and request["path"].endswith("/connections") and request["status"] == 201
        for request in airflow.emulator("requests")["items"]
    )
    return f"connection: {connection} ({'created' if created else 'reused'})"


def failure(airflow: LocalAirflow, dag: str, run_id: str) -> str:
    """Which tasks failed, and what they logged last."""
    parts = [f"The run {run_id} of {dag} failed."]
    for task in airflow.api.tasks(dag, run_id):
        if task["state"] == "failed":
            folder = airflow.task_logs / f"dag_id={dag}" / f"run_id={run_id}" / f"task_id={task['task_id']}"
            if task["map_index"] >= 0:
                folder /= f"map_index={task['map_index']}"
            parts.append(readable(folder / f"attempt={task['try_number']}.log"))
    return "\n".join(parts)


def readable(log: Path) -> str:
    """The end of a task's log, whose lines are JSON, for people."""
    shown = []
    for line in tail(log).splitlines():
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            shown.append(line)
            continue
        shown.append(f"{entry.get('level', '')}: {entry.get('event', '')}")
        shown += [f"  {error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or []]
    return "\n".join(shown)
