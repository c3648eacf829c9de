"""No secret turns up anywhere: real `airflow dags test` runs at DEBUG, with secrets made to be found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness import canary
from tests.harness.dag_plans import ROOT, aep_connection, run_plan
from tests.harness.emulator import Emulator
from tests.harness.wiretap import Sent, Wiretap


def echoed(*secrets: str) -> str:
    """Secrets as a server may give them back: as they came, or as some library of its writes them."""
    return " ".join(form for secret in secrets for form in canary.usual_spellings(secret))


# A server can only give back what it was given, or gave out itself.
PAYPAL = (canary.PAYPAL_ID, canary.PAYPAL_SECRET)
TO_IMS = echoed(canary.AEP_SECRET, *PAYPAL)
TO_CREATE = echoed(canary.AEP_SECRET, canary.TOKEN, *PAYPAL)
TO_USE = echoed(canary.AEP_SECRET, canary.TOKEN)
TO_ROTATE = echoed(canary.AEP_SECRET, canary.TOKEN, canary.OTHER_ID, canary.OTHER_SECRET)
UPDATING_DAG = """
from airflow.sdk import DAG
from airflow_provider_aep.operators import connections

with DAG("updating", schedule=None):
    create = connections.CreatePayPalConnectionOperator(
        task_id="create", name="{{ params.name }}", paypal_conn_id="paypal_other", if_exists="update",
        params={"name": "An update"},
    )
    create >> connections.DeleteConnectionOperator(task_id="delete", connection_id=create.output)
"""
ROTATING_DAG = """
from airflow.sdk import DAG
from airflow_provider_aep.operators import connections

with DAG("rotating", schedule=None):
    create = connections.CreatePayPalConnectionOperator(task_id="create", name="To be rotated")
    rotate = connections.RotateCredentialsOperator(
        task_id="rotate", connection_id=create.output, source_conn_id="{{ params.to }}",
        params={"to": "paypal_default"},
    )
"""
KEY_FILE_DAG = """
from airflow.sdk import DAG
from airflow_provider_aep.operators import connections

with DAG("key_file", schedule=None):
    connections.CreateBaseConnectionOperator(
        task_id="create", name="{{ params.name }}", source="google-pubsub", source_conn_id="key_file",
        auth_spec="Project Based Authentication", params={"name": "By a key file"},
    )
