"""The page in Airflow's UI, on a real API server: who may see it, and what it answers."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.harness import canary
from tests.harness.emulator import Emulator
from tests.harness.page_server import HIDDEN, PageServer, page_server

FLEET = {"flows": 60, "runs": 24, "failed": 6, "partial": 5, "late": 4, "never_ran": 3, "running": 2}
PAGES = (
    "",
    "index.html",
    "page.js",
    "table.js",
    "dataflow.js",
    "text.js",
    "frame.js",
    "page.css",
    "icon.svg",
)
DATA = (
    "connections",
    "task?made_by=dag.task",
    "fleet/aep_default",
    "runs/some-flow/aep_default?sandbox=prod",
)
UNKNOWN = ("docs", "openapi.json", "nothing/here", "page.js/more")


@pytest.fixture(scope="module")
def server(emulator_process: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """Run an API server with the page, and an emulator with a fleet."""
    emulator_process.reset()
    emulator_process.control("POST", "fleet", {**FLEET, "disabled": 4, "drafts": 1})
    with page_server(tmp_path_factory.mktemp("page"), emulator_process) as server:
        yield server


def test_who_may_not_read_connections_sees_nothing(server: PageServer) -> None:
    """Page, data, assets and unknown paths alike: 401 signed out; 403 without permission or a valid token."""
    forged, expired = server.token("olaf")[:-8] + "AAAAAAAA", server.expired_token("olaf")
    as_airflow_answers = server.send("../api/v2/connections", token=expired).status
    assert as_airflow_answers in (401, 403)
    for path in (*PAGES, *DATA, *UNKNOWN):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            assert server.send(path, method=method).status == 401, (method, path)
        refused = [
            server.send(path, "victor"),
            server.send(path, "ursula"),
            server.send(path, "victor", method="POST"),
            server.send(path, token=forged),
            server.send(path, token=expired),
        ]
        assert [reply.status for reply in refused] == [403] * 4 + [as_airflow_answers], path
        for reply in refused:
            assert reply.headers["content-security-policy"].startswith(
                "default-src 'none'; script-src 'self';"
            )
            assert b"dataflow" not in reply.body.lower()


def test_who_may_read_connections_sees_it(server: PageServer) -> None:
    """By GET alone, and every reply has the security policy."""
    for user in ("olaf", "anna"):
        for path in (*PAGES, *DATA):
            reply = server.send(path, user)
            assert reply.status == 200, path
            assert "frame-ancestors 'self'" in reply.headers["content-security-policy"]
            assert (reply.headers["cache-control"], reply.headers["x-content-type-options"]) == (
                "no-store",
                "nosniff",
            )
    for path in (*PAGES, *DATA):
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
            assert server.send(path, "anna", method=method).status == 405, (method, path)
    assert {server.send(path, "anna").status for path in UNKNOWN} == {404}


def test_a_connection_that_the_user_may_not_read(server: PageServer) -> None:
    """It is not offered, and its data is refused, although another user has read it."""
    assert server.fleet(HIDDEN, "anna")["data"]["rows"]
    assert server.send("connections", "anna").json() == ["aep_default", HIDDEN]
    assert server.send("connections", "olaf").json() == ["aep_default"]
    for path in (f"fleet/{HIDDEN}", f"runs/some-flow/{HIDDEN}?sandbox=prod"):
        assert server.send(path, "olaf").status == 403


def test_the_fleet_is_that_of_the_command(server: PageServer) -> None:
    """The same rows with the same keys as `status --output json`, worst first."""
    state = server.fleet()
    assert (state["sandbox"], state["error"]) == ("prod", None)
    assert state["data"]["counts"] == {
        **{name: FLEET[name] for name in ("failed", "partial", "late", "never_ran", "running")},
        "ok": 35,
        "disabled": 5,
    }
    rows = state["data"]["rows"]
    assert [row["health"] for row in rows[:7]] == ["failed"] * 6 + ["partial"]
    assert list(rows[0]) == [
        "id", "name", "state", "health", "source", "dataset", "dataset_id", "schedule", "last_run", "runs",
        "made_by", "url",
    ]  # fmt: skip
    assert server.fleet(sandbox="dev")["data"]["rows"] == []
    same = server.send("fleet/aep_default", "anna", sandbox="prod", have=state["version"]).json()
    assert (same["data"], same["version"]) == (None, state["version"])


def test_the_last_runs_of_a_dataflow(server: PageServer) -> None:
    """The newest twenty, with what was lost and why."""
    row = next(row for row in server.fleet()["data"]["rows"] if row["health"] == "partial")
    path = f"runs/{row['id']}/aep_default"
    state = server.send(path, "olaf", sandbox="prod", wait=1).json()
    runs = state["data"]["runs"]
    assert len(runs) == 20
    assert [run["started_at"] for run in runs] == sorted((run["started_at"] for run in runs), reverse=True)
    assert (runs[0]["id"], runs[0]["outcome"]) == (row["last_run"]["id"], "partial")
    assert runs[0]["records_failed"] == row["last_run"]["records_failed"] > 0
    assert runs[0]["errors"]
    assert runs[0]["seconds"] > 0
    assert runs[0]["url"].startswith("https://experience.adobe.com/")


def test_ten_viewers_cause_one_collection(server: PageServer) -> None:
    """In each sandbox, and while it is kept nobody asks AEP again, button or not."""
    server.store("aep_viewers", server.emulator.url)
    server.emulator.forget_requests()

    def view(n: int) -> Any:
        return server.fleet("aep_viewers", ("olaf", "anna")[n % 2], force=n % 3 == 0)["data"]

    with ThreadPoolExecutor(10) as viewers:
        seen = list(viewers.map(view, range(10)))
    assert all(data["rows"] for data in seen)
    asked = server.emulator.requests("GET", "/flows")
    assert len(asked) == 1


def test_names_are_checked(server: PageServer) -> None:
    """A name of a sandbox or an id that AEP cannot have is refused in words, and nothing is sent."""
    server.emulator.forget_requests()
    for path, query in (
        ("fleet/aep_default", {"sandbox": "../prod"}),
        ("fleet/aep_default", {"sandbox": "x" * 300}),
        ("runs/a%20b/aep_default", {"sandbox": "prod"}),
        ("fleet/missing", {"sandbox": "prod", "wait": 1}),
        ("fleet/missing", {}),
    ):
        error = server.send(path, "olaf", **query).json()["error"]
        assert error["code"].startswith("AEP-E1"), path
    assert server.emulator.requests() == []


def test_another_connections_password_is_not_sent(server: PageServer) -> None:
    """A connection of another type is no connection to AEP, whatever its host says."""
    server.store("postgres", server.emulator.url, conn_type="postgres")
    server.emulator.forget_requests()
    for query in ({}, {"sandbox": "prod"}):
        state = server.send("fleet/postgres", "olaf", wait=1, **query).json()
        assert "not of type `aep`" in state["error"]["text"]
    assert "postgres" not in server.send("connections", "olaf").json()
    assert server.emulator.requests() == []


def test_a_thousand_dataflows_are_small(server: PageServer, figure: Any) -> None:
    """At most 300 KB, zipped."""
    server.emulator.control("POST", "fleet", {"flows": 1000, "runs": 2, "sandbox": "dev", "failed": 30})
    server.store("aep_large", server.emulator.url)
    state = server.fleet("aep_large", sandbox="dev")
    assert len(state["data"]["rows"]) == 1000
    reply = server.send("fleet/aep_large", "olaf", sandbox="dev")
    figure("JSON of the page for 1,000 dataflows, zipped", f"{len(reply.raw):,} bytes")
    assert len(reply.raw) < 300_000


def test_no_secret_is_shown(server: PageServer) -> None:
    """Neither of a connection, nor of the source, nor a record's value."""
    row = server.fleet()["data"]["rows"][0]
    server.store("aep_wrong", server.emulator.url, org_id="00000000@AdobeOrg")
    server.fleet("aep_wrong")
    for path in (*PAGES, *DATA, f"runs/{row['id']}/aep_default?sandbox=prod&wait=1", "fleet/aep_wrong"):
        assert not canary.find_any(server.send(path, "anna").body.decode()), path
    log = (server.airflow.logs / "api-server.log").read_text()
    assert not canary.find_any(log)


