"""Start tries of tasks in real processes, hold them, kill them.

Importing Airflow takes seconds, so one server does it once and forks a process for each try. Such a process
has used nothing of what it inherits: its sessions, its token and its connections are its own, as in a worker
of Airflow's.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID, PAYPAL_ID, PAYPAL_SECRET, Emulator
from tests.harness.secret_search import LOGS, SEARCH, XCOMS
from tests.harness.task_process import PATIENCE, RESUMED, Job, Stop, main

__all__ = ["NAME", "PATIENCE", "RESUMED", "Worker", "Workers", "connections", "existing", "wait_until"]

NAME = "PayPal connection"
FOREIGN_MARK = "[airflow:other_dag.create 0123abcd]"
PRELOADED = (
    "requests",
    "airflow_provider_aep.hooks.data_prep",
    "airflow_provider_aep.hooks.flow_service",
    "airflow_provider_aep.operators._base_connections",
    "airflow_provider_aep.operators._runs",
    "airflow_provider_aep.operators._services",
    "airflow_provider_aep.operators.connections",
    "airflow_provider_aep.task_groups",
    "airflow_provider_aep.triggers.flow_runs",
)
JOB_FIELDS = {one.name for one in fields(Job)}
Point = tuple[str, int]
"""`("before", 3)` is the third request, `("after", 3)` its reply, `("start", 0)` and `("return", 0)` the
beginning and the end of `execute`."""


def wait_until(
    condition: Callable[[], Any], what: str, seconds: float = PATIENCE, *, pause: float = 0.01
) -> Any:
    """Return what `condition` answers once it is true; the limit is generous, because machines are slow."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(pause)
    return answer


