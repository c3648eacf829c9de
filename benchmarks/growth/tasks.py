"""What tasks cost: creates among more and more entities, and the processes of a wait and of a reuse."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import process
from tests.harness.emulator import (
    CLIENT_ID,
    CLIENT_SECRET,
    FLOW_SERVICE,
    ORG_ID,
    SCOPES,
    Emulator,
    paypal_body,
)

EXISTING = (1, 10, 100)
OTHERS = 10_000
CREATES, PROCESSES = 5, 3
AIRFLOW = {"AIRFLOW__AEP__SETTLE": "0", "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}


def measure(progress: Callable[[str], None]) -> dict[str, Any]:
    """Return `creates` by what exists, and the costs of `defer`, `resume` and `reuse`."""
    with Emulator() as emulator:
        progress("creates")
        creates = {}
        for existing in EXISTING:
            api = emulator.api()
            for number in range(existing - existing // 10):
                api.create(f"Existing {existing} {number}").raise_for_status()
            creates[f"{existing:,} of the source"] = _creates(emulator, "own")
        creates["http"] = _creates(emulator, "http")
        for _ in range(10):
            numbers = {"flows": 0, "runs": 0, "connections": OTHERS // 10}
            emulator.control("POST", "fleet", numbers)
        creates[f"{OTHERS:,} in the sandbox"] = _creates(emulator, "own")
        progress("processes of tasks")
        emulator.control("POST", "fleet", {"flows": 1, "runs": 1, "running": 1})
        api = emulator.api()
        [run] = api("GET", "/runs", params={"property": "state==inProgress"}).json()["items"]
        wait = _processes(emulator, "defer", run["flowId"])
        emulator.control("POST", f"runs/{run['id']}", {"status": "success"})
        event = json.dumps({"status": "ended", "flow_id": run["flowId"], "run_id": run["id"]})
        resume = _processes(emulator, "resume", run["flowId"], event)
        reuse = _processes(emulator, "reuse", "Existing 1 0")
    return {"creates": creates, "defer": wait, "resume": resume, "reuse": reuse}


def _creates(emulator: Emulator, side: str) -> dict[str, float]:
    seconds = process.run(__name__, "create", side, emulator.url, **_variables(emulator))
    return {"requests": len(emulator.requests()) / CREATES, "cpu": statistics.median(seconds)}


def _processes(emulator: Emulator, what: str, *words: str) -> dict[str, float]:
    """Return requests and CPU seconds of whole processes: medians."""
    taken = []
    for _ in range(PROCESSES):
        emulator.forget_requests()
        cpu = process.run(__name__, what, *words, **_variables(emulator))
        taken.append((len(emulator.requests()), cpu))
    requests, cpus = zip(*taken, strict=True)
    return {"requests": statistics.median(requests), "cpu": statistics.median(cpus)}


def _variables(emulator: Emulator) -> dict[str, str]:
    return {**process.airflow_connections(emulator.url), **AIRFLOW}


# In the measured process


class TaskInstance:
    """What an operator asks of its task instance."""

    run_id, map_index, max_tries, try_number = "manual__2026-01-01", -1, 0, 1

    def xcom_push(self, key: str, value: Any) -> None:
        """A worker would ask the API server, which is no part of this."""


CONTEXT: Any = {"ti": TaskInstance(), "run_id": TaskInstance.run_id}


def main(what: str, *words: str) -> None:
    """One process of a task, or a few creates in one."""
    if what == "create":
        process.answer(_create(*words))
        return
    import airflow.sdk  # noqa: F401 - a task's process has it

    if what == "reuse":
        from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

        CreatePayPalConnectionOperator(task_id="reuse", name=words[0]).execute(CONTEXT)
    else:
        _wait(*words)
    used = resource.getrusage(resource.RUSAGE_SELF)
    process.answer(used.ru_utime + used.ru_stime)


def _wait(flow_id: str, event: str | None = None) -> None:
    """Defer a wait for the newest run. With its event: resume it."""
    from airflow.sdk.exceptions import TaskDeferred

    from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

    sensor = FlowRunSensor(task_id="wait", flow_id=flow_id, match="latest")
    if event is not None:
        sensor.execute_complete(CONTEXT, event=json.loads(event))
        return
    try:
        sensor.execute(CONTEXT)
    except TaskDeferred:
        return
    raise RuntimeError("the wait was not deferred")


def _create(side: str, url: str) -> list[float]:
    """CPU seconds of each create, warm: the first one, which signs in and reads the spec, does not count."""
    import requests
    from airflow.providers.http.operators.http import HttpOperator

    from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "client_credentials"}
    token = requests.post(f"{url}/ims/token/v3", data={**form, "scope": SCOPES}, timeout=30).json()
    headers = {
        "Authorization": f"Bearer {token['access_token']}",
        "Content-Type": "application/json",
        "x-api-key": CLIENT_ID,
        "x-gw-ims-org-id": ORG_ID,
        "x-sandbox-name": "prod",
    }

    def make() -> Any:
        name = f"{side} {time.time_ns()}"
        if side == "own":
            return CreatePayPalConnectionOperator(task_id="create", name=name)
        path, body = f"{FLOW_SERVICE}/connections", json.dumps(paypal_body(name))
        return HttpOperator(task_id="post", endpoint=path, data=body, headers=headers)

    seconds = []
    for number in range(CREATES + 1):
        task, start = make(), time.process_time()
        task.execute(CONTEXT)
        seconds.append(time.process_time() - start)
        if not number:
            requests.delete(f"{url}/_emulator/requests", timeout=30).raise_for_status()
    return seconds[1:]


if __name__ == "__main__":
    main(*sys.argv[1:])
