"""The facts of an error besides its message. Retry policies and the reconciler depend on them."""

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
    error = errors.AepCertificateError("No way.")
    assert (error.culprit, error.retryable) == ("certificate", False)


def test_what_is_wrong_in_a_setting() -> None:
    """The error has its parameter and the attributes of every error."""
    error = errors.AepConfigError("Wrong.", parameter="host", code="x")
    assert (error.message, error.parameter, error.code, error.retryable) == ("Wrong.", "host", "x", False)


@pytest.mark.parametrize(("given", "retryable"), [(None, False), (True, True)])
def test_what_became_of_a_run(given: bool | None, retryable: bool) -> None:
    """A retry of a mere wait cannot help, unless whoever waits knows better."""
    error = errors.RunFailedError("Bad.", run_id="r", result={"a": 1}, retryable=given, code="c")
    assert (error.message, error.run_id, error.result, error.code) == ("Bad.", "r", {"a": 1}, "c")
    assert error.retryable is retryable


def test_advice_goes_with_the_facts() -> None:
    """If only what happened is known, the class adds why and what to do."""
    error = errors.AepReplyError.with_advice("Broken.", status=502)
    assert error.message == f"Broken. {errors.AepReplyError.why} {errors.AepReplyError.todo}"
    assert error.status == 502


def test_what_is_to_be_corrected() -> None:
    """Without a parameter there is no name to give."""
    assert str(errors.AepConfigError("Wrong.")) == "Wrong. Correct it and try again. [AEP-E100]"


def test_every_kind_is_found() -> None:
    """However deep, and none twice."""
    found = errors.every_kind()
    assert {errors.AepError, errors.AepProxyError, errors.RunPartialError, errors.WorkerSlotError} <= set(
        found
    )
    assert len(found) == len(set(found))
