"""Source connections and dataflows as fields to compare, and the patches that change them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service import differences

COPY = {"name": "Copy", "params": {"deltaColumn": {"name": "Old", "timezone": "UTC"}}}
MAPPING = {"name": "Mapping", "params": {"mappingId": "a", "mappingVersion": "0"}}
SHOWN = {
    "scheduleParams": {"startTime": "1567411548", "frequency": "day", "interval": "1"},
    "transformations": [COPY, MAPPING],
}
DESIRED = {
    "scheduleParams": {"startTime": 2000000000, "frequency": "hour", "interval": 2, "backfill": False},
    "transformations": [
        {"name": "Copy", "params": {"deltaColumn": {"name": "New"}}},
        {"name": "Mapping", "params": {"mappingId": "a", "mappingVersion": 1}},
    ],
    "options": {"errorDiagnosticsEnabled": True, "partialIngestionPercent": 10},
    "labels": ["core/C12"],
}


def test_the_fields_of_a_dataflow() -> None:
    """As the operator's parameters are called; a start in milliseconds is one in seconds."""
    found = differences.flow_fields(SHOWN)
    assert found == {
        "schedule": {"frequency": "day", "interval": "1", "start": 1567411548, "backfill": None},
        "delta_column": {"name": "Old", "timezone": "UTC"},
        "error_diagnostics": None,
        "partial_ingestion_percent": None,
        "labels": None,
    }
    late = {"scheduleParams": {"startTime": 1567411548000}}
    assert differences.flow_fields(late)["schedule"]["start"] == 1567411548
    assert differences.flow_fields({})["delta_column"] is None
    shown = differences.flow_fields(DESIRED)
    assert (shown["error_diagnostics"], shown["partial_ingestion_percent"]) == (True, 10)
    assert shown["labels"] == ["core/C12"]
    assert differences.flow_fields({"options": ["odd"]})["error_diagnostics"] is None
    for params in (None, "Old"):
        item = {"transformations": [{"name": "Copy", "params": params}]}
        assert differences.flow_fields(item)["delta_column"] is None


@pytest.mark.parametrize(
    ("given", "start"),
    [(1567411548999, 1567411548), ("1567411548000", 1567411548), (100_000_000_000, 100_000_000_000), (0, 0)],
)
def test_the_start_of_a_schedule_is_in_whole_seconds(given: object, start: int) -> None:
    """AEP shows it in seconds or in milliseconds, as a number or as a text."""
    found = differences.flow_fields({"scheduleParams": {"startTime": given}})["schedule"]["start"]
    assert (found, type(found)) == (start, int)


@pytest.mark.parametrize(
    ("changed", "operations"),
    [
        ({"description"}, []),
        ({"schedule.interval"}, [("replace", "/scheduleParams/interval", 2)]),
        (
            {"schedule.frequency", "schedule.backfill"},
            [("replace", "/scheduleParams/frequency", "hour"), ("add", "/scheduleParams/backfill", False)],
        ),
        ({"schedule.start"}, [("replace", "/scheduleParams/startTime", 2000000000)]),
        ({"delta_column.name"}, [("replace", "/transformations/0", DESIRED["transformations"][0])]),
        ({"mapping.x", "mapping.y"}, [("replace", "/transformations/1", DESIRED["transformations"][1])]),
        ({"partial_ingestion_percent"}, [("add", "/options", DESIRED["options"])]),
        ({"error_diagnostics"}, [("add", "/options", DESIRED["options"])]),
        ({"labels"}, [("add", "/labels", ["core/C12"])]),
    ],
)
def test_the_patch_of_a_dataflow(changed: set[str], operations: list[Any]) -> None:
    """Only what changed, and each transformation at its index."""
    expected = [{"op": op, "path": path, "value": value} for op, path, value in operations]
    assert differences.flow_operations(SHOWN, DESIRED, changed) == expected


@pytest.mark.parametrize("changed", ["error_diagnostics", "partial_ingestion_percent"])
def test_options_that_stand_stay(changed: str) -> None:
    """Each option that differs by itself. AEP's own options, such as an endpoint, are not touched."""
    shown = {"options": {"inletUrl": "https://x"}}
    diagnostics = {"op": "add", "path": "/options/errorDiagnosticsEnabled", "value": True}
    partial = {"op": "add", "path": "/options/partialIngestionPercent", "value": 10}
    assert differences.flow_operations(shown, DESIRED, {changed}) == [diagnostics, partial]
    shown = {"options": {"partialIngestionPercent": "10"}}
    assert differences.flow_operations(shown, DESIRED, {changed}) == [diagnostics]
    shown = {"options": {"errorDiagnosticsEnabled": "true", "partialIngestionPercent": 5}}
    assert differences.flow_operations(shown, DESIRED, {changed}) == [partial]


def test_a_patch_of_several_fields() -> None:
    """Every change is in it, and labels that exist are replaced."""
    shown = {**SHOWN, "options": {"inletUrl": "https://x"}, "labels": ["core/C1"]}
    changed = {"schedule.interval", "partial_ingestion_percent", "labels"}
    assert differences.flow_operations(shown, DESIRED, changed) == [
        {"op": "replace", "path": "/scheduleParams/interval", "value": 2},
        {"op": "add", "path": "/options/errorDiagnosticsEnabled", "value": True},
        {"op": "add", "path": "/options/partialIngestionPercent", "value": 10},
        {"op": "replace", "path": "/labels", "value": ["core/C12"]},
    ]


