"""What an error carries besides its sentence: retry policies and the recipe of creation go by it."""

from __future__ import annotations

import pytest

from airflow_provider_aep.flow_service import errors


def test_what_never_left() -> None:
    """Whose fault it is, and whether a later try can help."""
    error = errors.AepConnectError("No way.")
    assert (error.message, error.culprit, error.retryable, error.may_have_happened) == (
        "No way.",
        "host",
        True,
        False,
    )
    error = errors.AepConnectError("No way.", culprit="certificate", retryable=False)
    assert (error.culprit, error.retryable) == ("certificate", False)


def test_what_is_wrong_in_a_setting() -> None:
    """Its parameter, beside what every error has."""
    error = errors.AepConfigError("Wrong.", parameter="host", code="x")
    assert (error.message, error.parameter, error.code, error.retryable) == ("Wrong.", "host", "x", False)


@pytest.mark.parametrize(("given", "retryable"), [(None, False), (True, True)])
def test_what_became_of_a_run(given: bool | None, retryable: bool) -> None:
    """A retry of a mere wait cannot help, unless whoever waits knows better."""
    error = errors.RunFailedError("Bad.", run_id="r", result={"a": 1}, retryable=given, code="c")
    assert (error.message, error.run_id, error.result, error.code) == ("Bad.", "r", {"a": 1}, "c")
    assert error.retryable is retryable
