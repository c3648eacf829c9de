"""The failed records of a batch: lists and lines of files, and messages without values of records."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aep.flow_service.collections import Pager
from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.flow_service.failed_records import (
    FILES,
    FailedRecord,
    RecordError,
    batches_of,
    content_call,
    failed_call,
    read_failed_record,
    row_errors_call,
    shows_failed_records,
    split_lines,
)
from airflow_provider_aep.flow_service.requests import Call

BASE = "https://platform.adobe.io:443/data/foundation/export/batches/B1/meta"


def read(**row: Any) -> FailedRecord:
    """Return the record of a row."""
    found = read_failed_record(json.dumps(row).encode(), "B1")
    assert found is not None
    return found


def message(text: str, **record: Any) -> str:
    """Return AEP's message about a record as it is shown without values."""
    shown = read(**record, _errors=[{"code": "1", "message": text}]).as_dict(values=False)
    return str(shown["errors"][0]["message"])


def test_a_record_with_error_diagnostics() -> None:
    """Columns and values of the source are apart from what AEP added."""
    error = {"code": "1401", "message": "Row is corrupted.", "column": "col3"}
    found = read(name="Ada", _corrupt_record='{"name"', _errors=[error], _filename="a1.json")
    assert [vars(one) for one in found.errors] == [error]
    assert (found.columns, found.file, found.codes) == (["name"], "a1.json", ["1401"])
    assert found.record == {"name": "Ada", "_corrupt_record": '{"name"'}
    line = json.loads(found.line())
    assert line == {"errors": [error], "record": found.record, "batch_id": "B1", "file": "a1.json"}


def test_a_record_of_a_failed_batch_and_of_a_stream() -> None:
    """The pointer names the field, the keyword is the code, and inner errors stand for their sum."""
    inner = {"keyword": "type", "message": "expected type: String", "pointerToViolation": "#/person/name"}
    found = read(a=1, _validationErrors=[{"message": "2 errors", "causingExceptions": [inner]}, {"code": 7}])
    assert [tuple(vars(error).values()) for error in found.errors] == [
        ("type", "expected type: String", "person.name"),
        ("7", "", None),
    ]
    streamed = read(a=1, _errors={"_streamingValidation": [{"message": "Payload header is missing"}]})
    assert [vars(error) for error in streamed.errors] == [
        {"code": None, "message": "Payload header is missing", "column": None}
    ]
    assert (streamed.codes, read(a=1).codes) == (["unknown"], ["unknown"])


@pytest.mark.parametrize("line", [b"", b"{", b"[1]", b'"a"', b"\xff", b"[" * 100_000, b"9" * 5000])
def test_a_line_that_is_no_object(line: bytes) -> None:
    """It is None, and no error."""
    assert read_failed_record(line, "B1") is None


def test_a_record_in_another_encoding_is_no_lost_record() -> None:
    """Its encoding may be why AEP rejected it. A byte order mark and a carriage return are no part of it."""
    found = read_failed_record(b'\xef\xbb\xbf{"name": "Jos\xe9"}\r', "B1")
    assert found is not None
    assert found.record == {"name": "Jos\N{REPLACEMENT CHARACTER}"}
    assert json.loads(found.line())["record"] == found.record


def test_numbers_that_json_lacks_stay_texts() -> None:
    """The saved line is valid JSON."""
    found = read_failed_record(b'{"a": NaN, "b": 1e999, "c": -1.5}', "B1")
    assert found is not None
    assert found.record == {"a": "NaN", "b": "1e999", "c": -1.5}


def test_the_json_of_a_record_has_values_only_if_asked() -> None:
    """Names of columns are shown, values are not."""
    found = read(email="ada@example.com", _errors=[{"code": "1555", "message": "ada@example.com is odd"}])
    assert found.as_dict(values=False) == {
        "errors": [{"code": "1555", "message": "*** is odd", "column": None}],
        "columns": ["email"],
    }
    assert found.as_dict(values=True)["record"] == {"email": "ada@example.com"}
    assert "ada@example.com is odd" in str(found.as_dict(values=True))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Value 'ada@example.com' cannot be converted", "Value *** cannot be converted"),
        ("ADA@EXAMPLE.COM is not a number", "*** is not a number"),
        ("Value ada@exam... is too long", "Value ***@***... is too long"),
        ("The value 12.50 of price is too long", "The value *** of price is too long"),
        ("Field 'price' of \"12.50\" is invalid", "Field price of *** is invalid"),
        ("extraneous key [price] is not permitted", "extraneous key price is not permitted"),
        ("Lovelace, Ada is not a value", "***, *** is not a value"),
        ("Country UK, flag x", "Country ***, flag x"),
        ("Postal code 1815 of the record", "Postal code *** of the record"),
        ("A required field is missing or null", "A required field is missing or null"),
        ("The value of price cannot be converted to the type of _emulator.price",
         "The value of price cannot be converted to the type of _emulator.price"),
    ],
)  # fmt: skip
def test_a_message_repeats_no_value(text: str, shown: str) -> None:
    """Whole values, parts of them, and numbers. Names of columns and AEP's own words stay."""
    person = {"names": ["Ada Lovelace", "the value of a required field"], "zip": 1815}
    record = {"email": "ada@example.com", "price": 12.50, "country": "UK", "x": True, "person": person}
    assert message(text, **record) == shown


def test_a_key_of_a_map_is_a_value() -> None:
    """Names of inner fields stay."""
    ids = {"ada@example.com": [{"id": 7, "primary": True}]}
    text = "key ada@example.com: primary is not permitted"
    assert message(text, identityMap=ids) == "key ***: primary is not permitted"


