"""The tests' side of :mod:`tests.harness.create_worker`: start tries of a task, hold them, kill them."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID, PAYPAL_ID, PAYPAL_SECRET, Emulator
from tests.harness.secret_search import LOGS, SEARCH, XCOMS

PATIENCE = 120.0
NAME = "PayPal connection"


def wait_until(
    condition: Callable[[], Any], what: str, seconds: float = PATIENCE, *, pause: float = 0.01
) -> Any:
    """What `condition` answers once it is true; generous, since machines are slow at times."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(pause)
    return answer


@dataclass
class Worker:
    """One try of a task, in a process of its own."""

    number: int
    out: Path
    log: Path
    ready: Path
    gate: Path
    pid: int | None = None
    code: int | None = None
    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def send(self, number: signal.Signals) -> None:
        """A signal to the process, unless it has ended."""
        assert self.started.wait(PATIENCE), "the process was not started"
        assert self.pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self.send(signal.SIGKILL)
        self.wait()

    def wait(self) -> Worker:
        """Until the process is gone, whatever became of it."""
        assert self.ended.wait(PATIENCE), f"the try does not end:\n{self.said()}"
        return self

    def wait_stopped(self) -> None:
        """Until it waits at its stop."""
        wait_until(lambda: self.ready.exists() or self.ended.is_set(), "the stop")
        assert self.ready.exists(), f"ended before its stop:\n{self.said()}"

    def go_on(self) -> None:
        """Open the gate of its stop."""
        self.gate.touch()

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL ended it, rather than its own work."""
        return self.wait().code == -signal.SIGKILL

    def result(self) -> dict[str, Any]:
        """What `execute` did: `{"id"}` or `{"error"}`, with `xcom` and `sent`."""
        self.wait()
        assert self.code == 0, f"ended with {self.code}:\n{self.said()}"
        result: dict[str, Any] = json.loads(self.out.read_text())
        return result

    def returned(self) -> str:
        """The id it returned; an error fails the test."""
        result = self.result()
        assert "error" not in result, f"{result['error']}\n{self.said()}"
        assert result["xcom"]["aep_connection_link"].startswith("https://experience.adobe.com/")
        assert f"/{result['id']}/" in result["xcom"]["aep_connection_link"]
        return str(result["id"])

    def said(self) -> str:
        """Its log."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""


