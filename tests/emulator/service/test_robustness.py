"""Invalid input of every kind gets a 4xx in JSON, never a 5xx."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any

import pytest

from tests.harness.emulator import FLOW_SERVICE, Api, Emulator, paypal_body

WRONG: list[Any] = [None, True, 0, -1, 1.5, 2**70, "", "x", "\u0000", [], [[]], {}, {"a": {}}, ["x", None]]
RAW = [
    b"",
    b" ",
    b"null",
    b"{",
    b"nope",
    b"NaN",
    b'{"name": NaN}',
    b'{"name": Infinity}',
    b'{"name": 1e999}',
    b'{"name": "\\ud800"}',
    b'{"\\udfff": 1}',
    b'{"name": "\xff\xfe"}',
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"[" * 500 + b"]" * 500,
    b'{"auth": {"params": ' + b"[" * 80 + b"]" * 80 + b"}}",
    b"9" * 10_000,
]


def all_steps(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return every path in a JSON value."""
    found = [path]
    if isinstance(node, dict):
        for name, part in node.items():
            found += all_steps(part, (*path, name))
    return found


def put(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy with one value replaced."""
    if not path:
        return value
    return {name: put(part, path[1:], value) if name == path[0] else part for name, part in node.items()}


def test_wrong_types(api: Api) -> None:
    """Every wrong type at every path of both creates and of a patch gets a 4xx."""
    base = api.create().json()["id"]
    source = {
        "name": "x",
        "description": "x",
        "baseConnectionId": base,
        "data": {"format": "tabular"},
        "params": {"tableName": "x"},
        "connectionSpec": paypal_body()["connectionSpec"],
    }
    bodies = (("/connections", paypal_body(description="x")), ("/sourceConnections", source))
    for path, body in bodies:
        for steps in all_steps(body):
            for value in WRONG:
                response = api("POST", path, json=put(body, steps, value))
                assert response.status_code == 201 or 400 <= response.status_code < 500, (steps, value)
                assert response.json()
    patch = {"op": "add", "path": "/description", "value": "x"}
    for steps in all_steps(patch):
        for value in WRONG:
            for operations in (put(patch, steps, value), [put(patch, steps, value)]):
                etag = api("GET", f"/connections/{base}").json()["items"][0]["etag"]
                response = api("PATCH", f"/connections/{base}", json=operations, headers={"If-Match": etag})
                assert response.status_code < 500, operations
                assert response.json()
    for name in ("params", "params/host", "params/clientSecret", "", "specName", "params/x/y"):
        for value in WRONG:
            operation = {"op": "replace", "path": f"/auth/{name}".rstrip("/"), "value": value}
            etag = api("GET", f"/connections/{base}").json()["items"][0]["etag"]
            response = api("PATCH", f"/connections/{base}", json=[operation], headers={"If-Match": etag})
            assert response.status_code < 500, operation


@pytest.mark.parametrize("raw", RAW)
def test_raw_bodies(emulator: Emulator, api: Api, raw: bytes) -> None:
    """Anything but JSON, and JSON that cannot be written back, gets a 4xx."""
    created = api.create().json()
    headers = {"Content-Type": "application/json", "If-Match": created["etag"]}
    calls = (
        ("POST", "/connections"),
        ("POST", "/sourceConnections"),
        ("PATCH", f"/connections/{created['id']}"),
    )
    for method, path in calls:
        response = api(method, path, data=raw, headers=headers)
        assert response.status_code == 400, (method, path)
        assert response.json()["status"] == 400
    for path in ("faults", "clock"):
        response = emulator.http.post(f"{emulator.url}/_emulator/{path}", data=raw)
        assert response.status_code == 400
        assert response.json()
    assert emulator.state()["connections"] == 1


def test_what_could_not_be_written_back(emulator: Emulator, api: Api) -> None:
    """A valid request with one value that no reply could contain, or nested too deeply, gets a 4xx."""
    connection = json.dumps(paypal_body("NAME"))
    source = {
        "name": "x",
        "baseConnectionId": api.create().json()["id"],
        "data": {"format": "tabular"},
        "params": {"x": "HERE"},
        "connectionSpec": paypal_body()["connectionSpec"],
    }
    bodies = [("/connections", connection.replace('"NAME"', '"\\ud800"'))]
    for value in ("1e999", "NaN", '"\\udfff"', "[" * 70 + "]" * 70, '{"\\ud800": 1}', "9" * 5000):
        bodies.append(("/sourceConnections", json.dumps(source).replace('"HERE"', value)))
    for path, body in bodies:
        response = api("POST", path, data=body, headers={"Content-Type": "application/json"})
        assert (response.status_code, response.json()["status"]) == (400, 400), body[:200]
    assert emulator.state()["sourceConnections"] == 0
    assert api("GET", "/sourceConnections").json()["items"] == []


def test_long_names_and_ids(api: Api) -> None:
    """Long names and ids are accepted: no limit is documented."""
    name = "n" * 100_000 + "🙂"
    connection = api.create(name).json()["id"]
    assert api("GET", f"/connections/{connection}").json()["items"][0]["name"] == name
    assert api("GET", "/connections/" + "x" * 20_000).status_code == 404
    for odd in ("%00", "%F0%9F%99%82", "%ED%A0%80", "%2e%2e%2f", "'; --", "a b", "%0d%0a"):
        for tail in ("", "/test", "/explore?objectType=root"):
            response = api("GET", f"/connections/{odd}{tail}")
            assert response.status_code == 404, odd
            assert response.json()["status"] == 404


def test_odd_queries(api: Api) -> None:
    """Invalid percent signs, surrogates, repeated and empty parameters get no 5xx."""
    queries = (
        "?", "?&&", "?=", "?property", "?limit=1&limit=x", "?property=%ff", "?property=name==%ED%A0%80",
        "?orderby=", "?orderby=,", "?orderby=%00", "?count=", "?count=TRUE", "?limit=٣", "?limit=1e3",
        "?limit=99999999999999999999", "?property=createdAt>1e400", "?property=createdAt>nan",
        "?property=" + "a." * 2000 + "b==1",
        "?property=name==" + '"' * 2001, "?property=name==" + '"\\' * 900,
        "?continuationToken=%00", "?continuationToken=AAAA&limit=2",
    )  # fmt: skip
    for query in queries:
        response = api("GET", "/connections" + query)
        assert response.status_code < 500, query
        assert response.json(), query


def test_odd_headers(api: Api) -> None:
    """Non-ASCII, very long and empty headers get no 5xx."""
    for name in (
        "Authorization",
        "x-api-key",
        "x-gw-ims-org-id",
        "x-sandbox-name",
        "If-Match",
        "Content-Type",
    ):
        for value in (b"\xff\xfe", b"x" * 5000, b"", b"Bearer \xe9"):
            response = api("PATCH", "/connections/x", data=b"[1]", headers={name: value})
            assert 400 <= response.status_code < 500, (name, value)
            assert response.json()


def exchange(emulator: Emulator, data: bytes) -> bytes:
    """Send bytes, and read until the server closes."""
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=10) as client:
        client.sendall(data)
        answer = b""
        while part := client.recv(65536):
            answer += part
    return answer


def test_raw_sockets(emulator: Emulator) -> None:
    """Bytes that are not HTTP are refused, an unfinished request is dropped, the next one is served."""
    for data in (
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
    ):
        head, _, body = exchange(emulator, data).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400")
        assert json.loads(body)["status"] == 400
    head = b"POST /ims/token/v3 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection(("127.0.0.1", emulator.port)) as client:
        client.sendall(head + b"client_id=")
    assert emulator.token()
    assert [entry["status"] for entry in emulator.requests()] == [200]


def test_long_url_in_pieces(emulator: Emulator) -> None:
    """A long filter is served in any number of pieces."""
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=10) as client:
        for piece in (b"GET /", b"x" * 30_000, b"x" * 30_000, b" HTTP/1.1\r\nHost: x\r\n\r\n"):
            client.sendall(piece)
            time.sleep(0.05)
        assert client.recv(65536).startswith(b"HTTP/1.1 404")


def test_too_large(emulator: Emulator, api: Api) -> None:
    """A body that is too large is read and refused."""
    response = api(
        "POST", "/connections", data=b"x" * (17 << 20), headers={"Content-Type": "application/json"}
    )
    assert (response.status_code, response.json()["status"]) == (413, 413)
    assert emulator.requests("POST", "/connections")[0]["body"] == "***"


def test_plain_http_client(emulator: Emulator, api: Api) -> None:
    """The standard library's client is served: chunked bodies, `Expect`, HEAD, reused connections."""
    client = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=10)
    headers = {str(name): str(value) for name, value in api.http.headers.items()}
    headers["Content-Type"] = "application/json"
    parts = (part.encode() for part in json.dumps(paypal_body()))
    client.request("POST", f"{FLOW_SERVICE}/connections", parts, headers, encode_chunked=True)
    assert client.getresponse().read().startswith(b'{"id":')
    client.request("HEAD", f"{FLOW_SERVICE}/connections", headers=headers)
    reply = client.getresponse()
    assert (reply.status, reply.read()) == (200, b"")
    client.request("GET", f"{FLOW_SERVICE}/connections", headers=headers)
    assert len(json.load(client.getresponse())["items"]) == 1
    client.close()
    assert len({entry["connection"] for entry in emulator.requests()[1:]}) == 1
