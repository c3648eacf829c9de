"""What is sent to make source connections, target connections and dataflows, and whether it fits."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service import bodies
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.schedules import Schedule
from airflow_provider_aep.flow_service.source_objects import SourceObject, read_source_object

DAILY = Schedule("day", 1, 1_800_000_000)
ONCE = Schedule("once", None, 1_800_000_000)
ID = "24151d58-ffa7-4960-951d-58ffa7396097"


def source(source_object: SourceObject, **changes: Any) -> dict[str, Any]:
    facts = {"name": "s", "description": None, "base_connection_id": "base", "columns": []}
    spec = {"connection_spec": {"id": "spec"}, "source_object": source_object}
    return bodies.source_connection(**{**facts, **spec, **changes})


def test_a_source_connection() -> None:
    """As the tutorials print it: format, table, columns, and the spec with a version."""
    columns = [
        {"name": "Id", "type": "int", "xdm": {"type": "integer"}, "note": "x"},
        {"name": "b", "xdm": None},
    ]
    body = source(read_source_object({"table": "T"}), columns=columns, description="d")
    assert body == {
        "name": "s",
        "description": "d",
        "baseConnectionId": "base",
        "data": {"format": "tabular"},
        "params": {
            "tableName": "T",
            "columns": [{"name": "Id", "type": "int", "xdm": {"type": "integer"}}, {"name": "b"}],
        },
        "connectionSpec": {"id": "spec", "version": "1.0"},
    }


def test_a_source_connection_says_only_what_there_is() -> None:
    """No base connection (1332-400), no columns, no description, no form of files; the spec's own version."""
    body = source(
        read_source_object({"file": "/a.csv"}),
        base_connection_id=None,
        connection_spec={"id": "s", "version": "2.0"},
    )
    assert body == {
        "name": "s",
        "data": {},
        "params": {"path": "/a.csv", "type": "file"},
        "connectionSpec": {"id": "s", "version": "2.0"},
    }


def test_a_target_connection() -> None:
    """A dataset in the data lake, by the data lake's own spec."""
    body = bodies.target_connection(name="t", description=None, dataset_id="d", schema_id="s")
    assert body == {
        "name": "t",
        "data": {"schema": {"id": "s", "version": "application/vnd.adobe.xed-full+json;version=1"}},
        "params": {"dataSetId": "d"},
        "connectionSpec": {"id": bodies.DATA_LAKE_SPEC, "version": "1.0"},
    }
    described = bodies.target_connection(name="t", description="x", dataset_id="d", schema_id="s")
    assert described == {**body, "description": "x"}


def flow(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": "f",
        "description": None,
        "flow_spec": {"id": "spec"},
        "source_connection_id": "from",
        "target_connection_id": "to",
        "mapping_set": None,
        "schedule": None,
        "delta_column": None,
    }
    return bodies.flow(**{**facts, **changes})


def test_a_dataflow() -> None:
    """The delta column comes before the mapping, as every sample has it."""
    body = flow(
        description="d",
        flow_spec={"id": "spec", "version": "1.1"},
        mapping_set={"id": "m", "version": 3},
        schedule=DAILY,
        delta_column={"name": "updated"},
    )
    assert body == {
        "name": "f",
        "description": "d",
        "flowSpec": {"id": "spec", "version": "1.1"},
        "sourceConnectionIds": ["from"],
        "targetConnectionIds": ["to"],
        "transformations": [
            {"name": "Copy", "params": {"deltaColumn": {"name": "updated"}}},
            {"name": "Mapping", "params": {"mappingId": "m", "mappingVersion": 3}},
        ],
        "scheduleParams": {"startTime": 1_800_000_000, "frequency": "day", "interval": 1},
    }


def test_a_dataflow_that_streams() -> None:
    """Nothing of a schedule, not even an empty one; a mapping set without a version is its first."""
    body = flow(mapping_set={"id": "m"})
    assert body == {
        "name": "f",
        "flowSpec": {"id": "spec", "version": "1.0"},
        "sourceConnectionIds": ["from"],
        "targetConnectionIds": ["to"],
        "transformations": [{"name": "Mapping", "params": {"mappingId": "m", "mappingVersion": 0}}],
    }


