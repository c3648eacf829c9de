"""Check parameters against the platform's JSON Schemas."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from airflow_provider_aep.flow_service import auth_parameters
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.sources import AuthSpec

BOTH = ["string", "integer"]
CONVERTED = [
    (22, "string", "22"),
    ("22", "integer", 22),
    ("22", BOTH, "22"),
    (22, BOTH, 22),
    (True, BOTH, "true"),
    (True, "string", "true"),
    ("TRUE", "boolean", True),
    ("no", "boolean", "no"),
    ("1.5", "number", 1.5),
    ({"a": 1}, "string", '{"a":1}'),
    ('{"a":1}', "object", {"a": 1}),
    ([1], "array", [1]),
    ("[", "array", "["),
    ("x", None, "x"),
    ([1, 2], "string", "[1,2]"),
    ("false", "boolean", False),
    ("FALSE", "boolean", False),
    ('{"A":"B"}', "object", {"A": "B"}),
    ("true", "number", "true"),
    ("1", "boolean", "1"),
    ({"a": 1}, ["string", "object"], {"a": 1}),
    ({"a": 1}, ["string", "number"], '{"a":1}'),
    ([1], ["string", "array"], [1]),
    ([1], ["string", "object"], "[1]"),
    (1.5, ["string", "number"], 1.5),
    (1.5, ["string", "integer"], "1.5"),
    (True, ["string", "integer", "number"], "true"),
    (True, ["string", "boolean"], True),
    (1, ["string", "nonsense"], "1"),
]
PROBLEMS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"required": ["a", "b"]}, {}, ["`a` is missing", "`b` is missing"]),
    (
        {"required": ["b"], "properties": {"a": {"enum": ["x", "y"]}}},
        {"a": "s3cret"},
        ["`b` is missing", "`a` breaks the rule enum ['x', 'y']"],
    ),
    ({"properties": {"a": {"type": "integer"}}}, {"a": "s3cret"}, ["`a` breaks the rule type 'integer'"]),
    ({"properties": {"a": {"minLength": 3}}}, {"a": "s"}, ["`a` is empty or too short"]),
    (
        {"additionalProperties": False},
        {"a": "s3cret"},
        ["the set of parameters breaks the rule additionalProperties"],
    ),
    ({"properties": {"a": {"type": "string"}}}, {"a": "s3cret"}, []),
]
UNREADABLE: list[dict[str, Any]] = [
    {"properties": {"b": {"type": "nonsense"}}},
    {"properties": {"b": {"$ref": "http://127.0.0.1:9/x"}}},
    {"properties": {"b": {"pattern": "("}}},
    {"properties": {"b": {"$ref": "#"}}},
]


@pytest.mark.parametrize(("value", "types", "converted"), CONVERTED, ids=repr)
def test_values_are_converted_to_the_type_of_the_schema(value: Any, types: Any, converted: Any) -> None:
    """Airflow keeps a port as a number, and a URI keeps all values as texts. The tutorials send texts."""
    got = auth_parameters.convert(value, {"type": types} if types else {})
    assert (got, type(got)) == (converted, type(converted))


@pytest.mark.parametrize(("schema", "params", "found"), PROBLEMS, ids=str)
def test_problems_name_parameters_and_rules(
    schema: dict[str, Any], params: dict[str, Any], found: list[str]
) -> None:
    """Every problem is named, and no value is shown."""
    assert auth_parameters.problems(AuthSpec("any", schema), params) == found


@pytest.mark.parametrize("schema", UNREADABLE, ids=str)
def test_an_invalid_schema_refuses_nothing(schema: dict[str, Any]) -> None:
    """The platform still checks. Nothing is fetched for a reference."""
    assert auth_parameters.problems(AuthSpec("any", schema), {"b": "s3cret"}) == []
    assert auth_parameters.problems(AuthSpec("any", {**schema, "required": ["a"]}), {"b": "x"}) == [
        "`a` is missing"
    ]


@pytest.mark.parametrize("schema", [None, [], "string", {"type": 5}, {"type": None}], ids=repr)
def test_a_schema_without_a_type_changes_nothing(schema: object) -> None:
    """The value is sent as it is."""
    assert auth_parameters.convert(22, schema) == 22


def test_nothing_is_fetched_for_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema of the platform's can name an address. This process does not open it."""
    opened: list[Any] = []
    monkeypatch.setattr(socket, "socket", lambda *arguments, **_: opened.append(arguments))
    reference = {"$ref": "http://127.0.0.1:9/x"}
    auth_parameters.problems(AuthSpec("any", {"properties": {"b": reference}}), {"b": "x"})
    assert opened == []


def test_an_unknown_parameter_gets_a_suggestion() -> None:
    """As a secret it would be sent into the extra, where a misspelled name is ignored."""
    documented = ["bucketName", "folderPath", "s3SecretKey"]
    given = {"bucket": "a value", "folder_path": "another", "region": "r"}
    with pytest.raises(AepConfigError) as caught:
        auth_parameters.check_plain(given, "c", documented, "Amazon S3")
    assert caught.value.parameter == "auth_params"
    assert caught.value.message == (
        "`auth_params` holds `bucket`, `folder_path`. Did you mean `bucketName`, `folderPath`? This provider "
        "does not know such a parameter of Amazon S3. If the platform requires it, put it into the extra of "
        "the Airflow connection 'c'."
    )
    with pytest.raises(
        AepConfigError, match=r"`zzz`\. This provider does not know such a .* of the source\."
    ):
        auth_parameters.check_plain({"zzz": "a value"}, "c", documented)
    with pytest.raises(AepConfigError, match=r"Did you mean `folderPath`\? This"):
        auth_parameters.check_plain({"folder__path": "a value"}, "c", ["folderPaths", "folderPath"])


def test_a_documented_secret_is_refused() -> None:
    """The error says where it belongs."""
    with pytest.raises(AepConfigError) as caught:
        auth_parameters.check_plain({"s3SecretKey": "a value"}, "c", ["s3SecretKey"], "Amazon S3")
    assert caught.value.parameter == "auth_params"
    assert caught.value.message == (
        "`auth_params` holds `s3SecretKey`, which is or may be a secret. Many people can read a DAG's code "
        "and rendered fields. Put it into the extra of the Airflow connection 'c', under this name."
    )


@pytest.mark.parametrize(
    ("given", "documented", "params"),
    [
        (None, (), {}),
        ({"host": "h", "region": None, "database": "", "schema": "None"}, (), {"host": "h"}),
        ({"host": "h", "port": 0, "enableSsl": False}, (), {"host": "h", "port": 0, "enableSsl": False}),
        ({"host": "h", "region": "r"}, ["s3SecretKey"], {"host": "h", "region": "r"}),
    ],
)
def test_plain_parameters_are_returned(
    given: dict[str, Any] | None, documented: list[str], params: dict[str, Any]
) -> None:
    """A template renders a missing value as None or as an empty text. Zero and False are values."""
    assert auth_parameters.check_plain(given, "c", documented) == params


def test_a_secret_is_refused_without_documented_parameters() -> None:
    """The platform can offer a source that the catalogue does not have. Its secrets are secrets, too."""
    with pytest.raises(AepConfigError, match=r"^`auth_params` holds `apiKey`, `password`, which is or may"):
        auth_parameters.check_plain({"apiKey": "a", "host": "h", "password": "b"}, "c")


def test_parameters_must_be_a_dict() -> None:
    """The error names the parameter."""
    with pytest.raises(AepConfigError, match=r"^`auth_params`") as caught:
        auth_parameters.check_plain(["host"], "c")
    assert caught.value.parameter == "auth_params"
