"""Test streaming sources: connections and dataflows with a streaming endpoint."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.harness.documented_sources import Row, rows, sources
from tests.harness.platform import Platform, failure, made, replaced, spec

HTTP = next(row for row in rows() if row.source["name"] == "HTTP API (streaming)")
LAVA = "232dfabe-27aa-41c0-a7cf-9961661dc68b"
STREAMS = [row for row in rows() if row.source["family"] == "stream"]
MAPPED, UNMAPPED = "c1a19761-d2c7-4702-b9fa-fe91f0613e81", "d8a6f005-7eaf-4153-983e-e8574508b877"
GENERIC = "e77fde5a-22a8-11ed-861d-0242ac120002"
COLUMNS = {"name": {"type": "string"}, "age": {"type": "integer"}}


def base(path: Platform, row: Row = HTTP, **params: Any) -> dict[str, Any]:
    """Return a new base connection, as GET shows it."""
    made_id = made(path.api("POST", "/connections", json=row.body(**params)))["id"]
    return path.get("connections", made_id)


def source(path: Platform, spec_id: str, base_id: str | None = None, **body: Any) -> str:
    """Create a source connection; the tutorials of streams omit `data`."""
    sent = {"name": "Stream", "connectionSpec": spec(spec_id), **body}
    if base_id:
        sent["baseConnectionId"] = base_id
    return str(made(path.api("POST", "/sourceConnections", json=sent))["id"])


def post(url: str, message: Any, **options: Any) -> requests.Response:
    """Send a message as a client that has only the URL."""
    return requests.post(url, json=message, timeout=30, **options)


def endpoint_of(path: Platform, flow: str) -> str:
    """Return the streaming endpoint that a dataflow shows."""
    return str(path.get("flows", flow)["options"]["inletUrl"])


def test_endpoint_of_a_connection(path: Platform) -> None:
    """The endpoint is among the visible parameters, and stays the same when these change."""
    item = base(path, dataType="raw")
    params = item["auth"]["params"]
    assert params["inletUrl"].startswith(path.emulator.url + "/collection/")
    assert params["inletUrl"].endswith(params["inletId"])
    assert params["dataType"] == "raw"
    assert params["authenticationRequired"] is False
    assert {"sourceId", "name"} < set(params)
    change = replaced("/auth/params", HTTP.params())
    headers = {"If-Match": item["etag"]}
    made(path.api("PATCH", f"/connections/{item['id']}", json=change, headers=headers), 200)
    assert path.get("connections", item["id"])["auth"]["params"]["inletUrl"] == params["inletUrl"]
    (listed,) = made(path.api("GET", "/connections"), 200)["items"]
    assert listed["auth"]["params"]["inletId"] == params["inletId"]
    assert base(path)["auth"]["params"]["inletId"] != params["inletId"]


def test_raw_rows(path: Platform) -> None:
    """A message is mapped into the dataset at once; a header or the query can name its dataflow."""
    item = base(path, dataType="raw")
    url = item["auth"]["params"]["inletUrl"]
    source_id = source(path, HTTP.source["id"], item["id"])
    flow = path.flow(path.joined(source_id, MAPPED, COLUMNS))
    assert "scheduleParams" not in path.get("flows", flow)
    first = made(post(url, {"name": "Ada", "age": "36", "more": 1}, headers={"x-adobe-flow-id": flow}), 200)
    assert set(first) == {"inletId", "xactionId", "receivedTimeMs"}
    assert first["inletId"] == item["auth"]["params"]["inletId"]
    second = made(post(url, {"name": "Bruno", "age": 4}, params={"x-adobe-flow-id": flow}), 200)
    assert second["xactionId"] != first["xactionId"]
    made(post(url, {"name": "Chidi"}), 200)  # the only dataflow
    assert path.rows() == [
        {"_emulator": {"name": "Ada", "age": 36}},
        {"_emulator": {"name": "Bruno", "age": 4}},
        {"_emulator": {"name": "Chidi"}},
    ]
    assert path.runs(flow) == []


def test_a_row_that_does_not_fit(path: Platform) -> None:
    """A record that does not fit gets 200; its batch has failed, and its file shows the record."""
    item = base(path, dataType="raw")
    path.flow(path.joined(source(path, HTTP.source["id"], item["id"]), MAPPED, COLUMNS))
    made(post(item["auth"]["params"]["inletUrl"], {"name": "Ada", "age": "old"}), 200)
    assert path.rows() == []
    ((batch_id, batch),) = made(path.catalog("GET", "/batches"), 200).items()
    assert (batch["status"], batch["failedRecordCount"]) == ("failed", 1)
    _, part = made(path.export("GET", f"/batches/{batch_id}/failed"), 200)["data"]
    record = path.api.http.get(part["_links"]["self"]["href"], timeout=30).json()
    assert record["age"] == "old"
    assert "age" in record["_errors"]["_streamingValidation"][0]["message"]


def test_xdm_rows(path: Platform) -> None:
    """An XDM message is written unchanged into the dataset of its header, or of the dataflow."""
    item = base(path, dataType="xdm")
    url = item["auth"]["params"]["inletUrl"]
    body = path.joined(source(path, HTTP.source["id"], item["id"]), UNMAPPED, COLUMNS)
    flow = path.flow({**body, "transformations": []})
    entity = {"_id": "1", "_emulator": {"name": "Ada"}}
    for header in ({"datasetId": path.dataset_id}, {"flowId": flow}, {}):
        message = {"header": header, "body": {"xdmMeta": {}, "xdmEntity": entity}}
        made(post(url, message), 200)
    assert path.rows() == [entity] * 3
    refused = post(url, {"name": "Ada"})
    assert refused.status_code == 400
    assert refused.json()["report"]["message"].endswith("Message has unknown xdm format")


def test_authentication(path: Platform) -> None:
    """A token is needed only if `authenticationRequired` is set; no other header is needed."""
    item = base(path, dataType="raw", authenticationRequired=True)
    url = item["auth"]["params"]["inletUrl"]
    path.flow(path.joined(source(path, HTTP.source["id"], item["id"]), MAPPED, COLUMNS))
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        refused = post(url, {"name": "Ada"}, headers=headers)
        assert refused.status_code == 401
        assert refused.json()["type"].endswith("data-collection-service-authorization")
    made(post(url, {"name": "Ada"}, headers={"Authorization": f"Bearer {path.emulator.token()}"}), 200)
    assert len(path.rows()) == 1


def test_refused_messages(path: Platform) -> None:
    """An invalid message gets 400 with the endpoint's id and writes nothing; an unknown endpoint gets 404."""
    item = base(path, dataType="raw")
    url = item["auth"]["params"]["inletUrl"]
    assert post(url, {"name": "Ada"}).status_code == 400  # no dataflow yet
    body = path.joined(source(path, HTTP.source["id"], item["id"]), MAPPED, COLUMNS)
    flow = path.flow(body)
    for message in ([], "x", 7, None):
        assert post(url, message).status_code == 400
    assert requests.post(url, data="{", timeout=30).status_code == 400
    assert post(url, {"name": "Ada"}, headers={"x-adobe-flow-id": "another"}).status_code == 400
    for header in ({"flowId": []}, {"datasetId": []}, {"datasetId": "none"}):
        message = {"header": header, "body": {"xdmEntity": {"_id": "1"}}}
        assert post(url, message).status_code == 400
    made(path.api("POST", f"/flows/{flow}/action", params={"op": "disable"}), 200)
    assert post(url, {"name": "Ada"}).status_code == 400
    made(path.api("POST", f"/flows/{flow}/action", params={"op": "enable"}), 200)
    path.flow(body)
    assert post(url, {"name": "Ada"}).status_code == 400  # ambiguous: there are two dataflows
    assert path.rows() == []
    assert post(url + "0", {"name": "Ada"}).status_code == 404


