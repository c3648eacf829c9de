"""A task's log has names, causes, and each error once."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep._compat import HAS_RETRY_POLICY
from airflow_provider_aep.flow_service.errors import AepError, AepPermissionError, AepRequestError
from airflow_provider_aep.retry import AepRetryPolicy
from tests.harness.documented_sources import base_of
from tests.harness.emulator import Emulator
from tests.harness.operators import Logged, context, unwrapped
from tests.harness.pipeline import Pipeline
from tests.harness.platform import Platform

DENIED = {
    "type": "https://ns.adobe.com/aep/errors/FLOW-2121-403",
    "errorMessage": "The permission is denied.",
}


def create(**options: Any) -> str:
    from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

    return str(CreatePayPalConnectionOperator(task_id="create", **options).execute(context()))


@pytest.mark.parametrize("status", [403, 503])
def test_an_error_is_in_the_log_once(
    emulator: Emulator, hook: Any, paypal: str, waits: Any, logged: Logged, status: int
) -> None:
    """Airflow logs the error that ends the task. The lines before it and the policy's reason only name it."""
    emulator.fault(method="POST", path="/connections", status=status, body=DENIED, times=9)
    with unwrapped(AepError) as caught:
        create()
    error = caught.value
    reason = (AepRetryPolicy().evaluate(error, 1, 3, {}).reason or "") if HAS_RETRY_POLICY else ""
    said = logged() + reason
    assert error.message not in said
    assert "The permission is denied" not in said
    assert f"The create failed with {error.brief}" in said


def test_a_refused_token_does_not_claim_that_a_new_one_was_refused(
    emulator: Emulator, hook: Any, paypal: str, logged: Logged
) -> None:
    """One 401, and the new token is fine."""
    gateway = {"error_code": "401013", "message": "Oauth token is not valid"}
    for method in ("GET", "POST"):
        emulator.fault(method=method, path="/connections", status=401, body=gateway)
    assert create()
    said = logged()
    assert "401013" in said
    assert "fresh one was refused" not in said
    assert "refused as well" not in said


def test_a_missing_folder_is_not_put_down_to_credentials(emulator: Emulator, hook: Any) -> None:
    """Adobe wraps both into one code; the advice begins with the object that its words name."""
    from airflow_provider_aep.operators.explore import ListFilesOperator

    base = base_of(Platform(emulator), "Amazon S3")
    with unwrapped(AepRequestError, match="there is no folder /nothing") as caught:
        ListFilesOperator(task_id="t", connection_id=base, folder="/nothing/").execute(context())
    assert "If the message names a table, file or folder, check that it exists. Else" in str(caught.value)
    assert "refused the credentials" not in str(caught.value)


def test_a_permission_is_still_explained(emulator: Emulator, hook: Any, paypal: str) -> None:
    """The error that ends the task has it all."""
    emulator.fault(method="POST", path="/connections", status=403, body=DENIED)
    with unwrapped(AepPermissionError, match="Add \\*Manage Sources\\*"):
        create()


def test_dataflows_are_named_by_name_and_id(emulator: Emulator, hook: Any, logged: Logged) -> None:
    """People know the name; what was done twice says so."""
    pipeline = Pipeline(emulator, hook)
    flow = pipeline.dataflow()
    other = pipeline.dataflow(name="Another flow")
    logged()
    pipeline.switch(flow, "disabled")
    pipeline.switch(flow, "disabled")
    pipeline.switch(flow, "enabled")
    pipeline.delete(flow, with_connections=True)
    said = logged()
    named = f"'Products flow' ({flow})"
    assert f"Dataflow {named} is disabled." in said
    assert f"Dataflow {named} is already disabled." in said
    assert f"Dataflow {named} is enabled." in said
    assert f"Deleted dataflow {named}." in said
    assert f"dataflow 'Another flow' ({other}) uses it" in said
