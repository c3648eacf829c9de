"""Test the records of a run: tables, columns, mappings, and records that do not fit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.platform import BASE_ROWS, Platform, made, replaced


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("PayPal.Billing_Plans", ("Id", "Name", "Create_Time")),
        ("PayPal.Billing_Plans_Payment_Definition", ("Id", "Plan_Id", "Amount_Value")),
    ],
)
def test_other_tables(path: Platform, table: str, columns: tuple[str, ...]) -> None:
    """The mapping set decides the columns of any table; numbers stay numbers."""
    kinds = {"Amount_Value": {"type": "number"}}
    fields = {name: kinds.get(name, {"type": "string"}) for name in columns}
    schema = path.schema("Plans", fields)
    dataset = path.dataset(schema, "Plans")
    body = {
        **path.once(),
        "sourceConnectionIds": [path.source(path.base(), table)],
        "targetConnectionIds": [path.target(schema, dataset)],
        "transformations": [{"name": "Mapping", "params": {"mappingId": path.mapping(schema, fields)}}],
    }
    path.flow(body)
    path.advance(10)
    rows = path.rows(dataset)
    assert len(rows) >= 240
    assert all(set(row["_emulator"]) == set(columns) for row in rows)
    if "Amount_Value" in columns:
        assert all(isinstance(row["_emulator"]["Amount_Value"], (int, float)) for row in rows)


def test_chosen_columns(path: Platform) -> None:
    """A source connection that names columns reads no others."""
    columns = [{"name": name, "type": "string"} for name in ("Product_Id", "Description")]
    body = path.once()
    body["sourceConnectionIds"] = [path.source(path.base(), columns=columns)]
    path.flow(body)
    path.advance(10)
    assert {frozenset(row["_emulator"]) for row in path.rows()} == {frozenset(("Product_Id", "Description"))}


def run_mapped(path: Platform, mappings: list[dict[str, str]], columns: Any = None, **changes: Any) -> Any:
    """Return a run with its own mapping."""
    body = path.once(**changes)
    fields = columns or {"Product_Id": {"type": "string"}, "Label": {"type": "string"}}
    schema = path.schema("Labels", fields)
    path.dataset_id = path.dataset(schema, "Labels")
    mapping = {"outputSchema": {"schemaRef": {"id": schema}}, "mappings": mappings}
    mapping_id = made(path.conversion("POST", "/mappingSets", json=mapping), 200)["id"]
    body["targetConnectionIds"] = [path.target(schema, path.dataset_id)]
    body["transformations"] = [{"name": "Mapping", "params": {"mappingId": mapping_id}}]
    flow = path.flow(body)
    path.advance(10)
    (run,) = path.runs(flow)
    return run


def test_expressions(path: Platform) -> None:
    """A mapping has columns, constants and functions; a missing value writes no field."""
    label = "upper(concat('<', Product_Name, \">\"))"
    run_mapped(
        path,
        [
            {"sourceType": "STATIC", "source": "paypal", "destination": "_id"},
            {"sourceType": "EXPRESSION", "source": label, "destination": "_emulator.Label"},
            {"sourceType": "ATTRIBUTE", "source": "No_Such_Column", "destination": "_emulator.Product_Id"},
        ],
    )
    row = path.rows()[0]
    assert row["_id"] == "paypal"
    assert row["_emulator"] == {"Label": row["_emulator"]["Label"].upper()}
    assert row["_emulator"]["Label"][0] + row["_emulator"]["Label"][-1] == "<>"


NUMBER = {"Number": {"type": "integer"}, "Id": {"type": "string"}}
AS_NUMBER = [
    {"sourceType": "ATTRIBUTE", "source": "Product_Name", "destination": "_emulator.Number"},
    {"sourceType": "ATTRIBUTE", "source": "Product_Id", "destination": "_emulator.Id"},
]


def test_records_that_do_not_fit(path: Platform) -> None:
    """Without partial ingestion, records that do not fit fail the run."""
    run = run_mapped(path, AS_NUMBER, NUMBER)
    assert run["state"] == "failed"
    assert run["metrics"]["statusSummary"]["errors"][0]["code"] == "CONNECTOR-2001-500"
    assert run["metrics"]["recordSummary"]["failedRecordCount"] == BASE_ROWS
    assert path.rows() == []


def test_partial_ingestion(path: Platform) -> None:
    """With `options.partialIngestionPercent` a run succeeds with failed records."""
    options = {"partialIngestionPercent": "100", "errorDiagnosticsEnabled": True}
    run = run_mapped(path, AS_NUMBER, NUMBER, options=options)
    assert run["state"] == "success"
    records = run["metrics"]["recordSummary"]
    assert (records["failedRecordCount"], records["outputRecordCount"]) == (BASE_ROWS, 0)
    codes = [e["code"] for e in run["activities"][1]["statusSummary"]["extensions"]["errors"]]
    assert codes == ["INGEST-1212-400", "MAPPER-3700-400"]


def test_a_dataflow_stays_on_its_version_of_a_mapping_set(path: Platform) -> None:
    """PUT of a mapping set changes no dataflow; PATCH of the transformation does, and back again."""
    body = path.prepared()
    flow = path.flow(body)
    path.advance(10)
    params = body["transformations"][1]["params"]
    mapping = {"sourceType": "ATTRIBUTE", "source": "Product_Id", "destination": "_emulator.Product_Name"}
    schema = path.get("targetConnections", body["targetConnectionIds"][0])["data"]["schema"]["id"]
    changed = {"outputSchema": {"schemaRef": {"id": schema}}, "mappings": [mapping]}
    made(path.conversion("PUT", f"/mappingSets/{params['mappingId']}", json=changed), 200)
    seen = []
    for version in (0, 1, 0):
        patch = replaced(
            "/transformations/1", {"name": "Mapping", "params": {**params, "mappingVersion": version}}
        )
        headers = {"If-Match": path.get("flows", flow)["etag"]}
        made(path.api("PATCH", f"/flows/{flow}", json=patch, headers=headers), 200)
        path.advance(86400)
        seen.append(sorted(path.rows()[-1]["_emulator"]))
    every = ["Create_Time", "Description", "Product_Id", "Product_Name"]
    assert seen == [every, ["Product_Name"], every]


def test_changed_ends_do_not_reach_their_dataflow(path: Platform) -> None:
    """ "The changes will not be reflected in their corresponding dataflow" (update tutorial)."""
    body = path.once()
    (source,), (target,) = body["sourceConnectionIds"], body["targetConnectionIds"]
    body["scheduleParams"]["startTime"] += 100
    path.flow(body)
    first = path.dataset_id
    schema = path.get("targetConnections", target)["data"]["schema"]["id"]
    other = path.dataset(schema, "Another")
    only = [{"name": "Product_Id", "type": "string"}]
    for kind, entity, pointer, value in (
        ("sourceConnections", source, "/params/columns", only),
        ("targetConnections", target, "/params/dataSetId", other),
    ):
        headers = {"If-Match": path.get(kind, entity)["etag"]}
        patch = [{"op": "add", "path": pointer, "value": value}]
        made(path.api("PATCH", f"/{kind}/{entity}", json=patch, headers=headers), 200)
    path.advance(110)
    assert path.rows(other) == []
    assert {frozenset(row["_emulator"]) for row in path.rows(first)} == {
        frozenset(("Create_Time", "Description", "Product_Id", "Product_Name"))
    }
