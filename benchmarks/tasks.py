"""What a task costs in a real Airflow, beside `HttpOperator`'s one POST: calls of its API, time, CPU."""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from benchmarks import process
from benchmarks.report import Block, Row
from benchmarks.server import serving
from tests.harness.emulator import FLOW_SERVICE, paypal_body

if TYPE_CHECKING:
    import httpx

ROUNDS, PROCESSES = 15, 9
MOST_CPU = 1.1

TITLE = "A task of a real Airflow (HttpOperator's one POST = 1)"
METHOD = f"""
execute(): {ROUNDS} runs of dag.test() of each, in turns; medians of the ratios of each turn. A create with
retries stores its id for a retry. The API server of dag.test() is in the process, so its work counts. The
connections come from the environment, no token is in hand, `settle` is 0. Processes: Airflow's supervisor
forks {PROCESSES} task processes of each kind, in turns; they parse a DAG file, execute one task and push its
XComs. The supervisor talks to an API server that only says yes, and freezes its objects before the fork, as
the LocalExecutor does. The server of AEP is the light one of the calls above.
"""
_DAGS = {
    "post": (
        "from airflow.providers.http.operators.http import HttpOperator as Operator",
        {
            "endpoint": f"{FLOW_SERVICE}/connections",
            "data": json.dumps(paypal_body("Posted")),
            "headers": {"Content-Type": "application/json"},
        },
    ),
    "create": (
        "from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator as Operator",
        {"name": "Created {{ ds_nodash }}"},
    ),
    "retried": (
        "from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator as Operator",
        {"name": "Retried {{ ds_nodash }}", "retries": 1},
    ),
    "reuse": (
        "from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator as Operator",
        {"name": "Reused"},
    ),
}
_TARGETS = (
    ("create", "create", 1, 4.0),
    ("retried", "create with retries", 1, 4.0),
    ("reuse", "reuse", 0, 2.5),
)
_DAG = """
from airflow.sdk import DAG
{imports}

with DAG({name!r}, schedule=None):
    Operator(task_id={name!r}, **{arguments!r})
"""


def measure() -> Block:
    """One process runs the DAGs itself, another is the supervisor."""
    with serving() as url:
        requests.post(f"{url}{FLOW_SERVICE}/connections", json=paypal_body("Reused"), timeout=10)
        variables = {**process.airflow_connections(url), "AIRFLOW__AEP__SETTLE": "0"}
        tasks = process.run(__name__, "execute", **variables)
        cpu = process.run(__name__, "supervise", **variables)
    return Block(TITLE, METHOD, [*_rows(tasks), _process_row(cpu)])


def _rows(tasks: dict[str, list[dict[str, Any]]]) -> list[Row]:
    rows = []
    for name, words, most_calls, most in _TARGETS:
        calls = max(tasks[name], key=lambda one: len(one["calls"]))["calls"]
        beside = f"HttpOperator: {max(len(one['calls']) for one in tasks['post'])}"
        figure = "\n".join([str(len(calls)), *calls])
        what = f"API calls in execute(), {words}"
        rows.append(Row(what, figure, f"at most {most_calls}", beside, len(calls) <= most_calls))
        ratio = {clock: _ratio(tasks[name], tasks["post"], clock) for clock in ("cpu", "wall")}
        figure = "\n".join(f"{clock} {ratio[clock]:.2f} ({_ms(tasks[name], clock)})" for clock in ratio)
        beside = "\n".join(f"HttpOperator: {clock} {_ms(tasks['post'], clock)}" for clock in ratio)
        rows.append(
            Row(f"execute(), {words}", figure, f"at most {most:g}", beside, max(ratio.values()) <= most)
        )
    return rows


def _process_row(cpu: dict[str, list[dict[str, Any]]]) -> Row:
    ratio = _ratio(cpu["reuse"], cpu["post"], "cpu")
    figure, beside = f"{ratio:.2f} ({_ms(cpu['reuse'], 'cpu')})", f"HttpOperator: {_ms(cpu['post'], 'cpu')}"
    return Row("CPU of a task process, reuse", figure, f"at most {MOST_CPU}", beside, ratio <= MOST_CPU)


def _ratio(own: list[dict[str, Any]], post: list[dict[str, Any]], clock: str) -> float:
    return statistics.median(one[clock] / other[clock] for one, other in zip(own, post, strict=True))


def _ms(samples: list[dict[str, Any]], clock: str) -> str:
    return f"{1000 * statistics.median(one[clock] for one in samples):.1f} ms"


# In the measured processes


