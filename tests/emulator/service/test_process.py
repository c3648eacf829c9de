"""Test the process: start, end, output, state file, switches."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psutil
import pytest

from airflow_provider_aep.emulator import server
from tests.harness import canary
from tests.harness.emulator import Emulator, paypal_body

if TYPE_CHECKING:
    from starlette.types import ASGIApp

COMMAND = [os.environ.get("EMULATOR_PYTHON", sys.executable), "-m", "airflow_provider_aep.emulator"]
CANARY = canary.OTHER_SECRET


Quiet = tuple[http.client.HTTPConnection, float]


def assert_served(client: http.client.HTTPConnection) -> None:
    """Send one request on an open connection."""
    client.request("GET", "/")
    assert client.getresponse().read()
    assert client.sock


@pytest.fixture(scope="module", autouse=True)
def quiet_connection(emulator_process: Emulator) -> Iterator[Quiet]:
    """Return a connection that is idle while the other tests run, and since when."""
    client = http.client.HTTPConnection("127.0.0.1", emulator_process.port, timeout=10)
    assert_served(client)
    yield client, time.monotonic()
    client.close()


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """Run a start that must fail."""
    return subprocess.run([*COMMAND, *args], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals(number: signal.Signals) -> None:
    """SIGTERM and SIGINT end the emulator with 0, despite a kept-alive connection and a held request."""
    emulator = Emulator()
    api = emulator.api()
    emulator.fault(method="POST", path="/connections", delay=60)
    with socket.create_connection(("127.0.0.1", emulator.port)) as held:
        body = json.dumps(paypal_body()).encode()
        headers = "".join(f"{name}: {value}\r\n" for name, value in api.http.headers.items())
        head = f"POST /data/foundation/flowservice/connections HTTP/1.1\r\nHost: x\r\n{headers}"
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        held.sendall((head + length).encode() + body)
        emulator.wait_for_request("POST", "/connections")
        with socket.create_connection(("127.0.0.1", emulator.port)) as half:
            half.sendall((head + length).encode() + body[:20])
            emulator.process.send_signal(number)
            assert emulator.process.wait(timeout=5) == 0
            assert held.recv(1000) == b""
            assert half.recv(1000) == b""
    assert "Traceback" not in emulator.output()


def test_output(tmp_path: Path) -> None:
    """The output is the ready line and a line per request, without query or secret."""
    with Emulator("--state", str(tmp_path / "state")) as emulator:
        api = emulator.api()
        api.create(secret=CANARY)
        emulator.http.post(f"{emulator.url}/ims/token/v3", params={"client_secret": CANARY})
        api("GET", "/connections?property=name==hidden")
        emulator.fault(path="/connections", drop=True)
        with pytest.raises(OSError, match="aborted"):
            api("GET", "/connections")
    assert emulator.output().splitlines() == [
        f"listening on {emulator.url}",
        "POST /ims/token/v3 200",
        "POST /data/foundation/flowservice/connections 201",
        "POST /ims/token/v3 400",
        "GET /data/foundation/flowservice/connections 200",
        "GET /data/foundation/flowservice/connections dropped",
    ]


def test_too_many_connections() -> None:
    """More connections than the system allows wait; nothing is printed, and all are served afterwards."""
    with Emulator() as emulator:
        resource.prlimit(emulator.process.pid, resource.RLIMIT_NOFILE, (40, 40))
        with contextlib.ExitStack() as clients:
            for _ in range(60):
                clients.enter_context(socket.create_connection(("127.0.0.1", emulator.port)))
            time.sleep(0.5)
        assert set(emulator.state().values()) == {0}
    assert emulator.output() == f"listening on {emulator.url}\n"


def test_nobody_reads_the_output() -> None:
    """The emulator serves although nobody reads its output after the ready line."""
    process = subprocess.Popen([*COMMAND, "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().removeprefix("listening on ").strip()
    port = int(url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        reader = client.makefile("rb")
        for _ in range(300):
            client.sendall(b"GET /" + b"x" * 600 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            while line := reader.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            reader.read(length)
    process.terminate()
    assert process.wait(timeout=10) == 0
    process.stdout.close()


def test_busy_port() -> None:
    """A busy port gets one line and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("--port", str(taken.getsockname()[1]))
    assert result.returncode == 1
    assert result.stderr.startswith("emulator: cannot listen on 127.0.0.1:")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    for port in ("70000", "-1"):
        assert len(run("--port", port).stderr.splitlines()) == 1


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 70, "é" * 70, "::2", ""], ids=range(5))
def test_impossible_host(host: str) -> None:
    """An impossible host gets one line and no traceback."""
    result = run("--port", "0", "--host", host)
    assert result.returncode == 1
    assert result.stderr.startswith("emulator: cannot listen on ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.2", "127.0.0.2"), ("::1", "[::1]")])
def test_other_loopback_addresses(host: str, shown: str) -> None:
    """The ready line's URL can be used unchanged."""
    with Emulator("--host", host) as emulator:
        assert emulator.url == f"http://{shown}:{emulator.port}"
        assert emulator.api().create().status_code == 201


