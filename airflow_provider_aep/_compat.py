"""The few names that differ between Airflow 3.1, 3.2 and 3.3. Nothing else in this package knows versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.log import mask_secret

try:  # 3.2; before that they stood in core
    from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException
except ImportError:
    from airflow.exceptions import (  # type: ignore[attr-defined,no-redef]
        AirflowFailException,
        AirflowNotFoundException,
    )

if TYPE_CHECKING:
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy

    HAS_RETRY_POLICY = True
else:
    try:  # 3.3
        from airflow.sdk import RetryPolicy
        from airflow.sdk.definitions.retry_policy import RetryDecision

        HAS_RETRY_POLICY = True
    except (ImportError, AttributeError):
        RetryDecision, HAS_RETRY_POLICY = None, False

        class RetryPolicy:
            """Stands in where Airflow has no retry policies; never consulted there."""


def config_seconds(key: str, default: float) -> float:
    """A number of ``[aep]`` in Airflow's configuration. Looked up when asked for, never at import."""
    try:
        from airflow.sdk.configuration import conf
    except ImportError:  # 3.1
        from airflow.configuration import conf
    return float(conf.getfloat("aep", key, fallback=default))


def task_store(context: Any) -> Any | None:
    """The task's own memory, which outlives its tries (3.3), or None."""
    return context.get("task_state_store")


__all__ = [
    "HAS_RETRY_POLICY",
    "AirflowFailException",
    "AirflowNotFoundException",
    "BaseOperator",
    "RetryDecision",
    "RetryPolicy",
    "config_seconds",
    "mask_secret",
    "task_store",
]