def _write_dags() -> Path:
    """Write a DAG file for each task."""
    folder = Path(os.environ["AIRFLOW_HOME"]) / "dags"
    folder.mkdir(parents=True)
    for name, (imports, arguments) in _DAGS.items():
        text = _DAG.format(name=name, imports=imports, arguments=arguments)
        (folder / f"{name}.py").write_text(text)
    return folder


def execute() -> None:
    """Run the DAGs with `dag.test()`."""
    import gc
    import logging
    import time
    from datetime import datetime, timedelta, timezone

    import httpx
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.sdk.api.client import Client
    from airflow.utils.db import initdb

    from airflow_provider_aep.hooks.ims import TOKENS

    folder = _write_dags()
    initdb()
    DagBundlesManager().sync_bundles_to_db()
    bag = BundleDagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="dags-folder")
    sync_bag_to_db(bag, "dags-folder", None)
    logging.disable(logging.CRITICAL)
    calls: list[str] = []
    send = httpx.Client.send

    def counting_send(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        if isinstance(self, Client):
            calls.append(f"{request.method} {request.url.path}".partition("/ti/")[0])
        return send(self, request, **options)

    httpx.Client.send = counting_send  # type: ignore[method-assign]
    begun: list[float] = []
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in _DAGS}

    def begin(_context: Any) -> None:
        TOKENS.clear()
        gc.collect()
        calls.clear()
        begun[:] = time.process_time(), time.perf_counter()

    def end(context: Any, _result: Any = None) -> None:
        cpu, wall = time.process_time() - begun[0], time.perf_counter() - begun[1]
        found[context["ti"].dag_id].append({"cpu": cpu, "wall": wall, "calls": list(calls)})

    for name in _DAGS:
        task = bag.dags[name].task_dict[name]
        task._pre_execute_hook, task._post_execute_hook = begin, end
    for number in range(ROUNDS + 1):
        when = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(days=number)
        for name in _DAGS:
            bag.dags[name].test(logical_date=when)
    process.answer({name: samples[1:] for name, samples in found.items()})  # the first run warms up


def supervise() -> None:
    """Let Airflow's supervisor run each task in a process of its own."""
    import gc
    import resource
    import uuid

    import airflow.executors.local_executor  # noqa: F401 - a worker has imported it
    import httpx
    from airflow.executors.workloads import BundleInfo, TaskInstance
    from airflow.sdk.api.client import Client, noop_handler
    from airflow.sdk.execution_time.supervisor import supervise_task

    folder = _write_dags()
    own = {"name": "own", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle"}
    bundles = json.dumps([{**own, "kwargs": {"path": str(folder)}}])
    os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = bundles
    found: dict[str, list[dict[str, Any]]] = {"post": [], "reuse": []}
    gc.freeze()
    for number in range(PROCESSES + 1):
        for name, samples in found.items():
            client = Client(
                base_url=None, dry_run=True, token="", transport=httpx.MockTransport(_yes(name, noop_handler))
            )
            task = TaskInstance(
                id=uuid.uuid4(), dag_version_id=uuid.uuid4(), task_id=name, dag_id=name, run_id="run",
                try_number=1, map_index=-1, pool_slots=1, queue="default", priority_weight=1,
            )  # fmt: skip
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            code = supervise_task(
                ti=task,
                bundle_info=BundleInfo(name="own", version=None),
                dag_rel_path=f"{name}.py",
                token="",
                dry_run=True,
                log_path=str(folder.parent / f"{name}.log"),
                client=client,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if code:
                raise RuntimeError((folder.parent / f"{name}.log").read_text())
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            if number:  # the first process writes the byte code
                samples.append({"cpu": cpu})
    process.answer(found)


def _yes(dag_id: str, other: Callable[[httpx.Request], httpx.Response]) -> Callable[..., httpx.Response]:
    """Return an API server that lets a task of the DAG start, and answers the rest as Airflow's dry run."""
    import httpx

    when = "2026-01-01T00:00:00Z"
    times = ("logical_date", "start_date", "run_after", "data_interval_start", "data_interval_end")
    dag_run = {
        "dag_id": dag_id, "run_id": "run", "run_type": "manual", "state": "running", "end_date": None,
        "partition_key": None, "consumed_asset_events": [], **dict.fromkeys(times, when),
    }  # fmt: skip

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/run"):
            body = {"dag_run": dag_run, "max_tries": 0, "should_retry": False}
            return httpx.Response(200, json=body)
        return other(request)

    return answer


if __name__ == "__main__":
    {"execute": execute, "supervise": supervise}[sys.argv[1]]()