def test_a_huge_value_and_a_deep_one() -> None:
    """They cost no more time and stack than reading them: a message can repeat a whole record."""
    long = "A" * 1_000_000
    assert message(f"Cannot parse {long}", blob=f"{long}B") == "Cannot parse ***"
    assert message("Cannot parse", blob="ab c," * 1_000_000) == "Cannot parse"
    deep: Any = "Ada"
    for _ in range(5000):
        deep = {"a": [deep]}
    found = FailedRecord((RecordError("1", "Ada is odd", "a"),), deep, "B1", None)
    assert found.as_dict(values=False)["errors"][0]["message"] == "*** is odd"


FRAMES = ("'{}'", "{}", "({}).", "x={},")


@given(value=st.text(st.characters(codec="utf-8"), max_size=40), frame=st.sampled_from(FRAMES))
def test_no_value_is_found_in_its_message(value: str, frame: str) -> None:
    """Whatever the value is, and whatever is around it."""
    secret = f"Kanary7{value}7yranaK"
    shown = message(f"The value {frame.replace('{}', secret)} is invalid", name=secret, other="no")
    assert "anary" not in shown
    assert secret not in shown


def test_lines_are_cut_wherever_the_parts_end() -> None:
    """Blank lines are left out, the last line needs no end, and a long line is not kept."""
    text = b'{"a": 1}\r\n\n{"b": 2}\n' + b"x" * 30 + b'\n{"c": 3}'
    expected = [b'{"a": 1}\r', b'{"b": 2}', None, b'{"c": 3}']
    for size in (1, 7, 100):
        parts = [text[n : n + size] for n in range(0, len(text), size)]
        assert list(split_lines(parts, longest=12)) == expected
    assert list(split_lines([b"x" * 30], longest=12)) == [None]
    assert list(split_lines([])) == []


def test_a_line_without_an_end_takes_no_memory() -> None:
    """Of a line that is too long nothing is kept but that it was there."""
    largest = 0

    def parts() -> Any:
        nonlocal largest
        for _ in range(1000):
            yield b"x" * 1000
            largest = max(largest, len(lines.gi_frame.f_locals["rest"]))  # type: ignore[attr-defined]

    lines = split_lines(parts(), longest=5000)
    assert list(lines) == [None]
    assert largest <= 5000


def test_the_pages_of_a_list_of_files() -> None:
    """Of the link to the next page only `start` counts: path and host stay those of the request."""
    pager = Pager(row_errors_call("B1"), "https://host", FILES)
    names = [{"name": f"parsing_errors_{n}.json"} for n in range(100)]
    link = {"next": {"href": "https://elsewhere:443/data?path=secrets&start=100&limit=7"}}
    assert len(pager.take({"data": names, "_links": link})) == 100
    assert pager.call == Call(
        "GET", "/batches/B1/meta", [("path", "row_errors"), ("limit", "100"), ("start", "100")]
    )
    pager.take({"data": names})
    assert pager.call is not None  # a full page without a link
    assert dict(pager.call.query)["start"] == "200"
    pager.take({"data": []})
    assert pager.call is None


@pytest.mark.parametrize("reply", [[], {}, {"data": {}}, {"data": [1]}, {"data": [{"length": "1"}]}])
def test_a_reply_without_a_list_of_files(reply: object) -> None:
    """It is an error of the reply, and not an empty list."""
    with pytest.raises(AepReplyError, match="without a list of files"):
        Pager(failed_call("B1"), "https://host", FILES).take(reply)


def test_the_call_of_a_file() -> None:
    """Of a link only the query is used. Without a link the path is made from the name."""
    listed = row_errors_call("B1")
    link = {"self": {"href": f"{BASE}?path=row_errors%2Fa%20b.json"}}
    assert content_call(listed, {"name": "a b.json", "_links": link}) == Call(
        "GET", "/batches/B1/meta", [("path", "row_errors/a b.json")]
    )
    for odd in ({}, {"self": None}, {"self": {"href": 7}}, {"self": {"href": "http://["}}):
        found = content_call(listed, {"name": "a.json", "_links": odd})
        assert found == Call("GET", "/batches/B1/meta", [("path", "row_errors/a.json")])
    assert content_call(failed_call("B1"), {"name": "part-0.json"}) == Call(
        "GET", "/batches/B1/failed", [("path", "part-0.json")]
    )
    assert content_call(failed_call("B1"), {"name": "_SUCCESS"}) is None


def test_the_batches_of_a_run() -> None:
    """Named by activities and by links of manifests, each once. An invalid id is left out."""
    manifest = {
        "failedRecords": f"{BASE}?path=row_errors",
        "sampleErrors": f"{BASE}?path=row_error_samples.json",
    }
    extensions = {"statusSummary": {"extensions": {"manifest": manifest}}}
    targets = [
        {"reference": {"type": "Batch", "ids": ["B0", "../x", 7]}},
        {"reference": {"type": "AdfRunId", "ids": ["A"]}},
    ]
    item = {"activities": [{"targetInfo": targets}, extensions, 7, {"targetInfo": None}]}
    assert batches_of(item) == ["B0", "B1"]
    assert shows_failed_records(item)
    for empty in (
        {},
        {"activities": None},
        {"activities": [{"statusSummary": {"extensions": {"manifest": 1}}}]},
    ):
        assert batches_of(empty) == []
        assert not shows_failed_records(empty)