class Workers:
    """`with Workers(directory) as workers: workers.start(emulator.url).returned()`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count(1)
        self._all: dict[int, Worker] = {}
        self._ready = threading.Event()
        (directory / "home").mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        settings = {"AIRFLOW_HOME": str(directory / "home"), "NO_PROXY": "127.0.0.1"}
        self._log = (directory / "server.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.create_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=Path(__file__).parents[2],
            env={**kept, **settings},
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            if "ready" in event:
                self._ready.set()
            elif "pid" in event:
                self._all[event["job"]].pid = event["pid"]
                self._all[event["job"]].started.set()
            else:
                self._all[event["job"]].code = event["exit"]
                self._all[event["job"]].ended.set()

    def start(
        self,
        url: str,
        *,
        ims_url: str | None = None,
        kill: tuple[str, int] | None = None,
        pause: tuple[str, int] | None = None,
        store: Path | None = None,
        dag_id: str = "some_dag",
        task_id: str = "create_connection",
        run_id: str = "manual__2026-01-01",
        map_index: int = -1,
        max_tries: int = 2,
        settle: float = 0.2,
        timeout: float = 30,
        secret: str = CLIENT_SECRET,
        execution_timeout: float | None = None,
        on_term: str | None = None,
        kind: str = "connections.CreatePayPalConnectionOperator",
        source_conn: dict[str, Any] | None = None,
        clock: Path | None = None,
        **operator: Any,
    ) -> Worker:
        """Start a try. `kill` and `pause` name a point: `("before", 3)` its third request, `("after", 3)`
        that one's reply, `("return", 0)` the end of `execute`, `("start", 0)` its beginning.
        `source_conn` is the Airflow connection of that id, `clock` a file of
        :mod:`tests.harness.wrong_clock`.
        """
        env = {**connections(url, ims_url or url, timeout, secret), "AIRFLOW__AEP__SETTLE": str(settle)}
        if source_conn:
            env["AIRFLOW_CONN_SOURCE_CONN"] = json.dumps(source_conn)
        job = {
            "store": str(store) if store else None,
            "dag_id": dag_id,
            "task_id": task_id,
            "run_id": run_id,
            "map_index": map_index,
            "max_tries": max_tries,
            "execution_timeout": execution_timeout,
            "on_term": on_term,
            "clock": str(clock) if clock else None,
            "kind": kind,
            "operator": {
                key: value for key, value in {"name": NAME, **operator}.items() if value is not None
            },
            "env": env,
        }
        stops = [
            {"at": point[0], "n": point[1], "do": do}
            for point, do in [(kill, "kill"), (pause, "pause")]
            if point
        ]
        return self._submit(job, stops)

    def start_dag(
        self,
        url: str,
        build: str,
        arguments: dict[str, Any],
        *,
        xcoms: Path,
        interval: tuple[float, float],
        store: Path | None = None,
        kills: Sequence[tuple[str, str, int]] = (),
        resumed: dict[str, Any] | None = None,
        run_id: str = "manual__2026-01-01",
        max_tries: int = 2,
    ) -> Worker:
        """Go on with a DAG run after the last task that `xcoms` knows, see :mod:`tests.harness.dag_try`.

        `build` makes the DAG's tasks: ``task_groups.paypal_ingestion``, say. Each of `kills` is a step, and a
        point in it as for :meth:`start`.
        """
        job = {
            "build": build,
            "arguments": arguments,
            "xcoms": str(xcoms),
            "store": str(store) if store else None,
            "interval": interval,
            "resumed": resumed,
            "dag_id": "some_dag",
            "run_id": run_id,
            "map_index": -1,
            "max_tries": max_tries,
            "env": {**connections(url, url, 30, CLIENT_SECRET), "AIRFLOW__AEP__SETTLE": "0"},
        }
        stops = [{"step": step, "at": at, "n": n, "do": "kill"} for step, at, n in kills]
        return self._submit(job, stops)

    def _submit(self, job: dict[str, Any], stops: list[dict[str, Any]]) -> Worker:
        assert self._ready.wait(PATIENCE), "the server did not start"
        number = next(self._numbers)
        base = self._directory / str(number)
        names = ("out", "log", "ready", "gate")
        worker = Worker(number, *(base.with_suffix(f".{name}") for name in names))
        gate = {"ready": str(worker.ready), "gate": str(worker.gate)}
        files = {"out": str(worker.out), "log": str(worker.log)}
        order = {"job": number, **files, "stops": [{**stop, **gate} for stop in stops], **job}
        self._all[number] = worker
        SEARCH.add_file(LOGS, worker.log, worker.ended.is_set)
        SEARCH.add_file(XCOMS, worker.out, worker.ended.is_set)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return worker

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_exc: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # the server kills what is left and ends
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def connections(url: str, ims_url: str, timeout: float, secret: str) -> dict[str, str]:
    """Both Airflow connections, as environment variables."""
    extra = {"org_id": ORG_ID, "ims_host": ims_url, "timeout": timeout}
    aep = {"conn_type": "aep", "host": url, "login": CLIENT_ID, "password": secret, "extra": extra}
    paypal = {"conn_type": "paypal", "login": PAYPAL_ID, "password": PAYPAL_SECRET}
    return {
        "AIRFLOW_CONN_AEP_DEFAULT": json.dumps(aep),
        "AIRFLOW_CONN_PAYPAL_DEFAULT": json.dumps(paypal),
    }


def standing(emulator: Emulator) -> list[str]:
    """The ids of all connections that stand, as a client that knows nothing of this project lists them."""
    emulator.clear_faults()
    response = emulator.api()("GET", "/connections", params={"limit": 100})
    response.raise_for_status()
    return [item["id"] for item in response.json()["items"]]
