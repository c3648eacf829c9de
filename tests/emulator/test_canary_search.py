"""The search at each test's end finds a leak in every channel.

The functions `leak_*` leak on purpose. A run of pytest of its own collects them, and reports each as failed.
"""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.operators.base import AepOperator
from airflow_provider_aep.triggers.assets import FlowRunAssetTrigger
from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger
from tests.harness import canary
from tests.harness.connections import MakeHook
from tests.harness.dag_plans import aep_connection, run_plan
from tests.harness.emulator import Emulator
from tests.harness.operators import context
from tests.harness.secret_search import CHANNELS
from tests.harness.wiretap import Wiretap
from tests.harness.workers import Workers

SECRET = canary.OTHER_SECRET
DAG = f"""
import logging
from airflow.sdk import DAG, Asset, BaseOperator

SECRET = {SECRET!r}
ASSET = Asset("leaking")

class Leak(BaseOperator):
    template_fields = ("rendered",)

    def __init__(self, *, rendered="", **kwargs):
        super().__init__(**kwargs)
        self.rendered = rendered

    def execute(self, context):
        logging.getLogger("leak").debug(SECRET)
        context["outlet_events"][ASSET].extra["a"] = SECRET
        return SECRET

with DAG("leaking", schedule=None, user_defined_macros={{"leak": lambda: SECRET}}):
    Leak(task_id="leak", rendered="{{{{ leak() }}}}", outlets=ASSET)
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


def leak_nothing(make_hook: MakeHook, emulator: Emulator) -> None:
    """Leak nothing."""
    assert make_hook(emulator.url).list_connections() == []


def leak_dag_run(tmp_path_factory: pytest.TempPathFactory, emulator: Emulator) -> None:
    """Logs, XComs, rendered fields, asset events: as Airflow's own database and files have them."""
    directory = tmp_path_factory.mktemp("leaking")
    connections = {"a": aep_connection(emulator.url)}
    run_plan(emulator.url, [{"name": "leaking", "dag": "leaking"}], connections, directory, leaking=DAG)


def leak_logs() -> None:
    logging.getLogger("leak").debug("said %s", SECRET)


def leak_logs_of_a_task() -> None:
    Say(task_id="say").execute(context())


def leak_what_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Logs, printed and taken out of pytest's hands."""
    print(SECRET)
    capsys.readouterr()


def leak_worker(workers: Workers, emulator: Emulator) -> None:
    """The logs of a process of its own."""
    workers.start(emulator.url, kind="connections." + SECRET).wait()


def leak_sqlite(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "database") as database:
        database.execute("CREATE TABLE a (b)")
        database.execute("INSERT INTO a VALUES (?)", (SECRET,))
    database.close()


def leak_xcoms() -> None:
    Leak(task_id="leak").execute(context())


def leak_rendered_fields() -> None:
    Leak(task_id="leak", told={"a": SECRET})


def leak_trigger_rows() -> None:
    FlowRunTrigger(aep_conn_id="a", deadline=0, flow_id=SECRET)


def leak_rows_of_a_watcher() -> None:
    FlowRunAssetTrigger(flow_name=f"Orders {SECRET}")


def leak_exceptions() -> None:
    """Leak in the cause of a cause of an expected error."""
    deep = RuntimeError("harmless")
    deep.__cause__ = ValueError(SECRET)
    with pytest.raises(AepError):
        raise AepError("harmless") from deep


def leak_reprs(make_hook: MakeHook) -> None:
    make_hook("http://127.0.0.1:9").note = SECRET


def leak_process_arguments() -> None:
    """Leak to a process that has ended before the search."""
    subprocess.run([sys.executable, "-c", "", SECRET], check=True)


