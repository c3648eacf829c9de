"""The services from schema to records conform to Adobe's OpenAPI, or to the document that contradicts it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.harness.contract import openapi
from tests.harness.contract.recording import CheckedPath, answered
from tests.harness.platform import FULL, PLAIN, PROFILE, SHORT, target_body

SCHEMAS = "/tenant/schemas"


def test_registry(path: CheckedPath) -> None:
    """Schemas and field groups conform when they are listed, read and changed."""
    schema = path.schema()
    url = f"{SCHEMAS}/{quote(schema, safe='')}"
    for accept in (PLAIN, FULL):
        answered(path.registry("GET", url, headers=accept), 200)
    whole = {"Accept": "application/vnd.adobe.xed+json"}
    for kind in ("schemas", "fieldgroups", "mixins", "classes"):
        for container in ("tenant", "global"):
            for accept in (SHORT, whole):
                answered(path.registry("GET", f"/{container}/{kind}", headers=accept), 200)
    answered(path.registry("GET", "/stats"), 200)
    patch = [{"op": "replace", "path": "/title", "value": "Renamed"}]
    answered(path.registry("PATCH", url, json=patch), 200)
    body = {"type": "object", "title": "Other", "description": "", "allOf": [{"$ref": PROFILE}]}
    answered(path.registry("PUT", url, json=body), 200)
    answered(path.registry("GET", url), 400)
    answered(path.registry("GET", SCHEMAS), 400)
    answered(path.registry("GET", f"{SCHEMAS}/nothing", headers=PLAIN), 404)
    bad_version = {"Accept": "application/vnd.adobe.xed+json; version=9"}
    answered(path.registry("GET", url, headers=bad_version), 406)
    answered(path.registry("POST", SCHEMAS, json=body), 400)
    answered(path.registry("DELETE", url), 204)


def test_catalog(path: CheckedPath) -> None:
    """Datasets and batches conform."""
    body = path.prepared()
    path.flow(body)
    path.advance(10)
    dataset = path.dataset_id
    answered(path.catalog("GET", "/dataSets"), 200)
    answered(path.catalog("GET", "/dataSets", params={"name": "x", "limit": 5, "start": 0}), 200)
    answered(path.catalog("GET", f"/dataSets/{dataset}"), 200)
    (batch,) = answered(path.catalog("GET", "/batches", params={"dataSet": dataset}), 200)
    answered(path.catalog("GET", f"/batches/{batch}"), 200)
    answered(path.catalog("POST", "/dataSets", json={"name": "x"}), 400)
    answered(path.catalog("PATCH", f"/dataSets/{dataset}", json=[]), 200)
    answered(path.catalog("DELETE", f"/dataSets/{dataset}"), 200)
    answered(path.catalog("GET", f"/dataSets/{dataset}"), 404)


def test_data_prep(path: CheckedPath) -> None:
    """Mapping sets conform with the OpenAPI's body."""
    schema = path.schema()
    mapping = {"sourceType": "ATTRIBUTE", "source": "Product_Id", "destination": "_emulator.Product_Id"}
    reference = {"id": schema, "contentType": "application/vnd.adobe.xed-full+json;version=1"}
    body = {"outputSchema": {"schemaRef": reference}, "mappings": [mapping]}
    made = answered(path.conversion("POST", "/mappingSets", json=body), 200)
    answered(path.conversion("POST", "/mappingSets/validate", json=body), 200)
    answered(path.conversion("GET", f"/mappingSets/{made['id']}"), 200)
    answered(path.conversion("PUT", f"/mappingSets/{made['id']}", json={**body, "name": "Ours"}), 200)
    for version in (0, 1):
        answered(path.conversion("GET", f"/mappingSets/{made['id']}", params={"version": version}), 200)
    answered(path.conversion("GET", "/mappingSets", params={"limit": 1, "start": 0}), 200)
    answered(path.conversion("GET", "/mappingSets", params={"limit": 1, "start": 0, "name": "Ours"}), 200)
    answered(path.conversion("GET", "/mappingSets/nothing"), 404)
    answered(path.conversion("POST", "/mappingSets", json={**body, "mappings": []}), 400)


