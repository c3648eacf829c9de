"""Test file sources: folders, file formats, and dataflows that read them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.documented_sources import Row, rows, sources
from tests.harness.emulator import Emulator
from tests.harness.platform import Platform, failure, made, spec

FILES = "9753525b-82c7-4dce-8a9b-5ccfce2b9876"
LANDING_ZONE = "26f526f2-58f4-4712-961d-e41bf1ccc0e8"
S3 = next(row for row in rows() if row.source["name"] == "Amazon S3")
SOURCES = [row for row in rows() if row.source["family"] == "file"]
ORDERS = {"order_id": {"type": "string"}, "amount": {"type": "number"}, "status": {"type": "string"}}
DAY = 86400


def base(path: Platform, row: Row = S3) -> str:
    """Create a base connection."""
    return str(made(path.api("POST", "/connections", json=row.body()))["id"])


def explore(path: Platform, url: str, **query: str) -> Any:
    """Return the reply, or the code of the error."""
    response = path.api("GET", f"/{url}/explore", params=query)
    return response.json() if response.status_code == 200 else failure(response)


def source(path: Platform, file: str, *, base_id: str | None = None, **body: Any) -> str:
    """Create a source connection for a path."""
    sent = {
        "name": file,
        "baseConnectionId": base_id or base(path),
        "data": {"format": "delimited", **body.pop("data", {})},
        "params": {"path": file, **body.pop("params", {})},
        "connectionSpec": spec(S3.source["id"]),
        **body,
    }
    return str(made(path.api("POST", "/sourceConnections", json=sent))["id"])


@pytest.mark.parametrize("row", SOURCES, ids=str)
def test_folders(path: Platform, row: Row) -> None:
    """The root has files and folders; each folder has files."""
    url = f"connections/{base(path, row)}"
    root = explore(path, url, objectType="root")
    assert root == explore(path, url, objectType="folder", object="/")
    assert {entry["type"] for entry in root} == {"file", "folder"}
    for entry in root:
        assert entry["canPreview"] == entry["canFetchSchema"] == (entry["type"] == "file")
        if entry["type"] == "folder":
            (first, *_) = explore(path, url, objectType="FOLDER", object=entry["path"].rstrip("/"))
            assert first["type"] == "file"
            assert first["path"] == entry["path"] + first["name"]
    assert explore(path, url, objectType="folder", object="/nothing") == "1308-400"
    assert explore(path, url, objectType="table", object="customers") == "1358-400"


def test_a_file(path: Platform) -> None:
    """The format decides columns and rows; delimited files have no types."""
    url = f"connections/{base(path)}"
    read = {"objectType": "file", "object": "/customers.csv", "preview": "true"}
    csv = explore(path, url, **read, fileType="delimited")
    assert csv["format"] == "flat"
    assert csv["properties"] == {"fileType": "delimited", "columnDelimiter": ","}
    assert {column["type"] for column in csv["schema"]["columns"]} == {"string"}
    assert csv["data"][0]["customer_id"] == "C00000"
    assert csv["data"][0]["active"] in ("true", "false")
    for form in ("json", "parquet"):
        file = explore(path, url, **{**read, "object": f"/customers.{form}"}, FileType=form.upper())
        assert file["properties"] == {"fileType": form}
        kinds = {column["name"]: column["type"] for column in file["schema"]["columns"]}
        assert kinds["active"] == "boolean"
        assert isinstance(file["data"][0]["active"], bool)
    assert "data" not in explore(path, url, **{**read, "preview": "false"}, fileType="delimited")


def test_delimiters(path: Platform) -> None:
    """A wrong delimiter gives a single column; a tab can be written as `\\t`."""
    url = f"connections/{base(path)}"
    read = {"objectType": "file", "object": "/customers.csv", "fileType": "delimited", "preview": "true"}
    for wrong in (";", "\t", "\\t"):
        (column,) = explore(path, url, **read, columnDelimiter=wrong)["schema"]["columns"]
        assert column["name"].startswith("customer_id,first_name,")
    assert explore(path, url, **read, columnDelimiter="||") == "1331-400"
    assert explore(path, url, **read, columnDelimiter="") == "1331-400"
    for odd in ("\n", "\r", '"'):
        assert explore(path, url, **read, columnDelimiter=odd) != "1102-500"


def test_determine_properties(path: Platform) -> None:
    """The format is given or determined: both together are refused, and so is neither."""
    url = f"connections/{base(path)}"
    read = {"objectType": "file", "object": "/archive/customers.csv.gz", "preview": "true"}
    found = explore(path, url, **read, determineProperties="true")
    assert found["properties"] == {
        "fileType": "delimited",
        "compressionType": "gzip",
        "columnDelimiter": "~",
    }
    given = found["properties"]
    assert explore(path, url, **read, **given) == found
    assert explore(path, url, **read, determineProperties="true", fileType="delimited") == "1374-400"
    assert explore(path, url, **read) == "1359-400"
    assert explore(path, url, **read, fileType="delimited") == "1308-400"
    assert explore(path, url, **read, **{**given, "compressionType": "zip"}) == "1312-400"
    assert explore(path, url, **read, **{**given, "fileType": "avro"}) == "1312-400"
    assert explore(path, url, **read, **{**given, "encoding": "UTF-7"}) == "1312-400"
    assert explore(path, url, **read, **{**given, "encoding": "ISO-8859-1"}) == found
    assert explore(path, url, **{**read, "object": "/nothing"}, fileType="json") == "1308-400"
    assert explore(path, url, **{**read, "object": "/customers.csv"}, fileType="json") == "1308-400"


def test_landing_zone(path: Platform) -> None:
    """It is explored by its spec and collected without a base connection; a base connection is refused."""
    url = f"connectionSpecs/{LANDING_ZONE}"
    root = explore(path, url, objectType="root")
    assert root[0]["path"] == "dlz-user-container/customers.csv"
    read = {"objectType": "file", "object": root[0]["path"], "preview": "true"}
    assert explore(path, url, **read, fileType="delimited")["data"]
    zone = {"connectionSpec": spec(LANDING_ZONE), "name": "Zone", "data": {"format": "delimited"}}
    zone["params"] = {"path": root[0]["path"]}
    made(path.api("POST", "/sourceConnections", json=zone))
    response = path.api("POST", "/sourceConnections", json={**zone, "baseConnectionId": base(path)})
    assert failure(response) == "1332-400"
    response = path.api("POST", "/connections", json={"name": "Zone", "connectionSpec": spec(LANDING_ZONE)})
    assert failure(response) == "1100-400"


def test_explored_by_spec() -> None:
    """A spec can be explored only if its source has no base connections."""
    with Emulator() as emulator:
        path = Platform(emulator)
        for entry in sources():
            found = explore(path, f"connectionSpecs/{entry['id']}", objectType="root")
            assert (found == "1372-400") == (entry["id"] != LANDING_ZONE), entry["name"]
        assert explore(path, "connectionSpecs/nothing", objectType="root") == "1439-404"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"data": {"format": "tabular"}}, "1327-400"),
        ({"data": {"format": "delimited", "columnDelimiter": "ab"}}, "1331-400"),
        ({"data": {"format": "delimited", "properties": {"columnDelimiter": 7}}}, "1331-400"),
        ({"data": {"format": "delimited", "properties": {"compressionType": "rar"}}}, "1312-400"),
        ({"data": {"format": "delimited", "properties": []}}, "1100-400"),
        ({"params": {"path": 7.5}}, "1100-400"),
        ({"params": {"path": "/a", "recursive": "perhaps"}}, "1100-400"),
    ],
)
def test_refusals(path: Platform, change: dict[str, Any], expected: str) -> None:
    """Each invalid body gets the catalogue's error."""
    body = {
        "name": "Files",
        "baseConnectionId": base(path),
        "data": {"format": "delimited"},
        "params": {"path": "/customers.csv"},
        "connectionSpec": spec(S3.source["id"]),
        **change,
    }
    assert failure(path.api("POST", "/sourceConnections", json=body)) == expected


