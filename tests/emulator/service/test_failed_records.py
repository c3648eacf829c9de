"""Test error diagnostics: the records that a run rejected, and the files that show them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.harness.emulator import Emulator
from tests.harness.platform import BASE_ROWS, DAY, Platform, decide, made, replaced

DIAGNOSTICS = {"errorDiagnosticsEnabled": True, "partialIngestionPercent": 50}
CORRUPT = {"record": {"name": "Ada"}, "code": "1401", "message": "Row is corrupted."}
MISSING = {"record": {"name": None, "city": "Lyon"}, "code": "1555", "message": "name is missing."}


def run_of(path: Platform, **changes: Any) -> dict[str, Any]:
    """Return the run of a new one-time dataflow, after its end."""
    flow = path.flow(path.once(**changes))
    path.advance(10)
    (run,) = path.runs(flow)
    return run


def batch_of(run: dict[str, Any]) -> str:
    """Return the batch that a run's promotion activity names."""
    (target,) = run["activities"][1]["targetInfo"]
    assert target["reference"]["type"] == "Batch"
    return str(target["reference"]["ids"][0])


def summary(run: dict[str, Any]) -> dict[str, Any]:
    """Return what the promotion activity says about errors."""
    return dict(run["activities"][1]["statusSummary"]["extensions"])


def follow(path: Platform, href: str) -> requests.Response:
    """GET an address that a reply shows, with the usual headers."""
    return path.api.http.get(href, timeout=30)


def rows(response: requests.Response) -> list[dict[str, Any]]:
    """Return the lines of a file."""
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def test_failed_records(path: Platform) -> None:
    """The manifest leads to files with each failed record, its code and its message."""
    run = run_of(path, options=DIAGNOSTICS)
    run = decide(path, run["id"], failed_records=[CORRUPT, MISSING, MISSING])
    records = run["metrics"]["recordSummary"]
    assert (records["inputRecordCount"], records["failedRecordCount"]) == (BASE_ROWS + 3, 3)
    errors = {error["code"]: error.get("recordCount") for error in summary(run)["errors"]}
    assert errors == {"INGEST-1212-400": None, "INGEST-1555-400": 2, "INGEST-1401-400": 1}
    assert run["state"] == "success"
    assert len(path.rows()) == BASE_ROWS

    listed = follow(path, summary(run)["manifest"]["failedRecords"]).json()
    assert [file["name"] for file in listed["data"]] == ["conversion_errors_0.json", "parsing_errors_0.json"]
    assert listed["_page"] == {"limit": 100, "count": 2}
    found = []
    for file in listed["data"]:
        content = follow(path, file["_links"]["self"]["href"])
        assert len(content.content) == int(file["length"])
        found += rows(content)
    assert [(row["_errors"][0]["code"], row["name"]) for row in found] == [
        ("1555", None), ("1555", None), ("1401", "Ada"),
    ]  # fmt: skip
    assert found[0]["_errors"][0]["message"] == MISSING["message"]
    assert "_corrupt_record" in found[2]
    assert rows(follow(path, summary(run)["manifest"]["sampleErrors"]))[0]["name"] == "Ada"
    files = run["activities"][1]["fileSummary"]["extensions"]["manifest"]["fileInfo"]
    (file,) = follow(path, files).json()["data"]
    assert rows(follow(path, file["_links"]["self"]["href"])) == [{"path": "F1.json"}]


def test_a_batch_shows_its_errors(path: Platform) -> None:
    """Catalog shows counts, errors and the dataflow of a batch, and the last batches of a dataset."""
    run = run_of(path, options=DIAGNOSTICS)
    decide(path, run["id"], failed_records=[MISSING])
    batch = batch_of(run)
    item = made(path.catalog("GET", f"/batches/{batch}"), 200)[batch]
    assert (item["status"], item["metrics"]["failedRecordCount"]) == ("success", 1)
    assert item["errors"][1]["recordCount"] == 1
    query: dict[str, Any] = {"tags": f"flowId:{run['flowId']}", "createdAfter": item["created"] - 1}
    assert list(made(path.catalog("GET", "/batches", params=query), 200)) == [batch]
    query["createdBefore"] = item["created"]
    assert made(path.catalog("GET", "/batches", params=query), 200) == {}

    decide(path, run["id"], status="failed", failed_records=[MISSING])
    query = {"dataSetId": f"{path.dataset_id},unknown"}
    last = made(path.catalog("GET", "/lastBatches", params=query), 200)[path.dataset_id]
    assert (last["lastBatchId"], last["lastBatchStatus"], last["lastFailedBatchId"]) == (
        batch,
        "failed",
        batch,
    )
    assert "lastSuccessfulBatchId" not in last
    assert made(path.catalog("GET", "/lastBatches", params={"dataSetId": "unknown"}), 200) == {}


