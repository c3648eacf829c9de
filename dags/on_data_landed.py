"""Start when new records have landed in a dataset, whichever DAG waited for them.

`payments_templates` waits for its dataflows, and names each dataset as an outlet. When a wait has ended well,
Airflow starts this DAG and shows it the flow run. Replace the task `process` with your own work, such as a
query over the new records.

A run of this DAG can show several flow runs, and two runs of this DAG can show the same flow run, for
example after a wait was cleared. If your work must be done once for each flow run, keep the `run_id` of each.

Run `payments_templates` to start it.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_aep.assets import aep_dataset, new_runs

log = logging.getLogger(__name__)

with DAG(
    dag_id="on_data_landed",
    dag_display_name="on_data_landed: start when a dataset has new records",
    description="Start when new records have landed in a dataset, and process each flow run",
    doc_md=__doc__,
    schedule=aep_dataset("PayPal catalogue") | aep_dataset("PayPal billing plans"),
    catchup=False,
    tags=["aep"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
) as dag:

    @task
    def list_runs(triggering_asset_events: Any) -> list[dict[str, Any]]:
        """Return the flow runs that started this DAG run, each once. By hand there are none."""
        return new_runs(triggering_asset_events)

    @task
    def process(run: dict[str, Any]) -> None:
        """Process the records of one flow run."""
        log.info(
            "Run %s wrote %s records into dataset %s, of the window %s to %s. %s records failed.",
            run["run_id"],
            run["records_written"],
            run["dataset_id"],
            run["window_start"],
            run["window_end"],
            run["records_failed"],
        )

    process.expand(run=list_runs())
