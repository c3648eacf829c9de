"""Run a real Airflow and the emulator on this machine, on free ports, in one directory.

The demos, `make ui` and tests use it:

    with LocalAirflow(directory, dags=Path("dags")) as airflow:
        airflow.start()
        run_id = airflow.api.trigger("paypal_connection")

It does not read or write the caller's own Airflow: neither `~/airflow` nor Airflow's environment variables.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from airflow_provider_aep.flow_service.sources import Source, find_source
from scripts.processes import LocalError, Service, free_ports, ignored_signals, step, stop, tail

# The components of `airflow standalone`. Each is our own child process here, because `standalone` does not
# end its children when it is ended.
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
# The API server reads the logs from the same disk, so the others need not serve them.
ARGUMENTS = {"scheduler": ["--skip-serve-logs"], "triggerer": ["--skip-serve-logs"]}
START_SECONDS = 180
OTHER_SOURCES = ("square", "postgresql", "amazon-s3")

# Calls to this machine must not use the proxy of the environment.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Check: TypeAlias = Callable[[], None]
Tell: TypeAlias = Callable[[str], None]
TOLD_STATES = ("success", "failed", "upstream_failed", "up_for_retry", "deferred")


def call(method: str, url: str, body: object = None, token: str | None = None) -> Any:
    """Send JSON and return the reply's JSON. Raise `LocalError` with the reply's text for an HTTP error."""
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
    """The API of an Airflow without sign-in, whose users are all admins."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._token: str | None = None

    def __call__(self, method: str, path: str, body: object = None) -> Any:
        if self._token is None:
            self._token = call("GET", f"{self.url}/auth/token")["access_token"]
        return call(method, f"{self.url}/api/v2{path}", body, self._token)

    def answers(self) -> bool:
        """Return whether the server answers."""
        try:
            call("GET", f"{self.url}/api/v2/version")
        except OSError:
            return False
        return True

    def store_connections(self, connections: dict[str, dict[str, Any]]) -> None:
        """Create the connections, or overwrite existing connections of these ids."""
        entities = [
            {"connection_id": conn_id, **values, "extra": json.dumps(values.get("extra", {}))}
            for conn_id, values in connections.items()
        ]
        action = {"action": "create", "action_on_existence": "overwrite", "entities": entities}
        result = self("PATCH", "/connections", {"actions": [action]})
        if result["create"]["errors"]:
            raise LocalError(f"Airflow refused a connection: {result['create']['errors']}")

    def wait_for_dag(self, dag_id: str, since: str, *, seconds: float, watch: Check) -> None:
        """Wait until the DAG was parsed after `since` (ISO 8601, UTC)."""
        for _ in _rounds(seconds, f"Airflow has not parsed {dag_id}", watch):
            for broken in self("GET", "/importErrors")["import_errors"]:
                if broken["filename"].endswith(f"{dag_id}.py") and broken["timestamp"] >= since:
                    raise LocalError(f"Airflow cannot import {broken['filename']}:\n{broken['stack_trace']}")
            # A GET by name is a 404 until the DAG exists. A pattern can also match other DAGs.
            dags = self("GET", f"/dags?dag_id_pattern={quote(dag_id)}&exclude_stale=true")["dags"]
            if any(dag["dag_id"] == dag_id and (dag["last_parsed_time"] or "") >= since for dag in dags):
                return

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Unpause the DAG, start a run, and return the run's id."""
        self("PATCH", f"/dags/{dag_id}", {"is_paused": False})
        return str(
            self("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf or {}})["dag_run_id"]
        )

    def wait_for_run(
        self, dag_id: str, run_id: str, *, seconds: float, watch: Check, report: Tell = lambda _: None
    ) -> str:
        """Wait until the run has ended, and return its state. Report a line for each task that ends."""
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
        """Return the task instances of a run."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances?limit=100"
        return list(self("GET", path)["task_instances"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """Return the return value of a task."""
        run = f"/dags/{dag_id}/dagRuns/{quote(run_id)}"
        path = f"{run}/taskInstances/{task_id}/xcomEntries/return_value?map_index={map_index}&stringify=false"
        return self("GET", path)["value"]


def task_name(task: dict[str, Any]) -> str:
    """Return the name of a task instance, such as `inspect_table[2]`."""
    return str(task["task_id"]) if task["map_index"] < 0 else f"{task['task_id']}[{task['map_index']}]"


def _rounds(seconds: float, complaint: str, watch: Check, pause: float = 0.5) -> Iterator[None]:
    """Yield after each pause. Raise `LocalError` when the time is up, or when `watch` does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        watch()
        yield
        time.sleep(pause)
    raise LocalError(f"{complaint} after {seconds:.0f} s.")


class LocalAirflow:
    """The emulator and Airflow's components. They end with the `with` block."""

    def __init__(
        self,
        directory: Path,
        *,
        dags: Path,
        components: Sequence[str] = COMPONENTS,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.home = self.directory / "airflow"
        self.logs = self.directory / "logs"
        self.task_logs = self.home / "logs"
        self.components = components
        [api_port] = free_ports(1, prefer=port)
        self.api = AirflowApi(f"http://127.0.0.1:{api_port}")
        self.environment = {
            **clean_environment(os.environ),
            **airflow_settings(self.home, dags.resolve(), api_port),
            **(environment or {}),
        }
        self.emulator_url = ""
        self.services: list[Service] = []
        self._lock: Any = None

    def __enter__(self) -> LocalAirflow:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = (self.directory / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LocalError(f"Another run is using {self.directory}: wait for it or end it first.") from None
        return self

    def __exit__(self, *_exc: object) -> None:
        try:
            with ignored_signals():
                stop(self.services)
        finally:
            self._lock.close()

    def start_emulator(self, *arguments: str) -> None:
        """Start the emulator. Its state is stored in `emulator.json`."""
        state = self.directory / "emulator.json"
        options = ["--port", "0", "--state", str(state), *arguments]
        emulator = self._start("emulator", [sys.executable, "-m", "airflow_provider_aep.emulator", *options])
        ready = re.compile(r"^listening on (http://\S+)$", re.MULTILINE)
        answer = until(
            lambda: ready.search(emulator.log.read_text()), emulator, "The emulator has not started"
        )
        self.emulator_url = answer.group(1)

    def emulator(self, path: str, method: str = "GET", body: object = None) -> Any:
        """Call the emulator's control plane."""
        return call(method, f"{self.emulator_url}/_emulator/{path}", body)

    def migrate(self) -> None:
        """Create or migrate the metadata database, if this version of Airflow has not done it already."""
        done = self.home / ".migrated"
        current = version("apache-airflow-core")
        if done.exists() and done.read_text() == current:
            return
        self.home.mkdir(parents=True, exist_ok=True)
        log = self.logs / "migrate.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
        with log.open("wb") as output:
            ended = subprocess.run(command, env=self.environment, stdout=output, **pipes, check=False)
        if ended.returncode:
            raise LocalError(f"`airflow db migrate` ended with exit code {ended.returncode}.\n{tail(log)}")
        done.write_text(current)

    def start_airflow(self) -> None:
        """Start the components and wait until the API answers."""
        for component in self.components:
            self.start_component(component)
        until(self.api.answers, self, "Airflow's API server does not answer")

    def start_component(self, component: str, name: str | None = None) -> Service:
        """Start a process of a component. `name` distinguishes several processes of one component."""
        command = [sys.executable, "-m", "airflow", component, *ARGUMENTS.get(component, [])]
        return self._start(name or component, command)

    def start(self) -> None:
        """Start the emulator and Airflow, store the connections, and show the progress."""
        with step("Starting the emulator"):
            self.start_emulator()
        with step("Preparing Airflow's database"):
            self.migrate()
        with step("Starting Airflow"):
            self.start_airflow()
            self.store_connections()

    def store_connections(self) -> None:
        """Store the connections in Airflow's database, as a user would."""
        self.api.store_connections(connections(self.emulator_url))

    def check(self) -> None:
        """Raise `LocalError` if a process has ended by itself."""
        for service in self.services:
            service.check()

    def _start(self, name: str, command: Sequence[str]) -> Service:
        service = Service(name, command, env=self.environment, log=self.logs / f"{name}.log")
        self.services.append(service)
        return service


def move_clock(emulator_url: str, seconds: int) -> str:
    """Return the command that moves the emulator's clock, for the user to copy."""
    return f"curl -X POST {emulator_url}/_emulator/clock -d '{{\"advance\": {seconds}}}'"


def connections(emulator_url: str) -> dict[str, dict[str, Any]]:
    """Return the Airflow connections of the example DAGs, with the emulator's accounts."""
    # The Test button of Airflow 3.3 refuses a stored connection without a port: the UI sends 0 instead.
    host, _, port = emulator_url.rpartition(":")
    return {
        "aep_default": {
            "conn_type": "aep",
            "description": "The local emulator",
            "login": "emulator-client-id",
            "password": "emulator-client-secret",
            "host": host,
            "port": int(port),
            "extra": {
                "org_id": "0123456789ABCDEF01234567@AdobeOrg",
                "sandbox": "prod",
                "ims_host": emulator_url,
            },
        },
        "paypal_default": {
            "conn_type": "paypal",
            "description": "The PayPal application that the emulator knows",
            "login": "emulator-paypal-id",
            "password": "emulator-paypal-secret",
            "host": "api.sandbox.paypal.com",
            "port": 443,
        },
        **{f"{key.replace('-', '_')}_default": _generic(find_source(key)) for key in OTHER_SOURCES},
    }


def _generic(source: Source) -> dict[str, Any]:
    """Return a connection with any values. The emulator refuses only values that contain `wrong`."""
    extra = {name: f"emulated-{name}" for name in source.auth[0].required}
    return {"conn_type": "generic", "description": f"{source.title}, for the emulator", "extra": extra}


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the settings, connections and variables of another Airflow."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(("AIRFLOW_", "_AIRFLOW_")) and name not in ("PYTHONPATH", "PYTHONHOME")
    }
    # Requests to this machine must not use a proxy. Set both spellings: the lower one overrides the other.
    exceptions = kept.get("no_proxy") or kept.get("NO_PROXY")
    kept["no_proxy"] = kept["NO_PROXY"] = ",".join(filter(None, [exceptions, "127.0.0.1", "localhost"]))
    return {**kept, "PYTHONUNBUFFERED": "1"}


def airflow_settings(home: Path, dags: Path, api_port: int) -> dict[str, str]:
    """Return the settings of a small Airflow that shares nothing with another installation."""
    url = f"http://127.0.0.1:{api_port}"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        # There is no sign-in, so the API listens on this machine only.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(api_port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__AEP__SHARED_DIR": str(home / "shared"),
    }


def until(probe: Callable[[], Any], watched: Service | LocalAirflow, complaint: str) -> Any:
    """Return the first true result of `probe`. Raise `LocalError` when that takes too long."""
    for _ in _rounds(START_SECONDS, complaint, watched.check, pause=0.1):
        if answer := probe():
            return answer
    raise AssertionError("unreachable")
