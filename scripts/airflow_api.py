"""As much of Airflow's public API as a local run needs."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from scripts.processes import LocalError

# A proxy of the environment must not see calls to this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

TOLD_STATES = ("success", "failed", "upstream_failed", "up_for_retry", "deferred")


def call(method: str, url: str, body: object = None, token: str | None = None) -> Any:
    """Send JSON, return JSON. An HTTP error becomes a `LocalError` with the server's words."""
    request = urllib.request.Request(url, method=method)
    request.add_header("Accept", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    try:
        with _opener.open(request, timeout=30) as reply:
            return json.loads(reply.read() or b"null")
    except urllib.error.HTTPError as error:
        said = error.read(2000).decode(errors="replace")
        raise LocalError(f"{method} {url} answered {error.code}: {said}") from error


class AirflowApi:
    """The API of an Airflow whose sign-in makes everybody an admin."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._token: str | None = None

    def __call__(self, method: str, path: str, body: object = None) -> Any:
        if self._token is None:
            self._token = call("GET", f"{self.url}/auth/token")["access_token"]
        return call(method, f"{self.url}/api/v2{path}", body, self._token)

    def answers(self) -> bool:
        """Whether the server is up at all."""
        try:
            call("GET", f"{self.url}/api/v2/version")
        except OSError:
            return False
        return True

    def store_connections(self, connections: dict[str, dict[str, Any]]) -> None:
        """Create the connections, or overwrite those that are there."""
        entities = [
            {"connection_id": conn_id, **values, "extra": json.dumps(values.get("extra", {}))}
            for conn_id, values in connections.items()
        ]
        action = {"action": "create", "action_on_existence": "overwrite", "entities": entities}
        result = self("PATCH", "/connections", {"actions": [action]})
        if result["create"]["errors"]:
            raise LocalError(f"Airflow refused a connection: {result['create']['errors']}")

    def wait_for_dag(self, dag_id: str, since: str, *, seconds: float, watch: Callable[[], None]) -> None:
        """Wait until the DAG was parsed after `since` (ISO 8601, UTC)."""
        for _ in _rounds(seconds, f"Airflow has not parsed {dag_id}", watch):
            for broken in self("GET", "/importErrors")["import_errors"]:
                if broken["filename"].endswith(f"{dag_id}.py") and broken["timestamp"] >= since:
                    raise LocalError(f"Airflow cannot import {broken['filename']}:\n{broken['stack_trace']}")
            # A pattern matches more than the one; asking for the one by name is a 404 until it is there.
            dags = self("GET", f"/dags?dag_id_pattern={quote(dag_id)}&exclude_stale=true")["dags"]
            if any(dag["dag_id"] == dag_id and (dag["last_parsed_time"] or "") >= since for dag in dags):
                return

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Unpause the DAG, start a run of it, return the run's id."""
        self("PATCH", f"/dags/{dag_id}", {"is_paused": False})
        return str(
            self("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf or {}})["dag_run_id"]
        )

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        *,
        seconds: float,
        watch: Callable[[], None],
        report: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Wait until the run has ended, telling of each task that does; return the run's state."""
        run = f"/dags/{dag_id}/dagRuns/{quote(run_id)}"
        told: set[str] = set()
        for _ in _rounds(seconds, f"The run {run_id} of {dag_id} has not ended", watch):
            state = str(self("GET", run)["state"])
            for task in self.tasks(dag_id, run_id):
                line = f"{task_name(task)}: {task['state']}"
                if task["state"] in TOLD_STATES and line not in told:
                    told.add(line)
                    report(line)
            if state in ("success", "failed"):
                return state
        raise AssertionError("unreachable")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances?limit=100"
        return list(self("GET", path)["task_instances"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """What a task returned."""
        run = f"/dags/{dag_id}/dagRuns/{quote(run_id)}"
        path = f"{run}/taskInstances/{task_id}/xcomEntries/return_value?map_index={map_index}&stringify=false"
        return self("GET", path)["value"]


def task_name(task: dict[str, Any]) -> str:
    """A task instance as people call it."""
    return str(task["task_id"]) if task["map_index"] < 0 else f"{task['task_id']}[{task['map_index']}]"


def _rounds(seconds: float, complaint: str, watch: Callable[[], None]) -> Iterator[None]:
    """Twice a second until the time is up; `watch` may raise before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        watch()
        yield
        time.sleep(0.5)
    raise LocalError(f"{complaint} after {seconds:.0f} s.")
