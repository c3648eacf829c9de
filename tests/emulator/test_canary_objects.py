"""No secret in what Python shows of our objects: errors with all that hangs on them, `repr`, what is pushed.

The end of each test searches what they show: see :mod:`tests.harness.object_search`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepError
from tests.harness import canary
from tests.harness.connections import MakeHook
from tests.harness.emulator import PAYPAL_AUTH, PAYPAL_SPEC, Emulator
from tests.harness.operators import context
from tests.harness.wiretap import Wiretap

ECHO = " ".join(form for secret in canary.CANARIES[:4] for form in canary.usual_spellings(secret))
FAULTS = {
    "refused with an echo": {"status": 400, "body": {"message": ECHO}},
    "failed with an echo": {"status": 500, "body": ECHO},
    "unauthorized with an echo": {"status": 401, "body": {"message": ECHO}},
    "broken JSON": {"status": 201, "body": '{"id": ' + ECHO},
    "an invalid id": {"status": 201, "body": {"id": ECHO}},
    "an id that is a secret": {"status": 201, "body": {"id": canary.PAYPAL_SECRET}},
    "a redirect": {"status": 302, "headers": {"location": "https://elsewhere/?a=" + canary.TOKEN}},
    "dropped": {"drop": True},
    "late": {"delay": 600},
}


@pytest.fixture
def tap(emulator: Emulator) -> Iterator[Wiretap]:
    """The way to the emulator."""
    with Wiretap(emulator.host) as tap:
        yield tap


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_errors(emulator: Emulator, tap: Wiretap, make_hook: MakeHook, fault: dict[str, Any]) -> None:
    """An error goes to logs, mails and error trackers, with its causes."""
    hook = make_hook(tap.url, extra={"timeout": 1})
    emulator.fault(method="POST", path="/connections", **fault)
    with pytest.raises(AepError):
        hook.create_connection(
            name="n",
            connection_spec_id=PAYPAL_SPEC,
            auth_spec_name=PAYPAL_AUTH,
            auth_params={"clientId": canary.PAYPAL_ID, "clientSecret": canary.PAYPAL_SECRET, "host": "a.b"},
        )


def test_the_old_secret_in_a_rotation(emulator: Emulator, make_hook: MakeHook, paypal: str) -> None:
    """GET may show the old secret, as some of Adobe's samples do: it is masked from then on."""
    from airflow_provider_aep.operators.connections import RotateCredentialsOperator

    hook = make_hook(emulator.url)
    made = emulator.api().create(secret=canary.OTHER_SECRET).json()["id"]
    (item,) = emulator.api()("GET", f"/connections/{made}").json()["items"]
    item["auth"]["params"] |= {"clientSecret": canary.OTHER_SECRET}
    emulator.fault(method="GET", path=made, status=200, body={"items": [item]})
    echo = " ".join(canary.usual_spellings(canary.OTHER_SECRET))
    emulator.fault(method="PATCH", path=made, status=400, body={"message": echo})
    task = RotateCredentialsOperator(task_id="rotate", connection_id=made, source_conn_id=paypal)
    with pytest.raises(Exception, match=f"PATCH /connections/{made} was refused"):
        task.execute({})
    assert "auth" not in hook.get_connection_details(made)


def test_reprs(tap: Wiretap, make_hook: MakeHook, paypal: str) -> None:
    """A debugger, a log line or a template shows the `repr` of what it meets."""
    from airflow_provider_aep.hooks import ims
    from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

    make_hook(tap.url)
    task = CreatePayPalConnectionOperator(task_id="create", paypal_conn_id=paypal)
    task.execute(context())
    hook = task.hook
    hook.list_connections()
    assert ims.TOKENS._tokens, "there is a token to be shown"
