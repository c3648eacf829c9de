"""PayPal's DAG on a platform that offers PayPal no longer, from the failure to the way on."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator, TestConnectionOperator
from tests.harness import canary
from tests.harness.connections import SetConnection
from tests.harness.emulator import PAYPAL_SPEC, Emulator
from tests.harness.operators import context, unwrapped
from tests.harness.source_catalogue import create, tap, wiretap

__all__ = ["tap", "wiretap"]


@pytest.fixture(scope="module")
def emulator_process() -> Iterator[Emulator]:
    """One without PayPal; the fixtures for connections go to it."""
    with Emulator("--withdrawn", "paypal") as emulator:
        yield emulator


def test_the_dag_fails_with_what_to_do(emulator: Emulator, paypal: str) -> None:
    """One sentence after the other: which source, what is known of its end, which others, which line."""
    with unwrapped(errors.SourceWithdrawnError) as caught:
        CreatePayPalConnectionOperator(task_id="create").execute(context())
    assert str(caught.value) == (
        f"The platform does not offer the source PayPal (connection spec {PAYPAL_SPEC}) in sandbox 'prod', "
        "or this credential may not use it. Adobe announced the deprecation of the source for the end of "
        "June 2025, and its newest documents no longer list it. Microsoft no longer supports the connector "
        "of Azure Data Factory on which the source runs. Other sources of the category payments: Stripe "
        "(`source='stripe'`), Square (`source='square'`). To use one of them, set `source` of a "
        "CreateBaseConnectionOperator, and set `source_conn_id` to an Airflow connection with its "
        "credentials. Its data and schema differ from those of PayPal: check the dataset's schema and write "
        "a mapping. Run `python -m airflow_provider_aep sources --live` for the sources that it offers. "
        "[AEP-E507]"
    )
    assert not caught.value.retryable
    assert emulator.state()["connections"] == 0
    assert emulator.requests("POST", "/connections") == []


def test_the_ways_it_names_work(emulator: Emulator, paypal: str, set_connection: SetConnection) -> None:
    """With the line changed as it says, and a connection of the new source."""
    with unwrapped(errors.SourceWithdrawnError) as caught:
        CreatePayPalConnectionOperator(task_id="create").execute(context())
    sources = re.findall(r"`source='(.+?)'`", str(caught.value))
    assert sources == ["stripe", "square"]
    client = {"login": canary.made_for("Id"), "password": canary.made_for("Secret")}
    tokens = {name: canary.made_for(name) for name in ("accessToken", "refreshToken")}
    set_connection("source_conn", conn_type="http", host="acme", **client, extra=tokens)
    for source in sources:
        made = create(source)
        assert TestConnectionOperator(task_id="test", connection_id=made).execute(context())
