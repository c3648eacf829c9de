"""Test what Adobe's gateway and the sandbox check refuse, in order, and the texts of their errors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.emulator import ORG_ID, Emulator

# Each row corrects the error of the row before it, which tests the order of the checks.
GATEWAY = [
    ({"Authorization": None, "x-api-key": None}, 403, "403010", "Oauth token is missing."),
    ({"Authorization": "Bearer nonsense", "x-api-key": None}, 401, "401013", "Oauth token is not valid"),
    ({"Authorization": "Basic abc"}, 401, "401013", "Oauth token is not valid"),
    ({"x-api-key": None, "x-gw-ims-org-id": None}, 403, "403000", "Api Key is required"),
    ({"x-api-key": "other", "x-gw-ims-org-id": None}, 403, "403003", "Api Key is invalid"),
    ({"x-gw-ims-org-id": None, "x-sandbox-name": None}, 400, "400003", "Missing header"),
    ({"x-gw-ims-org-id": "F" * 24 + "@AdobeOrg"}, 403, "403025", "Profile is not valid"),
    ({"x-gw-ims-org-id": ORG_ID.lower()}, 403, "403027", "User region is missing"),
]


@pytest.mark.parametrize(("headers", "status", "code", "message"), GATEWAY)
def test_gateway(emulator: Emulator, headers: dict[str, Any], status: int, code: str, message: str) -> None:
    """Each error has the troubleshooting guide's body."""
    response = emulator.api()("GET", "/connections", headers=headers)
    assert response.status_code == status
    assert response.json() == {"error_code": code, "message": message}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-sandbox-name": None}, "FLOW-2105-400"),
        ({"x-sandbox-name": "nowhere"}, "FLOW-2100-404"),
        ({"x-sandbox-name": "*"}, "FLOW-2111-403"),
        ({"x-sandbox-id": "some"}, "FLOW-2110-400"),
    ],
)
def test_sandbox(emulator: Emulator, headers: dict[str, Any], code: str) -> None:
    """Each error has Flow Service's envelope."""
    response = emulator.api()("GET", "/connections", headers=headers)
    body = response.json()
    assert response.status_code == int(code[-3:]) == body["status"]
    assert body["type"] == f"https://ns.adobe.com/aep/errors/{code}"
    assert body["report"]["detailed-message"] == body["errorMessage"] == body["errorDetails"]
    assert body["report"]["request-id"]


def test_content_type(emulator: Emulator) -> None:
    """Only JSON is accepted, with or without a charset."""
    api = emulator.api()
    for content_type in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
        response = api("POST", "/connections", data="", headers={"Content-Type": content_type})
        assert response.json()["type"].endswith("FLOW-1405-400"), content_type
    for content_type in ("text/plain", "application/json-patch+json", ""):
        response = api("POST", "/connections", data="{}", headers={"Content-Type": content_type})
        assert response.status_code == 400
        assert response.json()["detail"] == "A valid content-type must be specified"


def test_unknown_paths(emulator: Emulator) -> None:
    """An unknown path gets JSON; below the API only after the gateway's checks."""
    api = emulator.api()
    for path in ("/nothing", "/connections/x/y", "/connections/x/y/z"):
        response = api("GET", path)
        assert (response.status_code, response.json()["status"]) == (404, 404)
    response = api("DELETE", "/connections")
    assert (response.status_code, response.json()["status"]) == (405, 405)
    assert emulator.http.get(f"{emulator.url}/data/foundation/nothing").status_code == 403
    assert emulator.http.get(f"{emulator.url}/_emulator/nothing").status_code == 404
    assert emulator.http.get(emulator.url).json()["status"] == 404


def test_sandboxes(emulator: Emulator) -> None:
    """Sandbox management has two sandboxes, and no third."""
    api = emulator.api()
    base = f"{emulator.url}/data/foundation/sandbox-management"
    assert [s["name"] for s in api.http.get(f"{base}/sandboxes").json()["sandboxes"]] == ["prod", "dev"]
    assert [s["name"] for s in api.http.get(f"{base}/").json()["sandboxes"]] == ["prod", "dev"]
    assert api.http.get(f"{base}/sandboxes/dev").json()["type"] == "development"
    assert api.http.get(f"{base}/sandboxes/nowhere").status_code == 404
