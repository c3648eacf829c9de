"""Source objects, and the replies about them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service import source_objects
from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError
from airflow_provider_aep.flow_service.requests import maps, streams


def entry(path: str, kind: str = "file") -> dict[str, Any]:
    """An entry as `read_tables` returns it."""
    return {"name": path.rpartition("/")[2], "path": path, "type": kind}


@pytest.mark.parametrize(
    ("path", "kind", "folder"),
    [
        ("/a.csv", "file", "/a.csv"),
        ("/orders/", "folder", "/orders/"),
        ("/orders/*.csv", "folder", "/orders/"),
        ("/orders/**/new*.csv", "folder", "/orders/"),
        ("/*.csv", "folder", "/"),
        ("zone/*.csv", "folder", "zone/"),
    ],
)
def test_a_path_tells_what_it_is(path: str, kind: str, folder: str) -> None:
    """A folder ends with a slash, a pattern has an asterisk; `type` of the parameters says so."""
    source_object = source_objects.read_source_object({"file": path})
    assert (source_object.kind, source_object.folder) == (kind, folder)
    assert source_object.params == {"path": path, "type": kind}


def test_what_a_list_calls_a_folder_is_one() -> None:
    """One tutorial's folders have no slash at the end."""
    assert source_objects.read_source_object({"table": entry("/a.csv", "File")}).kind == "file"
    for name in ("file", "table"):
        assert (
            source_objects.read_source_object({name: entry("/some/path", "Folder"), "resource": None}).kind
            == "folder"
        )


def test_the_first_file_of_a_pattern() -> None:
    """The first file that matches the pattern. Folders do not count."""
    entries = [entry("/o/a", "folder"), entry("/o/b.json"), entry("/o/c.csv"), entry("/o/d.csv")]
    assert source_objects.read_source_object({"file": "/o/*.csv"}).first_file(entries).path == "/o/c.csv"
    assert source_objects.read_source_object({"file": "/o/"}).first_file(entries).path == "/o/b.json"
    with pytest.raises(AepConfigError, match="matches no file"):
        source_objects.read_source_object({"file": "/o/*.xml"}).first_file(entries)


def test_a_form_that_is_not_found_out_is_an_error() -> None:
    """A source connection without one would be refused, or worse, guess."""
    source_object = source_objects.read_source_object({"file": "/a.csv"})
    for document in ([], {}, {"properties": []}, {"properties": {"columnDelimiter": ";"}}):
        with pytest.raises(AepReplyError, match=r"format of '/a\.csv' .*\. Set `file_type` in `file`\."):
            source_object.with_detected_format(document)
    found = source_object.with_detected_format(
        {"properties": {"fileType": "JSON", "compressionType": None, "other": 1}}
    )
    assert found.data == {"format": "json"}


def test_columns_of_a_record_in_json() -> None:
    """Nested fields have dotted paths, as in a mapping. An array is one column."""
    record = {
        "data": {"type": "object", "properties": {"id": {"type": "string"}, "tags": {"type": "array"}}},
        "odd": True,
    }
    columns = source_objects.read_columns({"format": "hierarchical", "schema": {"properties": record}}, "r")
    assert columns == [
        {"name": "data.id", "type": "string", "xdm": {"type": "string"}},
        {"name": "data.tags", "type": "array", "xdm": {"type": "array"}},
        {"name": "odd", "type": None, "xdm": None},
    ]


def test_columns_as_a_bare_array() -> None:
    """The form of the cloud storage explore tutorial."""
    columns = source_objects.read_columns([{"name": "Id", "type": "String"}], "/a.csv")
    assert columns == [{"name": "Id", "type": "String", "xdm": None}]


def test_a_source_by_its_name_or_its_spec() -> None:
    """A source outside the catalogue is given by its id."""
    assert source_objects.spec_id_of("26f526f2-58f4-4712-961d-e41bf1ccc0e8").startswith("26f526f2")
    assert source_objects.spec_id_of("PayPal") == "221c7626-58f6-4eec-8ee2-042b0226f03b"
    with pytest.raises(AepConfigError, match="`source`"):
        source_objects.spec_id_of("26f526f2")


def test_what_a_flow_spec_tells() -> None:
    """Whether it has a schedule and takes a mapping; the key's name differs between tutorials."""
    mapping = [{"name": "Mapping"}]
    assert maps({"transformationSpecs": mapping})
    assert maps({"transformationSpec": mapping})
    assert not maps({"transformationSpecs": []})
    assert not maps({"transformationSpecs": [{"name": "Copy"}]})
    assert streams({})
    assert not streams({"scheduleSpec": {}})


