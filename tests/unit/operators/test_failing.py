"""How errors leave: on Airflow 3.3 a retry policy decides, below it what is hopeless fails at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_aep import _compat
from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.operators import base
from airflow_provider_aep.operators.connections import TestConnectionOperator
from airflow_provider_aep.retry import AepRetryPolicy

needs_policies = pytest.mark.skipif(
    not _compat.HAS_RETRY_POLICY, reason="retry policies came with Airflow 3.3"
)

HOPELESS = [
    errors.AepConfigError("x"), errors.AepRequestError("x"), errors.AepAuthError("x"),
    errors.AepPermissionError("x"), errors.AepNotFoundError("x"), errors.AepVersionError("x"),
    errors.EntityExistsError("x"), errors.AmbiguousEntityError("x"), errors.EntityStateError("x"),
    errors.EntityInUseError("x"), errors.CredentialsRefusedError("x"),
    errors.AepConnectError("x", culprit="certificate", retryable=False),
    errors.AepReplyError("x", retryable=False),
]  # fmt: skip
HOPEFUL = [
    errors.AepThrottledError("x"), errors.AepServerError("x"), errors.AepTimeoutError("x"),
    errors.AepConnectionLostError("x"), errors.AepConnectError("x"), errors.AepReplyError("x"),
    errors.EntityStateError("x", retryable=True),
]  # fmt: skip


def kind(error: BaseException) -> str:
    return type(error).__name__


def decide(error: BaseException) -> Any:
    return AepRetryPolicy().evaluate(error, 1, 3, None)


@needs_policies
@pytest.mark.parametrize("error", HOPELESS, ids=kind)
def test_the_policy_fails_what_a_retry_cannot_help(error: errors.AepError) -> None:
    """A wrong password, five minutes later, is wrong; the reason says which error."""
    decision = decide(error)
    assert decision.action.name == "FAIL"
    assert kind(error) in decision.reason


@needs_policies
@pytest.mark.parametrize("error", [*HOPEFUL, ValueError("x"), TimeoutError("x")], ids=kind)
def test_the_policy_leaves_the_rest_to_the_task(error: BaseException) -> None:
    """Its `retries` and `retry_delay`."""
    assert decide(error).action.name == "DEFAULT"


@needs_policies
@pytest.mark.parametrize(("wish", "delay"), [(7, 7), (3600, 3600), (90_000, 3600)])
def test_the_policy_waits_as_asked_up_to_an_hour(wish: float, delay: float) -> None:
    """`Retry-After`, without a worker's slot."""
    decision = decide(errors.AepThrottledError("x", retry_after=wish))
    assert decision.action.name == "RETRY"
    assert decision.retry_delay == timedelta(seconds=delay)


@needs_policies
def test_the_policy_of_an_operator_is_ours_unless_another_is_given() -> None:
    """And survives serialization, which the scheduler reads."""
    assert isinstance(TestConnectionOperator(task_id="t", connection_id="a").retry_policy, AepRetryPolicy)
    own = AepRetryPolicy()
    assert TestConnectionOperator(task_id="t", connection_id="a", retry_policy=own).retry_policy is own
    assert isinstance(AepRetryPolicy.deserialize(own.serialize()), AepRetryPolicy)


class Failing(base.AepOperator):
    """Fails as it is told."""

    def __init__(self, *, error: BaseException, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error = error

    def act(self, context: Any) -> Any:
        raise self.error


def failure(error: BaseException) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - its type is what the tests look at
        Failing(task_id="t", error=error).execute({})
    return caught.value


@pytest.mark.parametrize("error", HOPELESS, ids=kind)
def test_below_3_3_what_is_hopeless_fails_the_task_at_once(
    monkeypatch: pytest.MonkeyPatch, error: errors.AepError
) -> None:
    """`AirflowFailException` skips the retries; the typed error is its cause."""
    monkeypatch.setattr(base, "HAS_RETRY_POLICY", False)
    found = failure(error)
    assert isinstance(found, _compat.AirflowFailException)
    assert found.__cause__ is error
    assert str(found) == str(error)


@pytest.mark.parametrize("error", [*HOPEFUL, ValueError("x"), KeyboardInterrupt()], ids=kind)
def test_below_3_3_the_rest_goes_up_as_it_is(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """And is retried as the task says."""
    monkeypatch.setattr(base, "HAS_RETRY_POLICY", False)
    assert failure(error) is error


@needs_policies
@pytest.mark.parametrize("error", [*HOPELESS, *HOPEFUL], ids=kind)
def test_on_3_3_every_error_goes_up_as_it_is(error: errors.AepError) -> None:
    """The policy decides by its type."""
    assert failure(error) is error
