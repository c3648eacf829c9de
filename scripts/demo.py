"""`make demo`: the PayPal DAG on a real Airflow, against the emulator."""

from __future__ import annotations

import sys

from scripts.demos import Demo, connection_line, main
from scripts.local_airflow import LocalAirflow

DAG = "paypal_connection"


def report(airflow: LocalAirflow, run_id: str) -> list[str]:
    """The connection and its tables, from the XComs of the run's tasks."""
    lines = [connection_line(airflow, DAG, run_id)]
    for index, table in enumerate(airflow.api.xcom(DAG, run_id, "list_tables")):
        columns = airflow.api.xcom(DAG, run_id, "inspect_table", index)
        lines.append(f"table: {table['name']} ({len(columns)} columns)")
    return lines


# Nothing in this DAG defers, so it needs no triggerer.
DEMO = Demo(dag=DAG, state=".demo", report=report, components=("api-server", "scheduler", "dag-processor"))

if __name__ == "__main__":
    sys.exit(main(DEMO))
