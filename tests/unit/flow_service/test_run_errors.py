"""The errors of a run, by code."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service.run_errors import (
    HIDDEN,
    INGESTION,
    RunError,
    describe,
    errors_of,
    explain_code,
    without_values,
)
from airflow_provider_aep.flow_service.runs import read_run
from airflow_provider_aep.hooks.scrub import Secrets


def activity(*inner: dict[str, Any], errors: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """Return an activity of a run that names errors."""
    return {"statusSummary": {"errors": list(errors), "extensions": {"errors": list(inner)}}}


def found(*activities: dict[str, Any], metrics: dict[str, Any] | None = None) -> list[RunError]:
    """Return the errors of a run with these activities."""
    return errors_of(read_run({"id": "r", "metrics": metrics or {}, "activities": list(activities)}))


def test_the_code_with_the_most_records_is_first() -> None:
    """An unknown number is not 0: it is None, and comes after the known ones, the connector's first."""
    errors = found(
        activity(
            {"code": "INGEST-1212-400", "message": "Encountered 7 errors"},
            {"code": "MAPPER-3700-400", "recordCount": 2},
            {"code": "INGEST-1555-400", "recordCount": 5},
            errors=({"code": "CONNECTOR-2001-500"},),
        )
    )
    assert [(error.code, error.records) for error in errors] == [
        ("INGEST-1555-400", 5),
        ("MAPPER-3700-400", 2),
        ("CONNECTOR-2001-500", None),
        ("INGEST-1212-400", None),
    ]


def test_the_records_of_several_activities_are_added() -> None:
    """The metrics repeat the activities, so the metrics count only if no activity does."""
    one = {"code": "1401", "recordCount": 2}
    assert [error.records for error in found(activity(one), activity({**one, "recordCount": 3}))] == [5]
    assert [error.records for error in found(activity(one), metrics=activity(one))] == [2]
    assert [error.records for error in found(metrics=activity(one))] == [2]
    assert [error.records for error in found(activity(one, errors=({"code": "1401"},)))] == [2]


@pytest.mark.parametrize("unknown", [{}, {"recordCount": -1}, {"recordCount": "many"}, {"recordCount": None}])
def test_a_sum_with_an_unknown_part_is_unknown(unknown: dict[str, Any]) -> None:
    """2 of an unknown number is not 2."""
    errors = found(activity({"code": "1401", "recordCount": 2}), activity({"code": "1401", **unknown}))
    assert [error.records for error in errors] == [None]


def test_a_known_code_has_a_meaning_in_place_of_the_message() -> None:
    """AEP's message may quote a record. The codes of records, batches and runs have one explanation."""
    [error] = found(activity({"code": "INGEST-1555-400", "message": "No name: Ada", "recordCount": 1}))
    assert error.message == "A required field is missing or null"
    assert error.fix == INGESTION["1555"].fix
    assert explain_code("1555") == explain_code("INGEST-1555-400") == INGESTION["1555"]
    assert explain_code("INGEST-1555-400x") is None


def test_the_message_of_an_unknown_code_quotes_nothing() -> None:
    """Secrets and quoted values are removed, and the message is one line."""
    message = "No login\n with: Server=h;UID=kanary-user;Password=kanary-1"
    run = read_run({"id": "r", "activities": [activity(errors=({"code": "X-1", "message": message},))]})
    [error] = errors_of(run, Secrets().scrub)
    assert (error.message, error.fix) == ("No login with: Server=h;UID=***;Password=***", None)
    [error] = found(activity(errors=({"code": "X-1", "message": "Too\x1b many\n columns for 'Ada'."},)))
    assert error.message == "Too many columns for ***"


def test_the_message_of_an_unknown_inner_error_is_not_shown() -> None:
    """It can be that of a record, and repeat a value without quotes. Nothing is hidden without a message."""
    inner = {"code": "X-1", "message": "Ada is no number", "recordCount": 2}
    assert describe(found(activity(inner))) == f"X-1 (records: 2): {HIDDEN}."
    item = read_run({"id": "r", "activities": [activity(inner)]})
    [error] = errors_of(item, lambda text: text.replace("X-1", "***"))
    assert (error.code, error.message) == ("***", HIDDEN)
    assert describe(found(activity({"code": "2200"}))) == "2200 (records: unknown)."
    outer = ({"code": "X-1", "message": "No such table"},)
    assert describe(found(activity(inner, errors=outer))) == "X-1 (records: 2): No such table."


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Value 'O'Brien' is no date", "Value *** is no date"),
        ('Value "Ada "the" Great" is no date', "Value *** is no date"),
        ("It can't be read", "It can't be read"),
        ("It can't read 'Ada'", "It can't read ***"),
        ("The users' names and 'Ada', too", "The users' names and ***, too"),
        ('Record {"name": "Ada"} is invalid', "Record *** is invalid"),
        ("Fields [Ada, 7] are invalid", "Fields *** are invalid"),
        ('Field "name" of \'Ada Lov', "Field *** of ***"),
        ("Field “Ada” is invalid", "Field *** is invalid"),
        ("Value=`Ada` is invalid", "Value=*** is invalid"),
    ],
)
def test_quoted_values_are_removed(message: str, shown: str) -> None:
    """A value can hold quotes, and AEP can truncate it. An apostrophe in a word begins no quote."""
    assert without_values(message) == shown


def test_a_message_of_a_wait_names_three_codes() -> None:
    """With records, meaning and fix; then how many other codes there are."""
    errors = found(*(activity({"code": f"X-{n}", "recordCount": n}) for n in range(5)))
    assert describe(errors) == "X-4 (records: 4). X-3 (records: 3). X-2 (records: 2). 2 other error codes."
    assert describe(errors[:4]).endswith(" 1 other error code.")
    assert describe([]) == ""
    assert describe(found(activity({"code": "106"}))) == (
        "106 (records: unknown): The file is empty. Check what writes the file."
    )


def test_the_cause_at_the_source_is_shown() -> None:
    """The source's message has no value of a record: nothing was read."""
    errors = found(activity(errors=({"code": "CONNECTOR-1001-500", "message": "Login failed for 'ada'."},)))
    assert describe(errors).startswith(
        "CONNECTOR-1001-500 (records: unknown): The source could not be read: Login failed for ***. Check its"
    )
