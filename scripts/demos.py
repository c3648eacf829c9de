"""Show this provider with the emulator: `make demo`, `make demo-ingest`, `make ui` and others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from scripts.local_airflow import COMPONENTS, LocalAirflow, connections, move_clock, until
from scripts.processes import LocalError, end_by_signal, step, tail, tell

ROOT = Path(__file__).resolve().parent.parent
PARSE_SECONDS = 120
RUN_SECONDS = 300
A_DAY = 86_400
HEALTH = ("failed", "partial", "late", "never_ran", "running", "disabled", "drafts")
OPERATE = ("doctor", "status", "failures ID --rows 3", "import ID --out imported")
"""The commands of `make demo-operate`. `ID` is a dataflow that lost records and has error diagnostics."""
CONNECTION, INGESTION, EVENTS = "paypal_connection", "paypal_ingestion", "on_foreign_flow"


def report_connection(airflow: LocalAirflow, run_id: str) -> list[str]:
    """Return lines about the connection and its tables, from the XComs of the run's tasks."""
    lines = [connection_line(airflow, CONNECTION, run_id)]
    for index, table in enumerate(airflow.api.xcom(CONNECTION, run_id, "list_tables")):
        columns = airflow.api.xcom(CONNECTION, run_id, "inspect_table", index)
        lines.append(f"table: {table['name']} ({len(columns)} columns)")
    return lines


def let_a_day_pass(airflow: LocalAirflow) -> None:
    """If a dataflow exists, move the emulator's clock, so that its next run is due and finds new rows."""
    if airflow.emulator("state")["flows"]:
        tell(f"Moving the emulator's clock: {move_clock(airflow.emulator_url, A_DAY)}")
        airflow.emulator("clock", "POST", {"advance": A_DAY})


def report_ingestion(airflow: LocalAirflow, run_id: str) -> list[str]:
    """Return lines about what the run created and ingested, and about the records in the dataset."""
    flow, dataset, result = (
        airflow.api.xcom(INGESTION, run_id, f"{INGESTION}.{task}")
        for task in ("create_dataflow", "create_dataset", "wait_for_run")
    )
    words = ("read", "written", "failed", "skipped")
    counts = ", ".join(f"{result[f'records_{word}']} {word}" for word in words)
    rows = airflow.emulator(f"datasets/{dataset}/rows")["count"]
    return [
        connection_line(airflow, INGESTION, run_id),
        f"dataflow: {flow}",
        f"run: {result['run_id']} {result['status']}",
        f"records: {counts}",
        f"dataset: PayPal products ({rows} rows, {rows - rows_before(airflow, rows)} new)",
    ]


def rows_before(airflow: LocalAirflow, now: int) -> int:
    """Return the number of records when the last demo ended, and store `now` for the next demo."""
    kept = airflow.directory / "rows"
    before = int(kept.read_text()) if kept.exists() else 0
    kept.write_text(str(now))
    return before


def land_data(airflow: LocalAirflow) -> str:
    """Let a dataflow that a person made in AEP ingest data. Return the DAG run that starts by itself."""
    airflow.emulator("fleet", "POST", {"flows": 3, "runs": 1})
    airflow.api("PATCH", f"/dags/{EVENTS}", {"is_paused": False})
    with step("Waiting for the watcher's first poll"):
        runs = '/flowservice/runs"'
        until(lambda: runs in json.dumps(airflow.emulator("requests")), airflow, "The watcher has not polled")
    let_a_day_pass(airflow)
    with step("Waiting for the DAG run that starts by itself"):
        path = f"/dags/{EVENTS}/dagRuns"
        [started, *_] = until(lambda: airflow.api("GET", path)["dag_runs"], airflow, "No DAG run has started")
    return str(started["dag_run_id"])


def report_events(airflow: LocalAirflow, run_id: str) -> list[str]:
    """Return lines about the DAG run, and the flow runs in its event."""
    runs = airflow.api.xcom(EVENTS, run_id, "list_runs")
    return [f"DAG run: {run_id}", *(f"flow run: {json.dumps(one)}" for one in runs)]


def connection_line(airflow: LocalAirflow, dag: str, run_id: str) -> str:
    """Return a line with the base connection's id, and whether this run created the connection."""
    connection = airflow.api.xcom(dag, run_id, "create_connection")
    created = any(
        request["method"] == "POST" and request["path"].endswith("/connections") and request["status"] == 201
        for request in airflow.emulator("requests")["items"]
    )
    return f"connection: {connection} ({'created' if created else 'reused'})"


def run(
    dag: str,
    state: str,
    report: Callable[[LocalAirflow, str], list[str]],
    prepare: Callable[[LocalAirflow], str | None] = lambda _: None,
    components: Sequence[str] = COMPONENTS,
) -> list[str]:
    """Start Airflow and the emulator, run the DAG, stop both, and return the lines to show.

    :param state: the demo's own directory in the checkout
    :param report: returns the lines for the run with an id
    :param prepare: can return the id of a run that it has started; else the DAG is triggered
    """
    with LocalAirflow(ROOT / state, dags=ROOT / "dags", components=components) as airflow:
        try:
            since = datetime.now(timezone.utc).isoformat()
            airflow.start()
            airflow.api.wait_for_dag(dag, since, seconds=PARSE_SECONDS, watch=airflow.check)
            run_id = prepare(airflow) or airflow.api.trigger(dag)
            with step(f"Running {dag}"):
                watch: dict[str, Any] = {"watch": airflow.check, "report": lambda line: tell(f"  {line}")}
                end = airflow.api.wait_for_run(dag, run_id, seconds=RUN_SECONDS, **watch)
            if end != "success":
                raise LocalError(failure(airflow, dag, run_id))
            return report(airflow, run_id)
        except LocalError as error:
            raise LocalError(f"{error}\nAll logs are in {airflow.logs} and {airflow.task_logs}.") from error


