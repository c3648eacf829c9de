"""A watcher in a real Airflow, whose triggerer is killed while runs that no DAG started end in AEP."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scripts.local_airflow import LocalAirflow
from tests.harness import canary
from tests.harness.emulator import CLIENT_ID, ORG_ID, Emulator
from tests.harness.figures import KeepFigure
from tests.harness.platform import Platform
from tests.harness.real_airflow import kill_triggerer, select, start_triggerer
from tests.harness.watchers import foreign_flow, start
from tests.harness.workers import wait_until

RUNS, KILLS = 200, 5
LONG = 400.0
DAG = '''
"""Starts when a run of a foreign dataflow ends."""
from airflow.sdk import DAG, Asset, AssetWatcher, task
from airflow_provider_aep.triggers.assets import FlowRunAssetTrigger

trigger = FlowRunAssetTrigger(flow_name="Foreign", aep_conn_id="aep_foreign", poll_interval=5)

with DAG("on_foreign", schedule=Asset("foreign", watchers=[AssetWatcher("aep", trigger)]), catchup=False):

    @task
    def use(triggering_asset_events):
        """Return how many events there are."""
        return sum(map(len, triggering_asset_events.values()))

    use()
'''


def announced(airflow: LocalAirflow) -> list[str]:
    """Return the runs of all events, in the order of the events."""
    rows = select(airflow, "SELECT extra FROM asset_event ORDER BY id")
    return [run["run_id"] for (extra,) in rows for run in json.loads(extra)["payload"]["runs"]]


def states(airflow: LocalAirflow) -> Counter[str]:
    """Return how many DAG runs are in which state."""
    return Counter(dict(select(airflow, "SELECT state, count(*) FROM dag_run GROUP BY state")))


def lists(emulator: Emulator) -> int:
    """Return how many lists of runs were requested."""
    return len(emulator.requests("GET", "/runs"))


@pytest.mark.nightly
def test_a_killed_triggerer(tmp_path: Path, figure: KeepFigure) -> None:
    """Each run is announced, the DAG starts by itself, and pausing it sends nothing but GET to AEP."""
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "on_foreign.py").write_text(DAG)
    with Emulator() as emulator, LocalAirflow(tmp_path / "airflow", dags=dags) as airflow:
        platform = Platform(emulator)
        platform.stop_clock()
        flow = foreign_flow(platform)
        airflow.start()
        aep: dict[str, Any] = {"conn_type": "aep", "host": emulator.url, "login": CLIENT_ID}
        extra = {"org_id": ORG_ID, "ims_host": emulator.url}
        airflow.api.store_connections({"aep_foreign": {**aep, "password": canary.AEP_SECRET, "extra": extra}})
        airflow.api.wait_for_dag("on_foreign", "", seconds=LONG, watch=airflow.check)
        emulator.forget_requests()
        airflow.api("PATCH", "/dags/on_foreign", {"is_paused": False})
        wait_until(lambda: lists(emulator) > 2, "the first polls", LONG)

        began = time.monotonic()
        expected = [start(platform, flow)]
        platform.advance(10)
        wait_until(lambda: states(airflow)["success"], "the first run of the DAG", LONG)
        seconds = time.monotonic() - began
        for _ in range(KILLS):
            expected += [start(platform, flow) for _ in range(RUNS // KILLS)]
            platform.advance(10)
            seen = lists(emulator)
            wait_until(lambda seen=seen: lists(emulator) > seen, "a poll", LONG)
            kill_triggerer(airflow)
            start_triggerer(airflow)
        wait_until(lambda: set(announced(airflow)) >= set(expected), "all runs to be announced", LONG)

        emulator.forget_requests()
        airflow.api("PATCH", "/dags/on_foreign", {"is_paused": True})
        wait_until(lambda: not select(airflow, "SELECT id FROM trigger"), "the watcher to stop", LONG)
        time.sleep(10)
        airflow.check()
        methods = {entry["method"] for entry in emulator.requests() if "/ims/" not in entry["path"]}
        assert methods <= {"GET"}
        found = Counter(announced(airflow))
        assert set(found) == set(expected)
        assert canary.leaks(airflow.directory) == {}
        figure(
            "triggerer killed five times while foreign runs end",
            f"{len(found)} runs announced, {sum(found.values()) - len(found)} of them twice; "
            f"a run's end started the DAG and ended its task within {seconds:.0f} s",
        )
