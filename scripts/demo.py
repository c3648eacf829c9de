"""`make demo`: the PayPal DAG on a real Airflow, against the emulator."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from scripts.local_airflow import LocalAirflow
from scripts.processes import LocalError, end_by_signal, ignore_signals, tail
from scripts.progress import step, tell

ROOT = Path(__file__).resolve().parent.parent
DAG = "paypal_connection"
PARSE_SECONDS = 120
RUN_SECONDS = 300


def main() -> int:
    """Run the demo; the exit code says whether the DAG succeeded."""
    end_by_signal()
    began = time.monotonic()
    try:
        lines = run(ROOT / ".demo", ROOT / "dags")
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing is left running.", file=sys.stderr)
        return 130
    print(*lines, f"seconds: {time.monotonic() - began:.0f}", sep="\n")
    return 0


def run(directory: Path, dags: Path) -> list[str]:
    """Start everything, run the DAG, end everything; return the lines to show."""
    # Nothing in this DAG defers, so it needs no triggerer.
    with LocalAirflow(
        directory, dags=dags, components=("api-server", "scheduler", "dag-processor")
    ) as airflow:
        try:
            since = datetime.now(timezone.utc).isoformat()
            with step("Starting the emulator"):
                airflow.start_emulator()
            with step("Preparing Airflow's database"):
                airflow.migrate()
            with step("Starting Airflow"):
                airflow.start_airflow()
                airflow.store_connections()
                airflow.api.wait_for_dag(DAG, since, seconds=PARSE_SECONDS, watch=airflow.check)
            with step(f"Running {DAG}"):
                run_id = airflow.api.trigger(DAG)
                state = airflow.api.wait_for_run(
                    DAG,
                    run_id,
                    seconds=RUN_SECONDS,
                    watch=airflow.check,
                    report=lambda line: tell(f"  {line}"),
                )
            if state != "success":
                raise LocalError(failure(airflow, run_id))
            lines = result(airflow, run_id)
        except LocalError as error:
            raise LocalError(f"{error}\nAll logs are in {airflow.logs} and {airflow.task_logs}.") from error
        finally:
            ignore_signals()
    return lines


def result(airflow: LocalAirflow, run_id: str) -> list[str]:
    """What the run did, from the XComs of its tasks and the emulator's log of requests."""
    connection = airflow.api.xcom(DAG, run_id, "create_connection")
    created = any(
        request["method"] == "POST" and request["path"].endswith("/connections") and request["status"] == 201
        for request in airflow.emulator("requests")["items"]
    )
    lines = [f"connection: {connection} ({'created' if created else 'reused'})"]
    for index, table in enumerate(airflow.api.xcom(DAG, run_id, "list_tables")):
        columns = airflow.api.xcom(DAG, run_id, "inspect_table", index)
        lines.append(f"table: {table['name']} ({len(columns)} columns)")
    return lines


def failure(airflow: LocalAirflow, run_id: str) -> str:
    """Which tasks failed, and what they logged last."""
    parts = [f"The run {run_id} of {DAG} failed."]
    for task in airflow.api.tasks(DAG, run_id):
        if task["state"] == "failed":
            folder = airflow.task_logs / f"dag_id={DAG}" / f"run_id={run_id}" / f"task_id={task['task_id']}"
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


if __name__ == "__main__":
    sys.exit(main())
