"""Airflow 3.3's retry policy for the errors of this provider."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_aep._compat import RetryDecision, RetryPolicy

LONGEST_DELAY = timedelta(hours=1)
"""The longest ``Retry-After`` that is honoured."""


class AepRetryPolicy(RetryPolicy):
    """Decide about a retry by the error.

    A permanent error fails the task without a retry. ``Retry-After`` sets the delay. All other errors retry
    as the task is configured. On Airflow 3.3 this policy is the default of this provider's operators. Before
    3.3 the operators raise ``AirflowFailException`` for a permanent error.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
    ) -> RetryDecision:
        """Decide after a failed try. Airflow calls this in the worker and logs the reason with the error."""
        from airflow_provider_aep.flow_service.errors import AepError

        if not isinstance(exception, AepError):
            return RetryDecision.default()
        if not exception.retryable:
            return RetryDecision.fail(reason=f"{exception.brief}: a retry cannot help")
        if exception.retry_after:
            delay = min(timedelta(seconds=exception.retry_after), LONGEST_DELAY)
            reason = f"{exception.brief}: asked to wait for {exception.retry_after:g} s"
            return RetryDecision.retry(delay=delay, reason=reason)
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return an empty dict: the policy has no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> AepRetryPolicy:  # noqa: ARG003
        """Return a new policy: the policy has no settings."""
        return cls()