@pytest.mark.parametrize(
    "options", [None, {"partialIngestionPercent": 50}, {"errorDiagnosticsEnabled": False}]
)
def test_without_diagnostics(path: Platform, options: dict[str, Any] | None) -> None:
    """Without error diagnostics there are counts, but no files, also if they are enabled after the run."""
    run = run_of(path, **({"options": options} if options else {}))
    run = decide(path, run["id"], failed_records=[MISSING])
    assert run["metrics"]["recordSummary"]["failedRecordCount"] == 1
    assert [error["code"] for error in summary(run)["errors"]] == ["INGEST-1211-400"]
    assert "manifest" not in summary(run)
    url = f"/batches/{batch_of(run)}/meta"
    assert path.export("GET", url, params={"path": "row_errors"}).status_code == 404
    headers = {"If-Match": path.get("flows", run["flowId"])["etag"]}
    patch = [
        {"op": "add", "path": "/options", "value": {"partialIngestionPercent": "10"}},
        *replaced("/options/errorDiagnosticsEnabled", True),
    ]
    patch[1]["op"] = "add"
    made(path.api("PATCH", f"/flows/{run['flowId']}", json=patch, headers=headers), 200)
    assert path.get("flows", run["flowId"])["options"] == {
        "partialIngestionPercent": 10, "errorDiagnosticsEnabled": True,
    }  # fmt: skip
    assert path.export("GET", url, params={"path": "row_errors"}).status_code == 404


def test_failed_batch(path: Platform) -> None:
    """A failed batch has its rejected records as files, and no good ones."""
    run = run_of(path, options=DIAGNOSTICS)
    run = decide(path, run["id"], status="failed", failed_records=[MISSING])
    assert run["metrics"]["statusSummary"]["errors"][0]["code"] == "CONNECTOR-2001-500"
    assert path.rows() == []
    url = f"/batches/{batch_of(run)}"
    done, part = made(path.export("GET", f"{url}/failed"), 200)["data"]
    assert (done["name"], done["length"]) == ("_SUCCESS", "0")
    (row,) = rows(follow(path, part["_links"]["self"]["href"]))
    assert (row["city"], row["_validationErrors"][0]["message"]) == ("Lyon", MISSING["message"])
    assert made(path.export("GET", f"{url}/files"), 200)["data"] == []


def test_partial_ingestion_decides_before_the_end(path: Platform) -> None:
    """More failed records than the dataflow allows fail a run that was not decided otherwise."""
    flow = path.flow(path.once(options={"errorDiagnosticsEnabled": True}))
    (run,) = path.runs(flow)
    decide(path, run["id"], failed_records=[MISSING])
    path.advance(10)
    run = path.get("runs", run["id"])
    assert run["state"] == "failed"
    assert run["metrics"]["recordSummary"]["failedRecordCount"] == 1


def test_many_files(path: Platform) -> None:
    """A file has 100 failed records, a call at most 100 files; `next` leads to the rest."""
    run = run_of(path, options=DIAGNOSTICS)
    many = [{"record": {"n": n}, "code": "1555"} for n in range(10_050)]
    run = decide(path, run["id"], failed_records=many)
    page = follow(path, summary(run)["manifest"]["failedRecords"] + "&limit=500").json()
    assert page["_page"] == {"limit": 100, "count": 100}
    rest = follow(path, page["_links"]["next"]["href"]).json()
    assert "_links" not in rest
    (file,) = rest["data"]
    assert [row["n"] for row in rows(follow(path, file["_links"]["self"]["href"]))] == list(
        range(10_000, 10_050)
    )


def test_retention(path: Platform) -> None:
    """Failed records are kept for 30 days."""
    run = run_of(path, options=DIAGNOSTICS)
    run = decide(path, run["id"], status="failed", failed_records=[MISSING])
    path.advance(29 * DAY)
    url = f"/batches/{batch_of(run)}"
    assert path.export("GET", f"{url}/meta", params={"path": "row_errors"}).status_code == 200
    path.advance(2 * DAY)
    assert path.export("GET", f"{url}/meta", params={"path": "row_errors"}).status_code == 404
    assert made(path.export("GET", f"{url}/failed"), 200)["data"] == []


