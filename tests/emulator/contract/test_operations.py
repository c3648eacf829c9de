"""The services that show failed records, batches and permissions conform to Adobe's OpenAPI."""

from __future__ import annotations

from typing import Any

from tests.harness.contract import openapi
from tests.harness.contract.recording import CheckedPath, answered
from tests.harness.platform import decide

EXPORT = "/data/foundation/export"


def check_files(path: CheckedPath, listed: Any) -> None:
    """Check a list of files, which the OpenAPI types correctly for failed batches only."""
    headers = dict(path.api.http.headers)
    openapi.check_exchange("GET", f"{EXPORT}/batches/x/failed", {}, headers, None, 200, {}, listed)


def test_data_access(path: CheckedPath) -> None:
    """The files of a batch conform: good ones, failed ones and meta files, on each page."""
    flow = path.flow(path.once())
    path.advance(10)
    (run,) = path.runs(flow)
    (batch,) = run["activities"][1]["targetInfo"][0]["reference"]["ids"]
    (good,) = answered(path.export("GET", f"/batches/{batch}/files"), 200)["data"]
    check_files(path, answered(path.export("GET", f"/files/{good['dataSetFileId']}"), 200))
    answered(path.export("GET", f"/datasets/{path.dataset_id}/preview"), 200)
    answered(path.export("GET", "/batches/none/files"), 404)
    answered(path.export("GET", f"/batches/{batch}/meta", params={"path": "row_errors"}), 404)


def test_failed_records(path: CheckedPath) -> None:
    """Lists of failed records conform, and so do the batch and the run that show their errors."""
    flow = path.flow(path.once() | {"options": {"errorDiagnosticsEnabled": True}})
    path.advance(10)
    (run,) = path.runs(flow)
    failed = [{"record": {"n": n}, "code": "1555", "message": "No"} for n in range(201)]
    run = decide(path, run["id"], status="failed", failed_records=failed)
    (batch,) = run["activities"][1]["targetInfo"][0]["reference"]["ids"]
    query: dict[str, Any] = {"path": "row_errors", "limit": 2}
    listed = answered(path.export("GET", f"/batches/{batch}/meta", params=query), 200)
    check_files(path, listed)
    assert set(listed["_links"]) == {"next", "page"}
    name = f"row_errors/{listed['data'][0]['name']}"
    for file in (name, "input_files", "row_error_samples.json", "row_errors_sample.json"):
        assert path.export("GET", f"/batches/{batch}/meta", params={"path": file}).status_code == 200
    check_files(path, answered(path.export("GET", f"/batches/{batch}/meta"), 200))
    files = answered(path.export("GET", f"/batches/{batch}/failed"), 200)["data"]
    assert path.export("GET", f"/batches/{batch}/failed", params={"path": files[1]["name"]}).content
    path.flows(200, "GET", f"/runs/{run['id']}")
    answered(path.catalog("GET", f"/batches/{batch}", params={"aggregate": "true"}), 200)
    answered(path.catalog("GET", "/batches", params={"status": "failed", "createdAfter": 0, "limit": 1}), 200)
    last = answered(path.catalog("GET", "/lastBatches", params={"dataSetId": path.dataset_id}), 200)
    assert last[path.dataset_id]["lastFailedBatchId"] == batch


def test_batch_ingestion(path: CheckedPath) -> None:
    """The undo of a batch conforms, and so do the batch after that and the refusals."""
    path.flow(path.once())
    path.advance(10)
    (batch,) = answered(path.catalog("GET", "/batches"), 200)
    reverted = answered(path.ingestion("POST", f"/batches/{batch}", params={"action": "REVERT"}), 200)
    assert reverted["id"] == batch
    assert answered(path.catalog("GET", f"/batches/{batch}"), 200)[batch]["status"] == "inactive"
    answered(path.ingestion("POST", f"/batches/{batch}", params={"action": "ABORT"}), 400)
    answered(path.ingestion("POST", "/batches/none", params={"action": "REVERT"}), 404)


def test_permissions(path: CheckedPath) -> None:
    """The permissions conform, and so do the refusals of each service without them."""
    answered(path.access("GET", "/acl/reference"), 200)
    without = ["manage-sources", "view-datasets", "manage-datasets"]
    path.emulator.control("POST", "permissions", {"without": without})
    asked = ["/permissions/manage-datasets", "/permissions/view-sources", "/resource-types/schemas"]
    policies = path.access("POST", "/acl/effective-policies", json=asked)
    assert set(policies.json()["policies"]) == set(asked[1:])
    path.flows(200, "GET", "/flows")
    path.flows(403, "POST", "/flows", json={"name": "x"})
    answered(path.catalog("GET", "/dataSets"), 403)
    answered(path.export("GET", "/batches/x/files"), 403)


def test_a_fleet(path: CheckedPath) -> None:
    """Every entity of a fleet conforms, of each health."""
    numbers = {"flows": 16, "runs": 2, "failed": 4, "partial": 3, "late": 1, "never_ran": 1, "running": 1}
    path.emulator.control("POST", "fleet", {**numbers, "disabled": 1, "drafts": 1})
    for kind in ("connections", "sourceConnections", "targetConnections", "flows", "runs"):
        assert path.flows(200, "GET", f"/{kind}", params={"limit": 100})["items"]
    assert len(answered(path.catalog("GET", "/dataSets", params={"limit": 100}), 200)) > 10
    assert len(answered(path.catalog("GET", "/batches", params={"limit": 100}), 200)) > 20
    assert answered(path.catalog("GET", "/lastBatches"), 200)
    mapping_sets = answered(path.conversion("GET", "/mappingSets", params={"limit": 1, "start": 0}), 200)
    answered(path.conversion("GET", f"/mappingSets/{mapping_sets['data'][0]['id']}"), 200)
