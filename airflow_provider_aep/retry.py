"""Airflow 3.3's retry policy for our errors: what cannot be helped fails at once, the rest waits as asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_aep._compat import RetryDecision, RetryPolicy

LONGEST_DELAY = timedelta(hours=1)
"""``Retry-After`` is honoured up to here."""


class AepRetryPolicy(RetryPolicy):
    """Decides by the error: hopeless ones fail, ``Retry-After`` sets the delay, others retry as configured.

    The default of this provider's operators on Airflow 3.3; below it they raise ``AirflowFailException``.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
    ) -> RetryDecision:
        """Airflow asks in the worker, after a try failed, and logs the reason next to the whole error."""
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
        """Nothing to keep."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> AepRetryPolicy:  # noqa: ARG003
        """Nothing to restore."""
        return cls()