def test_webhooks(path: Platform) -> None:
    """LAVA has no base connection: the dataflow has the streaming endpoint."""
    source_id = source(path, LAVA, data={"format": "json"})
    body = path.joined(source_id, GENERIC, COLUMNS, options={"errorDiagnosticsEnabled": True})
    flow = path.flow(body)
    item = path.get("flows", flow)
    assert item["options"]["errorDiagnosticsEnabled"] is True
    made(post(endpoint_of(path, flow), {"name": "Ada"}), 200)
    assert path.rows() == [{"_emulator": {"name": "Ada"}}]
    change = replaced("/options", {"errorDiagnosticsEnabled": False})
    made(path.api("PATCH", f"/flows/{flow}", json=change, headers={"If-Match": item["etag"]}), 200)
    assert endpoint_of(path, flow) == item["options"]["inletUrl"]
    assert made(path.api("GET", "/flows"), 200)["items"][0]["options"]["inletUrl"] == endpoint_of(path, flow)
    response = path.api("POST", "/connections", json={"name": "LAVA", "connectionSpec": spec(LAVA)})
    assert failure(response) == "1100-400"


def test_a_draft_of_a_webhook(path: Platform) -> None:
    """A draft without a source gets its streaming endpoint when it is published."""
    draft = made(
        path.api("POST", "/flows", json={"name": "x", "flowSpec": spec(GENERIC)}, params={"mode": "draft"})
    )
    body = path.joined(source(path, LAVA), GENERIC, COLUMNS)
    change = [
        {"op": "replace", "path": f"/{name}", "value": body[name]}
        for name in ("sourceConnectionIds", "targetConnectionIds", "transformations")
    ]
    headers = {"If-Match": draft["etag"]}
    made(path.api("PATCH", f"/flows/{draft['id']}", json=change, headers=headers), 200)
    made(path.api("POST", f"/flows/{draft['id']}/action", params={"op": "publish"}), 200)
    made(post(endpoint_of(path, draft["id"]), {"name": "Ada"}), 200)
    assert len(path.rows()) == 1


