"""`status` against the emulator: a small fleet of every health, its requests, and how the command fails."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_aep.__main__ import main
from airflow_provider_aep.operations.fleet import DAY, Health, collect
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.platform import Platform, decide

Capture = pytest.CaptureFixture[str]
Status = Callable[..., tuple[int, str, str]]


@pytest.fixture
def status(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Status:
    """`status("--check")`: the exit code, and what is on stdout and on stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["airflow_provider_aep", "status", *words])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0), *capsys.readouterr()
        return 0, *capsys.readouterr()

    return run


def made_fleet(emulator: Emulator) -> dict[str, str]:
    """Dataflows of several kinds of health; returns their ids by name."""
    platform = Platform(emulator)
    body = platform.prepared(description="Payments [airflow:dag.task 01234567]")
    later = {**body["scheduleParams"], "startTime": platform.now() + DAY}
    ids = {name: platform.flow({**body, "name": name}) for name in ("good", "bad", "partial", "off")}
    ids["new"] = platform.flow({**body, "name": "new", "scheduleParams": later})
    ids["draft"] = platform.flow({**body, "name": "draft"}, mode="draft")
    emulator.advance(10)
    decide(platform, platform.runs(ids["bad"])[0]["id"], status="failed")
    lost = {"recordSummary": {"failedRecordCount": 2}}
    decide(platform, platform.runs(ids["partial"])[0]["id"], status="success", metrics=lost)
    platform.api("POST", f"/flows/{ids['off']}/action", params={"op": "disable"})
    emulator.forget_requests()
    return ids


def test_status_shows_every_dataflow_worst_first(emulator: Emulator, hook: Any, status: Status) -> None:
    """The JSON has the documented keys and no others. Four lists and a token are enough for a small fleet."""
    ids = made_fleet(emulator)
    code, out, err = status("--output", "json")
    rows = json.loads(out)
    assert code == 0
    assert [(row["name"], row["health"]) for row in rows] == [
        ("bad", "failed"), ("partial", "partial"), ("new", "never_ran"), ("good", "ok"),
        ("draft", "disabled"), ("off", "disabled"),
    ]  # fmt: skip
    assert [row["id"] for row in rows] == [ids[row["name"]] for row in rows]
    for row in rows:
        assert list(row) == [
            "id", "name", "state", "health", "source", "dataset", "dataset_id", "schedule", "last_run",
            "runs", "made_by", "url",
        ]  # fmt: skip
        assert (row["source"], row["made_by"]) == ("paypal", "dag.task")
        assert row["dataset"].endswith(" dataset")
        assert row["dataset_id"]
    assert rows[1]["runs"] == {"success": 0, "partial": 1, "failed": 0, "running": 0}
    assert set(rows[1]["last_run"]) == {
        "id", "status", "started_at", "ended_at", "records_read", "records_written", "records_failed",
    }  # fmt: skip
    assert (rows[1]["last_run"]["records_failed"], rows[1]["last_run"]["records_written"]) == (2, 320)
    assert rows[2]["last_run"] is None
    assert err.startswith("status: 6 dataflows in sandbox prod: 1 failed, 1 partial, ")
    sent = [entry["path"].rsplit("/", 1)[1] for entry in emulator.requests()]
    assert sent[:4] == ["v3", "flows", "runs", "targetConnections"]
    assert len(sent) == 5


def test_status_checks(emulator: Emulator, hook: Any, status: Status) -> None:
    """`--check` fails for the dataflows that are shown. Another sandbox has none."""
    made_fleet(emulator)
    assert status("--check")[0] == 1
    code, out, _ = status("--check", "--health", "ok,disabled")
    assert code == 0
    assert {line.split()[0] for line in out.splitlines()[1:]} == {"ok", "disabled"}
    assert status("--check", "--sandbox", "dev", "-o", "json")[:2] == (0, "[]\n")


def test_runs_before_the_window_are_read_by_their_ids(emulator: Emulator, hook: Any) -> None:
    """A dataflow whose last run is older than the window keeps its health, and a late one is late."""
    ids = made_fleet(emulator)
    fleet = collect(hook, window=DAY, clock=lambda: time.time() + 5 * DAY)
    health = {row.id: row.health for row in fleet.rows}
    assert health[ids["bad"]] is Health.FAILED
    assert health[ids["partial"]] is Health.PARTIAL
    assert health[ids["good"]] is health[ids["new"]] is Health.LATE
    assert not any(sum(row.runs.values()) for row in fleet.rows)
    last = {row.id: row.last_run for row in fleet.rows}
    assert last[ids["good"]].records_written == 320  # type: ignore[union-attr]
    assert len(emulator.requests("GET")) <= 5 + 5


