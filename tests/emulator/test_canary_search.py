"""The search at each test's end finds what leaks: a planted leak a channel, in a run of pytest of its own."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.harness import canary
from tests.harness.canary_watch import CHANNELS

LEAKS = Path(__file__).with_name("canary_leaks.py")
FOUND = {
    "test_dag_run": {"logs", "SQLite", "XComs", "rendered fields"},
    "test_logs": {"logs"},
    "test_logs_of_a_task": {"logs"},
    "test_what_was_read": {"logs"},
    "test_worker": {"logs"},
    "test_sqlite": {"SQLite"},
    "test_xcoms": {"XComs"},
    "test_rendered_fields": {"rendered fields", "reprs"},
    "test_trigger_rows": {"trigger rows", "reprs"},
    "test_exceptions": {"exceptions"},
    "test_reprs": {"reprs"},
    "test_process_arguments": {"process arguments"},
    "test_process_arguments_of_a_grandchild": {"process arguments"},
    "test_emulator_output": {"emulator output", "emulator request log", "logs"},
    "test_emulator_request_log": {"emulator request log"},
    "test_emulator_state": {"emulator state", "emulator request log"},
    "test_urls": {"URLs", "emulator request log", "logs"},
    "test_urls_to_a_wiretap": {"URLs", "emulator request log"},
    "test_files": {"files"},
    "test_that_fails": {"logs"},
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What was reported of each leaking test that did not pass."""
    xml = tmp_path_factory.mktemp("leaks") / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junit-xml={xml}", str(LEAKS)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=LEAKS.parents[2], check=False)
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
    _, *leaks = reports[name].split(f"canary_leaks.py::{name} leaks a secret:\n")
    lines = "\n".join(leaks).splitlines()
    assert {line.partition(": ")[0] for line in lines if ": " in line} >= FOUND[name], reports[name]


def test_every_channel_has_its_leak() -> None:
    """A channel without one may not be searched at all."""
    assert set().union(*FOUND.values()) == set(CHANNELS)


def test_what_does_not_leak_passes(reports: dict[str, str]) -> None:
    """A search that always finds something finds nothing."""
    assert {name for name, said in reports.items() if not said} == {"test_nothing"}
    assert set(reports) == {"test_nothing", *FOUND}


def test_a_failure_keeps_its_reason(reports: dict[str, str]) -> None:
    """It is said beside what leaked."""
    assert "the other reason" in reports["test_that_fails"]


@pytest.mark.parametrize("secret", canary.CANARIES)
def test_the_search_knows_every_spelling(secret: str) -> None:
    """As it is, escaped for URLs, JSON, HTML or Python, in base64 at any offset; and none is shown whole."""
    for form in canary.spellings(secret):
        for before in ("", "a", "ab", "line\n"):
            (place, *_) = canary.sightings(f"{before}{form} and so on")
            assert form not in place
    assert canary.sightings("a line that is clean, though a canary sings") == []