def test_bad_state_files(tmp_path: Path) -> None:
    """Anything but a state file is refused: no database, another program's, a directory, a missing folder."""
    (tmp_path / "text").write_text("not a database, and long enough to be sure of it" * 50)
    with sqlite3.connect(tmp_path / "other") as other:
        other.execute("CREATE TABLE things (x)")
    other.close()
    (tmp_path / "directory").mkdir()
    for name in ("text", "other", "directory", "nowhere/state"):
        result = run("--port", "0", "--state", str(tmp_path / name))
        assert result.returncode == 1, name
        assert result.stderr.startswith(f"emulator: cannot use the state file {tmp_path / name}: ")
        assert len(result.stderr.splitlines()) == 1
    with sqlite3.connect(tmp_path / "other") as other:
        assert other.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)
    other.close()


def test_state_file_in_use(tmp_path: Path) -> None:
    """Two emulators cannot share a state file."""
    state = str(tmp_path / "state")
    with Emulator("--state", state):
        result = run("--port", "0", "--state", state)
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_restart(tmp_path: Path, end: str) -> None:
    """After a restart items, etags, tokens and the judgement of secrets are the same."""
    state = str(tmp_path / "state")
    first = Emulator("--state", state)
    first.advance(5000)
    token = first.token()
    api = first.api(token)
    right = api.create("right").json()["id"]
    wrong = api.create("wrong", secret=CANARY).json()["id"]
    api.create_source(right)
    gone = api.create("gone").json()["id"]
    api("DELETE", f"/connections/{gone}")
    first.api(token, "dev").create("elsewhere")
    page = api("GET", "/connections", params={"limit": 1}).json()
    before = [api("GET", path).json() for path in ("/connections", "/sourceConnections")]
    counts = first.state()
    getattr(first, end)()
    with Emulator("--state", state) as second:
        api = second.api(token)
        assert [api("GET", path).json() for path in ("/connections", "/sourceConnections")] == before
        assert second.state() == counts
        assert api("GET", f"/connections/{right}/test").json() == {"result": True}
        assert api("GET", f"/connections/{wrong}/test").json() == {"result": False}
        assert len(api("GET", page["_links"]["next"]["href"]).json()["items"]) == 1
        assert second.control("GET", "clock")["now"] - time.time() > 4900
        newest = max(item["createdAt"] for item in before[0]["items"] + before[1]["items"])
        later = api.create("later").json()["id"]
        assert api("GET", f"/connections/{later}").json()["items"][0]["createdAt"] > newest
        second.reset()
    with Emulator("--state", state) as third:
        assert set(third.state().values()) == {0}
        assert abs(third.control("GET", "clock")["now"] - time.time()) < 5


def test_no_secret_in_the_state_file(tmp_path: Path) -> None:
    """The search after the test finds no secret and no token in the state file."""
    state = tmp_path / "state"
    emulator = Emulator("--state", str(state))
    api = emulator.api()
    created = api.create(secret=CANARY).json()
    api.create()
    params = {**paypal_body(secret=CANARY)["auth"]["params"], "extra": CANARY}
    operations = [{"op": "replace", "path": "/auth/params", "value": params}]
    api("PATCH", f"/connections/{created['id']}", json=operations, headers={"If-Match": created["etag"]})
    emulator.kill()