def test_a_transformation_that_is_missing_is_added() -> None:
    """At the end."""
    (operation,) = differences.flow_operations({"transformations": [COPY]}, DESIRED, {"mapping.x"})
    assert (operation["op"], operation["path"]) == ("add", "/transformations/-")


@pytest.mark.parametrize(
    ("shown", "desired", "field", "now", "fixed"),
    [
        ("day", "hour", "schedule.frequency", 2e9, None),
        ("day", "hour", "schedule.interval", 2e9, None),
        ("day", "day", "schedule.start", 2e9, "`start`"),
        ("day", "day", "schedule.backfill", 2e9, "`start`"),
        ("day", "day", "schedule.start", 1567411548.0, "`start`"),
        ("day", "day", "schedule.start", 1e9, None),
        (None, "once", "schedule.interval", 1e9, None),
        ("once", None, "schedule.interval", 1e9, None),
        (None, "day", "schedule.interval", 1e9, "runs once"),
        ("day", "once", "schedule.frequency", 1e9, "runs once"),
        ("once", "day", "schedule.interval", 2e9, "runs once"),
        ("once", "day", "delta_column.name", 2e9, "runs once"),
        ("once", "day", "mapping.x", 2e9, None),
        ("day", "day", "description", 2e9, None),
    ],
)
def test_what_of_a_dataflow_cannot_be_changed(
    shown: str | None, desired: str | None, field: str, now: float, fixed: str | None
) -> None:
    """A start that has passed, and whether it recurs (by default it runs once). The way round is named."""
    item, body = ({"scheduleParams": {"startTime": 1567411548, "frequency": one}} for one in (shown, desired))
    why = differences.why_fixed(item, body, field, now)
    if fixed is None:
        assert why == ""
    else:
        assert fixed in why
        assert "another `name`" in why


def test_the_fields_of_a_source_connection() -> None:
    """By the parameter that says what of the source is brought in."""
    columns = [{"name": "a", "type": "string"}, {"name": "b"}, 7]
    table = {"params": {"tableName": "T", "columns": columns}, "data": {"format": "tabular"}}
    assert differences.source_fields(table, "table") == {
        "table": {"tableName": "T"},
        "columns": {"a": "string", "b": None},
    }
    file = {"params": {"path": "/a", "type": "file"}, "data": {"format": "json", "properties": {"x": 1}}}
    assert differences.source_fields(file, "file") == {
        "file": {"path": "/a", "format": "json", "x": 1},
        "columns": {},
    }
    folder = {"params": {"path": "/a/"}, "data": {"format": "json"}}
    assert differences.source_fields(folder, "folder")["file"] == {"path": "/a/", "format": "json"}
    assert differences.source_fields({"params": {"eventHubName": "c"}}, "stream")["stream"] == {
        "eventHubName": "c"
    }
    assert differences.source_fields({}, "rest") == {"resource": {}, "columns": {}}


@pytest.mark.parametrize(
    ("shown", "said", "columns"),
    [
        ([{"name": "a", "type": "long"}], {"a": "string"}, {"a": "long"}),
        ([{"name": "a"}, {"name": "b"}], {"a": "string"}, {"a": "string", "b": "unknown"}),
        ([], {"a": "string"}, {"a": "string"}),
        ([{"name": "a"}], {}, {}),
    ],
    ids=["another type", "no types", "all columns", "not said"],
)
def test_the_columns_of_one_that_exists(shown: Any, said: Any, columns: Any) -> None:
    """Without columns it brings all of them."""
    item = {"params": {"columns": shown}}
    assert differences.shown_source_fields(item, "table", {"columns": said})["columns"] == columns


@pytest.mark.parametrize(
    "item", [{}, {"data": None}, {"data": {"schema": None}}, {"data": {"schema": {"id": 7}}}]
)
def test_a_target_that_does_not_show_its_schema(item: Any) -> None:
    """Is no other one."""
    assert differences.schema_of_target(item) is None
    assert differences.schema_of_target({"data": {"schema": {"id": "s"}}}) == "s"


@pytest.mark.parametrize(
    ("transformations", "used"),
    [
        ([{"name": "Copy"}, {"name": "Mapping", "params": {"mappingId": "a", "mappingVersion": "2"}}], 2),
        ([{"name": "Mapping", "params": {"mappingId": "a", "mappingVersion": 1}}], 1),
        ([{"name": "Mapping", "params": {"mappingId": "a"}}], 0),
        ([{"name": "Mapping", "params": {}}, 7, {"name": "Mapping"}], None),
        (None, None),
    ],
)
def test_the_mapping_set_that_a_dataflow_uses(transformations: Any, used: int | None) -> None:
    """Samples print its version as a text or as a number."""
    expected = None if used is None else {"id": "a", "version": used}
    assert differences.used_mapping_set({"transformations": transformations}) == expected
