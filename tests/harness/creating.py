"""Creating base connections of any source on an emulator, by way of a wiretap."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from airflow_provider_aep.flow_service.secret_rules import is_secret
from tests.harness.catalogue_rows import a_value
from tests.harness.connections import MakeHook, SetConnection
from tests.harness.emulator import Emulator
from tests.harness.operators import context
from tests.harness.wiretap import Wiretap

SPECS = "/connectionSpecs/"


@pytest.fixture(scope="module")
def wiretap(emulator_process: Emulator) -> Iterator[Wiretap]:
    """The way to the emulator."""
    with Wiretap(emulator_process.host) as wiretap:
        yield wiretap


@pytest.fixture
def tap(wiretap: Wiretap, emulator: Emulator) -> Wiretap:
    """The way to an emulator as new; it keeps bodies as they are sent."""
    wiretap.sent.clear()
    return wiretap


@pytest.fixture(autouse=True)
def connections(make_hook: MakeHook, tap: Wiretap, monkeypatch: pytest.MonkeyPatch) -> None:
    """`aep_default`, and no wait for races that cannot be."""
    make_hook(tap.url)
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "0")


def create(source: str = "paypal", **arguments: Any) -> str:
    """Run the operator with the Airflow connection `source_conn`."""
    from airflow_provider_aep.operators.connections import CreateBaseConnectionOperator

    given = {"name": "A name", "source_conn_id": "source_conn", **arguments}
    task = CreateBaseConnectionOperator(task_id="create", source=source, **given)
    return str(task.execute(context()))


def generic(set_connection: SetConnection, names: Iterable[str], **more: Any) -> dict[str, str]:
    """Make `source_conn` a generic connection that holds these parameters, and return them.

    The secrets among them are canaries.
    """
    params = {name: a_value(name, secret=is_secret(name)) for name in names}
    set_connection("source_conn", conn_type="generic", extra={**params, **more})
    return params


def posted(tap: Wiretap) -> list[dict[str, Any]]:
    """The bodies of the creates, as they were sent."""
    return [
        json.loads(sent.body)
        for sent in tap.sent
        if sent.method == "POST" and sent.url.endswith("/connections")
    ]
