"""Every documented source by a real DAG run: mapped, rendered, its connections in Airflow's own database.

All their secrets are canaries, and the search at the first test's end reads log, files and database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.harness import canary
from tests.harness.dag_plans import aep_connection, run_plan
from tests.harness.emulator import PAYPAL_ID, PAYPAL_SECRET, Emulator
from tests.harness.source_catalogue import (
    NATIVE,
    ROWS,
    SAMPLE,
    SECRET,
    USER,
    Row,
    chosen_auth,
    generic_params,
    named,
    posted,
)
from tests.harness.wiretap import Wiretap

PACKAGES = ["amazon", "google", "microsoft-azure", "mysql", "postgres", "salesforce", "sftp", "snowflake"]
DAG = """
from airflow.sdk import DAG, task
from airflow_provider_aep.operators import connections, explore

with DAG("every_source", schedule=None, params={"rows": []}):

    @task
    def rows(params):
        return params["rows"]

    @task
    def firsts(ids, found):
        return [{"connection_id": id, "table": tables[0]} for id, tables in zip(ids, found, strict=True)]

    create = connections.CreateBaseConnectionOperator.partial(
        task_id="create", description="In {{ run_id }}"
    ).expand_kwargs(rows())
    test = connections.TestConnectionOperator.partial(task_id="test").expand(connection_id=create.output)
    tables = explore.ListTablesOperator.partial(task_id="list").expand(connection_id=create.output)
    first = firsts(create.output, tables.output)
    test >> explore.InspectTableOperator.partial(task_id="inspect").expand_kwargs(first)
"""


PAYPAL = {
    canary.made_for("clientId"): PAYPAL_ID,
    canary.made_for("clientSecret"): PAYPAL_SECRET,
    USER: PAYPAL_ID,
    SECRET: PAYPAL_SECRET,
}
"""The emulator checks PayPal's account only."""


@dataclass(frozen=True)
class Case:
    """A row with the Airflow connection to it, and what is documented to become of that."""

    form: str
    row: Row
    connection: dict[str, Any]
    params: dict[str, Any]
    auth_params: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """Return the name of AEP's connection."""
        return f"{named(self.row)}, {self.form}"

    @property
    def conn_id(self) -> str:
        """Return the id of Airflow's connection."""
        return re.sub(r"\W+", "_", self.name)

    @property
    def stored(self) -> dict[str, Any]:
        """Return the connection as Airflow stores it."""
        return {**self.connection, "extra": json.dumps(self.connection["extra"])}

    @property
    def order(self) -> dict[str, Any]:
        """The operator's arguments."""
        names = {"name": self.name, "source_conn_id": self.conn_id, "source": self.row[0].title}
        return {**names, "auth_spec": chosen_auth(self.row), "auth_params": self.auth_params}

    @property
    def body(self) -> dict[str, Any]:
        """Return the documented body, without the description."""
        source, auth = self.row
        return {
            "name": self.name,
            "connectionSpec": {"id": source.connection_spec_id, "version": "1.0"},
            "auth": {"specName": auth.name, "params": self.params},
        }


def generic(row: Row) -> Case:
    """A `generic` connection whose extra holds the parameters under Adobe's names."""
    params = generic_params(row)
    return Case("generic", row, {"conn_type": "generic", "extra": params}, params)


def native(row: Row) -> Case:
    """Return the case of a connection of the source's own type."""
    source, auth = row
    has = NATIVE[source.key, auth.name]
    return Case("native", row, has.connection, has.params, has.auth_params)


@dataclass(frozen=True)
class Traces:
    """The requests and the database of a DAG run."""

    cases: list[Case]
    bodies: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    database: Path

    def used(self, path: str, **query: str) -> set[str]:
        """The connections that were asked so."""
        return {
            sent["path"].split("/")[-2]
            for sent in self.requests
            if sent["path"].endswith(path) and query.items() <= sent["query"].items()
        }


@pytest.fixture(
    scope="module",
    params=[pytest.param(SAMPLE[3:], id="sample"), pytest.param(ROWS, id="all", marks=pytest.mark.nightly)],
)
def traces(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traces]:
    """One DAG run over the rows, each with either connection."""
    cases = [of(row) for of in (generic, native) for row in request.param]
    directory = tmp_path_factory.mktemp("sources")
    with Emulator() as emulator, Wiretap(emulator.host, PAYPAL) as tap:
        conf = {"rows": [case.order for case in cases]}
        run = {"name": "every source", "dag": "every_source", "conf": conf}
        known = {"aep_default": aep_connection(tap.url), **{case.conn_id: case.stored for case in cases}}
        log, succeeded = run_plan(emulator.url, [run], known, directory, every_source=DAG)
        assert succeeded == [run["name"]], log[-5000:]
        yield Traces(cases, posted(tap), emulator.requests(), directory / "home" / "airflow.db")


def test_no_type_has_its_package() -> None:
    """With one of them here it could not be seen that none is needed."""
    names = {(one.metadata["Name"] or "").lower() for one in metadata.distributions()}
    assert names.isdisjoint(f"apache-airflow-providers-{package}" for package in PACKAGES)


def test_each_is_created_as_documented(traces: Traces) -> None:
    """Each is created once, with spec id, authentication and parameters of Adobe's page."""
    sent = {body["name"]: {key: body[key] for key in body if key != "description"} for body in traces.bodies}
    assert sent == {case.name: case.body for case in traces.cases}
    assert len(traces.bodies) == len(traces.cases)


def test_each_is_a_mapped_task_of_its_own(traces: Traces) -> None:
    """Rendered by Airflow, and marked with its map index."""
    descriptions = {body["description"] for body in traces.bodies}
    assert len(descriptions) == len(traces.cases)
    form = re.compile(r"In manual__\S+ \[airflow:every_source\.create [0-9a-f]{8}\]")
    assert all(map(form.fullmatch, descriptions)), descriptions


def test_each_is_tested_and_explored(traces: Traces) -> None:
    """AEP can use what was made: its credentials, what it lists, and the columns of the first of that."""
    for used in (traces.used("/test"), traces.used("/explore", objectType="root")):
        assert len(used) == len(traces.cases)
    xcoms = [line for line in canary.dump(traces.database).splitlines() if line.startswith("xcom: ")]
    inspected = [line for line in xcoms if "'inspect'" in line and "'return_value'" in line]
    assert len(inspected) == len(traces.cases)
    assert all('"type"' in line for line in inspected), "one has no columns"
