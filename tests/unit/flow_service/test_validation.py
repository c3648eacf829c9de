"""Values are checked before they go into a URL, a header or a body."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aep.flow_service import replies, requests, source_objects, validation
from airflow_provider_aep.flow_service.collections import CONNECTIONS
from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError

ID = "24151d58-ffa7-4960-951d-58ffa7396097"
BAD_IDS = ["", " ", "a/b", "../x", "a..b", "..", ".", "a b", "a\n", "a?x=1", "a#b", "a%2fb", "-a", "ä",
           "a" * 129, "None\x00", "\ud800", None, 5, b"abc", ["a"], {"id": "a"}]  # fmt: skip


@pytest.mark.parametrize("value", [ID, "a", "A_b-9", "a" * 128])
def test_ids_pass(value: str) -> None:
    """Flow Service's ids are UUIDs; other services' are hex."""
    assert validation.check_id(value, "connection_id") == value


@pytest.mark.parametrize("value", BAD_IDS, ids=repr)
def test_what_would_change_the_url_is_no_id(value: Any) -> None:
    """`../x` would call another endpoint with our token."""
    with pytest.raises(AepConfigError, match="`connection_id`") as caught:
        validation.check_id(value, "connection_id")
    assert caught.value.parameter == "connection_id"
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "call",
    [CONNECTIONS.get_call, CONNECTIONS.delete_call, requests.test_connection,
     lambda x: CONNECTIONS.patch_call(x, [], "e"), lambda x: requests.explore(x, "root", None, False)],
    ids=["get", "delete", "test", "patch", "explore"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["a/b", "", "..", 5], ids=repr)
def test_every_call_checks_its_id(call: Any, value: Any) -> None:
    """One that does not is enough."""
    with pytest.raises(AepConfigError):
        call(value)


@pytest.mark.parametrize(
    "name",
    ["PayPal connection", "it's", 'a "b"', "a, b", "a==b", "日本語", "🙂", "x" * 255, "a/b"],
)
def test_names_pass(name: str) -> None:
    """Names are the users' own."""
    assert validation.check_name(name) == name


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "is empty"), ("  ", "is empty"), ("x" * 10_000, "10000 characters"), ("x" * 256, "256 characters"),
     (" a", "blanks"), ("a ", "blanks"), ("a\nb", "control"), ("a\x00b", "control"), ("a\x7fb", "control"),
     ("a\ud800", "unicode"), (None, "NoneType"), (5, "int"), (["a"], "list")],
    ids=["empty", "blank", "10,000", "256", "before", "after", "line", "nul", "del", "surrogate", "None",
         "number", "list"],
)  # fmt: skip
def test_names_that_would_not_be_found_again_are_refused(name: Any, words: str) -> None:
    """A list does not find a name that AEP trims or refuses, and a second entity would be created."""
    with pytest.raises(AepConfigError, match=words) as caught:
        validation.check_name(name)
    assert caught.value.parameter == "name"
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00", "ä", "", "a b", " a", "\ud800", None, 5], ids=repr
)
def test_header_values_hold_no_line_break(value: Any) -> None:
    """A line break in a header is a header of one's own; the value itself may be a misplaced secret."""
    with pytest.raises(AepConfigError, match="`org_id`") as caught:
        validation.check_header(value, "org_id")
    assert "Evil" not in str(caught.value)


@pytest.mark.parametrize("value", ["prod", "dev-1", "My_Box"])
def test_sandbox_names_pass(value: str) -> None:
    """Names, as the API shows them."""
    assert validation.check_sandbox(value) == value


@pytest.mark.parametrize("value", ["", "*", "a b", "a/b", "dev\n", "-a", None, 5, "x" * 300], ids=repr)
def test_what_is_no_sandbox_name_is_refused(value: Any) -> None:
    """`*` means all sandboxes to the gateway."""
    with pytest.raises(AepConfigError, match="`sandbox`"):
        validation.check_sandbox(value)


