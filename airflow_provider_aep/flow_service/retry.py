"""When a failed request is sent again, as a table.

============================  ==========  ================  =====
failure                       GET, DELETE PATCH, PUT        POST
============================  ==========  ================  =====
401 (once a call)             new token   new token         never
not connected                 again       again             never
429                           again       again             never
timeout, reset, 5xx           again       never             never
any other failure             never       never             never
============================  ==========  ================  =====

A POST is never sent twice, not even after a 401 or 429: only a list of the existing entities can show whether
a second POST would create a second entity. If an Adobe I/O journal refuses a token that AEP has accepted a
short time ago, there is no new token. After a lost reply to a PATCH or PUT, the caller reads the etag again
and decides. ``Retry-After`` is obeyed up to :data:`LONGEST_WAIT`. If it is longer, the error is raised with
``retry_after`` set, since a task should not sleep in a worker slot.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeGuard

from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConnectError,
    AepError,
    AepThrottledError,
)

MAX_REQUESTS = 4
"""How often one request is sent at most. A request with a new token after a refused one does not count."""

LONGEST_WAIT = 60.0
"""Seconds that all waits of one request may take together, and all waits of an operator's try. A worker slot
is not for sleeping."""

FIRST_WAIT = 0.5


@dataclass(frozen=True)
class Again:
    """Send the request again after ``wait`` seconds, with a new token or the same."""

    wait: float
    fresh_token: bool = False


def decide(
    method: str,
    error: AepError,
    *,
    sent: int,
    refreshed: bool,
    waited: float,
    jitter: float,
    most: int = MAX_REQUESTS,
) -> Again | None:
    """Apply the table above to a failure. Return None if the failure is final.

    :param sent: how often the request has been sent, from 1
    :param refreshed: the request has been sent with a new token already
    :param waited: seconds of all waits of this request so far
    :param jitter: a random number in [0, 1), to spread the waits of many tasks
    :param most: how often the request may be sent
    """
    if method == "POST":
        return None
    if isinstance(error, AepAuthError):
        return None if refreshed else Again(0.0, fresh_token=True)
    if not error.retryable or sent >= most:
        return None
    if method in ("PATCH", "PUT") and not isinstance(error, AepConnectError | AepThrottledError):
        return None
    again = wait_for(error, sent, jitter)
    return again if waited + again.wait <= LONGEST_WAIT else None


def wait_for(error: AepError, sent: int, jitter: float) -> Again:
    """Return the wait after a failure: it doubles each time, and is not shorter than ``Retry-After``."""
    step = FIRST_WAIT * 2 ** (sent - 1) * (0.75 + jitter / 2)
    return Again(max(step, error.retry_after or 0.0))


def is_refused_token(error: AepError | None) -> TypeGuard[AepAuthError]:
    """Return whether a failure is a 401: nothing happened, and the next request has a new token."""
    return isinstance(error, AepAuthError) and error.status == 401


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Return ``Retry-After`` in seconds, from a number or an HTTP date; None if it is neither.

    :param now: epoch seconds
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    epoch = epoch_of_http_date(text)
    return None if epoch is None else max(0.0, epoch - now)


def epoch_of_http_date(text: str | None) -> float | None:
    """Return the epoch seconds of a header such as ``Date``, None if it is missing or invalid."""
    try:
        return parsedate_to_datetime(text or "").timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
