"""The routes of the page, without Airflow's server: its permissions are tested with a real one."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest

from airflow_provider_aep.page import app as page
from airflow_provider_aep.page.board import Board
from tests.harness.connections import SetConnection
from tests.harness.emulator import Emulator


class Client:
    """Send requests to the page without a server."""

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(page.safe_app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://airflow.example.com") as http:
                return await http.request(method, path, timeout=60, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send a GET."""
        return self("GET", path, **options)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    """Return a client of the page whose user may read all connections."""
    monkeypatch.setattr(page, "board", Board(3))
    monkeypatch.setitem(page.app.dependency_overrides, page.may_read, lambda: None)
    return Client()


def read(client: Client, path: str) -> Any:
    """Return the JSON of a path, as soon as AEP was read."""
    state = client.get(path).json()
    while state["loading"]:
        state = client.get(f"{path}{'&' if '?' in path else '?'}wait=1").json()
    return state


def test_the_data_of_the_page(emulator: Emulator, hook: Any, client: Client) -> None:
    """All dataflows, the runs of one, and the sandboxes. What the viewer has is not sent again."""
    emulator.control("POST", "fleet", {"flows": 7, "runs": 2, "failed": 1})
    state = read(client, "/fleet/aep_default")
    assert (state["sandbox"], state["error"], len(state["data"]["rows"])) == ("prod", None, 7)
    again = read(client, f"/fleet/aep_default?sandbox=prod&have={state['version']}")
    assert (again["data"], again["version"]) == (None, state["version"])
    flow_id = state["data"]["rows"][0]["id"]
    runs = read(client, f"/runs/{flow_id}/aep_default?sandbox=prod")["data"]["runs"]
    assert runs[0]["outcome"] == "failed"
    assert len(runs) == 2
    assert read(client, "/sandboxes/aep_default?sandbox=prod")["data"] == ["dev", "prod"]
    assert client.get("/fleet/aep_default?sandbox=prod").headers["content-encoding"] == "gzip"
    plain = client.get("/fleet/aep_default?sandbox=prod", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json()["data"] == state["data"]


def test_errors_are_words(hook: Any, client: Client, set_connection: SetConnection) -> None:
    """With their code. A connection of another type is refused before anything is sent."""
    set_connection("other", conn_type="http", host="https://example.com", login="a", password="b")
    for path, code, words in (
        ("/fleet/aep_default?sandbox=a/b", "AEP-E100", "`sandbox`"),
        ("/runs/a b/aep_default?sandbox=prod", "AEP-E100", "`flow`"),
        ("/fleet/other", "AEP-E100", "not of type `aep`"),
        ("/fleet/missing?sandbox=prod", "AEP-E102", "missing"),
        ("/fleet/aep_default?sandbox=nowhere", "AEP-E305", "nowhere"),
    ):
        error = read(client, path)["error"]
        assert error["code"] == code, error
        assert words in error["text"]


def test_a_slow_secrets_backend_is_not_waited_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page asks Airflow for the connection's sandbox, and says if that takes too long."""
    over = threading.Event()
    monkeypatch.setattr(page, "PATIENCE", 0.05)
    monkeypatch.setattr(page.reading, "own_sandbox", lambda _: over.wait(2))
    try:
        error = client.get("/fleet/aep_default").json()["error"]
    finally:
        over.set()
    assert "its database or its secrets backend is slow" in error["text"]


def test_an_unexpected_error_has_the_security_policy(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its reply shows nothing of what happened."""
    monkeypatch.setattr(page.reading, "own_sandbox", lambda _: int("swordfish"))
    reply = client.get("/fleet/aep_default")
    assert (reply.status_code, reply.text) == (500, "Internal Server Error")
    assert reply.headers["content-security-policy"] == page.HEADERS["content-security-policy"]


def test_too_many_sandboxes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Further ones are refused while AEP is asked for all others, and the page says when to try again."""
    over = threading.Event()
    monkeypatch.setattr(page.reading, "read_fleet", lambda *_: over.wait(60) and "{}")
    try:
        statuses = [client.get(f"/fleet/aep_default?sandbox=s{n}").status_code for n in range(4)]
        assert statuses == [200, 200, 200, 503]
    finally:
        over.set()


def test_files_and_refusals(client: Client) -> None:
    """Each file has its type. A person reads a sentence, a program gets JSON."""
    assert client.get("/").headers["content-type"].startswith("text/html")
    for name in page.STATIC:
        reply = client.get(f"/{name}")
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith(page.TYPES[name.rpartition(".")[2]])
        assert reply.headers["content-security-policy"] == page.HEADERS["content-security-policy"]
    assert client.get("/app.py").status_code == client.get("/a/b/c").status_code == 404
    assert client("POST", "/page.js").status_code == 405

    def refuse() -> None:
        raise page.HTTPException(401)

    page.app.dependency_overrides[page.may_read] = refuse
    assert client.get("/", headers={"accept": "text/html"}).text == page.REFUSALS[401]
    assert client.get("/connections").json() == {"detail": "Unauthorized"}
