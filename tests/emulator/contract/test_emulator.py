"""Every reply of the emulator conforms to Adobe's OpenAPI, or to the document that contradicts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.harness.contract import openapi
from tests.harness.emulator import PAYPAL_SPEC, Emulator, paypal_body

Call = Callable[..., requests.Response]
FLOW_CRM = "14518937-270c-4525-bdec-c2ba7cce3860"


@pytest.fixture
def api(emulator: Emulator) -> Call:
    """Return a client that checks each call and its status."""
    plain = emulator.api()

    def call(expected: int, method: str, path: str, **options: Any) -> requests.Response:
        response = plain(method, path, **options)
        assert response.status_code == expected, response.text
        openapi.check_response(response)
        return response

    return call


@pytest.fixture
def connection(api: Call) -> str:
    """Return the id of a PayPal connection."""
    return str(api(201, "POST", "/connections", json=paypal_body(description="For tests")).json()["id"])


def test_connection_life(api: Call, connection: str) -> None:
    """Each step from POST to DELETE conforms."""
    item = api(200, "GET", f"/connections/{connection}").json()["items"][0]
    api(200, "GET", f"/connections/{connection}/test")
    api(200, "GET", f"/connections/{connection}/explore", params={"objectType": "ROOT"})
    query = {"objectType": "table", "object": "PayPal.Catalog_Products", "preview": "true"}
    api(200, "GET", f"/connections/{connection}/explore", params=query)
    patch = [{"op": "replace", "path": "/name", "value": "Renamed"}]
    headers = {"If-Match": item["etag"]}
    api(200, "PATCH", f"/connections/{connection}/", json=patch, headers=headers)
    api(204, "DELETE", f"/connections/{connection}/")
    draft = api(201, "POST", "/connections", json=paypal_body(), params={"mode": "draft"}).json()["id"]
    api(200, "POST", f"/connections/{draft}/action", params={"op": "PUBLISH", "subOp": "APPLY"})


def test_connection_lists(api: Call, connection: str) -> None:
    """Lists conform: whole, filtered, counted and paged."""
    api(201, "POST", "/connections", json=paypal_body("Another"))
    api(200, "GET", "/connections")
    api(
        200,
        "GET",
        "/connections",
        params={"property": ["name==Another", f"connectionSpec.id=={PAYPAL_SPEC}"]},
    )
    api(200, "GET", "/connections", params={"count": "true"})
    page = api(200, "GET", "/connections", params={"limit": 1, "orderby": "-createdAt"}).json()
    api(200, "GET", page["_links"]["next"]["href"])


def test_source_connections(api: Call, connection: str) -> None:
    """The operations on source connections conform."""
    body = {
        "name": "Products",
        "baseConnectionId": connection,
        "data": {"format": "tabular"},
        "params": {"tableName": "PayPal.Catalog_Products"},
        "connectionSpec": {"id": PAYPAL_SPEC, "version": "1.0"},
    }
    source = api(201, "POST", "/sourceConnections", json=body).json()["id"]
    api(200, "GET", f"/sourceConnections/{source}")
    api(200, "GET", "/sourceConnections", params={"property": f"baseConnectionId=={connection}"})
    api(200, "GET", "/sourceConnections", params={"count": "true"})
    api(400, "DELETE", f"/connections/{connection}")
    api(204, "DELETE", f"/sourceConnections/{source}")


def test_specs(api: Call) -> None:
    """Connection specs and flow specs conform."""
    api(200, "GET", "/connectionSpecs")
    api(200, "GET", f"/connectionSpecs/{PAYPAL_SPEC}")
    api(200, "GET", "/flowSpecs", params={"property": 'name=="CRMToAEP"'})
    api(200, "GET", f"/flowSpecs/{FLOW_CRM}")


@pytest.mark.parametrize("path", ["/", "/sandboxes", "/sandboxes/prod"])
def test_sandboxes(emulator: Emulator, path: str) -> None:
    """Sandbox management conforms."""
    url = f"{emulator.url}/data/foundation/sandbox-management{path}"
    response = emulator.api().http.get(url)
    assert response.status_code == 200
    openapi.check_response(response)


def test_errors(api: Call, connection: str) -> None:
    """The errors of gateway and Flow Service conform."""
    path = f"/connections/{connection}"
    api(404, "GET", "/connections/none")
    api(400, "POST", "/connections", json={"name": "No spec"})
    api(400, "GET", "/connections", params={"property": "nothing==1"})
    api(400, "GET", "/connections", params={"limit": "abc"})
    api(400, "PATCH", path, json=[{"op": "replace", "path": "/name", "value": "x"}])
    api(412, "PATCH", path, json=[{"op": "remove", "path": "/description"}], headers={"If-Match": '"old"'})
    api(400, "GET", f"{path}/explore")
    api(403, "GET", path, headers={"Authorization": None})
    api(401, "GET", path, headers={"Authorization": "Bearer nonsense"})
    api(404, "GET", path, headers={"x-sandbox-name": "nowhere"})
    api(400, "POST", "/connections", data="{}", headers={"Content-Type": "text/plain"})


def test_the_check_itself(emulator: Emulator, api: Call, connection: str) -> None:
    """The check finds a wrong body, status, error, query and header."""
    path = f"/data/foundation/flowservice/connections/{connection}"
    headers = {"Authorization": "Bearer x", "x-api-key": "x", "x-gw-ims-org-id": "x"}
    good = emulator.api()("GET", f"/connections/{connection}").json()

    def check(body: object, status: int = 200, query: dict[str, list[str]] | None = None) -> None:
        openapi.check_exchange("GET", path, query or {}, headers, None, status, {}, body)

    check(good)
    item = good["items"][0]
    for bad in (
        {"items": [{**item, "surprise": 1}]},
        {"items": [{name: item[name] for name in item if name != "etag"}]},
        {"items": [{**item, "createdAt": "yesterday"}]},
        {},
    ):
        with pytest.raises(openapi.ContractError):
            check(bad)
    with pytest.raises(openapi.ContractError, match="status"):
        check({"error_code": "402000", "message": "Pay first"}, 402)
    with pytest.raises(openapi.ContractError, match="unknown error shape"):
        check({"oops": True}, 404)
    with pytest.raises(openapi.ContractError, match="query parameter"):
        check(good, query={"fields": ["name"]})
    with pytest.raises(openapi.ContractError, match="if-match"):
        openapi.check_exchange("PATCH", path, {}, headers, [], 200, {}, {"id": "x", "etag": "x"})
    with pytest.raises(openapi.ContractError, match="Location"):
        openapi.check_exchange(
            "POST", path.rsplit("/", 1)[0], {}, headers, paypal_body(), 201, {}, {"id": "x", "etag": "x"}
        )
    with pytest.raises(openapi.ContractError, match="connectionSpec"):
        openapi.check_exchange(
            "POST", path.rsplit("/", 1)[0], {}, headers, {"name": "x", "conectionSpec": {}}, 201,
            {"Location": "x"}, {"id": "x", "etag": "x"},
        )  # fmt: skip


def test_each_deviation_names_a_document() -> None:
    """Every deviation is listed below the document of Adobe's that justifies it."""
    words = ("tutorial", "guide", "OpenAPI", "catalogue", "JSON Schema", "HTTP")
    for kind, documents in openapi.deviations().items():
        names = documents.values() if kind == "statuses" else documents
        assert kind == "patch operation" or all(any(word in name for word in words) for name in names), kind
