"""No secret turns up anywhere: real `airflow dags test` runs at DEBUG, with secrets made to be found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support import canary
from tests.support.canary_dags import ROOT, aep_connection, ended_well, run_plan
from tests.support.emulator import CLIENT_SECRET, Emulator
from tests.support.emulator import PAYPAL_SECRET as EMULATOR_PAYPAL_SECRET
from tests.support.wiretap import Sent, Wiretap


def echoed(*secrets: str) -> str:
    """Secrets as a server may give them back: as they came, or as some library of its writes them."""
    return " ".join(form for secret in secrets for form in canary.usual_spellings(secret))


# A server can only give back what it was given, or gave out itself.
PAYPAL = (canary.PAYPAL_ID, canary.PAYPAL_SECRET)
TO_IMS = echoed(canary.AEP_SECRET, *PAYPAL)
TO_CREATE = echoed(canary.AEP_SECRET, canary.TOKEN, *PAYPAL)
TO_USE = echoed(canary.AEP_SECRET, canary.TOKEN)
TO_ROTATE = echoed(canary.AEP_SECRET, canary.TOKEN, canary.OTHER_ID, canary.OTHER_SECRET)
LEAKING_DAG = '''
"""Leaks on purpose, once a channel."""
import logging
from airflow.sdk import DAG, BaseOperator

class Leak(BaseOperator):
    template_fields = ("rendered",)
    def __init__(self, *, rendered="", **kwargs):
        super().__init__(**kwargs)
        self.rendered = rendered
    def execute(self, context):
        logging.getLogger("leak").debug("PlantedInTheLogs")
        return "PlantedInAnXCom"

class Fail(BaseOperator):
    def execute(self, context):
        raise ValueError("PlantedInAnException")

with DAG("leaking", schedule=None):
    Leak(task_id="leak", rendered="{{ 'PlantedInRendered' ~ 'Fields' }}") >> Fail(task_id="fail")
'''
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


def fault(method: str, path: str, **more: Any) -> dict[str, Any]:
    return {"times": 100, "method": method, "path": path, **more}


def run(words: str, *faults: dict[str, Any], dag: str = "paypal_connection", **conf: Any) -> dict[str, Any]:
    return {"words": words, "dag": dag, "conf": conf, "faults": faults}


def echo(status: int, text: str = TO_CREATE) -> dict[str, Any]:
    """What a careless server says: everything it was told."""
    return {"status": status, "body": {"title": text, "message": text, "error_description": text}}


TO_OTHER = {"dag": "rotating", "to": "paypal_other"}
GOOD = ["a cold create", "a reuse", "an update", "a rotation"]
PLAN = [
    run("a cold create"),
    run("a reuse"),
    run("an update", dag="updating"),
    run("a rotation", dag="rotating"),
    run("a rotation the source refuses", **TO_OTHER),
    run("the rotation echoes", fault("PATCH", "", **echo(400, TO_ROTATE)), **TO_OTHER),
    run("the rotation is overtaken", fault("PATCH", "", **echo(412, TO_ROTATE)), **TO_OTHER),
    run("the test of the rotation echoes", fault("GET", "/test", **echo(500, TO_ROTATE)), **TO_OTHER),
    run("an update of what stands", fault("DELETE", "", **echo(400, TO_USE)), dag="updating"),
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
    run("the POST is lost", fault("POST", "/connections", times=1, when="after", drop=True), name="lost"),
    run("the id is a secret", fault("POST", "/connections", status=201, body={"id": TO_CREATE}), name="x"),
    run("the test echoes", fault("GET", "/test", **echo(500, TO_USE))),
    run("the tables echo", fault("GET", "/explore", **echo(400, TO_USE))),
    run("planted", dag="leaking"),
]


@dataclass
class Traces:
    """All that the runs left behind."""

    home: Path
    log: str
    sent: list[Sent]
    emulator_output: str
    emulator_log: str
    emulator_state: bytes
    emulator_secrets: tuple[str, ...]

    @property
    def database(self) -> Path:
        return self.home / "airflow.db"


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traces]:
    """Every path of the client, by way of Airflow itself; its secrets live in the metadata database."""
    directory = tmp_path_factory.mktemp("canary")
    dags, home, state = directory / "dags", directory / "home", directory / "state"
    dags.mkdir()
    text = (ROOT / "dags" / "paypal_connection.py").read_text()
    (dags / "paypal_connection.py").write_text(text.replace('"retries": 2', '"retries": 0'))
    (dags / "leaking.py").write_text(LEAKING_DAG)
    (dags / "updating.py").write_text(UPDATING_DAG)
    (dags / "rotating.py").write_text(ROTATING_DAG)
    with Emulator("--state", str(state)) as emulator, Wiretap(emulator.host) as tap:
        plan = {"control": emulator.url, "runs": PLAN, "connections": _connections(tap.url)}
        (directory / "plan").write_text(json.dumps(plan))
        log = run_plan(directory / "plan", home, dags)
        (directory / "plan").unlink()
        emulator.clear_faults()
        requests.delete(f"{emulator.url}/data/foundation/PlantedInTheOutput", timeout=10)
        emulator.api().create("PlantedInTheState").raise_for_status()
        tap_leak = requests.get(
            f"{tap.url}/data/PlantedInAUrl", headers={"x-a": "PlantedInAHeader"}, timeout=10
        )
        assert tap_leak.status_code >= 400
        emulator_log = json.dumps(emulator.requests())
        secrets = (*canary.CANARIES, CLIENT_SECRET, EMULATOR_PAYPAL_SECRET, *tap.real_tokens)
        emulator.stop()
        yield Traces(
            home,
            canary.without_mask_orders(log),
            tap.sent,
            emulator.output(),
            emulator_log,
            state.read_bytes() + canary.dump(state).encode(),
            secrets,
        )


def _connections(url: str) -> dict[str, Any]:
    paypal = {"conn_type": "paypal", "login": canary.PAYPAL_ID, "password": canary.PAYPAL_SECRET}
    other = {"conn_type": "paypal", "login": canary.OTHER_ID, "password": canary.OTHER_SECRET}
    return {"aep_default": aep_connection(url), "paypal_default": paypal, "paypal_other": other}


def test_the_runs_went_as_planned(traces: Traces) -> None:
    """A search in runs that never came to the secrets would prove nothing."""
    well = ended_well(traces.log)
    assert well == [*GOOD, "the POST is lost"]
    assert traces.log.count("=== failed: ") + len(well) == len(PLAN)
    bodies = "".join(sent.body for sent in traces.sent)
    for secret in (canary.PAYPAL_ID, canary.PAYPAL_SECRET, canary.OTHER_SECRET):
        assert json.dumps(secret)[1:-1] in bodies, "it was never sent"


def test_logs(traces: Traces) -> None:
    """At DEBUG, with tracebacks, and without Airflow's masker: `dags test` does not mask."""
    assert canary.find(traces.log) == []
    files = [path for path in traces.home.rglob("*") if path.is_file() and path != traces.database]
    assert [
        path for path in files if canary.find(canary.without_mask_orders(path.read_text("utf-8", "replace")))
    ] == []
    assert "PlantedInTheLogs" in traces.log
    assert "PlantedInAnException" in traces.log


