"""`watch_dataflows` in a real Airflow: records saved, a message, and a dataflow disabled on approval."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from scripts.local_airflow import LocalAirflow
from tests.harness.workers import wait_until

LONG = 300.0
NAME = "watch_dataflows"
DAG = Path(__file__).parents[2] / "dags" / f"{NAME}.py"
WAITING = ("awaiting_input", "deferred")
"""The state of a question: from Airflow 3.3 on, and before."""


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[LocalAirflow]:
    """Run every component of an Airflow that has this DAG only."""
    dags = tmp_path / "dags"
    dags.mkdir()
    shutil.copy(DAG, dags)
    with LocalAirflow(tmp_path / "airflow", dags=dags) as airflow:
        airflow.start()
        airflow.api.wait_for_dag(NAME, "", seconds=LONG, watch=airflow.check)
        yield airflow


def states(airflow: LocalAirflow, run_id: str) -> dict[tuple[str, int], str]:
    """Return the state of each task instance."""
    found = airflow.api.tasks(NAME, run_id)
    return {(one["task_id"], one["map_index"]): one["state"] for one in found}


def answer(airflow: LocalAirflow, run_id: str, index: int, option: str) -> None:
    """Answer a question, as a user does in Airflow's UI."""
    place = f"/dags/{NAME}/dagRuns/{quote(run_id)}/taskInstances/ask.approve/{index}/hitlDetails"
    airflow.api("PATCH", place, {"chosen_options": [option], "params_input": {}})


def test_two_mornings(airflow: LocalAirflow, tmp_path: Path) -> None:
    """Without trouble nothing happens. Else only the dataflow that somebody approves is disabled."""
    run_id = airflow.api.trigger(NAME)
    assert airflow.api.wait_for_run(NAME, run_id, seconds=LONG, watch=airflow.check) == "success"
    now = states(airflow, run_id)
    assert now.pop(("all_is_well", -1)) == "success"
    assert {now[task] for task in now if task[0] not in ("find_trouble", "choose")} == {"skipped"}

    airflow.emulator("fleet", "POST", {"flows": 8, "runs": 2, "failed": 2, "partial": 3})
    run_id = airflow.api.trigger(NAME, {"folder": f"file://{tmp_path}/records"})

    def asked() -> bool:
        airflow.check()
        now = states(airflow, run_id)
        ready = all(now.get(("ask.approve", index)) in WAITING for index in (0, 1))
        return ready and now["send_message", -1] == "success"

    wait_until(asked, "two questions and the message", LONG)
    trouble = airflow.api.xcom(NAME, run_id, "find_trouble")
    assert [row["health"] for row in trouble] == ["failed"] * 2 + ["partial"] * 3
    answer(airflow, run_id, 0, "Approve")
    answer(airflow, run_id, 1, "Reject")
    assert airflow.api.wait_for_run(NAME, run_id, seconds=LONG, watch=airflow.check) == "success"
    now = states(airflow, run_id)
    assert (now["ask.disable", 0], now["ask.disable", 1]) == ("success", "skipped")
    actions = [one for one in airflow.emulator("requests")["items"] if one["path"].endswith("/action")]
    assert [one["path"].split("/")[-2] for one in actions] == [trouble[0]["id"]]

    saved = [airflow.api.xcom(NAME, run_id, "save_failed_records", index) for index in range(5)]
    told = "".join(
        path.read_text() for path in airflow.task_logs.rglob("*.log") if "send_message" in str(path)
    )
    for row, file in zip(trouble, saved, strict=True):
        assert file["run_id"] == row["last_run"]["id"]
        path = Path(file["path"].removeprefix("file://"))
        lines = path.read_text().splitlines() if file["records"] else []
        assert len(lines) == file["records"]
        assert row["name"] in told
    assert sum(file["records"] for file in saved) > 0
