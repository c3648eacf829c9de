"""How many requests and TCP connections a create costs, as the emulator's log counts them."""

from __future__ import annotations

import sys
from typing import Any

from benchmarks import process
from benchmarks.report import Block, Row
from tests.harness import emulator as support

TITLE = "Requests and connections"
METHOD = """
The emulator's /_emulator/requests after one execute() in a fresh process with an empty token cache: a
create is token, list, the source's spec, POST, list; a reuse is token, list. Next to it: the same without
the spec as four HttpOperator tasks, which share nothing.
"""
NAME = "Benchmark"


def measure() -> Block:
    """Three fresh processes: a create, then a reuse of what it made, then HttpOperator."""
    with support.Emulator() as emulator:
        create, reuse, peer = (_count(emulator, what) for what in ("create", "reuse", "http_operator"))
    beside = f"HttpOperator: {peer[0]}"
    return Block(
        TITLE,
        METHOD,
        [
            _row("requests of a cold create", create[0], 5, beside),
            _row("requests of a reuse", reuse[0], 2, ""),
            _row("TCP connections of a hook", create[1], 1, f"HttpOperator: {peer[1]}"),
        ],
    )


def _count(emulator: support.Emulator, what: str) -> tuple[int, int]:
    emulator.forget_requests()
    process.run(__name__, what, **process.airflow_connections(emulator.url))
    log = emulator.requests()
    return len(log), len({entry["connection"] for entry in log})


def _row(what: str, figure: int, most: int, peers: str) -> Row:
    return Row(what, str(figure), f"at most {most}", peers, figure <= most)


# In the measured process


def main(what: str) -> None:
    """One task, or HttpOperator's four."""
    if what == "http_operator":
        process.answer(_http_operators())
        return
    from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

    process.answer(CreatePayPalConnectionOperator(task_id="create", name=NAME).execute({}))


def _http_operators() -> str:
    import json
    from urllib.parse import urlencode

    from airflow.providers.http.operators.http import HttpOperator

    def send(method: str, path: str, data: Any, headers: dict[str, str]) -> Any:
        task = HttpOperator(task_id="send", method=method, endpoint=path, data=data, headers=headers)
        return json.loads(task.execute({}))

    form = {
        "client_id": support.CLIENT_ID,
        "client_secret": support.CLIENT_SECRET,
        "grant_type": "client_credentials",
        "scope": support.SCOPES,
    }
    form_type = {"Content-Type": "application/x-www-form-urlencoded"}
    token = send("POST", "/ims/token/v3", urlencode(form), form_type)["access_token"]
    headers = {
        "Authorization": f"Bearer {token}",
        "x-api-key": support.CLIENT_ID,
        "x-gw-ims-org-id": support.ORG_ID,
        "x-sandbox-name": "prod",
    }
    path = f"{support.FLOW_SERVICE}/connections"
    query = {"property": "name==Another", "limit": "100"}
    send("GET", path, query, headers)
    body = json.dumps(support.paypal_body("Another"))
    made = send("POST", path, body, {**headers, "Content-Type": "application/json"})
    send("GET", path, query, headers)
    return str(made["id"])


if __name__ == "__main__":
    main(*sys.argv[1:])