def check_names_after_deletion(emulator: Emulator, hook: Any) -> None:
    """A deleted dataset keeps its id and loses its name. The other dataset keeps both."""
    platform = Platform(emulator)
    ids = [platform.flow(platform.prepared()), platform.flow(platform.prepared())]
    platform.catalog("DELETE", f"/dataSets/{platform.dataset_id}")
    rows = {row.id: row for row in collect(hook).rows}
    assert rows[ids[1]].dataset_id == platform.dataset_id
    assert rows[ids[1]].dataset is None
    assert rows[ids[0]].dataset is not None
    platform.catalog("DELETE", f"/dataSets/{rows[ids[0]].dataset_id}")
    assert [row.dataset for row in collect(hook).rows] == [None, None]


def test_a_deleted_dataset_that_catalog_omits(emulator: Emulator, hook: Any) -> None:
    """The reply about several datasets has the others."""
    check_names_after_deletion(emulator, hook)


def test_a_deleted_dataset_that_catalog_refuses(make_hook: MakeHook) -> None:
    """The request about several datasets fails for one: the names come from the list."""
    with Emulator("--get-several-datasets", "refuse") as emulator:
        check_names_after_deletion(emulator, make_hook(emulator.url))


@pytest.mark.parametrize(
    ("fault", "code"),
    [({"status": 403, "body": {}}, "AEP-E304"), ({"status": 200, "body": "<html>"}, "AEP-E206")],
    ids=["refused", "not AEP"],
)
def test_status_says_why_it_cannot(
    emulator: Emulator, hook: Any, status: Status, fault: dict[str, Any], code: str
) -> None:
    """One line on stderr, nothing on stdout, and the exit code that AEP gives no answer."""
    emulator.fault(method="GET", path="/flows", times=20, **fault)
    ended, out, err = status("-o", "json")
    assert (ended, out) == (3, "")
    assert err.startswith("status: ")
    assert code in err
    assert err.count("\n") == 1


def test_status_with_wrong_settings(make_hook: MakeHook, status: Status) -> None:
    """The connection's setting, or the option, is named. AEP is not asked."""
    make_hook("http://127.0.0.1:9", extra={"org_id": ""})
    for words, named in (
        ((), "org_id"),
        (("--conn-id", "missing"), "--conn-id"),
        (("--since", "soon"), "--since"),
        (("--health", "sick"), "--health"),
    ):
        code, out, err = status(*words)
        assert (code, out) == (2, "")
        assert f"`{named}`" in err


LOADED = """
import sys
import airflow.cli.commands.version_command, airflow.providers_manager, airflow.cli.cli_parser
by_airflow = set(sys.modules)
from airflow_provider_aep.__main__ import main
sys.argv = ["airflow_provider_aep", "status"]
main()
print(*sys.modules.keys() - by_airflow, file=sys.stderr)
"""
NOT_NEEDED = {
    "rich._emoji_codes",
    "airflow_provider_aep.emulator",
    "airflow_provider_aep.exactly_once",
    "airflow_provider_aep.flow_runs",
    "airflow_provider_aep.hooks.aio",
    "airflow_provider_aep.operators",
    "airflow_provider_aep.task_groups",
}


def test_status_imports_only_what_it_needs(emulator: Emulator, hook: Any) -> None:
    """`aiohttp` is needed: the HTTP provider's hook, on which this provider's hooks are based, imports it."""
    made_fleet(emulator)
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("health ")
    loaded = set(done.stderr.split())
    assert "airflow_provider_aep.operations.fleet" in loaded
    assert not NOT_NEEDED & loaded


PROBE = """
import resource, sys
import airflow.cli.commands.version_command, airflow.providers_manager, airflow.cli.cli_parser
used = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
before, by_airflow = used(), set(sys.modules)
import airflow_provider_aep.cli.commands
assert not {"requests", "aiohttp", "airflow_provider_aep.flow_service"} & (set(sys.modules) - by_airflow)
import airflow_provider_aep.operations.fleet, rich.table, rich.console
import airflow_provider_aep.cli.status
assert not {"airflow_provider_aep.operators", "airflow_provider_aep.emulator"} & set(sys.modules)
print(before, used() - before)
"""


def test_the_imports_of_status_are_quick(figure: Callable[..., Any]) -> None:
    """Less than a third of what `airflow version` imports, and nothing before the command runs.

    Most of it is `requests` and `aiohttp`, which Airflow's HTTP hook imports.
    """
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    airflow, own = map(float, done.stdout.split()[-2:])
    figure(
        "imports of `status`, seconds of the processor beyond those of Airflow", f"{own:.2f} ({airflow:.2f})"
    )
    assert own < airflow / 3