def test_what_a_place_says() -> None:
    """Kind, path, `params` and `data` of each way to name one."""
    read, source_object = source_objects.read_source_object, source_objects.SourceObject
    table = source_object("table", "T", {"tableName": "T"}, {"format": "tabular"})
    assert read({"table": "T"}) == read({"table": {"path": "T", "type": None}}) == table
    resource = source_object("rest", "orders", {"resourcePath": "orders"}, {"format": "json"})
    assert read({"resource": "orders"}) == resource
    assert read({"table": entry("orders", "REST")}) == resource
    assert read({"resource": {"a": 1}}) == source_object("rest", "resource", {"a": 1}, {"format": "json"})
    stream = source_object("stream", "stream", {}, {"format": "json"})
    assert read({"stream": True}) == stream
    assert read({"stream": {"a": 1}, "table": None, "file": False}) == source_object(
        "stream", "stream", {"a": 1}, {"format": "json"}
    )
    file = {"path": "/a.csv", "file_type": "Delimited", "column_delimiter": ";", "compression_type": "gzip"}
    assert read({"file": {**file, "encoding": "utf-8", "recursive": True}}) == source_object(
        "file",
        "/a.csv",
        {"path": "/a.csv", "type": "file", "recursive": True},
        {
            "format": "delimited",
            "properties": {"columnDelimiter": ";", "compressionType": "gzip", "encoding": "utf-8"},
        },
    )
    assert [read({"table": "T"}).has_delta_column, stream.has_delta_column] == [True, False]


@pytest.mark.parametrize(
    ("given", "parameter", "said"),
    [
        ({"table": None, "file": None}, "table", "`table`, `file` are all missing"),
        ({"table": "T", "file": "/a", "stream": None}, "file", "`table`, `file` are given together"),
        ({"table": "T", "file": "/a", "stream": True}, "stream", "`table`, `file`, `stream` are given tog"),
        ({"file": ""}, "file", "neither a path"),
        ({"file": "None"}, "file", "neither a path"),
        ({"file": "a\nb"}, "file", "neither a path"),
        ({"file": 5}, "file", "neither a path"),
        ({"file": {"type": "file"}}, "file", "neither a path"),
        (
            {"file": {"path": "/a", "odd": 1, "more": 2}},
            "file",
            "unknown keys: more, odd. It knows column_delimiter, compression_type, ",
        ),
        ({"file": {"path": "/a", "encoding": "x"}}, "file", "but no file_type"),
        ({"file": {"path": "/a", "file_type": "xml"}}, "file", "'xml'; it must be one of 'delimited', "),
        ({"file": {"path": "/a", "recursive": "yes"}}, "file", "must be True or False"),
        ({"resource": 5}, "resource", "must be a dict"),
        ({"resource": " "}, "resource", "must be a dict"),
        ({"stream": 5}, "stream", "must be a dict"),
        ({"table": {"name": "", "type": "table"}}, "table", "neither a table's path"),
    ],
)
def test_what_is_no_place(given: dict[str, Any], parameter: str, said: str) -> None:
    """The error names the parameter, and the last one if several are given."""
    with pytest.raises(AepConfigError) as caught:
        source_objects.read_source_object(given)
    assert said in str(caught.value)
    assert caught.value.parameter == parameter


def test_the_first_file_is_a_file() -> None:
    """The rest of the source_object stays as it is."""
    folder = source_objects.read_source_object({"file": {"path": "/o/", "file_type": "json"}})
    first = folder.first_file([entry("/o/a.json")])
    assert first == source_objects.SourceObject("file", "/o/a.json", folder.params, {"format": "json"})
    with pytest.raises(AepConfigError) as caught:
        folder.first_file([])
    assert caught.value.parameter == "file"


def test_a_form_that_is_found_out() -> None:
    """With what belongs to it, and nothing else of the reply."""
    source_object = source_objects.read_source_object({"file": "/a.csv"})
    properties = {"fileType": "DELIMITED", "columnDelimiter": ";", "compressionType": "", "odd": 1}
    found = source_object.with_detected_format({"properties": properties})
    assert found.data == {"format": "delimited", "properties": {"columnDelimiter": ";"}}
    assert (found.kind, found.path, found.params) == (
        source_object.kind,
        source_object.path,
        source_object.params,
    )
    assert found.explore_query() == ("file", "/a.csv", {"fileType": "delimited", "columnDelimiter": ";"})


@pytest.mark.parametrize(
    "columns", [None, "a", [], {"name": "a"}, [{"name": "a"}, {"name": ""}], ["a"]], ids=repr
)
def test_columns_have_the_form_of_a_result_of_the_operator(columns: Any) -> None:
    """The error says the form, and which operator returns it."""
    with pytest.raises(AepConfigError) as caught:
        source_objects.check_columns(columns)
    assert caught.value.parameter == "columns"
    assert caught.value.message.endswith(
        "Each column is a dict with a name, a type and xdm, as InspectTableOperator returns them."
    )
    assert source_objects.check_columns(({"name": "a"},)) == [{"name": "a"}]
