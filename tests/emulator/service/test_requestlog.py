"""Test the request log: it is complete, in order, and without a secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.harness.emulator import CLIENT_ID, SCOPES, Api, Emulator, paypal_body

CANARY = "canary-7f3a"


@pytest.fixture
def api(emulator: Emulator) -> Api:
    """Return Flow Service of sandbox `prod`, with an empty log."""
    api = emulator.api()
    emulator.forget_requests()
    return api


def test_entry(emulator: Emulator, api: Api) -> None:
    """An entry has all parts of a request."""
    api("GET", "/connections?property=name==a&property=state==enabled&limit=2")
    (entry,) = emulator.requests()
    assert entry["method"] == "GET"
    assert entry["path"] == "/data/foundation/flowservice/connections"
    assert entry["query"] == {"property": ["name==a", "state==enabled"], "limit": "2"}
    assert entry["headers"]["authorization"] == "***"
    assert entry["headers"]["x-sandbox-name"] == "prod"
    assert all(name == name.lower() for name in entry["headers"])
    assert entry["body"] is None
    assert entry["status"] == 200


def test_order_and_clearing(emulator: Emulator, api: Api) -> None:
    """The log is oldest first, with refused requests and IMS, without the control plane."""
    emulator.token()
    api("GET", "/nothing")
    api("GET", "/connections", headers={"Authorization": None})
    emulator.state()
    assert [entry["status"] for entry in emulator.requests()] == [200, 404, 403]
    emulator.forget_requests()
    assert emulator.requests() == []


def test_connection_number(emulator: Emulator, api: Api) -> None:
    """Requests on one TCP connection have the same number; the next connection has another one."""
    api("GET", "/connections")
    api("GET", "/connections")
    emulator.api(str(api.http.headers["Authorization"]).removeprefix("Bearer "))("GET", "/connections")
    first, second, other = (entry["connection"] for entry in emulator.requests())
    assert first == second != other


def test_body(emulator: Emulator, api: Api) -> None:
    """Fields that are not secret are readable."""
    body = paypal_body("My name", description="mark", secret=CANARY)
    api("POST", "/connections", json=body)
    (entry,) = emulator.requests()
    assert entry["body"] == {
        "name": "My name",
        "description": "mark",
        "auth": {
            "specName": body["auth"]["specName"],
            "params": {"host": "***", "clientId": "***", "clientSecret": "***"},
        },
        "connectionSpec": body["connectionSpec"],
    }


def test_ims(emulator: Emulator, api: Api) -> None:
    """Id, grant and scope are readable, and the secret never is, wherever it is sent."""
    form = {
        "client_id": CLIENT_ID,
        "client_secret": CANARY,
        "grant_type": "client_credentials",
        "scope": SCOPES,
    }
    url = f"{emulator.url}/ims/token/v3"
    shown = {**form, "client_secret": "***"}
    emulator.http.post(url, data=form)
    emulator.http.post(url, params=form)
    emulator.http.post(url, files={name: (None, value) for name, value in form.items()})
    emulator.http.post(url, json=form)
    first, second, third, fourth = emulator.requests()
    assert first["body"] == second["query"] == third["body"] == shown
    assert set(fourth["body"].values()) == {"***"}


@pytest.mark.parametrize(
    "body",
    [
        f'{{"client_secret": "{CANARY}"}}',  # `curl -d` of JSON
        f"client_secret=a&{CANARY}&grant_type=client_credentials",  # a bare `&` in a secret
        CANARY,
    ],
)
def test_a_malformed_ims_form(emulator: Emulator, body: str) -> None:
    """A malformed form must not show a secret as the name of a field."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = f"{emulator.url}/ims/token/v3"
    assert emulator.http.post(url, data=body, headers=headers).status_code == 400
    assert emulator.http.post(f"{url}?{body}").status_code == 400
    assert CANARY not in json.dumps(emulator.requests())


