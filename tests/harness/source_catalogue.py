"""The client's catalogue of sources, and creating base connections of any source through a wiretap."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from airflow_provider_aep.flow_service.secret_rules import is_secret
from airflow_provider_aep.flow_service.sources import AuthSpec, Source, catalogue
from tests.harness import canary
from tests.harness.connections import MakeHook, SetConnection
from tests.harness.emulator import Emulator
from tests.harness.operators import context
from tests.harness.wiretap import Wiretap

SPECS = "/connectionSpecs/"
SHARED = {"pathfactory", "linkedin-ads"}
"""Their documents print another source's id: on the platform it is the other source's."""

Row = tuple[Source, AuthSpec]
ROWS: list[Row] = [(one, auth) for one in catalogue().values() for auth in one.auth if one.key not in SHARED]
SAMPLE = random.Random(78).sample(ROWS, 6)
"""A few rows of different kinds; always the same."""
FAMILIES = list({source.category: (source, auth) for source, auth in ROWS}.values())
"""One row of each family of sources."""


class NativeConnection(NamedTuple):
    """An Airflow connection of the source's own type, `auth.params` for AEP, and the task's `auth_params`."""

    connection: dict[str, Any]
    params: dict[str, Any]
    auth_params: dict[str, Any] | None


USER, SECRET = "KanaryUserK7f3", "KanaryPasswordK9c1"
"""Login and password of the native connections: canaries that a connection string need not quote."""
NATIVE = {
    (source, auth): NativeConnection({"extra": {}, **connection}, params, more[0] if more else None)
    for source, auth, connection, params, *more in yaml.safe_load(
        (Path(__file__).parent / "data" / "native_connections.yaml").read_text()
    )
}
"""By source and authentication type."""


def named(row: Row) -> str:
    """Return source and authentication type, as a test's id."""
    source, auth = row
    return f"{source.key}, {auth.name}".replace(" ", "_")


def each_row(quick: Collection[Row]) -> pytest.MarkDecorator:
    """Run a test with each row of the catalogue; `make test` runs only the given rows."""
    rows = [
        pytest.param(*row, id=named(row), marks=() if row in quick else pytest.mark.nightly) for row in ROWS
    ]
    return pytest.mark.parametrize(("source", "auth"), rows)


def chosen_auth(row: Row) -> str | None:
    """Return the authentication type that a DAG must name: both of Shopify's need the same parameters."""
    source, auth = row
    return auth.name if source.key == "shopify" else None


def generic_params(row: Row) -> dict[str, str]:
    """Return a value for each documented parameter, a canary for each secret."""
    auth = row[1]
    return {name: a_value(name, secret=auth.is_secret(name)) for name in auth.parameters}


def a_value(name: str, *, secret: bool) -> str:
    """Return any value for a parameter."""
    return canary.made_for(name) if secret else f"value-of-{name}"


@pytest.fixture(scope="module")
def wiretap(emulator_process: Emulator) -> Iterator[Wiretap]:
    """Stand between the client and the emulator."""
    with Wiretap(emulator_process.host) as wiretap:
        yield wiretap


@pytest.fixture(autouse=True)
def tap(wiretap: Wiretap, emulator: Emulator, make_hook: MakeHook) -> Wiretap:
    """Connect `aep_default` through the wiretap to the reset emulator."""
    wiretap.sent.clear()
    make_hook(wiretap.url)
    return wiretap


def create(source: str = "paypal", **arguments: Any) -> str:
    """Run the operator with the Airflow connection `source_conn`."""
    from airflow_provider_aep.operators.connections import CreateBaseConnectionOperator

    given = {"name": "A name", "source_conn_id": "source_conn", **arguments}
    task = CreateBaseConnectionOperator(task_id="create", source=source, **given)
    return str(task.execute(context()))


def generic(set_connection: SetConnection, names: Iterable[str], **more: Any) -> dict[str, str]:
    """Make `source_conn` a generic connection with these parameters, canaries if secret, and return them."""
    params = {name: a_value(name, secret=is_secret(name)) for name in names}
    set_connection("source_conn", conn_type="generic", extra={**params, **more})
    return params


def posted(tap: Wiretap) -> list[dict[str, Any]]:
    """Return the bodies of the creates, as they were sent."""
    creates = [one for one in tap.sent if one.method == "POST" and one.url.endswith("/connections")]
    return [json.loads(one.body) for one in creates]