def test_ends(path: CheckedPath) -> None:
    """Source and target connections conform, with PATCH and `/action`."""
    schema = path.schema()
    body = target_body(schema, path.dataset(schema))
    target = path.flows(201, "POST", "/targetConnections", json=body, params={"mode": "draft"})["id"]
    path.flows(200, "POST", f"/targetConnections/{target}/action", params={"op": "PUBLISH"})
    source = path.source(path.base())
    patch = [{"op": "replace", "path": "/name", "value": "Renamed"}]
    for kind, entity in (("sourceConnections", source), ("targetConnections", target)):
        headers = {"If-Match": path.get(kind, entity)["etag"]}
        path.flows(200, "PATCH", f"/{kind}/{entity}", json=patch, headers=headers)
        path.flows(200, "GET", f"/{kind}")
        path.flows(200, "GET", f"/{kind}", params={"count": "true"})
        path.flows(204, "DELETE", f"/{kind}/{entity}")
        path.flows(404, "GET", f"/{kind}/{entity}")


def test_flows_and_runs(path: CheckedPath) -> None:
    """Dataflows and runs conform, from the body to the records."""
    body = path.prepared(description="Every day")
    flow = path.flow(body)
    path.flows(200, "GET", f"/flows/{flow}")
    for state in ("scheduled", "inProgress", "success"):
        (run,) = path.runs(flow)
        assert run["state"] == state
        path.flows(200, "GET", f"/runs/{run['id']}")
        path.advance(2)
    path.flows(200, "GET", f"/flows/{flow}")
    path.flows(
        200,
        "GET",
        "/flows",
        params={"property": ["state==enabled", f"flowSpec.id=={body['flowSpec']['id']}"]},
    )
    path.flows(200, "GET", "/flows", params={"count": "true"})
    path.flows(200, "GET", "/runs", params={"count": "true", "property": f"id=={run['id']},x"})
    patch = [{"op": "replace", "path": "/scheduleParams/frequency", "value": "week"}]
    headers = {"If-Match": path.get("flows", flow)["etag"]}
    path.flows(200, "PATCH", f"/flows/{flow}", json=patch, headers=headers)
    path.emulator.control("POST", f"runs/{run['id']}", {"status": "failed"})
    path.flows(200, "GET", f"/runs/{run['id']}")
    path.flows(200, "POST", f"/runs/{run['id']}/action", params={"op": "re_trigger"})
    for op in ("disable", "enable"):
        path.flows(200, "POST", f"/flows/{flow}/action", params={"op": op, "subOp": "APPLY"})
    path.flows(400, "POST", f"/flows/{flow}/action", params={"op": "enable"})
    path.flows(400, "POST", "/flows", json={**body, "sourceConnectionIds": []})
    path.flows(204, "DELETE", f"/flows/{flow}")
    once = {**body, "transformations": body["transformations"][1:]}
    once["scheduleParams"] = {"startTime": path.now() + 100, "frequency": "once"}
    params = {"startTime": path.now(), "windowStartTime": 0, "windowEndTime": path.now()}
    params["deltaColumn"] = {"name": "Create_Time"}
    path.flows(201, "POST", "/runs", json={"flowId": path.flow(once), "params": params})


def test_the_check_sees_into_maps_and_allof() -> None:
    """The check compares maps (Catalog's, by id) and `allOf` (the registry's definitions)."""
    headers = {"Authorization": "x", "x-api-key": "x", "x-gw-ims-org-id": "x", "x-sandbox-name": "x"}

    def check(path: str, body: Any) -> None:
        url = f"/data/foundation{path}"
        openapi.check_exchange("GET", url, {}, {**headers, "Accept": "x"}, None, 200, {}, body)

    check("/catalog/dataSets", {"5e8918669cbbee18ad9771f3": {"name": "x"}})
    for bad in ({"surprise": 1}, {"name": 7}, 7):
        with pytest.raises(openapi.ContractError):
            check("/catalog/dataSets", {"5e8918669cbbee18ad9771f3": bad})
    for bad in ({"results": [], "_page": {"count": "x"}}, {"results": 7}, {"surprise": 1}):
        with pytest.raises(openapi.ContractError):
            check("/schemaregistry/tenant/schemas", bad)
