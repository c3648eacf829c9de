"""`make ui`: Airflow's web interface with the emulator behind it, to click through."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from scripts.local_airflow import LocalAirflow, move_clock
from scripts.processes import LocalError, end_by_signal, ignore_signals
from scripts.progress import step

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Serve until Ctrl-C."""
    end_by_signal()
    try:
        serve(ROOT / ".ui", ROOT / "dags")
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nEnded; nothing is left running. `make clean` forgets what was stored.", file=sys.stderr)
    return 0


def serve(directory: Path, dags: Path) -> None:
    """Start everything, say where it is, and stay until something ends."""
    with LocalAirflow(directory, dags=dags, port=8080) as airflow:
        try:
            with step("Starting the emulator"):
                airflow.start_emulator()
            with step("Preparing Airflow's database"):
                airflow.migrate()
            with step("Starting Airflow"):
                airflow.start_airflow()
                airflow.store_connections()
            print(welcome(airflow), flush=True)
            while True:
                airflow.check()
                time.sleep(1)
        finally:
            ignore_signals()


def welcome(airflow: LocalAirflow) -> str:
    """Where everything is."""
    return f"""
Airflow:   {airflow.api.url}  (no sign-in: you are its admin)
Emulator:  {airflow.emulator_url}  (what it was asked: {airflow.emulator_url}/_emulator/requests)
Logs:      {airflow.logs}
A day on:  {move_clock(airflow.emulator_url, 86_400)}
           (make the dataflows first: docs/emulator.md, "Use the clock")

The connections that the DAGs need are stored, such as aep_default and paypal_default. Start with the DAG
paypal_connection, then paypal_ingestion; docs/examples.md has the others.
Ctrl-C ends it all."""


if __name__ == "__main__":
    sys.exit(main())