def flow(path: Platform, source_id: str, *, columns: Any = None, **schedule: Any) -> str:
    """Create a dataflow and finish its first run."""
    params = {"startTime": path.now(), "frequency": "once", **schedule}
    body = path.joined(source_id, FILES, columns or ORDERS, scheduleParams=params)
    flow_id = path.flow(body)
    path.advance(10)
    return flow_id


@pytest.mark.parametrize(
    ("file", "count", "params"),
    [
        ("/orders/001.csv", 100, {}),
        ("/orders", 300, {}),
        ("/orders/", 300, {}),
        ("/orders/00*.csv", 300, {}),
        ("/orders/*2.csv", 100, {}),
        ("/*.csv", 200, {}),
        ("/*.csv", 500, {"recursive": "true"}),
    ],
)
def test_a_run_reads_files(path: Platform, file: str, count: int, params: dict[str, str]) -> None:
    """A run reads a file, a folder or a pattern, and converts the rows to the schema's types."""
    flow_id = flow(path, source(path, file, params=params))
    (run,) = path.runs(flow_id)
    assert run["state"] == "success"
    assert run["metrics"]["recordSummary"]["inputRecordCount"] == count
    if "orders" in file:
        assert isinstance(path.rows()[0]["_emulator"]["amount"], int | float)
        assert len(path.rows()) == count


