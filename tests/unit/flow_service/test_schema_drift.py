"""Schema drift: which columns count as added, removed and changed, and what is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service.mappings import columns_of
from airflow_provider_aep.flow_service.schema_drift import find_drift, in_words, named

UNKNOWN = {"added": None, "removed": None, "changed": None}
TIME = {"type": "string", "format": "date-time"}


def columns(**types: Any) -> list[dict[str, Any]]:
    """Return columns with a type, or with an XDM type if it is a dict."""
    return [
        {
            "name": name,
            "type": None if isinstance(kind, dict) else kind,
            "xdm": kind if kind == TIME else None,
        }
        for name, kind in types.items()
    ]


@pytest.mark.parametrize(
    ("now", "stored", "mapped", "added", "removed", "changed"),
    [
        (columns(a="string"), columns(a="string"), {"a"}, [], [], []),
        (columns(c="x", b="x", a="x"), columns(a="x"), {"a"}, ["b", "c"], [], []),
        (columns(a="x"), columns(c="x", b="x", a="x"), {"a"}, [], ["b", "c"], []),
        (columns(a="x"), columns(a="x"), {"a", "gone"}, [], ["gone"], []),
        (columns(a="x", b="x"), columns(a="x", b="x"), {"a"}, [], [], []),  # the mapping leaves b out
        (columns(a="x", b="x"), columns(a="x"), {"a", "b"}, ["b"], [], []),
        (columns(a="x"), columns(a="x"), None, [], [], []),
        (columns(b="x", a="x"), [], {"a"}, None, [], None),
        (columns(b="x"), [], {"a"}, None, ["a"], None),
        (
            columns(b="long", a="string"),
            columns(b="integer", a="date"),
            None,
            [],
            [],
            [
                {"name": "a", "was": "date", "is": "string"},
                {"name": "b", "was": "integer", "is": "long"},
            ],
        ),
        (columns(a="String "), columns(a="string"), None, [], [], []),
        (columns(a=None), columns(a="string"), None, [], [], []),
        (columns(a="A"), columns(A="A"), None, ["a"], ["A"], []),
    ],
)
def test_drift(now: Any, stored: Any, mapped: Any, added: Any, removed: Any, changed: Any) -> None:
    """Names are sorted. A type or a list that is unknown is no difference."""
    assert find_drift(now, stored, mapped) == {"added": added, "removed": removed, "changed": changed}


def test_drift_of_an_xdm_type() -> None:
    """A column that is no longer a time changed, although the source calls both a string."""
    text = [{"name": "a", "type": "string", "xdm": {"type": "string"}}]
    time = [{"name": "a", "type": "string", "xdm": TIME}]
    changed = find_drift(text, time, None)["changed"]
    assert changed == [{"name": "a", "was": "string (date-time)", "is": "string"}]
    assert find_drift(text, columns(a="string"), None)["changed"] == []


@pytest.mark.parametrize(
    ("now", "stored", "mapped"),
    [([], columns(a="x"), {"a"}), (columns(a="x"), [], None), ([], [], None)],
)
def test_drift_is_unknown(now: Any, stored: Any, mapped: Any) -> None:
    """Without the source's columns, or with nothing to compare them with, nothing is removed."""
    assert find_drift(now, stored, mapped) == UNKNOWN


@pytest.mark.parametrize("mapped", ["address", "address.city", "address.city.name", "address[0].city"])
def test_drift_of_nested_fields(mapped: str) -> None:
    """A mapping may name an object or an array, or a field in it."""
    assert find_drift(columns(**{"address.city": "x"}), [], {mapped})["removed"] == (
        ["address[0].city"] if mapped.startswith("address[") else []
    )
    assert find_drift(columns(address="array"), [], {mapped})["removed"] == []
    assert find_drift(columns(addresses="array"), [], {mapped})["removed"] == [mapped]


def test_drift_reads_both_forms_of_a_mapping() -> None:
    """The OpenAPI's words and those of the tutorials; expressions are not columns."""
    rows = [
        {"sourceType": "ATTRIBUTE", "source": "a", "destination": "x"},
        {"sourceType": "text/x.schema-path", "source": "b", "destination": "y"},
        {"sourceAttribute": "first\\.name", "destinationXdmPath": "z"},
        {"sourceType": "EXPRESSION", "source": "concat(d, e)", "destination": "w"},
        {"sourceType": "text/x.aep-xl", "source": "'constant'", "destination": "v"},
    ]
    assert columns_of({"mappings": rows}) == {"a", "b", "first.name"}
    other = [
        {"sourceAttribute": "concat(a, b)", "destinationXdmPath": "x"},  # shows no type
        {"sourceType": "ATTRIBUTE", "source": "${First Name}", "destination": "y"},
        {"sourceType": "ATTRIBUTE", "source": "tags[0].name", "destination": "z"},
        {"sourceType": "ATTRIBUTE", "destination": "w"},
    ]
    assert columns_of({"mappings": other}) == {"First Name", "tags.name"}
    assert columns_of({}) == set()


def test_drift_ignores_stored_columns_without_a_name() -> None:
    """AEP's reply is not trusted."""
    assert named([{"name": "a"}, {"name": 5}, {}, "b", None]) == [{"name": "a"}]
    assert named("abc") == named(None) == []


def test_drift_in_words() -> None:
    """Control characters of a name are escaped, and long lists are cut."""
    drift = {
        "added": ["a\x1b[2J"],
        "removed": [f"r{n:02}" for n in range(40)],
        "changed": [{"name": "c", "was": "date", "is": "str\x07ing"}],
    }
    words = in_words(drift)
    assert words.startswith("added: 'a\\x1b[2J'; removed: 'r00', 'r01'")
    assert words.endswith("'r29', and 10 more; changed: 'c' (from 'date' to 'str\\x07ing')")
    assert in_words(UNKNOWN) == in_words({"added": [], "removed": [], "changed": []}) == ""
