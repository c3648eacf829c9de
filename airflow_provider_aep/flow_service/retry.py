"""When the transport sends a request again, as a table.

============================  ==========  ================  =====
failure                       GET, DELETE PATCH, PUT        POST
============================  ==========  ================  =====
401 (once a call)             fresh token fresh token       never
never left (connect)          again       again             never
429                           again       again             never
timeout, reset, 5xx           again       never             never
anything else                 never       never             never
============================  ==========  ================  =====

A POST is never sent twice, not after 401 nor 429 either: only a look at what stands can tell whether a
second one would make a second entity. A PATCH or PUT after a lost reply is for the caller, who reads the etag
anew. What Flow Service wishes (``Retry-After``) is done up to :data:`LONGEST_WAIT`; beyond that the error
goes up with ``retry_after`` set, since a task should not sleep in a worker's slot.
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

ATTEMPTS = 4
"""How often one request is sent at most, the fresh token's attempt apart."""

LONGEST_WAIT = 60.0
"""Seconds that all waits of one request may last together, and those of an operator's try: a worker's slot is
not for sleeping."""

FIRST_WAIT = 0.5


@dataclass(frozen=True)
class Again:
    """Send it again after ``wait`` seconds, with a fresh token or the same."""

    wait: float
    fresh_token: bool = False


def decide(
    method: str, error: AepError, *, attempt: int, refreshed: bool, waited: float, jitter: float
) -> Again | None:
    """The table above. ``attempt`` counts from 1; ``waited`` in seconds; ``jitter`` in [0, 1)."""
    if method == "POST":
        return None
    if isinstance(error, AepAuthError):
        return None if refreshed else Again(0.0, fresh_token=True)
    if not error.retryable or attempt >= ATTEMPTS:
        return None
    if method in ("PATCH", "PUT") and not isinstance(error, AepConnectError | AepThrottledError):
        return None
    again = wait_for(error, attempt, jitter)
    return again if waited + again.wait <= LONGEST_WAIT else None


def wait_for(error: AepError, attempt: int, jitter: float) -> Again:
    """Steps that double, or the server's wish where it is longer."""
    step = FIRST_WAIT * 2 ** (attempt - 1) * (0.75 + jitter / 2)
    return Again(max(step, error.retry_after or 0.0))


def is_refused_token(error: AepError | None) -> TypeGuard[AepAuthError]:
    """A 401: nothing happened, and the next request comes with a fresh token."""
    return isinstance(error, AepAuthError) and error.status == 401


def parse_retry_after(value: str | None, now: float) -> float | None:
    """``Retry-After`` in seconds, from a number or an HTTP date; None where it is neither."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    moment = epoch_of_http_date(text)
    return None if moment is None else max(0.0, moment - now)


def epoch_of_http_date(text: str | None) -> float | None:
    """Epoch seconds of a header such as ``Date``; None where it is missing or no date."""
    try:
        return parsedate_to_datetime(text or "").timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