def test_good_files(path: Platform) -> None:
    """A file of a batch has its records; HEAD gives the size, `Range` a part, `preview` the first records."""
    run = run_of(path)
    (file,) = made(path.export("GET", f"/batches/{batch_of(run)}/files"), 200)["data"]
    assert int(file["records"]) == BASE_ROWS
    (part,) = follow(path, file["_links"]["self"]["href"]).json()["data"]
    url = part["_links"]["self"]["href"]
    assert rows(follow(path, url)) == path.rows()
    assert path.api.http.head(url, timeout=30).headers["Content-Length"] == part["length"]
    ranged = path.api.http.get(url, headers={"Range": "bytes=0-9"}, timeout=30)
    assert (ranged.status_code, len(ranged.content)) == (206, 10)
    assert ranged.headers["Content-Range"] == f"bytes 0-9/{part['length']}"
    preview = made(path.export("GET", f"/datasets/{path.dataset_id}/preview"), 200)
    assert preview["data"] == path.rows()[:100]


def test_what_is_unknown(path: Platform) -> None:
    """Unknown batches, files and datasets get 404, invalid pages 400, and so do invalid failed records."""
    run = run_of(path, options=DIAGNOSTICS)
    batch = f"/batches/{batch_of(run)}"
    for url in ("/batches/x/files", "/batches/x/meta", "/files/x", "/datasets/x/preview",
                f"{batch}/meta?path=row_errors/parsing_errors_0.json", f"{batch}/failed?path=x"):  # fmt: skip
        assert path.export("GET", url).status_code == 404, url
    assert Platform(path.emulator, "dev").export("GET", f"{batch}/files").status_code == 404
    for query in ("limit=0", "limit=x", "start=-1"):
        assert path.export("GET", f"{batch}/meta?path=row_errors&{query}").status_code == 400, query
    for bad in ([7], [{}], [{"record": 7}], [{"record": {}, "code": 7}], [{"record": {}, "cod": "x"}], {}):
        url = f"{path.emulator.url}/_emulator/runs/{run['id']}"
        assert path.emulator.http.post(url, json={"failed_records": bad}).status_code == 400, bad


def test_a_reverted_batch(path: Platform) -> None:
    """A reverted batch is inactive, and its records are gone; the batch of another run stays."""
    flow = path.flow(path.prepared())
    path.advance(DAY + 10)
    first, second = path.runs(flow)
    assert len(path.rows()) == BASE_ROWS + 3
    url = f"/batches/{batch_of(first)}"
    assert made(path.ingestion("POST", url, params={"action": "REVERT"}), 200)["status"] == "inactive"
    assert len(path.rows()) == 3
    assert made(path.catalog("GET", url), 200)[batch_of(first)]["status"] == "inactive"
    assert made(path.export("GET", f"{url}/files"), 200)["data"] == []
    url = f"/batches/{batch_of(second)}"
    made(path.ingestion("POST", url, params={"action": "REVERT"}), 200)
    assert path.rows() == made(path.export("GET", f"/datasets/{path.dataset_id}/preview"), 200)["data"] == []
    last = made(path.catalog("GET", "/lastBatches"), 200)[path.dataset_id]
    assert last["lastBatchStatus"] == "inactive"
    assert not {"lastSuccessfulBatchId", "lastFailedBatchId"} & set(last)
    for action in ("ABORT", "COMPLETE", "FAIL", ""):
        assert path.ingestion("POST", url, params={"action": action}).status_code == 400, action
    assert path.ingestion("POST", "/batches/none", params={"action": "REVERT"}).status_code == 404


def test_switches() -> None:
    """The switches: diagnostics without asking, small files, links to another host, an empty deletion."""
    options = ("--partial-diagnostics", "forced", "--error-file-records", "2", "--file-links", "foreign")
    others = ("--failed-batch-files", "always", "--failed-run-end", "omitted")
    with Emulator(*options, *others, "--delete-missing-dataset", "empty") as emulator:
        path = Platform(emulator)
        run = run_of(path, options={"partialIngestionPercent": 50})
        run = decide(path, run["id"], failed_records=[MISSING] * 3)
        href = summary(run)["manifest"]["failedRecords"]
        assert href.startswith("https://platform.adobe.io:443/data/foundation/export/batches/")
        query = {"path": "row_errors"}
        listed = made(path.export("GET", f"/batches/{batch_of(run)}/meta", params=query), 200)
        assert [file["name"][-6:] for file in listed["data"]] == ["0.json", "1.json"]
        run = decide(path, run_of(path)["id"], status="failed", failed_records=[MISSING])
        assert len(made(path.export("GET", f"/batches/{batch_of(run)}/failed"), 200)["data"]) == 2
        assert list(run["metrics"]["durationSummary"]) == ["startedAtUTC"]
        assert made(path.catalog("DELETE", "/dataSets/unknown"), 200) == []