def test_only_new_files(path: Platform) -> None:
    """A run reads only files that are new since the last run: three files of five rows a day."""
    start = path.now()
    flow_id = flow(path, source(path, "/orders/"), startTime=start, frequency="day", interval=1)
    assert len(path.rows()) == 300
    path.advance(DAY)
    assert len(path.rows()) == 300 + 3 * 5
    path.advance(DAY)
    read = [run["metrics"]["recordSummary"]["inputRecordCount"] for run in path.runs(flow_id)]
    assert read == [300, 15, 15]
    ids = [row["_emulator"]["order_id"] for row in path.rows()]
    assert len(set(ids)) == len(ids)
    names = [
        e["name"] for e in explore(path, f"connections/{base(path)}", objectType="folder", object="/orders")
    ]
    assert names[:4] == ["001.csv", "002.csv", "003.csv", "new-00000.csv"]


def test_no_backfill(path: Platform) -> None:
    """Without backfill, files from before the start are not read."""
    flow(path, source(path, "/orders/"), frequency="day", interval=1, backfill=False)
    assert path.rows() == []
    path.advance(DAY)
    assert len(path.rows()) == 15


@pytest.mark.parametrize(
    ("file", "data", "complaint"),
    [
        ("/nothing.csv", {}, "UserErrorFileNotFound"),
        ("/customers.json", {}, "UserErrorInvalidFileFormat"),
        ("/archive/customers.csv.gz", {}, "UserErrorInvalidFileFormat"),
    ],
)
def test_what_cannot_be_read(path: Platform, file: str, data: dict[str, Any], complaint: str) -> None:
    """The run fails, and its error names the file."""
    flow_id = flow(path, source(path, file, data=data))
    (run,) = path.runs(flow_id)
    assert run["state"] == "failed"
    detail = run["activities"][0]["statusSummary"]["extensions"]["errorDetail"]
    assert complaint in detail
    assert file in detail


def test_compressed(path: Platform) -> None:
    """A compressed file is read if the delimiter is in either of the two documented fields."""
    columns = {"customer_id": {"type": "string"}, "active": {"type": "boolean"}}
    for data in (
        {"properties": {"compressionType": "gzip", "columnDelimiter": "~"}},
        {"properties": {"compressionType": "gzip"}, "columnDelimiter": "~"},
    ):
        flow(path, source(path, "/archive/customers.csv.gz", data=data), columns=columns)
        assert len(path.rows()) == 200
        assert isinstance(path.rows()[0]["_emulator"]["active"], bool)


def test_withdrawn_while_it_runs(path: Platform) -> None:
    """The runs of a dataflow fail after its source was withdrawn."""
    flow_id = flow(path, source(path, "/orders/"), frequency="day", interval=1)
    path.emulator.control("DELETE", f"connectionSpecs/{S3.source['id']}")
    path.advance(DAY)
    assert [run["state"] for run in path.runs(flow_id)] == ["success", "failed"]
