"""What `make demo` and the other demos print, and how they tell of a failure."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.operations.fleet import Health, collect
from scripts import demos
from scripts.local_airflow import LocalAirflow
from scripts.processes import LocalError
from tests.harness.emulator import Emulator
from tests.harness.pipeline import Pipeline

INGESTION = {
    "create_connection": "c1",
    "paypal_ingestion.create_dataflow": "f1",
    "paypal_ingestion.create_dataset": "d1",
    "paypal_ingestion.wait_for_run": {
        "run_id": "r1",
        "status": "success",
        "records_read": 3,
        "records_written": 2,
        "records_failed": 1,
        "records_skipped": 0,
        "bytes": 9,
        "seconds": 3.0,
    },
}
POST = {"method": "POST", "path": "/data/foundation/flowservice/connections", "status": 201}


class Ended:
    """An Airflow whose run is over."""

    def __init__(self, directory: Path, xcoms: dict[str, Any], *requests: dict[str, Any]) -> None:
        self.directory = directory
        self.api = self
        self.rows = 0
        self._xcoms = xcoms
        self._requests = requests

    def xcom(self, _dag: str, _run: str, task: str, index: int = -1) -> Any:
        return self._xcoms[task] if index < 0 else self._xcoms[task][index]

    def emulator(self, path: str) -> Any:
        return {"requests": {"items": self._requests}, "datasets/d1/rows": {"count": self.rows}}[path]


def test_the_connection_demo_names_each_table(tmp_path: Path) -> None:
    """With the number of its columns, from the mapped task of its place in the list."""
    xcoms = {
        "create_connection": "c1",
        "list_tables": [{"name": "Plans"}, {"name": "Products"}],
        "inspect_table": [[1, 2, 3], [1]],
    }
    airflow: Any = Ended(tmp_path, xcoms, POST)
    lines = ["connection: c1 (created)", "table: Plans (3 columns)", "table: Products (1 columns)"]
    assert demos.report_connection(airflow, "run") == lines


def test_the_ingestion_demo_counts_what_is_new(tmp_path: Path) -> None:
    """Rows are counted in the dataset, and the second demo tells those that the first had not seen."""
    airflow: Any = Ended(tmp_path, INGESTION)
    airflow.rows = 320
    assert demos.report_ingestion(airflow, "run") == [
        "connection: c1 (reused)",
        "dataflow: f1",
        "run: r1 success",
        "records: 3 read, 2 written, 1 failed, 0 skipped",
        "dataset: PayPal products (320 rows, 320 new)",
    ]
    airflow.rows = 323
    assert demos.report_ingestion(airflow, "run")[-1] == "dataset: PayPal products (323 rows, 3 new)"


def test_a_day_passes_if_a_dataflow_exists(
    tmp_path: Path, emulator: Emulator, hook: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its next run is due then. Before there is one, its start would lie in the emulator's past.

    The demo shows the command, and the command does the same.
    """
    airflow = LocalAirflow(tmp_path, dags=tmp_path)
    airflow.emulator_url = emulator.url
    demos.let_a_day_pass(airflow)
    began = airflow.emulator("clock")["now"]
    Pipeline(emulator, hook).dataflow()
    demos.let_a_day_pass(airflow)
    assert 86_400 <= airflow.emulator("clock")["now"] - began < 90_000
    [_, command] = capsys.readouterr().err.split("clock: ")
    subprocess.run([*shlex.split(command), "--silent", "--noproxy", "*"], check=True, capture_output=True)
    assert 2 * 86_400 <= airflow.emulator("clock")["now"] - began < 180_000


def test_the_events_demo_lets_a_foreign_dataflow_ingest_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, emulator: Emulator, hook: Any
) -> None:
    """A person made the dataflow that the DAG watches. It ingests after the watcher's first poll."""
    airflow = LocalAirflow(tmp_path, dags=tmp_path)
    airflow.emulator_url = emulator.url
    runs: list[int] = []

    def api(method: str, path: str, body: object = None) -> Any:
        """Poll as soon as the DAG is unpaused, and start a DAG run by itself."""
        if method == "PATCH":
            assert (path, body) == ("/dags/on_foreign_flow", {"is_paused": False})
        [flow] = [one for one in hook.list_flows(name=watched) if one["createdClient"] == "exc_app"]
        runs.append(len(hook.list_runs(flow["id"])))
        return {"dag_runs": [{"dag_run_id": "asset_triggered__1"}]}

    dag = (demos.ROOT / "dags" / f"{demos.EVENTS}.py").read_text("utf-8")
    [watched] = re.findall(r'^FLOW = "(.+)"$', dag, re.MULTILINE)
    monkeypatch.setattr(airflow, "api", api)
    assert demos.land_data(airflow) == "asset_triggered__1"
    assert runs == [1, 2]