@pytest.mark.parametrize(
    ("check", "value"),
    [(validation.check_text, 5), (validation.check_text, "x" * 4001), (validation.check_text, "\ud800"),
     (validation.check_seconds, -1), (validation.check_seconds, True),
     (validation.check_seconds, float("nan")), (validation.check_seconds, float("inf")),
     (validation.check_seconds, "5"), (validation.check_seconds, None),
     (validation.check_count, -1), (validation.check_count, 1.5), (validation.check_count, "x"),
     (validation.check_count, ""),
     (validation.check_count, True), (validation.check_count, None), (validation.check_count, "²")],
)  # fmt: skip
def test_other_values_are_refused_by_name(check: Any, value: Any) -> None:
    """Every complaint names its parameter."""
    with pytest.raises(AepConfigError, match="`p`") as caught:
        check(value, "p")
    assert caught.value.parameter == "p"


def test_other_values_pass() -> None:
    """Templates render numbers to text."""
    assert validation.check_count(" 12 ", "p") == 12
    assert validation.check_count(0, "p") == 0
    assert validation.check_seconds(1.5, "p") == 1.5
    assert validation.check_text("a\nb", "p") == "a\nb"
    assert validation.check_text(None, "p") is None


@given(st.text() | st.none() | st.integers() | st.binary())
def test_no_value_breaks_a_check(value: Any) -> None:
    """Accepted as it is, or refused with a typed error."""
    for check in (validation.check_id, validation.check_name, validation.check_text, validation.check_header,
                  validation.check_sandbox, validation.check_count, validation.check_seconds):  # fmt: skip
        try:
            check(value, "p")
        except AepConfigError as error:
            str(error).encode()  # the message must be loggable


@pytest.mark.parametrize("object", [None, "", " ", 5, "\ud800"], ids=repr)
def test_explore_wants_an_object(object: Any) -> None:
    """Adobe answers a table without a name with a 400 that nobody understands."""
    with pytest.raises(AepConfigError, match="`object`"):
        requests.explore(ID, "table", object, False)


def test_explore_wants_a_known_type() -> None:
    """Any case will do; the tutorials write it small."""
    assert requests.explore(ID, "ROOT", None, False).query == [("objectType", "root")]
    with pytest.raises(AepConfigError, match="`object_type`"):
        requests.explore(ID, "view", "x", False)


def test_a_call_hides_its_body() -> None:
    """`repr` ends in logs, and the body holds credentials."""
    call = CONNECTIONS.create_call({"auth": {"params": {"k": "s3cret"}}})
    assert str(call) == "POST /connections"
    assert "s3cret" not in repr(call)


@pytest.mark.parametrize(
    ("state", "meaning"),
    [("enabled", "READY"), ("ENABLED", "READY"), (None, "READY"), ("initializing", "COMING"),
     ("disabled", "REFUSED"), ("draft", "REFUSED"), ("delete-finalizing", "LEAVING"), ("deleting", "LEAVING"),
     ("deleted", "LEAVING"), ("strange", "COMING")],
)  # fmt: skip
def test_states_are_sorted(state: Any, meaning: str) -> None:
    """An unknown one counts as coming: waiting is bounded, guessing is not."""
    assert replies.readiness(state).name == meaning


@pytest.mark.parametrize(
    "table", [None, "", " ", 5, {}, {"path": 5}, {"path": ""}, "a\nb", [], "\ud800"], ids=repr
)
def test_what_is_no_table_is_refused(table: Any) -> None:
    """A path, or an entry of the list of tables."""
    with pytest.raises(AepConfigError, match="`table`"):
        source_objects.table_path(table)


@pytest.mark.parametrize("columns", [None, 5, [1], [{}], [{"name": ""}], {"a": 1}, ["x"]], ids=repr)
def test_columns_that_are_missing_are_a_typed_error(columns: Any) -> None:
    """An empty list would mean a table without columns."""
    for document in ({"schema": {"columns": columns}}, {"schema": columns}, columns):
        with pytest.raises(AepReplyError):
            source_objects.read_columns(document, "t")
        with pytest.raises(AepReplyError):
            source_objects.read_rows(document, "t")


@pytest.mark.parametrize("pair", [("X-My.Header_1", "a b\tc"), ("x", ""), ("x", " ~")])
def test_a_callers_headers_pass(pair: tuple[str, str]) -> None:
    """Blanks and tabs may stand in a value."""
    assert validation.check_header_pair(*pair) == pair