def test_xcoms(traces: Traces) -> None:
    """Airflow never masks an XCom."""
    assert canary.find(canary.rows(traces.database, "xcom")) == []
    assert "PlantedInAnXCom" in canary.rows(traces.database, "xcom")


def test_rendered_fields(traces: Traces) -> None:
    """Every user of the UI reads them."""
    fields = canary.rows(traces.database, "rendered_task_instance_fields")
    assert canary.find(fields) == []
    assert "PlantedInRenderedFields" in fields


def test_the_metadata_database(traces: Traces) -> None:
    """In no table, and in no page of the file: connections are encrypted, the rest holds none."""
    tables = canary.dump(traces.database)
    stored = [line for line in tables.splitlines() if line.startswith("connection: ")]
    assert len(stored) == 3
    rest = "\n".join(line for line in tables.splitlines() if line not in stored)
    assert canary.find(rest) == []
    # Airflow encrypts what stands in `password` and `extra`, not what stands in `login`.
    assert canary.find("\n".join(stored), canary.PASSWORDS) == []
    assert canary.find(traces.database.read_bytes(), canary.PASSWORDS) == []
    assert "PlantedInAnXCom" in canary.dump(traces.database)


def test_urls(traces: Traces) -> None:
    """Proxies and servers log URLs."""
    urls = "\n".join(sent.url for sent in traces.sent)
    assert canary.find(urls) == []
    assert "PlantedInAUrl" in urls


def test_headers(traces: Traces) -> None:
    """The token goes to the platform in one header; no other secret goes into any, and none to IMS."""
    headers = []
    for sent in traces.sent:
        rest = dict(sent.headers)
        if sent.service == "platform":
            assert rest.pop("authorization", "") in (f"Bearer {canary.TOKEN}", "")
        headers.append(json.dumps(rest))
    assert canary.find("\n".join(headers)) == []
    assert "PlantedInAHeader" in "\n".join(headers)


def test_bodies(traces: Traces) -> None:
    """The client secret goes to IMS alone, the source's to Flow Service alone, the token into no body."""
    ims = "".join(sent.body for sent in traces.sent if sent.service == "ims")
    rest = "".join(sent.body for sent in traces.sent if sent.service != "ims")
    assert canary.find(ims, tuple(set(canary.CANARIES) - {canary.AEP_SECRET})) == []
    assert canary.find(rest, (canary.AEP_SECRET, canary.TOKEN)) == []
    assert canary.find(ims, (canary.AEP_SECRET,))
    assert canary.find(rest, (canary.PAYPAL_SECRET,))


def test_the_emulator(traces: Traces) -> None:
    """People point it at real credentials by mistake: nothing of them is printed, logged or stored."""
    assert canary.find(traces.emulator_output, traces.emulator_secrets) == []
    assert canary.find(traces.emulator_log, traces.emulator_secrets) == []
    assert canary.find(traces.emulator_state, traces.emulator_secrets) == []
    assert "PlantedInTheOutput" in traces.emulator_output
    assert b"PlantedInTheState" in traces.emulator_state
    assert "PlantedInAUrl" in traces.emulator_log
