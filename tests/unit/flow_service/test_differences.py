"""What counts as a difference, and how it is told."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service.differences import Difference, compare, listed


@pytest.mark.parametrize(
    ("desired", "existing"),
    [
        ({}, {"a": 1}),
        ({"a": None}, {"a": 1}),
        ({"a": 15}, {"a": "15"}),
        ({"a": True}, {"a": "true"}),
        ({"a": "True"}, {"a": True}),
        ({"a": False}, {"a": "false"}),
        ({"a": 10.0}, {"a": "10"}),
        ({"a": " x"}, {"a": "x "}),
        ({"a": ["x", 1]}, {"a": ("x", "1")}),
        ({"a": [{"b": 1, "c": None}]}, {"a": [{"b": "1"}]}),
        ({"a": {}}, {}),
        ({"a": {"b": None}}, {"a": {"b": 1, "c": 2}}),
        ({"a": {"b": 1}}, {"a": {"b": "1", "c": 2}}),
    ],
)
def test_no_difference(desired: dict[str, Any], existing: dict[str, Any]) -> None:
    """What was not said, what AEP has besides, and what it writes in another way."""
    assert compare(desired, existing) == []


@pytest.mark.parametrize(
    ("desired", "existing", "found"),
    [
        ({"a": 1}, {}, [("a", None, 1)]),
        ({"a": 1, "b": 2}, {"a": 2, "b": 2}, [("a", 2, 1)]),
        ({"a": False}, {"a": "0"}, [("a", "0", False)]),
        ({"a": "X"}, {"a": "x"}, [("a", "x", "X")]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 2}}, [("a.b", 2, 1), ("a.c", None, 2)]),
        ({"a": {"b": 1}}, {"a": "no dict"}, [("a.b", None, 1)]),
        ({"a": ["x"]}, {"a": ["x", "y"]}, [("a", ["x", "y"], ["x"])]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, [("a", [{"b": 2}], [{"b": 1}])]),
        ({"a": [{"b": 1}]}, {"a": [{"c": 1}]}, [("a", [{"c": 1}], [{"b": 1}])]),
    ],
)
def test_differences(desired: dict[str, Any], existing: dict[str, Any], found: list[Any]) -> None:
    """Each with its field; dicts by their keys."""
    assert compare(desired, existing) == [Difference(*one) for one in found]


def test_a_whole_dict() -> None:
    """A key that only exists is a difference as well."""
    desired, existing = (
        {"map": {"a": "x"}, "other": {"a": "x"}},
        {"map": {"a": "x", "b": "y"}, "other": {"b": "y"}},
    )
    found = compare(desired, existing, whole=("map",))
    assert found == [Difference("map.b", "y", None), Difference("other.a", None, "x")]
    assert compare({"map": {}}, {"map": {"a": "x"}}, whole=("map",)) == [Difference("map.a", "x", None)]


def test_defaults_count_where_nothing_is_shown() -> None:
    """What AEP means by nothing."""
    defaults = {"a.b": True}
    assert compare({"a": {"b": True}}, {}, defaults=defaults) == []
    assert compare({"a": {"b": False}}, {"a": {}}, defaults=defaults) == [Difference("a.b", True, False)]
    assert compare({"a": {"b": True}}, {"a": {"b": False}}, defaults=defaults) == [
        Difference("a.b", False, True)
    ]


def test_what_cannot_be_changed_says_the_way_round() -> None:
    """By the field and its existing value."""
    found = compare(
        {"a": 1, "b": 2}, {"b": 1}, fixed=lambda field, existing: f"{field} stays" if existing else ""
    )
    assert [one.fixed for one in found] == ["", "b stays"]


def test_how_they_are_told() -> None:
    """With both values, none of them endless, and not too many."""
    assert listed([Difference("a.b", None, "x"), Difference("c", 1, None)]) == (
        "`a.b`: existing none, desired 'x'; `c`: existing 1, desired none"
    )
    assert len(str(Difference("a", "x" * 500, "y" * 500))) < 380
    many = [Difference(f"f{number}", 1, 2) for number in range(33)]
    assert "`f29`" in listed(many)
    assert "`f30`" not in listed(many)
    assert listed(many).endswith("; and 3 more")
    assert listed(many[:31]).endswith("; and 1 more")
    assert listed(many[:30]).endswith("`f29`: existing 1, desired 2")


def test_a_value_that_may_be_secret_is_not_told() -> None:
    """A parameter of a source by its name, and any value that holds a secret. Columns keep their names."""
    desired = {
        "resource": {"api_key": "new-4eC39HqL", "path": "new"},
        "stream": {"headers": [{"name": "X-Api-Key", "value": "new-4eC39HqL"}]},
        "description": "https://user7:new-4eC39HqL@host/x",
        "mapping": {"_acme.token": "Token_2"},
    }
    existing = {"resource": {"api_key": "old-4eC39HqL", "path": "old"}, "mapping": {"_acme.token": "Token_1"}}
    found = compare(desired, existing)
    assert "4eC39HqL" not in repr(found)
    assert [one.field for one in found if "***" in str(one)] == [
        "resource.api_key", "stream.headers", "description",
    ]  # fmt: skip
    assert "existing 'Token_1', desired 'Token_2'" in listed(found)
    assert "existing 'old', desired 'new'" in listed(found)
