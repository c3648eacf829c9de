"""`make demo-ingest`: a table into a dataset, on a real Airflow with a triggerer, against the emulator."""

from __future__ import annotations

import sys

from scripts.demos import Demo, connection_line, main
from scripts.local_airflow import LocalAirflow, move_clock
from scripts.progress import tell

DAG = "paypal_ingestion"
DATASET = "PayPal products"
A_DAY = 86_400


def let_a_day_pass(airflow: LocalAirflow) -> None:
    """Where the dataflow stands already its next run comes due, and the table has gained rows."""
    if airflow.emulator("state")["flows"]:
        tell(f"A day passes on the emulator's clock: {move_clock(airflow.emulator_url, A_DAY)}")
        airflow.emulator("clock", "POST", {"advance": A_DAY})


def report(airflow: LocalAirflow, run_id: str) -> list[str]:
    """What was made and what moved: by the run's own word, and as the dataset's rows are counted."""
    flow = airflow.api.xcom(DAG, run_id, f"{DAG}.create_dataflow")
    dataset = airflow.api.xcom(DAG, run_id, f"{DAG}.create_dataset")
    result = airflow.api.xcom(DAG, run_id, f"{DAG}.wait_for_run")
    counts = ", ".join(
        f"{result[f'records_{word}']} {word}" for word in ("read", "written", "failed", "skipped")
    )
    rows = airflow.emulator(f"datasets/{dataset}/rows")["count"]
    return [
        connection_line(airflow, DAG, run_id),
        f"dataflow: {flow}",
        f"run: {result['run_id']} {result['status']}",
        f"records: {counts}",
        f"dataset: {DATASET} ({rows} rows, {rows - rows_before(airflow, rows)} new)",
    ]


def rows_before(airflow: LocalAirflow, now: int) -> int:
    """How many there were when the last demo ended; for the next one, `now` is kept."""
    kept = airflow.directory / "rows"
    before = int(kept.read_text()) if kept.exists() else 0
    kept.write_text(str(now))
    return before


DEMO = Demo(dag=DAG, state=".demo-ingest", report=report, prepare=let_a_day_pass, conf={"dataset": DATASET})

if __name__ == "__main__":
    sys.exit(main(DEMO))
