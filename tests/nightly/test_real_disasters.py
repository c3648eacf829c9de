"""The machines below a real Airflow fail while it creates and waits: nothing is lost, nothing is doubled.

The triggerer's own end is in `test_real_waiting.py` and `test_real_ingestion.py`, the tasks' in
`test_real_crashes.py`, a full disk in `tests/emulator/test_full_disk.py`, a clock set back in
`tests/emulator/test_clock_set_back.py`.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.local_airflow import LocalAirflow
from tests.harness.disasters import UnderWay, patiently
from tests.harness.emulator import Emulator
from tests.harness.figures import KeepFigure
from tests.harness.postgres import Postgres, found

pytestmark = pytest.mark.nightly
SETTINGS = {
    # What is lost without a word counts as lost soon, not after five minutes.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__AEP__SETTLE": "0.2",
}


@pytest.mark.skipif(
    not found("initdb"), reason="no PostgreSQL server is installed: its `initdb` is not found"
)
def test_the_metadata_database_crashes(tmp_path: Path, figure: KeepFigure) -> None:
    """Down for so long that Airflow gives both tries up: the next ones find what stands.

    Airflow's DAG processor and triggerer do not survive it, and its scheduler need not: what has ended is
    started again, as systemd would.
    """
    with ExitStack() as stack:
        database = stack.enter_context(Postgres())
        platform = stack.enter_context(Emulator())
        home, settings = tmp_path / "airflow", {**SETTINGS, **database.settings}
        airflow = stack.enter_context(LocalAirflow(home, dags=home / "dags", environment=settings))
        under_way = UnderWay(airflow, platform)
        database.crash()
        assert not under_way.answers()
        patiently(under_way.given_up, "the end of both tries")
        database.start()
        under_way.end()
        assert all(task["try_number"] > 1 for task in under_way.tasks("create"))
        figure("metadata database crashed in a create and a wait", under_way.hold_to_one_each())


def test_the_platform_is_killed(tmp_path: Path, figure: KeepFigure) -> None:
    """The tasks' tries say that it cannot be reached; once it is back, the next ones find what stands."""
    with ExitStack() as stack:
        state = str(tmp_path / "state")
        platform = stack.enter_context(Emulator("--state", state))
        home = tmp_path / "airflow"
        airflow = stack.enter_context(LocalAirflow(home, dags=home / "dags", environment=SETTINGS))
        under_way = UnderWay(airflow, platform)
        platform.kill()
        patiently(lambda: all(task["try_number"] > 1 for task in under_way.tasks("create")), "second tries")
        assert "AepConnectError" in under_way.said(1)
        assert under_way.states("wait") == ["deferred"]
        under_way.platform = stack.enter_context(Emulator("--state", state, "--port", str(platform.port)))
        under_way.end()
        figure("platform killed in a create and a wait, then restarted", under_way.hold_to_one_each())
