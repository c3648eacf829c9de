"""Test access tokens in each form in which real clients request them."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest
import requests

from tests.harness import canary
from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, SCOPES, Emulator

FORM = {
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "grant_type": "client_credentials",
    "scope": SCOPES,
}
MULTIPART: dict[str, Any] = {name: (None, value) for name, value in FORM.items() if name != "client_id"}


def ask(emulator: Emulator, version: str = "v3", **options: Any) -> requests.Response:
    """POST to a token endpoint."""
    return emulator.http.post(f"{emulator.url}/ims/token/{version}", timeout=10, **options)


@pytest.mark.parametrize(
    ("version", "options"),
    [
        ("v3", {"data": FORM}),
        ("v3", {"params": FORM}),
        ("v2", {"params": FORM}),
        ("v2", {"data": FORM}),
        ("v4", {"params": {"client_id": CLIENT_ID}, "files": MULTIPART}),
    ],
)
def test_token(emulator: Emulator, version: str, options: dict[str, Any]) -> None:
    """Form, query and multipart get a token, which Flow Service accepts."""
    response = ask(emulator, version, **options)
    assert response.status_code == 200
    reply = response.json()
    assert reply["token_type"] == "bearer"
    assert reply["expires_in"] == 86399
    assert emulator.api(reply["access_token"])("GET", "/connections").status_code == 200


def test_token_by_urllib(emulator: Emulator) -> None:
    """A client without the requests library gets a token."""
    data = urllib.parse.urlencode(FORM).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{emulator.url}/ims/token/v3", data, timeout=10) as reply:
        assert json.load(reply)["access_token"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_secret": canary.OTHER_SECRET}, ("invalid_client", "invalid client_secret parameter")),
        ({"client_secret": None}, ("invalid_client", "invalid client_secret parameter")),
        ({"client_id": "another-id"}, ("invalid_client", "invalid client_id parameter")),
        ({"client_id": None}, ("invalid_client", "invalid client_id parameter")),
        ({"scope": "openid,nonsense"}, ("invalid_scope", None)),
        ({"scope": None}, ("invalid_scope", None)),
        ({"grant_type": "password"}, ("unsupported_grant_type", None)),
        ({"grant_type": None}, ("unsupported_grant_type", None)),
    ],
)
def test_refusals(emulator: Emulator, change: dict[str, Any], error: tuple[str, str | None]) -> None:
    """Each refusal is a 400 with the text that public clients branch on, and repeats no value."""
    form = {name: value for name, value in {**FORM, **change}.items() if value is not None}
    response = ask(emulator, data=form)
    assert response.status_code == 400
    assert (response.json()["error"], response.json().get("error_description")) == error
    assert canary.find_any(response.text) == []
    assert "another-id" not in response.text


def test_broken_bodies(emulator: Emulator) -> None:
    """Multipart without a boundary, JSON and invalid UTF-8 get a 4xx."""
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=", "application/json", ""):
        for body in (b"{}", b"\xff\xfe", b"--x\r\n\r\n", b""):
            response = ask(emulator, data=body, headers={"Content-Type": content_type})
            assert response.status_code == 400, (content_type, body)
            assert response.json()
    assert emulator.http.get(f"{emulator.url}/ims/token/v3").status_code == 405


def test_expiry_and_reset(emulator: Emulator) -> None:
    """A token expires by the clock, and with a reset."""
    api = emulator.api()
    emulator.advance(86000)
    assert api("GET", "/connections").status_code == 200
    emulator.advance(400)
    response = api("GET", "/connections")
    assert (response.status_code, response.json()["error_code"]) == (401, "401013")
    api = emulator.api()
    emulator.reset()
    assert api("GET", "/connections").status_code == 401