def test_the_events_demo_shows_the_event(tmp_path: Path) -> None:
    """Each flow run on a line, as the consumer gets it."""
    airflow: Any = Ended(tmp_path, {"list_runs": [{"run_id": "r1", "records_written": 3}]})
    lines = ["DAG run: asset_triggered__1", 'flow run: {"run_id": "r1", "records_written": 3}']
    assert demos.report_events(airflow, "asset_triggered__1") == lines


@pytest.mark.parametrize(
    ("outcome", "code", "told"),
    [
        (LocalError("no table"), 1, "no table"),
        (KeyboardInterrupt(), 130, "All processes are stopped"),
    ],
)
def test_a_demo_that_fails_says_why(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: BaseException,
    code: int,
    told: str,
) -> None:
    """On stderr, in a sentence; stdout stays empty for whoever reads it with a program."""
    monkeypatch.setattr(demos, "end_by_signal", lambda: None)

    def fail() -> list[str]:
        raise outcome

    assert demos.main(fail) == code
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.out == ""


def test_a_failed_task_is_shown_by_its_last_words(tmp_path: Path) -> None:
    """Airflow's log lines are JSON; people get level, event and the exception's own sentence."""
    log = tmp_path / "attempt=1.log"
    error = {"exc_type": "AepConfigError", "exc_value": "`table` is empty."}
    lines = [{"level": "error", "event": "Task failed", "error_detail": [error]}]
    log.write_text("plain\n" + "\n".join(map(json.dumps, lines)))
    shown = demos.readable(log)
    assert "plain" in shown
    assert "error: Task failed\n  AepConfigError: `table` is empty." in shown


def test_the_operating_demo_runs_each_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Below the command line is what a user sees, on stdout and on stderr."""
    (tmp_path / "dags").symlink_to(demos.ROOT / "dags")
    monkeypatch.setattr(demos, "ROOT", tmp_path)
    files = demos.operate()
    out, err = capfd.readouterr()
    _, *shown = out.split("\n$ airflow aep ")
    assert [text.split()[0] for text in shown] == [line.split()[0] for line in demos.OPERATE]
    assert (
        "status: 60 dataflows in sandbox prod: 4 failed, 4 partial, 4 late, 4 never_ran, 4 running, " in err
    )
    assert len(files) == sum(line.startswith("import ") for line in demos.OPERATE)
    assert all("\nwith DAG(" in text for text in files)
    seen = {text.split()[0]: text for text in shown}
    assert seen["status"].count("\nfailed ") == 4
    assert "\nColumns: " in seen["failures"]
    assert "\nimported/" in seen["import"]


def test_the_operating_demo_names_the_command_that_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """1 is an answer; other exit codes are failures."""
    (tmp_path / "dags").symlink_to(demos.ROOT / "dags")
    monkeypatch.setattr(demos, "ROOT", tmp_path)
    monkeypatch.setattr(demos, "OPERATE", ("status --health sick",))
    with pytest.raises(LocalError, match="`status --health sick` ended with exit code 2"):
        demos.operate()


def test_the_web_interface_has_dataflows(tmp_path: Path, emulator: Emulator, hook: Any) -> None:
    """Sixty of every health, which name DAGs that exist. A second start adds none."""
    airflow = LocalAirflow(tmp_path, dags=tmp_path)
    airflow.emulator_url = emulator.url
    for _ in range(2):
        demos.seed(airflow)
    assert emulator.state()["flows"] == 60
    fleet = collect(hook)
    assert set(fleet.counts()) == {health.value for health in Health}
    assert all(fleet.counts().values())
    dags = {row.made_by.partition(".")[0] for row in fleet.rows if row.made_by}
    assert dags <= {path.stem for path in (demos.ROOT / "dags").glob("*.py")}
    assert len(dags) > 2


def test_the_web_interface_names_its_addresses(tmp_path: Path) -> None:
    """The page of the dataflows is the first thing to see, and nobody has to sign in."""
    airflow = LocalAirflow(tmp_path, dags=tmp_path)
    text = demos.welcome(airflow)
    assert f"{airflow.api.url}/plugin/aep" in text
    assert "no sign-in" in text