@pytest.mark.parametrize("row", STREAMS, ids=str)
def test_dataflows(path: Platform, row: Row) -> None:
    """Each streaming source has a dataflow of its own flow spec; runs on demand are refused."""
    item = base(path, row)
    specs = made(path.api("GET", "/flowSpecs"), 200)["items"]
    own = [one for one in specs if row.source["id"] in one["sourceConnectionSpecIds"]]
    assert [one["name"] for one in own] == row.source["flowSpecs"]
    source_id = source(path, row.source["id"], item["id"], params={"tableName": "events"})
    flow = path.flow(path.joined(source_id, own[0]["id"], COLUMNS))
    assert path.get("flows", flow)["state"] == "enabled"
    path.advance(86400)
    assert path.rows() == []
    if "scheduleSpec" not in own[0]:
        assert path.runs(flow) == []
        params = {"startTime": path.now(), "windowStartTime": 0, "windowEndTime": path.now()}
        response = path.api("POST", "/runs", json={"flowId": flow, "params": params})
        assert failure(response) == "1386-400"


def test_no_schedule(path: Platform) -> None:
    """A streaming dataflow cannot have a schedule."""
    body = path.joined(source(path, LAVA), GENERIC, COLUMNS)
    schedule = {"startTime": path.now(), "frequency": "once"}
    assert failure(path.api("POST", "/flows", json={**body, "scheduleParams": schedule})) == "1100-400"


def test_a_target_without_schema(path: Platform) -> None:
    """A target connection can have a format instead of a schema, which is then the dataset's."""
    body = path.joined(source(path, LAVA), GENERIC, COLUMNS)
    target = {
        "name": "Target",
        "data": {"format": "parquet_xdm"},
        "params": {"dataSetId": path.dataset_id},
        "connectionSpec": spec("c604ff05-7f1a-43c0-8e18-33bf874cb11c"),
    }
    body["targetConnectionIds"] = [made(path.api("POST", "/targetConnections", json=target))["id"]]
    made(post(endpoint_of(path, path.flow(body)), {"name": "Ada"}), 200)
    assert len(path.rows()) == 1


def test_explore(path: Platform) -> None:
    """Its tables have columns; only the Snowflake streaming tutorial prints an envelope."""
    for row in STREAMS:
        url = f"/connections/{base(path, row)['id']}/explore"
        root = made(path.api("GET", url, params={"objectType": "root"}), 200)
        tables = root["items"] if row.source["name"] == "Snowflake Streaming" else root
        query = {"objectType": "table", "object": tables[0]["path"]}
        assert made(path.api("GET", url, params=query), 200)["schema"]["columns"]


def test_every_source_has_a_flow_spec(path: Platform) -> None:
    """Every source is in a flow spec."""
    specs = made(path.api("GET", "/flowSpecs"), 200)["items"]
    for entry in sources():
        assert any(entry["id"] in one["sourceConnectionSpecIds"] for one in specs), entry["name"]