def test_full_disk(tmp_path: Path) -> None:
    """A full disk gets a 503, and a refused request has no effect, before or after a restart."""
    state = tmp_path / "state"
    emulator = Emulator("--state", str(state))
    api = emulator.api()
    kept = [api.create(f"n{n}").json()["id"] for n in range(3)]
    # A limit on the size of files has the effect of a full disk, and needs no privilege.
    limit = state.stat().st_size + 4096
    resource.prlimit(emulator.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
    responses = [api.create("x" * 20000) for _ in range(3)]
    assert {response.status_code for response in responses} == {503}
    assert responses[0].json()["type"].endswith("FLOW-1103-503")
    assert emulator.state()["connections"] == 3
    assert len(api("GET", "/connections").json()["items"]) == 3
    assert "Traceback" not in emulator.output()
    emulator.kill()
    with Emulator("--state", str(state)) as second:
        found = second.api()("GET", "/connections").json()["items"]
        assert [item["id"] for item in found] == kept


def wait_for_state(api: Any, connection: str) -> str:
    """Return the state that follows `initializing`."""
    for _ in range(200):
        state = api("GET", f"/connections/{connection}").json()["items"][0]["state"]
        if state != "initializing":
            return str(state)
        time.sleep(0.02)
    raise AssertionError("still initializing")


def test_sync() -> None:
    """A wrong secret gets a 400 of Flow Service, and nothing is stored."""
    with Emulator("--validate-on-create", "sync") as emulator:
        api = emulator.api()
        response = api.create(secret=CANARY)
        assert response.status_code == 400
        assert response.json()["type"].endswith("FLOW-1308-400")
        assert CANARY not in response.text
        assert emulator.state()["connections"] == 0
        created = api.create().json()
        operations = [{"op": "replace", "path": "/auth/params/clientSecret", "value": CANARY}]
        headers = {"If-Match": created["etag"]}
        assert (
            api("PATCH", f"/connections/{created['id']}", json=operations, headers=headers).status_code == 400
        )
        assert api("GET", f"/connections/{created['id']}/test").json() == {"result": True}


def test_async() -> None:
    """A connection is `initializing` first, cannot be changed then, and is later enabled or disabled."""
    with Emulator("--validate-on-create", "async") as emulator:
        api = emulator.api()
        created = [api.create(), api.create(secret=CANARY)]
        assert [response.status_code for response in created] == [201, 201]
        right, wrong = (response.json()["id"] for response in created)
        assert api("GET", f"/connections/{right}").json()["items"][0]["state"] == "initializing"
        assert api("DELETE", f"/connections/{right}").json()["type"].endswith("FLOW-1417-400")
        assert wait_for_state(api, right) == "enabled"
        assert wait_for_state(api, wrong) == "disabled"
        etag = api("GET", f"/connections/{right}").json()["items"][0]["etag"]
        assert etag != created[0].json()["etag"]
        etag = api("GET", f"/connections/{wrong}").json()["items"][0]["etag"]
        params = paypal_body()["auth"]["params"]
        rotation = [{"op": "replace", "path": "/auth/params", "value": params}]
        assert api("PATCH", f"/connections/{wrong}", json=rotation, headers={"If-Match": etag}).ok
        assert wait_for_state(api, wrong) == "enabled"
        assert api("DELETE", f"/connections/{right}").status_code == 204


def test_aws() -> None:
    """There is no etag or version until the connection is enabled; then they are UUIDs in quotes."""
    with Emulator("--cloud", "aws") as emulator:
        api = emulator.api()
        created = api.create().json()
        assert set(created) == {"id"}
        item = api("GET", f"/connections/{created['id']}").json()["items"][0]
        assert item["state"] == "initializing"
        assert not {"etag", "version"} & set(item)
        assert wait_for_state(api, created["id"]) == "enabled"
        item = api("GET", f"/connections/{created['id']}").json()["items"][0]
        assert len(item["etag"]) == 38
        assert item["etag"] == item["version"]


def test_other_switches() -> None:
    """Each switch does what the documentation says."""
    switches = ("--failed-test", "error", "--delete-in-use", "allow", "--shown-secrets", "mask")
    with Emulator(*switches) as emulator:
        api = emulator.api()
        wrong = api.create(secret=CANARY).json()["id"]
        response = api("GET", f"/connections/{wrong}/test")
        assert (response.status_code, response.json()["type"][-13:]) == (400, "FLOW-1308-400")
        params = api("GET", f"/connections/{wrong}").json()["items"][0]["auth"]["params"]
        assert params == {
            "host": "api.sandbox.paypal.com",
            "clientId": "******",
            "clientSecret": "******",
        }
        api.create_source(wrong)
        assert api("DELETE", f"/connections/{wrong}").status_code == 204


def test_paypal_removed() -> None:
    """Without the PayPal source the platform refuses its spec."""
    with Emulator("--paypal", "removed") as emulator:
        api = emulator.api()
        assert api.create().json()["type"].endswith("FLOW-1413-400")
        spec = paypal_body()["connectionSpec"]["id"]
        assert api("GET", f"/connectionSpecs/{spec}").status_code == 404
        (crm,) = api("GET", "/flowSpecs?property=name==CRMToAEP").json()["items"]
        assert spec not in crm["sourceConnectionSpecIds"]


def test_start_is_cheap() -> None:
    """A start needs little CPU time; the elapsed time depends on other processes."""
    with Emulator() as emulator:
        spent = psutil.Process(emulator.process.pid).cpu_times()
        assert spent.user + spent.system < 5  # about half a second


def test_imports_nothing_of_the_client() -> None:
    """The emulator imports nothing of the client: a fake that shares code shares its mistakes."""
    code = (
        "import sys, airflow_provider_aep.emulator.cli; "
        "print([m for m in sys.modules if m.split('.')[0] in ('airflow', 'requests') or "
        "m.startswith('airflow_provider_aep.') and not m.startswith('airflow_provider_aep.emulator')])"
    )
    result = subprocess.run([COMMAND[0], "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_keep_alive(quiet_connection: Quiet) -> None:
    """A connection that was idle for longer than uvicorn's default of five seconds is still served."""
    client, since = quiet_connection
    if time.monotonic() - since > 60:  # on a busy machine the 75 seconds may have passed
        client.close()
        assert_served(client)
        since = time.monotonic()
    time.sleep(max(0.0, since + 7 - time.monotonic()))
    assert_served(client)


def test_keep_alive_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timeout of 75 seconds is checked in the configuration, as it is too long to wait for."""
    seen: list[server.Server] = []
    monkeypatch.setattr(server.Server, "run", lambda self, sockets: seen.append(self))
    server.serve(cast("ASGIApp", None), cast("socket.socket", None), lambda: None)
    assert seen[0].config.timeout_keep_alive == 75
