"""How errors leave: on Airflow 3.3 a retry policy decides, below it what is hopeless fails at once."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep import _compat
from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.operators import base
from airflow_provider_aep.operators.connections import TestConnectionOperator
from airflow_provider_aep.retry import AepRetryPolicy
from tests.harness.all_operators import AN_ID, every_operator, make

needs_policies = pytest.mark.skipif(
    not _compat.HAS_RETRY_POLICY, reason="retry policies came with Airflow 3.3"
)

HOPELESS = [
    errors.AepConfigError("x"), errors.AepRequestError("x"), errors.AepAuthError("x"),
    errors.AepPermissionError("x"), errors.AepNotFoundError("x"), errors.AepVersionError("x"),
    errors.EntityExistsError("x"), errors.AmbiguousEntityError("x"), errors.EntityStateError("x"),
    errors.EntityInUseError("x"), errors.CredentialsRefusedError("x"),
    errors.AepCertificateError("x"),
    errors.AepReplyError("x", retryable=False),
]  # fmt: skip
HOPEFUL = [
    errors.AepThrottledError("x"), errors.AepServerError("x"), errors.AepTimeoutError("x"),
    errors.AepConnectionLostError("x"), errors.AepConnectError("x"), errors.AepProxyError("x"),
    errors.WorkerSlotError("x"), errors.AepReplyError("x"),
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
    """The task's `retries` and `retry_delay` apply."""
    assert decide(error).action.name == "DEFAULT"


@needs_policies
@pytest.mark.parametrize(("wish", "delay"), [(7, 7), (3600, 3600), (90_000, 3600)])
def test_the_policy_waits_as_asked_up_to_an_hour(wish: float, delay: float) -> None:
    """`Retry-After`, without a worker's slot."""
    decision = decide(errors.AepThrottledError("x", retry_after=wish))
    assert decision.action.name == "RETRY"
    assert decision.retry_delay == timedelta(seconds=delay)


@needs_policies
@pytest.mark.parametrize("kind", errors.every_kind(), ids=lambda kind: kind.__name__)
def test_a_reason_names_the_error_and_does_not_repeat_it(kind: type[errors.AepError]) -> None:
    """Airflow logs the reason and the error itself in one log."""
    error = kind("A long story.", retryable=False)
    error.status, error.code = 400, "FLOW-1308-400"
    name = f"{kind.stable_code} {kind.__name__} (400 FLOW-1308-400)"
    assert decide(error).reason == f"{name}: a retry cannot help"


@needs_policies
def test_a_delay_says_for_whom() -> None:
    """The log of the scheduler has the code as well."""
    decision = decide(errors.AepThrottledError("x", retry_after=7))
    assert decision.reason == "AEP-E307 AepThrottledError: asked to wait for 7 s"


OPERATORS = every_operator()


@needs_policies
@pytest.mark.parametrize("name", OPERATORS)
def test_the_policy_is_every_operators_default(name: str) -> None:
    """Sensor and the task groups' own included; whoever gives another one gets it."""
    assert type(make(OPERATORS[name]).retry_policy) is AepRetryPolicy
    own = OwnPolicy()
    assert make(OPERATORS[name], retry_policy=own).retry_policy is own
    assert make(OPERATORS[name], default_args={"retry_policy": own}).retry_policy is own


@needs_policies
def test_the_policy_holds_within_a_task_group() -> None:
    """Each of its tasks, and the group's own argument to all of them."""
    from airflow.sdk import DAG

    from airflow_provider_aep.task_groups import paypal_ingestion

    given = {
        "dataset": "Rows",
        "schedule": {"frequency": "day", "interval": 1},
        "delta_column": "Update_Time",
    }
    with DAG("plain", schedule=None) as plain:
        paypal_ingestion(connection_id=AN_ID, table="PayPal.Orders", **given)
    assert len(plain.tasks) > 5
    assert {type(task.retry_policy) for task in plain.tasks} == {AepRetryPolicy}
    with DAG("own", schedule=None, default_args={"retry_policy": OwnPolicy()}) as own:
        paypal_ingestion(connection_id=AN_ID, table="PayPal.Orders", **given)
    assert {type(task.retry_policy) for task in own.tasks} == {OwnPolicy}


@needs_policies
@pytest.mark.parametrize("error", [*HOPELESS, *HOPEFUL], ids=kind)
def test_airflows_task_runner_does_as_the_policy_says(error: errors.AepError) -> None:
    """Airflow's own code ends the task after a permanent error, with retries left, and stores the reason."""
    import structlog
    from airflow.sdk.execution_time import task_runner

    error.retry_after = 90.0
    task = Failing(task_id="t", error=error, retries=3)
    ti = SimpleNamespace(task=task, try_number=1, max_tries=3, _ti_context_from_server=None)
    decision = task_runner._evaluate_retry_policy(ti, error, structlog.get_logger(), {})  # type: ignore[arg-type]
    assert decision is not None
    if error.retryable:
        assert (decision.action.name, decision.retry_delay) == ("RETRY", timedelta(seconds=90))
    else:
        assert decision.action.name == "FAIL"
    assert error.stable_code in str(decision.reason)


@needs_policies
def test_the_policy_of_an_operator_is_ours_unless_another_is_given() -> None:
    """The policy survives serialization, which the scheduler reads."""
    assert isinstance(TestConnectionOperator(task_id="t", connection_id="a").retry_policy, AepRetryPolicy)
    own = AepRetryPolicy()
    assert TestConnectionOperator(task_id="t", connection_id="a", retry_policy=own).retry_policy is own
    assert isinstance(AepRetryPolicy.deserialize(own.serialize()), AepRetryPolicy)


class OwnPolicy(AepRetryPolicy):
    """A user's."""


class Failing(base.AepOperator):
    """Fails as it is told."""

    def __init__(self, *, error: BaseException, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error = error

    def act(self, context: Any) -> Any:
        raise self.error


def failure(error: BaseException) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - the tests check its type
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
    """The task is retried as it is configured."""
    monkeypatch.setattr(base, "HAS_RETRY_POLICY", False)
    assert failure(error) is error


@needs_policies
@pytest.mark.parametrize("error", [*HOPELESS, *HOPEFUL], ids=kind)
def test_on_3_3_every_error_goes_up_as_it_is(error: errors.AepError) -> None:
    """The policy decides by its type."""
    assert failure(error) is error
