"""Starts when runs of a dataflow end that no DAG has made."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_aep.assets import new_runs
from airflow_provider_aep.triggers.assets import FlowRunAssetTrigger

trigger = FlowRunAssetTrigger(flow_name="Foreign", aep_conn_id="aep_cluster", poll_interval=5)

with DAG("watch", schedule=Asset("foreign", watchers=[AssetWatcher("aep", trigger)]), catchup=False):

    @task
    def use(triggering_asset_events: Any = None) -> list[str]:
        """Return the ids of the runs."""
        return [run["run_id"] for run in new_runs(triggering_asset_events)]

    use()