def seed(airflow: LocalAirflow) -> None:
    """Seed sixty dataflows of every health, made by people and by the example DAGs, if there are none yet."""
    if not airflow.emulator("state")["flows"]:
        dags = sorted(path.stem for path in (ROOT / "dags").glob("*.py"))
        airflow.emulator("fleet", "POST", {"flows": 60, **dict.fromkeys(HEALTH, 4), "dags": dags})


def operate() -> list[str]:
    """Run the commands of docs/operate.md on sixty dataflows, as a user types them."""
    home = ROOT / ".demo-operate"
    shutil.rmtree(home, ignore_errors=True)
    with LocalAirflow(home, dags=home / "dags") as airflow:
        with step("Starting the emulator with sixty dataflows"):
            airflow.start_emulator()
            seed(airflow)
        connection = json.dumps(connections(airflow.emulator_url)["aep_default"])
        aep = partial(command, home, {**airflow.environment, "AIRFLOW_CONN_AEP_DEFAULT": connection})
        rows = json.loads(aep("status", "--health", "partial", "--output", "json", capture_output=True))
        for line in OPERATE:
            words = [rows[-1]["id"] if word == "ID" else word for word in line.split()]
            print(f"\n$ airflow aep {' '.join(words)}", flush=True)
            aep(*words)
    return [f"\n$ cat imported/{file.name}\n{file.read_text('utf-8')}" for file in home.glob("imported/*.py")]


def command(home: Path, environment: Mapping[str, str], *words: str, **pipes: Any) -> str:
    """Run a command of this provider in a process. Return what it prints to a pipe."""
    line = [sys.executable, "-m", "airflow_provider_aep", *words]
    done = subprocess.run(line, env=environment, cwd=home, text=True, check=False, **pipes)
    if done.returncode not in (0, 1):  # 1 is an answer, too
        raise LocalError(f"`{' '.join(words)}` ended with exit code {done.returncode}.")
    return done.stdout or ""


def serve() -> list[str]:
    """Start the emulator and Airflow, print their addresses, and wait until a process ends."""
    with LocalAirflow(ROOT / ".ui", dags=ROOT / "dags", port=8080) as airflow:
        airflow.start()
        seed(airflow)
        print(welcome(airflow), flush=True)
        while True:
            airflow.check()
            time.sleep(1)


def welcome(airflow: LocalAirflow) -> str:
    """Return the addresses, and what to do first."""
    return f"""
Airflow:         {airflow.api.url}  (no sign-in: you are an admin)
Dataflows:       {airflow.api.url}/plugin/aep  (in the navigation: Browse, AEP)
Emulator:        {airflow.emulator_url}  (its requests: {airflow.emulator_url}/_emulator/requests)
Logs:            {airflow.logs}
Move the clock:  {move_clock(airflow.emulator_url, A_DAY)}
                 (create the dataflows first: docs/emulator.md, "Use the clock")

The emulator has sixty dataflows of every health. The Airflow connections of the DAGs are stored, such as
aep_default and paypal_default. Run the DAG paypal_connection, then paypal_ingestion. docs/examples.md lists
the others. Press Ctrl-C to stop everything."""


def failure(airflow: LocalAirflow, dag: str, run_id: str) -> str:
    """Return a message that names the failed tasks, with the ends of their logs."""
    parts = [f"The run {run_id} of {dag} failed."]
    for task in airflow.api.tasks(dag, run_id):
        if task["state"] == "failed":
            folder = airflow.task_logs / f"dag_id={dag}" / f"run_id={run_id}" / f"task_id={task['task_id']}"
            if task["map_index"] >= 0:
                folder /= f"map_index={task['map_index']}"
            parts.append(readable(folder / f"attempt={task['try_number']}.log"))  # codespell:ignore attempt
    return "\n".join(parts)


def readable(log: Path) -> str:
    """Return the end of a task's log as text. Its lines are JSON."""
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


def main(show: Callable[[], list[str]]) -> int:
    """Run a demo, print its last lines, and return the exit code."""
    end_by_signal()
    began = time.monotonic()
    try:
        print(*show(), f"seconds: {time.monotonic() - began:.0f}", sep="\n")
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. All processes are stopped. `make clean` deletes the state.", file=sys.stderr)
        return 0 if show is serve else 130
    return 0


DEMOS: dict[str, Callable[[], list[str]]] = {
    # No task of this DAG defers, so it needs no triggerer.
    "connection": partial(run, CONNECTION, ".demo", report_connection, components=COMPONENTS[:3]),
    "ingestion": partial(run, INGESTION, ".demo-ingest", report_ingestion, let_a_day_pass),
    "events": partial(run, EVENTS, ".demo-events", report_events, land_data),
    "operate": operate,
    "ui": serve,
}

if __name__ == "__main__":
    sys.exit(main(DEMOS[sys.argv[1]]))
