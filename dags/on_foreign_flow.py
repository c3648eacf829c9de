"""Start when a flow run ends in AEP that no DAG started, such as a run of a dataflow made in AEP's interface.

A watcher in Airflow's triggerer asks AEP whether runs of the dataflow have ended. `FLOW` is a dataflow of the
emulator that a person made in AEP's interface: `make demo-events` shows how its data starts this DAG. Change
`FLOW` to the name of your dataflow, and replace the task `process` with your own work.

A run of this DAG can show several flow runs. A flow run can be shown twice, for example if the triggerer is
killed. If your work must be done once for each flow run, keep the `run_id` of each that is done.

While this DAG is paused, nothing watches the dataflow. Runs that end meanwhile are shown when you unpause it.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_aep.assets import new_runs
from airflow_provider_aep.triggers.assets import FlowRunAssetTrigger

FLOW = "Salesforce Account Web shop EMEA"
SECONDS = 10  # between two polls, so that the demo is short; every minute is often enough

log = logging.getLogger(__name__)

trigger = FlowRunAssetTrigger(flow_name=FLOW, on=["success", "partial"], poll_interval=SECONDS)

with DAG(
    dag_id="on_foreign_flow",
    dag_display_name="on_foreign_flow: start when a run ends that no DAG started",
    description="Start when a flow run of a dataflow ends that nobody made with Airflow",
    doc_md=__doc__,
    schedule=Asset(name="web_shop_accounts", watchers=[AssetWatcher(name="aep", trigger=trigger)]),
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
            "Run %s of dataflow %s wrote %s records into dataset %s. %s records failed.",
            run["run_id"],
            run["flow_id"],
            run["records_written"],
            run["dataset_id"],
            run["records_failed"],
        )

    process.expand(run=list_runs())
