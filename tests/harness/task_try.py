"""One try of a task, in a process that may be killed before each request, after it, and at the end."""

from __future__ import annotations

import importlib
import json
import os
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from pydantic import JsonValue, TypeAdapter

from tests.harness import wrong_clock

Job = dict[str, Any]
PATIENCE = 120.0


class FileStore:
    """Airflow's task state store as far as the client uses it, in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _all(self) -> dict[str, Any]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def get(self, key: str, default: Any = None) -> Any:
        return self._all().get(key, default)

    def set(self, key: str, value: Any) -> None:
        write(self._path, {**self._all(), key: checked(value)})

    def delete(self, key: str) -> None:
        write(self._path, {name: value for name, value in self._all().items() if name != key})


def checked(value: Any) -> Any:
    """What Airflow's own store would take: JSON and nothing that Python only turns into JSON."""
    return TypeAdapter(JsonValue).validate_python(value)


class TaskInstance:
    """What an operator asks of its task instance."""

    def __init__(self, job: Job) -> None:
        self.run_id = job["run_id"]
        self.map_index = job["map_index"]
        self.max_tries = job["max_tries"]
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def told(error: BaseException) -> dict[str, Any]:
    """An error as data. On Airflow below 3.3 a hopeless one is the cause of what leaves."""
    from airflow_provider_aep._compat import AirflowFailException

    if isinstance(error, AirflowFailException) and error.__cause__ is not None:
        error = error.__cause__
    facts = {name: getattr(error, name, None) for name in ("status", "code", "retryable", "retry_after")}
    return {"kinds": [kind.__name__ for kind in type(error).__mro__], "text": str(error), **facts}


def write(path: Path, value: Any) -> None:
    """All of a file or nothing of it: the writer may be killed at any moment."""
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(value))
    draft.rename(path)


def stop_at(stops: list[dict[str, Any]], point: str, count: int) -> None:
    """Die or wait here if a stop says so."""
    for stop in stops:
        if (stop["at"], stop["n"]) != (point, count):
            continue
        if stop["do"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        Path(stop["ready"]).touch()
        deadline = time.monotonic() + PATIENCE
        while not Path(stop["gate"]).exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody opened the gate {stop['gate']}")
            time.sleep(0.005)


def install_stops(stops: list[dict[str, Any]]) -> list[int]:
    """Stops inside the process: before a request leaves, and between its reply and the client's next step."""
    import requests

    sent = [0]
    send = requests.Session.send

    def stopping_send(self: requests.Session, request: Any, **options: Any) -> Any:
        sent[0] += 1
        number = sent[0]
        stop_at(stops, "before", number)
        try:
            return send(self, request, **options)
        finally:  # a lost reply is one, too
            stop_at(stops, "after", number)

    requests.Session.send = stopping_send  # type: ignore[method-assign]
    return sent


def install_sigterm(kind: str | None, on_kill: Callable[[], None]) -> None:
    """As Airflow's task runner does ("airflow"), or as a library that turns the signal into an exception."""

    def handle(_number: int, _frame: object) -> None:
        if kind == "raise":
            raise SystemExit("SIGTERM")
        on_kill()

    if kind:
        signal.signal(signal.SIGTERM, handle)


def operator_class(kind: str) -> Any:
    """``schemas.CreateSchemaOperator``, say, or ``sensors.flow_runs.FlowRunSensor``."""
    module, _, name = kind.rpartition(".")
    package = "airflow_provider_aep" if "." in module else "airflow_provider_aep.operators"
    return getattr(importlib.import_module(f"{package}.{module}"), name)


def run(job: Job) -> dict[str, Any]:
    """One try of a task: what `execute` returned, or the error it raised."""
    from airflow.sdk import DAG
    from airflow.sdk.execution_time.timeout import timeout

    os.environ.update(job["env"])
    if job["clock"]:
        wrong_clock.go_by(Path(job["clock"]))
    sent = install_stops(job["stops"])
    ti = TaskInstance(job)
    context: dict[str, Any] = {"run_id": job["run_id"], "ti": ti}
    if job["store"]:
        context["task_state_store"] = FileStore(Path(job["store"]))
    with DAG(job["dag_id"], schedule=None):
        task = operator_class(job["kind"])(task_id=job["task_id"], **job["operator"])
    install_sigterm(job["on_term"], task.on_kill)
    limit = job["execution_timeout"]
    result: dict[str, Any] = {}
    stop_at(job["stops"], "start", 0)
    try:
        with timeout(limit) if limit else nullcontext():
            result["id"] = task.execute(context)
        stop_at(job["stops"], "return", 0)
    except BaseException as error:
        traceback.print_exc()
        result["error"] = told(error)
    return {**result, "xcom": ti.pushed, "sent": sent[0]}