@pytest.mark.parametrize("path", ["/sourceConnections/x", "/targetConnections/x", "/flows/x"])
def test_credentials_in_any_patch(emulator: Emulator, api: Api, path: str) -> None:
    """Values below `/auth` are masked in any patch; others stay readable."""
    operations = [
        {"op": "replace", "path": "/auth/params", "value": {"host": CANARY}},
        {"op": "replace", "path": "/auth/params/host", "value": CANARY},
        {"op": "replace", "path": "/name", "value": "shown"},
    ]
    api("PATCH", path, json=operations)
    (entry,) = emulator.requests()
    values = [operation["value"] for operation in entry["body"]]
    assert values == [{"host": "***"}, "***", "shown"]


BODIES: list[Any] = [
    json.dumps(paypal_body(secret=CANARY)),
    json.dumps([paypal_body(secret=CANARY)]),
    json.dumps(paypal_body(secret=CANARY))[:-1],
    json.dumps({"auth": CANARY}),
    json.dumps({"auth": [CANARY]}),
    json.dumps({"auth": {"params": CANARY}}),
    json.dumps({"auth": {"specName": {"x": CANARY}}}),
    json.dumps({"name": {"clientSecret": CANARY}}),
    json.dumps({"connectionSpec": {"id": {"secret": CANARY}, "x": CANARY}}),
    json.dumps({"params": {"whatever": CANARY}, "clientSecret": CANARY}),
    json.dumps(CANARY),
    json.dumps([CANARY]),
    json.dumps([{"op": "replace", "path": "/auth/params", "value": {"a": CANARY}}]),
    json.dumps({"op": "replace", "path": "/auth/params/clientSecret", "value": CANARY}),
    json.dumps({"op": "replace", "path": ["auth"], "value": CANARY}),
    json.dumps({"op": "move", "path": "auth/params", "value": [CANARY], "from": CANARY}),
    '{"auth": {"params": {"clientSecret": "' + CANARY + '", "x": NaN}}}',
    "clientSecret=" + CANARY,
    b"\xff\xfe" + CANARY.encode(),
    "[" * 3000 + '"' + CANARY + '"',
]

CONTENT_TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",  # `curl -d` sends it with any body
    "text/plain",
    "multipart/form-data",
    "",
)


@pytest.mark.parametrize("path", ["/connections", "/connections/x", "/sourceConnections", "/nothing"])
@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_canary(emulator: Emulator, api: Api, path: str, content_type: str) -> None:
    """No secret is in the log, in an error or in the output, whatever the shape of the body."""
    for method in ("POST", "PATCH", "PUT"):
        for body in BODIES:
            if path in ("/sourceConnections", "/nothing") and body in (BODIES[10], BODIES[11]):
                continue  # nothing marks a bare string as a secret there
            headers = {"Content-Type": content_type, "If-Match": '"x"'}
            response = api(method, path, data=body, headers=headers)
            accepted = body == BODIES[0] and response.status_code == 201  # the only valid request
            assert accepted or 400 <= response.status_code < 500, (method, body)
            if '"auth": "' not in str(body):
                assert CANARY not in response.text, body
    log = json.dumps(emulator.requests())
    assert log.count('"authorization": "***"') == len(emulator.requests())
    if path.startswith("/connections"):
        assert CANARY not in log
    assert CANARY not in emulator.output()


def test_secret_headers_and_queries(emulator: Emulator, api: Api) -> None:
    """Secret headers and parameters are present, but masked."""
    headers = {"x-user-token": CANARY, "Cookie": CANARY, "Proxy-Authorization": CANARY, "x-secret": CANARY}
    query = {"client_secret": CANARY, "access_token": CANARY, "continuationToken": "shown"}
    requests.get(f"{api.url}/data/foundation/x", params=query, headers=headers, timeout=10)
    (entry,) = emulator.requests()
    assert CANARY not in json.dumps(entry)
    assert entry["headers"]["cookie"] == "***"
    assert entry["query"] == {"client_secret": "***", "access_token": "***", "continuationToken": "shown"}