class Worker:
    """One try in a process of its own."""

    def __init__(self, job: Job) -> None:
        self._job = job
        start = multiprocessing.get_context("forkserver").Process
        self._process = start(target=main, args=(job,), daemon=True)
        self._process.start()

    def ended(self) -> bool:
        """Say whether the process is gone."""
        return self._process.exitcode is not None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, unless it has ended."""
        assert self._process.pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Kill the process, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Wait until the process is gone, and return its exit code; a signal's is negative."""
        self._process.join(PATIENCE)
        assert self._process.exitcode is not None, f"the try does not end:\n{self.said()}"
        return self._process.exitcode

    def wait_stopped(self) -> None:
        """Wait until the process waits at its stop."""
        wait_until(lambda: self._job.ready.exists() or self.ended(), "the stop")
        assert self._job.ready.exists(), f"ended before its stop:\n{self.said()}"

    def go_on(self) -> None:
        """Open the gate of its stop."""
        self._job.gate.touch()

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL ended it, rather than its own work."""
        return self.wait() == -signal.SIGKILL

    def result(self) -> dict[str, Any]:
        """Return what :func:`tests.harness.task_process.run` did."""
        code = self.wait()
        assert code == 0, f"ended with {code}:\n{self.said()}"
        result: dict[str, Any] = json.loads(self._job.out.read_text())
        return result

    def returned(self) -> str:
        """Return the id that it returned; an error fails the test."""
        result = self.result()
        assert "error" not in result, f"{result['error']}\n{self.said()}"
        assert result["xcom"]["aep_connection_link"].startswith("https://experience.adobe.com/")
        assert f"/{result['id']}/" in result["xcom"]["aep_connection_link"]
        return str(result["id"])

    def said(self) -> str:
        """Return its log."""
        return self._job.log.read_text("utf-8", "replace") if self._job.log.exists() else ""


class Workers:
    """`with Workers(directory) as workers: workers.start(emulator.url).returned()`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count(1)
        self._all: list[Worker] = []
        forkserver.set_forkserver_preload(list(PRELOADED))
        with plain_environment(directory):
            forkserver.ensure_running()

    def start(
        self,
        url: str,
        *,
        ims_url: str | None = None,
        kill: Point | None = None,
        pause: Point | None = None,
        task_id: str = "create_connection",
        settle: float = 0.2,
        timeout: float = 30,
        secret: str = CLIENT_SECRET,
        kind: str = "connections.CreatePayPalConnectionOperator",
        source_conn: dict[str, Any] | None = None,
        settings: dict[str, str] | None = None,
        **options: Any,
    ) -> Worker:
        """Start a try of an operator, which dies at `kill` and waits at `pause`.

        `source_conn` is the Airflow connection of that id, `settings` more of the environment. The options
        are fields of a :class:`Job` and the operator's arguments; one that is None is left out.
        """
        env = {**connections(url, ims_url or url, timeout, secret), "AIRFLOW__AEP__SETTLE": str(settle)}
        env |= settings or {}
        if source_conn:
            env["AIRFLOW_CONN_SOURCE_CONN"] = json.dumps(source_conn)
        given = {key: value for key, value in {"name": NAME, **options}.items() if value is not None}
        job = {key: given.pop(key) for key in JOB_FIELDS & set(given)}
        stops = [Stop(*point, kills=kills) for point, kills in ((kill, True), (pause, False)) if point]
        build = kind if kind.startswith("sensors.") else f"operators.{kind}"
        return self._start(build, {"task_id": task_id, **given}, env, stops, **job)

    def start_dag(
        self,
        url: str,
        build: str,
        arguments: dict[str, Any],
        *,
        kills: Sequence[tuple[str, str, int]] = (),
        **job: Any,
    ) -> Worker:
        """Go on with a DAG run after the last task that `xcoms` knows.

        `build` makes the tasks: ``task_groups.paypal_ingestion``, say. Each of `kills` is a step, and a point
        in it; `job` has more fields of a :class:`Job`.
        """
        env = {**connections(url, url, 30, CLIENT_SECRET), "AIRFLOW__AEP__SETTLE": "0"}
        stops = [Stop(at, number, True, step) for step, at, number in kills]
        return self._start(build, arguments, env, stops, **job)

    def _start(self, build: str, arguments: Any, env: Any, stops: list[Stop], **job: Any) -> Worker:
        base = self._directory / str(next(self._numbers))
        names = ("out", "log", "ready", "gate", "xcoms")
        files = {name: base.with_suffix(f".{name}") for name in names}
        worker = Worker(Job(build, arguments, env=env, stops=stops, **{**files, **job}))
        self._all.append(worker)
        SEARCH.add_file(LOGS, files["log"], worker.ended)
        SEARCH.add_file(XCOMS, files["out"], worker.ended)
        return worker

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_exc: object) -> None:
        for worker in self._all:
            if not worker.ended():
                worker.kill()


@contextlib.contextmanager
def plain_environment(directory: Path) -> Iterator[None]:
    """Without the settings of a test, and with an AIRFLOW_HOME of its own."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("AIRFLOW"):
            del os.environ[name]
    own = {"AIRFLOW_HOME": str(directory / "home"), "AIRFLOW__AEP__TOKEN_CACHE": "False"}
    os.environ.update({**own, "NO_PROXY": "127.0.0.1"})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def connections(url: str, ims_url: str, timeout: float, secret: str) -> dict[str, str]:
    """Return both Airflow connections, as environment variables."""
    extra = {"org_id": ORG_ID, "ims_host": ims_url, "timeout": timeout}
    aep = {"conn_type": "aep", "host": url, "login": CLIENT_ID, "password": secret, "extra": extra}
    paypal = {"conn_type": "paypal", "login": PAYPAL_ID, "password": PAYPAL_SECRET}
    return {
        "AIRFLOW_CONN_AEP_DEFAULT": json.dumps(aep),
        "AIRFLOW_CONN_PAYPAL_DEFAULT": json.dumps(paypal),
    }


def existing(emulator: Emulator) -> list[str]:
    """Return the ids of all connections, as a client that knows nothing of this project lists them."""
    emulator.clear_faults()
    response = emulator.api()("GET", "/connections", params={"limit": 100})
    response.raise_for_status()
    return [item["id"] for item in response.json()["items"]]