"""
KEY_FILE = json.dumps(canary.KEY_FILE, indent=2)
A_LINE = canary.PEM.splitlines()[2]
IN_PARTS = " | ".join(canary.echoes(canary.PEM) + canary.echoes(KEY_FILE))


def fault(method: str, path: str, **more: Any) -> dict[str, Any]:
    return {"times": 100, "method": method, "path": path, **more}


def run(
    run_name: str, /, *faults: dict[str, Any], dag: str = "paypal_connection", **conf: Any
) -> dict[str, Any]:
    return {"name": run_name, "dag": dag, "conf": conf, "faults": faults}


def echo(status: int, text: str = TO_CREATE) -> dict[str, Any]:
    """Return the reply of a careless server, which repeats everything."""
    return {"status": status, "body": {"title": text, "message": text, "error_description": text}}


AFTER = {"times": 1, "when": "after"}
BY_KEY = {"dag": "key_file", "name": "echoed"}
TO_OTHER = {"dag": "rotating", "to": "paypal_other"}
GOOD = ["a cold create", "a reuse", "an update", "a rotation", "a key file"]
PLAN = [
    run("a cold create"),
    run("a reuse"),
    run("an update", dag="updating"),
    run("a rotation", dag="rotating"),
    run("a key file", dag="key_file"),
    run("the key file is echoed in parts", fault("POST", "/connections", **echo(400, IN_PARTS)), **BY_KEY),
    run("a line of the key is echoed", fault("POST", "/connections", **echo(403, A_LINE)), **BY_KEY),
    run("a rotation the source refuses", **TO_OTHER),
    run("the rotation echoes", fault("PATCH", "", **echo(400, TO_ROTATE)), **TO_OTHER),
    run("the rotation is overtaken", fault("PATCH", "", **echo(412, TO_ROTATE)), **TO_OTHER),
    run("the test of the rotation echoes", fault("GET", "/test", **echo(500, TO_ROTATE)), **TO_OTHER),
    run("an update of an existing connection", fault("DELETE", "", **echo(400, TO_USE)), dag="updating"),
    run("a connection the source refuses", paypal_conn_id="paypal_other", name="refused"),
    run("IMS echoes", fault("POST", "/v3", **echo(400, TO_IMS))),
    run("IMS breaks", fault("POST", "/v3", status=200, body="{" + TO_IMS)),
    run("the list echoes", fault("GET", "/connections", **echo(403))),
    run("the list is broken", fault("GET", "/connections", status=200, body='{"items": [' + TO_CREATE)),
    run(
        "the next page lies elsewhere",
        fault(
            "GET",
            "/connections",
            status=200,
            body={"items": [], "_links": {"next": {"href": "https://elsewhere/?a=" + TO_CREATE}}},
        ),
    ),
    run("the POST echoes", fault("POST", "/connections", **echo(400)), name="new"),
    run(
        "the POST echoes in its headers",
        fault("POST", "/connections", status=403, headers={"x-request-id": canary.TOKEN}),
        name="new",
    ),
    run("the POST is refused its token", fault("POST", "/connections", **echo(401)), name="new"),
    run("the POST is lost", fault("POST", "/connections", **AFTER, drop=True), name="lost"),
    run(
        "the id is a secret",
        fault("POST", "/connections", **AFTER, status=201, body={"id": TO_CREATE}),
        name="x",
    ),
    run("the test echoes", fault("GET", "/test", **echo(500, TO_USE))),
    run("the tables echo", fault("GET", "/explore", **echo(400, TO_USE))),
]


@dataclass
class Traces:
    """The log and the requests of the runs; the search at the end of the first test reads everything else."""

    database: Path
    log: str
    succeeded: list[str]
    sent: list[Sent]


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traces]:
    """Every path of the client, by way of Airflow itself; its secrets live in the metadata database."""
    directory = tmp_path_factory.mktemp("canary")
    text = (ROOT / "dags" / "paypal_connection.py").read_text().replace('"retries": 2', '"retries": 0')
    dags = {
        "paypal_connection": text,
        "updating": UPDATING_DAG,
        "rotating": ROTATING_DAG,
        "key_file": KEY_FILE_DAG,
    }
    with Emulator("--state", str(directory / "state")) as emulator, Wiretap(emulator.host) as tap:
        log, succeeded = run_plan(emulator.url, PLAN, _connections(tap.url), directory, **dags)
        emulator.stop()
        yield Traces(directory / "home" / "airflow.db", log, succeeded, tap.sent)


def _connections(url: str) -> dict[str, Any]:
    paypal = {"conn_type": "paypal", "login": canary.PAYPAL_ID, "password": canary.PAYPAL_SECRET}
    other = {"conn_type": "paypal", "login": canary.OTHER_ID, "password": canary.OTHER_SECRET}
    key = {"conn_type": "google_cloud_platform"}
    key["extra"] = json.dumps({"project": "harmless", "keyfile_dict": KEY_FILE})
    connections = {"paypal_default": paypal, "paypal_other": other, "key_file": key}
    return {"aep_default": aep_connection(url), **connections}


def test_the_runs_went_as_planned(traces: Traces) -> None:
    """A search in runs that never came to the secrets would prove nothing."""
    assert traces.succeeded == [*GOOD, "the POST is lost", "the id is a secret"]
    assert traces.log.count("=== failed: ") + len(traces.succeeded) == len(PLAN)
    bodies = "".join(sent.body for sent in traces.sent)
    for secret in (canary.PAYPAL_ID, canary.PAYPAL_SECRET, canary.OTHER_SECRET, A_LINE):
        assert json.dumps(secret)[1:-1] in bodies, "it was never sent"


def test_the_connections_are_encrypted(traces: Traces) -> None:
    """In the metadata database, under a Fernet key: there the search found none of their passwords."""
    with closing(sqlite3.connect(traces.database)) as database:
        select = "SELECT {0}, is_{1}encrypted FROM connection WHERE {0} IS NOT NULL"
        stored = database.execute(select.format("password", "")).fetchall()
        extras = database.execute(select.format("extra", "extra_")).fetchall()
    assert (len(stored), len(extras)) == (3, 2)
    stored += extras
    assert all(password.startswith("gAAAA") and encrypted for password, encrypted in stored)


def test_the_token(traces: Traces) -> None:
    """It goes to the platform in one header, and not to IMS; no other secret goes into that header."""
    for sent in traces.sent:
        token = None if sent.to_ims else f"Bearer {canary.TOKEN}"
        assert sent.headers.get("authorization") == token


def test_bodies(traces: Traces) -> None:
    """The client secret goes to IMS alone, the source's to Flow Service alone, the token into no body."""
    ims = "".join(sent.body for sent in traces.sent if sent.to_ims)
    rest = "".join(sent.body for sent in traces.sent if not sent.to_ims)
    assert canary.find(ims, tuple(set(canary.CANARIES) - {canary.AEP_SECRET})) == []
    assert canary.find(rest, (canary.AEP_SECRET, canary.TOKEN)) == []
    assert canary.find(ims, (canary.AEP_SECRET,))
    assert canary.find(rest, (canary.PAYPAL_SECRET,))
