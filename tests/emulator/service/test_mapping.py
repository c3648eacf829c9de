"""Test how values are converted to the type of a field: the pure part of a run."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.emulator import mapping
from airflow_provider_aep.emulator.flows import schedule

TIME = "2025-01-02T03:04:05Z"
ROW = {"A": " x ", "B": None, "N": 7}


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        ("7", {"type": "integer"}, 7),
        (7.0, {"type": "integer"}, 7),
        ("7.5", {"type": "number"}, 7.5),
        (7, {"type": "string"}, "7"),
        (True, {"type": "string"}, "true"),
        ("TRUE", {"type": "boolean"}, True),
        (TIME, {"type": "string", "format": "date-time"}, TIME),
        (TIME, {"type": "string", "format": "date"}, "2025-01-02"),
        ("x", {"type": "array", "items": {"type": "string"}}, ["x"]),
        ("x", {}, "x"),
    ],
)
def test_fits(value: object, field: dict[str, Any], expected: object) -> None:
    """A value is converted if possible."""
    assert mapping.fit(value, field) == expected


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("7.5", {"type": "integer"}),
        ("x", {"type": "number"}),
        (1, {"type": "boolean"}),
        ("soon", {"type": "string", "format": "date-time"}),
    ],
)
def test_does_not_fit(value: object, field: dict[str, Any]) -> None:
    """A value that does not fit is refused."""
    with pytest.raises(mapping.BadValueError):
        mapping.fit(value, field)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A", " x "),
        ("Nothing", None),
        ("trim(A)", "x"),
        ("upper(trim(A))", "X"),
        ("lower('Ab')", "ab"),
        ("coalesce(B, Nothing, N)", 7),
        ('concat(N, "\\"", 1.5, B)', '7"1.5'),
    ],
)
def test_expressions(text: str, expected: object) -> None:
    """The supported functions are evaluated."""
    assert mapping.evaluate(text, ROW) == expected


@pytest.mark.parametrize("text", ["", "(", "A B", "trim()", "trim(A, B)", "magic(A)", "concat(A", "'a", "A,"])
def test_no_expressions(text: str) -> None:
    """An invalid or unsupported expression is refused before it is stored."""
    with pytest.raises(mapping.BadExpressionError):
        mapping.parse_expression(text)


def test_schedule() -> None:
    """A flow of every 15 days does not run daily; a one-time flow is due once."""
    daily = {"startTime": 1000, "frequency": "day", "interval": "15"}
    assert schedule.next_due(daily, 0) == 1000
    assert schedule.next_due(daily, 1000) == 1000 + 15 * 86400
    assert schedule.next_due(daily, 999 + 15 * 86400) == 1000 + 15 * 86400
    once = {"startTime": 1000, "frequency": "once"}
    assert (schedule.next_due(once, 999), schedule.next_due(once, 1000)) == (1000, None)
