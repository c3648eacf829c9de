"""When the transport sends again: each cell of the table, and how long it waits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aep.flow_service import errors, retry

FAILURES = {
    "401": errors.AepAuthError("x", status=401),
    "never left": errors.AepConnectError("x"),
    "429": errors.AepThrottledError("x", status=429),
    "timeout": errors.AepTimeoutError("x"),
    "reset": errors.AepConnectionLostError("x"),
    "503": errors.AepServerError("x", status=503),
    "certificate": errors.AepCertificateError("x"),
    "400": errors.AepRequestError("x", status=400),
    "403": errors.AepPermissionError("x", status=403),
    "404": errors.AepNotFoundError("x", status=404),
    "412": errors.AepVersionError("x", status=412),
    "config": errors.AepConfigError("x"),
    "conflict": errors.EntityExistsError("x"),
}
AGAIN = {
    "GET": {"401", "never left", "429", "timeout", "reset", "503"},
    "DELETE": {"401", "never left", "429", "timeout", "reset", "503"},
    "PATCH": {"401", "never left", "429"},
    "PUT": {"401", "never left", "429"},
    "POST": set(),
}


def decide(method: str, error: errors.AepError, **changes: Any) -> retry.Again | None:
    """The decision after the first request, unless told otherwise."""
    facts = {"sent": 1, "refreshed": False, "waited": 0.0, "jitter": 0.5, **changes}
    return retry.decide(method, error, **facts)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("method", AGAIN)
def test_each_cell_of_the_table(method: str, failure: str) -> None:
    """A request that is sent twice by mistake may create two entities."""
    found = decide(method, FAILURES[failure])
    assert (found is not None) is (failure in AGAIN[method])
    if found is not None:
        assert found.fresh_token is (failure == "401")
        assert found.wait == (0.0 if failure == "401" else 0.5)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_token_is_renewed_once_a_call(method: str) -> None:
    """A second 401 does not come from an expired token."""
    assert decide(method, FAILURES["401"], refreshed=True) is None


def test_requests_come_to_an_end() -> None:
    """A service that is down for an hour must not hold a worker for one."""
    waits = []
    for sent in range(1, 10):
        again = decide("GET", FAILURES["503"], sent=sent)
        if again is None:
            break
        waits.append(again.wait)
    assert waits == [0.5, 1.0, 2.0]
    assert sent == retry.MAX_REQUESTS


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 3))
def test_waits_are_spread(jitter: float, sent: int) -> None:
    """A hundred tasks that failed together do not come back together."""
    again = retry.wait_for(FAILURES["503"], sent, jitter)
    assert again is not None
    step = retry.FIRST_WAIT * 2 ** (sent - 1)
    assert 0.75 * step <= again.wait <= 1.25 * step


@pytest.mark.parametrize(
    ("wish", "waits"),
    [(0.0, 0.5), (3.0, 3.0), (60.0, 60.0), (60.5, None), (3600.0, None)],
)
def test_retry_after_is_obeyed_up_to_a_limit(wish: float, waits: float | None) -> None:
    """Beyond it the task's own retry waits, outside a worker's slot."""
    error = errors.AepThrottledError("x", status=429, retry_after=wish)
    again = decide("GET", error)
    assert (again.wait if again else None) == waits


def test_all_waits_of_a_request_have_one_limit() -> None:
    """Each wait is short enough, all of them together are not."""
    error = errors.AepThrottledError("x", status=429, retry_after=50)
    assert decide("GET", error, sent=2, waited=10.0) is not None
    assert decide("GET", error, sent=2, waited=10.1) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 01:02:00 +0100", 20.0),
        ("99999999999999999999", 999999999.0),
        ("1.5", None),
        ("-5", None),
        ("", None),
        ("soon", None),
        ("١٢", None),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 +999999999999999999", None),
        ("Thu, 01 Jan 99999 00:00:00 GMT", None),
    ],
)
def test_retry_after_in_all_its_spellings(value: str | None, seconds: float | None) -> None:
    """Seconds, a date in any zone, or an invalid value, which counts as none."""
    assert retry.parse_retry_after(value, 100.0) == seconds


DATE = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Thu", "x"]),
    st.integers(-1, 40),
    st.sampled_from(["Jan", "Feb", "13"]),
    st.integers(0, 10**6),
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(["GMT", "-0000", "+9999", "-99999999999999999999", "+0100", ""]),
)


@given(st.text() | DATE)
def test_no_retry_after_breaks_the_client(value: str) -> None:
    """A server may send any text."""
    found = retry.parse_retry_after(value, 100.0)
    assert found is None or found >= 0