@pytest.mark.parametrize(
    "pair",
    [
        ("", "a"),
        ("a b", "a"),
        ("a:", "a"),
        (5, "a"),
        ("a", 5),
        ("a", "b\nc"),
        ("a", "\x7f"),
        ("ä", "a"),
        ("a", "ä"),
    ],
)
def test_a_callers_headers_are_refused(pair: tuple[Any, Any]) -> None:
    """A line break in one would be a header of somebody else's."""
    with pytest.raises(AepConfigError, match=r"^`headers` has an invalid name or value") as caught:
        validation.check_header_pair(*pair)
    assert caught.value.parameter == "headers"


def test_methods_objects_and_flags() -> None:
    """Valid values are returned unchanged or normalized."""
    assert [validation.check_method(method) for method in ("get", "Patch", "DELETE")] == [
        "GET",
        "PATCH",
        "DELETE",
    ]
    assert validation.check_object({"a": 1}, "p") == {"a": 1}
    assert (validation.check_flag(True, "p"), validation.check_flag(False, "p")) == (True, False)
    assert validation.check_choice("b", "p", ("a", "b")) == "b"
    schema = "https://ns.adobe.com/acme_1/schemas/0aF"
    assert validation.check_schema_id(schema) == schema


@pytest.mark.parametrize(
    ("check", "value", "parameter", "said"),
    [
        (validation.check_method, "GET /x", "method", "must be an HTTP method"),
        (validation.check_method, "", "method", "must be an HTTP method"),
        (validation.check_method, 5, "method", "must be an HTTP method"),
        (validation.check_object, [], "p", "not a list"),
        (validation.check_object, {1: 2}, "p", "texts as keys"),
        (validation.check_flag, "True", "p", "not 'True'"),
        (validation.check_flag, 1, "p", "not 1"),
        (validation.check_schema_id, "https://ns.adobe.com/xdm/schemas/", "schema_id", "is not a schema's"),
        (validation.check_schema_id, 5, "schema_id", "CreateSchemaOperator"),
        (validation.check_description, "x" * 3401, "description", "has 3401 characters, more than 3400"),
        (validation.check_description, 5, "description", "not a int"),
        (validation.check_text, "x" * 4001, "p", "has 4001 characters, more than 4000"),
        (validation.check_text, "\ud800", "p", "broken unicode"),
        (validation.check_id, "x" * 81 + "/", "p", "got a str"),
        (validation.check_id, "x" * 79 + "/", "p", "got 'xxx"),
        (validation.check_id, "None", "p", "got 'None'"),
        (validation.check_sandbox, "x" * 80 + "/", "sandbox", "got a str"),
        (validation.check_sandbox, "x" * 79 + "/", "sandbox", "got 'xxx"),
        (validation.check_sandbox, 5, "sandbox", "got a int"),
        (validation.check_name, "None", "name", "that a template renders for a missing value"),
        (validation.check_header, "", "p", "is empty or has blanks"),
        (validation.check_seconds, -1, "p", "must be a number of seconds"),
        (validation.check_count, -1, "p", "must be a whole number"),
        (lambda value, _: validation.check_choice(value, "p", ("a", "b")), "c", "p", "is 'c'; .*'a', 'b'"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_wrong(check: Any, value: Any, parameter: str, said: str) -> None:
    """The error names the parameter and the fix, and is short even if the value is long."""
    with pytest.raises(AepConfigError, match=rf"^`{parameter}` .*{said}") as caught:
        check(value, parameter) if parameter in ("p", "sandbox") else check(value)
    assert caught.value.parameter == parameter


def test_limits_are_allowed_themselves() -> None:
    """The longest that is allowed is allowed."""
    assert validation.check_description("x" * 3400)
    assert validation.check_text("x" * 4000, "p")
    assert validation.check_seconds(0, "p") == 0.0
    assert validation.whole_number("9" * 18) == 10**18 - 1
    assert validation.whole_number("9" * 19) is None


def test_every_sign_that_is_printed_may_stand_in_a_header() -> None:
    """From the first to the last of ASCII."""
    assert validation.check_header("!az~", "org_id") == "!az~"