@pytest.mark.parametrize(
    ("given", "schedule", "tabular", "column"),
    [
        ("updated", DAILY, True, {"name": "updated"}),
        ({"name": "u", "timezone": 1}, DAILY, True, {"name": "u", "timezone": "1"}),
        ({"name": "u", "dateFormat": "YYYY"}, DAILY, True, {"name": "u", "dateFormat": "YYYY"}),
        (None, ONCE, True, None),
        ("", ONCE, True, None),
        (None, DAILY, False, None),
        (None, None, True, None),
    ],
)
def test_a_delta_column(given: object, schedule: Any, tabular: bool, column: Any) -> None:
    """Needed by a table that recurs, and by nothing else."""
    assert bodies.read_delta_column(given, schedule, tabular=tabular) == column


@pytest.mark.parametrize(
    ("given", "schedule", "tabular", "said"),
    [
        (None, DAILY, True, "is missing"),
        (" ", DAILY, True, "is missing"),
        ({"name": " "}, DAILY, True, "is missing"),
        ({"timezone": "UTC"}, DAILY, True, "is missing"),
        (["u"], DAILY, True, "is missing"),
        ({"name": "u", "zone": 1, "format": 2}, DAILY, True, "unknown keys: format, zone"),
        ("u", ONCE, True, "'once', which copies everything"),
        ("u", DAILY, False, "is not a table"),
        ("u", None, True, "is not a table"),
    ],
)
def test_no_delta_column(given: object, schedule: Any, tabular: bool, said: str) -> None:
    """Flow Service refuses some of it (1367, 1369), and of the rest a run would."""
    with pytest.raises(AepConfigError, match=rf"^`delta_column` .*{said}") as caught:
        bodies.read_delta_column(given, schedule, tabular=tabular)
    assert caught.value.parameter == "delta_column"


def test_a_delta_column_belongs_to_a_table_unless_said_otherwise() -> None:
    """Whoever calls without `tabular` means a table."""
    assert bodies.read_delta_column("u", DAILY) == {"name": "u"}


@pytest.mark.parametrize(
    ("given", "mapping_set"),
    [
        (None, None),
        (ID, {"id": ID, "version": 0}),
        ({"id": ID}, {"id": ID, "version": 0}),
        ({"id": ID, "version": 2, "mapped": {}}, {"id": ID, "version": 2}),
        ({"id": ID, "version": "2"}, {"id": ID, "version": 2}),
        ({"id": ID, "version": "v2"}, {"id": ID, "version": "v2"}),
    ],
)
def test_a_mapping_set(given: object, mapping_set: Any) -> None:
    """By its id, or as the operator that makes one returns it. XCom may pass the version on as a text."""
    assert bodies.read_mapping_set(given) == mapping_set


@pytest.mark.parametrize("given", ["", "a/b", 5, {}, {"id": None}, [ID]], ids=repr)
def test_no_mapping_set(given: object) -> None:
    """It would end in a path."""
    with pytest.raises(AepConfigError, match=r"^`mapping_set` is invalid") as caught:
        bodies.read_mapping_set(given)
    assert caught.value.parameter == "mapping_set"


@pytest.mark.parametrize(
    ("item", "columns", "tabular"),
    [
        ({}, [], True),
        ({"params": None, "data": None}, [], True),
        ({"params": {"columns": [{"name": "a"}]}, "data": {"format": "tabular"}}, [{"name": "a"}], True),
        ({"params": {"columns": "a"}, "data": {"format": "json"}}, [], False),
    ],
)
def test_what_a_source_connection_reads(item: dict[str, Any], columns: list[Any], tabular: bool) -> None:
    """Where it does not say, it is a table, and its columns are not known."""
    assert bodies.columns_of(item) == columns
    assert bodies.is_tabular(item) is tabular


def test_what_streams_takes_no_schedule() -> None:
    """It would never start."""
    bodies.check_no_schedule(None)
    bodies.check_no_schedule({})
    with pytest.raises(AepConfigError, match=r"^`schedule` is given though the source streams") as caught:
        bodies.check_no_schedule({"frequency": "day"})
    assert caught.value.parameter == "schedule"


def test_the_delta_column_is_one_of_the_tables() -> None:
    """Or each run fails, hours later; where the columns are not known, nothing is said."""
    bodies.check_delta_column("b", [{"name": "a"}, "odd", {"name": "b"}])
    bodies.check_delta_column("b", [])
    with pytest.raises(AepConfigError, match=r"^`delta_column` 'c' .*'a', 'b'") as caught:
        bodies.check_delta_column("c", [{"name": "a"}, {"name": "b"}])
    assert caught.value.parameter == "delta_column"


