"""Test injected faults: the reply that a client gets, and the effect of the request."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.harness.emulator import Api, Emulator, paypal_body


def test_before(emulator: Emulator, api: Api) -> None:
    """By default a fault prevents the effect, once."""
    emulator.fault(method="POST", path="/connections", status=503)
    response = api.create()
    assert (response.status_code, response.content) == (503, b"")
    assert emulator.state()["connections"] == 0
    assert api.create().status_code == 201


def test_after(emulator: Emulator, api: Api) -> None:
    """A fault `after` keeps the effect and replaces the reply."""
    emulator.fault(method="post", path="/connections", when="after", status=500, body={"oops": 1})
    response = api.create()
    assert (response.status_code, response.json()) == (500, {"oops": 1})
    assert response.headers["Content-Type"] == "application/json"
    assert emulator.state()["connections"] == 1


def test_spoiled_reply(emulator: Emulator, api: Api) -> None:
    """Without `status` a fault replaces only the body."""
    emulator.fault(method="POST", path="/connections", when="after", body='{"id": ')
    response = api.create()
    assert (response.status_code, response.text) == (201, '{"id": ')
    assert "Location" in response.headers
    assert emulator.state()["connections"] == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_drop(emulator: Emulator, api: Api, when: str) -> None:
    """`drop` closes the connection without a byte; `when` decides about the effect."""
    emulator.fault(method="POST", path="/connections", when=when, drop=True)
    with pytest.raises(requests.ConnectionError, match="without response"):
        api.create()
    assert emulator.state()["connections"] == (when == "after")
    assert emulator.requests("POST", "/connections")[0]["status"] is None
    assert api.create().status_code == 201


def test_headers(emulator: Emulator, api: Api) -> None:
    """A fault adds headers, to its own reply and to the real one."""
    emulator.fault(status=429, headers={"Retry-After": "7"}, body="slow down")
    response = api("GET", "/connections")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    assert response.text == "slow down"
    emulator.fault(headers={"X-Extra": " 1 "})
    response = api("GET", "/connections")
    assert (response.status_code, response.headers["X-Extra"]) == (200, "1")


def test_matching(emulator: Emulator, api: Api) -> None:
    """A fault applies by method and end of path, IMS included; the control plane is never hit."""
    connection = api.create().json()["id"]
    emulator.fault(method="DELETE", path="/connections", status=500)
    emulator.fault(path="/test", status=502)
    assert api("GET", "/connections").status_code == 200
    assert api("DELETE", f"/connections/{connection}").status_code == 204
    assert api("GET", f"/connections/{connection}/test/").status_code == 502
    emulator.clear_faults()
    emulator.fault(path="/ims/token/v3", status=500)
    with pytest.raises(requests.HTTPError):
        emulator.token()
    emulator.fault(status=500, times=3)
    assert emulator.state()
    assert emulator.requests()
    emulator.clear_faults()
    assert api("GET", "/connections").status_code == 200


def test_first_set_first_used(emulator: Emulator, api: Api) -> None:
    """Faults are used in the order in which they were added."""
    emulator.fault(path="/connections", status=500, times=2)
    emulator.fault(path="/connections", status=502)
    assert [api("GET", "/connections").status_code for _ in range(4)] == [500, 500, 502, 200]


def test_times_under_concurrency(emulator: Emulator, api: Api) -> None:
    """`times` is exact under concurrency."""
    emulator.fault(method="POST", path="/connections", status=503, times=13)
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda n: emulator.api(_token(api)).create(str(n)).status_code, range(40)))
    assert statuses.count(503) == 13
    assert statuses.count(201) == 27 == emulator.state()["connections"]


def _token(api: Api) -> str:
    return str(api.http.headers["Authorization"]).removeprefix("Bearer ")


def test_delay_blocks_nobody(emulator: Emulator, api: Api) -> None:
    """A delay blocks no other request, and the log shows the delayed one."""
    emulator.fault(method="POST", path="/connections", delay=1.0)
    results: list[requests.Response] = []
    thread = threading.Thread(target=lambda: results.append(api.create()))
    started = time.monotonic()
    thread.start()
    assert emulator.wait_for_request("POST", "/connections")["status"] is None
    assert emulator.api(_token(api))("GET", "/connections").json()["items"] == []
    assert time.monotonic() - started < 0.8
    thread.join()
    assert time.monotonic() - started >= 1.0
    assert results[0].status_code == 201
    assert emulator.requests("POST", "/connections")[0]["status"] == 201


def test_delay_after(emulator: Emulator, api: Api) -> None:
    """With `after` the effect comes before the delay, even if the client gives up."""
    emulator.fault(method="POST", path="/connections", when="after", delay=1.0)
    with pytest.raises(requests.ReadTimeout):
        api("POST", "/connections", json=paypal_body(), timeout=0.3)
    assert emulator.state()["connections"] == 1


def test_held_and_given_up(emulator: Emulator, api: Api) -> None:
    """A request delayed `before` its effect has none if the client gives up."""
    emulator.fault(method="POST", path="/connections", delay=0.6)
    with pytest.raises(requests.ReadTimeout):
        api("POST", "/connections", json=paypal_body(), timeout=0.2)
    time.sleep(0.8)
    assert emulator.state()["connections"] == 0


def test_held_over_a_reset(emulator: Emulator) -> None:
    """A request delayed over a reset has no effect."""
    errors: list[Exception] = []

    def create(api: Api) -> None:
        try:
            api.create()
        except requests.ConnectionError as error:
            errors.append(error)

    for delay in (0.5, 5, 50):  # a slow machine may need a longer delay
        emulator.fault(method="POST", path="/connections", delay=delay)
        thread = threading.Thread(target=create, args=[emulator.api()])
        thread.start()
        emulator.wait_for_request("POST", "/connections")
        emulator.reset()
        thread.join()
        if errors:
            break
    assert errors
    assert emulator.state()["connections"] == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"when": "later"},
        {"when": 1},
        {"times": 0},
        {"times": "2"},
        {"times": True},
        {"times": 1.5},
        {"status": "500"},
        {"status": 100},
        {"status": 600},
        {"delay": "1"},
        {"delay": -1},
        {"delay": True},
        {"delay": 10**400},
        {"drop": "yes"},
        {"method": 1},
        {"method": "*"},
        {"method": ""},
        {"path": ["x"]},
        {"body": 7},
        {"headers": []},
        {"headers": {"X": []}},
        {"headers": {"X": "a\r\nb"}},
        {"headers": {"": "a"}},
        {"headers": {"Content-Length": "7"}},
        {"stauts": 500},
        [],
        "x",
        None,
    ],
)
def test_malformed(emulator: Emulator, api: Api, fault: Any) -> None:
    """An invalid fault is refused with a reason, and none is added."""
    response = emulator.http.post(f"{emulator.url}/_emulator/faults", json=fault)
    assert response.status_code == 400
    assert response.json()["detail"]
    assert api("GET", "/connections").status_code == 200
    assert emulator.control("GET", "faults") == {"items": []}


@pytest.mark.parametrize("advance", ["1", None, True, [], -1, 1e12, pytest.param(10**400, id="huge")])
def test_clock_refusals(emulator: Emulator, advance: Any) -> None:
    """The clock refuses values that are not numbers, negative or too large."""
    before = emulator.control("GET", "clock")["now"]
    response = emulator.http.post(f"{emulator.url}/_emulator/clock", json={"advance": advance})
    assert response.status_code == 400
    for body in ("NaN", '{"advance": NaN}', '{"advance": 1e999}', "", "[", '{"advance": ' + "9" * 5000 + "}"):
        assert emulator.http.post(f"{emulator.url}/_emulator/clock", data=body).status_code == 400
    assert emulator.control("GET", "clock")["now"] - before < 5


def test_reset(emulator: Emulator, api: Api) -> None:
    """A reset restores the state at the start."""
    api.create_source(api.create().json()["id"])
    emulator.advance(1000)
    emulator.fault(status=500, times=5)
    emulator.reset()
    assert set(emulator.state().values()) == {0}
    assert len(emulator.state()) == 8
    assert emulator.requests() == []
    assert emulator.control("GET", "faults") == {"items": []}
    assert abs(emulator.control("GET", "clock")["now"] - time.time()) < 5
    assert api("GET", "/connections").status_code == 401