def leak_process_arguments_of_a_grandchild() -> None:
    """One that runs at the time of the search, and was not started by this process."""
    process = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(SECRET.encode() + b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"up\n"
    KEPT.append(process)  # all of them end with this process


def leak_emulator_output(emulator: Emulator) -> None:
    requests.delete(f"{emulator.url}/data/foundation/{canary.CORE}OfAPath", timeout=10)


def leak_emulator_request_log(emulator: Emulator) -> None:
    """Forgotten before the test's end."""
    emulator.api().create("A name with " + SECRET)
    emulator.forget_requests()


def leak_emulator_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Leak to an emulator that has ended before the search."""
    with Emulator("--state", str(tmp_path_factory.mktemp("state") / "state")) as emulator:
        emulator.api().create(f"A name with {SECRET}").raise_for_status()


def leak_urls(make_hook: MakeHook, emulator: Emulator) -> None:
    """By the client, to an emulator."""
    with pytest.raises(AepError):
        make_hook(emulator.url).run("connections", method="GET", params={"name": SECRET})


def leak_urls_to_a_wiretap(make_hook: MakeHook, emulator: Emulator) -> None:
    """Leak in a header."""
    with Wiretap(emulator.host) as tap:
        make_hook(tap.url).run("connections", method="GET", headers={"x-a": canary.TOKEN})


def leak_files(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text(SECRET)


def leak_that_fails() -> None:
    """For another reason as well."""
    print(SECRET)
    raise AssertionError("the other reason")


FOUND = {
    "leak_dag_run": {"logs", "SQLite", "XComs", "rendered fields", "asset events"},
    "leak_logs": {"logs"},
    "leak_logs_of_a_task": {"logs"},
    "leak_what_was_read": {"logs"},
    "leak_worker": {"logs"},
    "leak_sqlite": {"SQLite"},
    "leak_xcoms": {"XComs"},
    "leak_rendered_fields": {"rendered fields", "reprs"},
    "leak_trigger_rows": {"trigger rows", "reprs"},
    "leak_rows_of_a_watcher": {"trigger rows", "reprs"},
    "leak_exceptions": {"exceptions"},
    "leak_reprs": {"reprs"},
    "leak_process_arguments": {"process arguments"},
    "leak_process_arguments_of_a_grandchild": {"process arguments"},
    "leak_emulator_output": {"emulator output", "emulator request log", "logs"},
    "leak_emulator_request_log": {"emulator request log"},
    "leak_emulator_state": {"emulator state", "emulator request log"},
    "leak_urls": {"URLs", "emulator request log", "logs"},
    "leak_urls_to_a_wiretap": {"URLs", "emulator request log"},
    "leak_files": {"files"},
    "leak_that_fails": {"logs"},
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the leaks, and return the report of each."""
    xml = tmp_path_factory.mktemp("leaks") / "report.xml"
    only_leaks = ["-p", "no:cacheprovider", "-o", "python_functions=leak_*"]
    command = [sys.executable, "-m", "pytest", *only_leaks, f"--junit-xml={xml}", __file__]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert canary.find(done.stdout + done.stderr) == []
    said: dict[str, str] = {}
    for case in ET.parse(xml).getroot().iter("testcase"):
        parts = [part.text or "" for kind in ("failure", "error", "system-out") for part in case.iter(kind)]
        # there are two where the second search, after the fixtures' ends, found what was late for the first
        name = case.attrib["name"]
        said[name] = "\n".join([said.get(name, ""), *parts]).strip()
    return said


@pytest.mark.parametrize("name", FOUND)
def test_each_leak_is_found(reports: dict[str, str], name: str) -> None:
    """The test that leaked fails, and the channels are named."""
    _, *leaks = reports[name].split(f"test_canary_search.py::{name} leaks a secret:\n")
    lines = "\n".join(leaks).splitlines()
    assert {line.partition(": ")[0] for line in lines if ": " in line} >= FOUND[name], reports[name]


def test_every_channel_has_its_leak() -> None:
    """A channel without one may not be searched at all."""
    assert set().union(*FOUND.values()) == set(CHANNELS)


def test_what_does_not_leak_passes(reports: dict[str, str]) -> None:
    """A search that always finds something finds nothing."""
    assert {name for name, said in reports.items() if not said} == {"leak_nothing"}
    assert set(reports) == {"leak_nothing", *FOUND}


def test_a_failure_keeps_its_reason(reports: dict[str, str]) -> None:
    """It is said beside what leaked."""
    assert "the other reason" in reports["leak_that_fails"]


@pytest.mark.parametrize("secret", canary.CANARIES)
def test_the_search_knows_every_spelling(secret: str) -> None:
    """It finds a secret plain, escaped for URLs, JSON, HTML or Python, or in base64, and never shows it."""
    for form in canary.spellings(secret):
        for before in ("", "a", "ab", "line\n"):
            (place, *_) = canary.find_any(f"{before}{form} and so on")
            assert form not in place
    assert canary.find_any("a line that is clean, though a canary sings") == []