def test_aep_is_dead(server: PageServer) -> None:
    """Replies come at once, with the old data, its age and the error in words."""
    server.store("aep_dying", server.emulator.url)
    before = server.fleet("aep_dying")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server.store("aep_dying", f"http://127.0.0.1:{silent.getsockname()[1]}")
        time.sleep(10)  # a viewer may ask again
        reply = server.send("fleet/aep_dying", "olaf", sandbox="prod", force=1)
        state = reply.json()
        assert (state["loading"], state["data"], state["error"]) == (True, before["data"], None)
        assert reply.seconds < 5
        reply = server.send("fleet/aep_dying", "olaf", sandbox="prod", wait=1)
        assert reply.seconds < 10
        state = server.fleet("aep_dying", sandbox="prod", have=before["version"])
    assert state["error"]["code"] == "AEP-E204"
    assert "no whole reply within" in state["error"]["text"]
    assert (state["version"], state["data"]) == (before["version"], None)
    assert state["age"] > 10
    assert server.fleet("aep_default")["error"] is None


def test_of_a_dataflow_airflow_knows_the_task(server: PageServer) -> None:
    """Only of a DAG that exists here and that the user may read. Ids can have dots."""
    assert server.send("task", "olaf", made_by="no_such.task").json() is None
    assert server.send("task", "olaf", made_by="nothing").json() is None
    assert json.loads(server.send("task", "olaf", made_by="." * 50).body) is None
