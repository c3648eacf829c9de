"""Tests that leak on purpose, each as it is named; `test_canary_search.py` runs them."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.operators.base import AepOperator
from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger
from tests.harness import canary
from tests.harness.canary_dags import aep_connection, run_plan
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.operators import context
from tests.harness.wiretap import Wiretap
from tests.harness.workers import Workers

SECRET = canary.OTHER_SECRET
DAG = f"""
import logging
from airflow.sdk import DAG, BaseOperator

SECRET = {SECRET!r}

class Leak(BaseOperator):
    template_fields = ("rendered",)

    def __init__(self, *, rendered="", **kwargs):
        super().__init__(**kwargs)
        self.rendered = rendered

    def execute(self, context):
        logging.getLogger("leak").debug(SECRET)
        return SECRET

with DAG("leaking", schedule=None, user_defined_macros={{"leak": lambda: SECRET}}):
    Leak(task_id="leak", rendered="{{{{ leak() }}}}")
"""

PARENT = """
import subprocess, sys
code = "import sys; print('up', flush=True); sys.stdin.read()"
command = [sys.executable, "-c", code, sys.stdin.readline()[:-1]]
with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
    sys.stdin.read()
"""
KEPT: list[Any] = []


class Leak(AepOperator):
    """Returns what it is told."""

    template_fields = ("told",)

    def __init__(self, *, told: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.told = told

    def act(self, context: Any) -> Any:
        return SECRET


class Say(AepOperator):
    """Logs as an operator does: Airflow's versions do so in different ways."""

    def act(self, context: Any) -> None:
        self.log.debug("said %s", SECRET)


def test_nothing(make_hook: MakeHook, emulator: Emulator) -> None:
    """What does not leak."""
    assert make_hook(emulator.url).list_connections() == []


def test_dag_run(tmp_path_factory: pytest.TempPathFactory, emulator: Emulator) -> None:
    """Logs, XComs, rendered fields: as Airflow's own database and files have them."""
    directory = tmp_path_factory.mktemp("leaking")
    (directory / "dags").mkdir()
    (directory / "dags" / "leaking.py").write_text(DAG)
    run = {"words": "leaking", "dag": "leaking", "conf": {}, "faults": []}
    plan = {"control": emulator.url, "runs": [run], "connections": {"a": aep_connection(emulator.url)}}
    run_plan(plan, directory / "home", directory / "dags")


def test_logs() -> None:
    logging.getLogger("leak").debug("said %s", SECRET)


def test_logs_of_a_task() -> None:
    Say(task_id="say").execute(context())


def test_what_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Logs, printed and taken out of pytest's hands."""
    print(SECRET)
    capsys.readouterr()


def test_worker(workers: Workers, emulator: Emulator) -> None:
    """The logs of a process of its own."""
    workers.start(emulator.url, kind="connections." + SECRET).wait()


def test_sqlite(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "database") as database:
        database.execute("CREATE TABLE a (b)")
        database.execute("INSERT INTO a VALUES (?)", (SECRET,))
    database.close()


def test_xcoms() -> None:
    Leak(task_id="leak").execute(context())


def test_rendered_fields() -> None:
    Leak(task_id="leak", told={"a": SECRET})


def test_trigger_rows() -> None:
    FlowRunTrigger(aep_conn_id="a", deadline=0, flow_id=SECRET)


def test_exceptions() -> None:
    """As the cause of a cause of one that a test expects."""
    deep = RuntimeError("harmless")
    deep.__cause__ = ValueError(SECRET)
    with pytest.raises(AepError):
        raise AepError("harmless") from deep


def test_reprs(make_hook: MakeHook) -> None:
    make_hook("http://127.0.0.1:9").note = SECRET


def test_process_arguments() -> None:
    """Of one that has ended by the time of the search."""
    subprocess.run([sys.executable, "-c", "", SECRET], check=True)


def test_process_arguments_of_a_grandchild() -> None:
    """One that runs at the time of the search, and was not started by this process."""
    process = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(SECRET.encode() + b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"up\n"
    KEPT.append(process)  # all of them end with this process


def test_emulator_output(emulator: Emulator) -> None:
    requests.delete(f"{emulator.url}/data/foundation/{canary.CORE}OfAPath", timeout=10)


def test_emulator_request_log(emulator: Emulator) -> None:
    """Forgotten before the test's end."""
    emulator.api().create("A name with " + SECRET)
    emulator.forget_requests()


def test_emulator_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of an emulator that has ended by the time of the search."""
    with Emulator("--state", str(tmp_path_factory.mktemp("state") / "state")) as emulator:
        emulator.api().create(f"A name with {SECRET}").raise_for_status()


def test_urls(make_hook: MakeHook, emulator: Emulator) -> None:
    """By the client, to an emulator."""
    with pytest.raises(AepError):
        make_hook(emulator.url).run("connections", method="GET", params={"name": SECRET})


def test_urls_to_a_wiretap(make_hook: MakeHook, emulator: Emulator) -> None:
    """And headers."""
    with Wiretap(emulator.host) as tap:
        make_hook(tap.url).run("connections", method="GET", headers={"x-a": canary.TOKEN})


def test_files(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text(SECRET)


def test_that_fails() -> None:
    """For another reason as well."""
    print(SECRET)
    raise AssertionError("the other reason")