@pytest.mark.parametrize(
    ("mapping_set", "target", "agrees"),
    [
        ({"outputSchema": {"schemaRef": {"id": "s"}}}, {"data": {"schema": {"id": "s"}}}, True),
        ({"xdmSchema": "s"}, {"data": {"schema": {"id": "s"}}}, True),
        ({}, {"data": {"schema": {"id": "s"}}}, True),
        ({"outputSchema": None}, {"data": {"schema": {"id": "s"}}}, True),
        ({"outputSchema": {"schemaRef": None}, "xdmSchema": "s"}, {"data": None}, True),
        ({"xdmSchema": "s"}, {"data": {"schema": None}}, True),
        ({"id": "m", "outputSchema": {"schemaRef": {"id": "s"}}}, {"data": {"schema": {"id": "t"}}}, False),
        ({"id": "m", "xdmSchema": "s"}, {"data": {"schema": {"id": "t"}}}, False),
    ],
)
def test_the_mapping_leads_to_the_datasets_schema(
    mapping_set: dict[str, Any], target: dict[str, Any], agrees: bool
) -> None:
    """In the new shape and the tutorials' old one; what is not known is no contradiction."""
    if agrees:
        bodies.check_mapping_set(mapping_set, target)
        return
    with pytest.raises(AepConfigError, match=r"^`mapping_set` m maps to schema s, .* has t") as caught:
        bodies.check_mapping_set(mapping_set, target)
    assert caught.value.parameter == "mapping_set"


def test_the_target_names_the_datasets_schema() -> None:
    """Flow Service takes another one, and the runs fail."""
    bodies.check_dataset({"id": "d", "schemaRef": {"id": "s"}}, "s")
    bodies.check_dataset({"id": "d"}, "s")
    with pytest.raises(AepConfigError, match=r"^`schema_id` t .* dataset d, which has s") as caught:
        bodies.check_dataset({"id": "d", "schemaRef": {"id": "s"}}, "t")
    assert caught.value.parameter == "schema_id"


@pytest.mark.parametrize(
    ("diagnostics", "percent", "options"),
    [
        (None, None, {}),
        (True, None, {"errorDiagnosticsEnabled": True}),
        ("False ", None, {"errorDiagnosticsEnabled": False}),
        (None, "10", {"partialIngestionPercent": 10, "errorDiagnosticsEnabled": True}),
        (False, 12.5, {"partialIngestionPercent": 12.5, "errorDiagnosticsEnabled": False}),
        (None, 100, {"partialIngestionPercent": 100, "errorDiagnosticsEnabled": True}),
    ],
)
def test_the_options_of_a_dataflow(diagnostics: object, percent: object, options: dict[str, Any]) -> None:
    """As a user writes them or Jinja renders them. Partial ingestion includes diagnostics, as in AEP's UI."""
    assert bodies.read_options(diagnostics, percent) == options


@pytest.mark.parametrize(
    ("diagnostics", "percent", "parameter"),
    [
        ("perhaps", None, "error_diagnostics"),
        (1, None, "error_diagnostics"),
        ([], None, "error_diagnostics"),
        *(
            (None, percent, "partial_ingestion_percent")
            for percent in (0, -1, 101, True, "many", "nan", [], "1e999")
        ),
    ],
)
def test_invalid_options_of_a_dataflow(diagnostics: object, percent: object, parameter: str) -> None:
    """The error names the parameter. AEP takes no 0 per cent."""
    with pytest.raises(AepConfigError, match=f"^`{parameter}` must be ") as caught:
        bodies.read_options(diagnostics, percent)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    ("given", "parameter"), [((None, 5), "partial_ingestion_percent"), ((False, None), "error_diagnostics")]
)
def test_a_stream_has_no_options_of_batch_ingestion(given: Any, parameter: str) -> None:
    """The error names the parameter to leave out."""
    with pytest.raises(AepConfigError, match=f"^`{parameter}` is given though the source streams") as caught:
        bodies.check_no_options(bodies.read_options(*given))
    assert caught.value.parameter == parameter
    bodies.check_no_options({})
