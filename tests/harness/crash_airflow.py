"""A real Airflow whose tasks are killed by the hundred."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path as File
from typing import Any

from scripts.local_airflow import LocalAirflow, connections
from tests.harness.crash_lanes import DAGS, LONG, TRIES, Lane
from tests.harness.emulator import CLIENT_SECRET, PAYPAL_ID, PAYPAL_SECRET, Emulator
from tests.harness.postgres import Postgres, found

PARTS = ("api-server", "scheduler", "dag-processor")
SETTINGS = {
    "AIRFLOW__AEP__SETTLE": "0.2",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
    # A task whose supervisor is dead is known by its missing heartbeat.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
}
# Workers are forked, so they have what the scheduler has imported: it saves each try half a second.
PRELOADED = """
import airflow_provider_aep.hooks.data_prep
import airflow_provider_aep.hooks.flow_service
import airflow_provider_aep.operators._base_connections
import airflow_provider_aep.operators._runs
import airflow_provider_aep.operators._services
"""


class CrashAirflow:
    """`with CrashAirflow(directory, names) as real: real.each_lane(lambda lane: ...)`.

    :param more: text of DAGs of other tests, by name
    """

    def __init__(self, directory: File, names: tuple[str, ...], more: dict[str, str] | None = None) -> None:
        self._directory = directory
        self._names = names
        self._more = more or {}
        self._stack = ExitStack()
        self.lanes: list[Lane] = []
        self.airflow: LocalAirflow

    def __enter__(self) -> CrashAirflow:
        dags, told = self._directory / "dags", self._directory / "told"
        dags.mkdir()
        told.mkdir()
        with ExitStack() as stack:
            settings = SETTINGS
            # without it SQLite must do, whose lock ends the scheduler of a slow machine
            if found("initdb"):
                settings = {**SETTINGS, **stack.enter_context(Postgres()).settings}
            self.airflow = stack.enter_context(
                LocalAirflow(self._directory, dags=dags, components=PARTS, environment=settings)
            )
            self.lanes = [
                Lane(name, self.airflow, stack.enter_context(Emulator(start_timeout=LONG)), told)
                for name in self._names
            ]
            orders = {lane.name: (lane.order.operator, lane.order.arguments) for lane in self.lanes}
            (dags / "lanes.py").write_text(DAGS.format(told=str(told), orders=orders, tries=TRIES))
            for name, text in self._more.items():
                (dags / f"{name}.py").write_text(text)
            self._start()
            self._stack = stack.pop_all()
        return self

    def _start(self) -> None:
        self.airflow.migrate()
        config = self.airflow.home / "config"
        config.mkdir(exist_ok=True)
        (config / "airflow_local_settings.py").write_text(PRELOADED)
        self.airflow.start_airflow()
        stored = connections(self.lanes[0].emulator.url)
        stored["paypal_default"] |= {"login": PAYPAL_ID, "password": PAYPAL_SECRET}
        for lane in self.lanes:
            aep = connections(lane.emulator.url)["aep_default"]
            stored[f"aep_{lane.name}"] = {**aep, "password": CLIENT_SECRET}
        self.airflow.api.store_connections(stored)
        for name in (*self._names, *self._more):
            self.airflow.api.wait_for_dag(name, "", seconds=LONG, watch=self.airflow.check)

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def lane(self, name: str) -> Lane:
        """The lane of that name."""
        return next(lane for lane in self.lanes if lane.name == name)

    def workers(self) -> int:
        """How many worker processes the executor has."""
        (scheduler,) = [service for service in self.airflow.services if service.name == "scheduler"]
        titles = [" ".join(process.cmdline()) for process in scheduler.members()]
        return sum(title.startswith("airflow worker -- LocalExecutor") for title in titles)

    def each_lane(self, work: Callable[[Lane], Any]) -> dict[str, Any]:
        """The work's result in each lane, all of them side by side."""
        for lane in self.lanes:
            lane.pause(False)

        def whole(lane: Lane) -> Any:
            try:
                return work(lane)
            finally:
                lane.pause(True)

        with ThreadPoolExecutor(len(self.lanes)) as pool:
            waiting = {lane.name: pool.submit(whole, lane) for lane in self.lanes}
        return {name: one.result() for name, one in waiting.items()}
