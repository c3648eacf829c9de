"""What a hundred and a thousand waits cost a triggerer, beside two peers' own triggers."""

from __future__ import annotations

import asyncio
import json
import resource
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import process
from benchmarks.certificate import make_certificate
from benchmarks.report import Block, Row

TITLE = "Waits in a triggerer"
METHOD = """
Fresh processes with one event loop each, against the same https server in another process; triggers are
started all at once and polled every 5 s. The longest block is the latest beat of a 5 ms heartbeat from the
first trigger on; CPU seconds and requests are those of two rounds, halved, less what the heartbeat takes;
memory is the process's peak, of which importing Airflow is about 120 MB. The token's request is not counted.
"""
SIDES = ("own", "databricks", "airbyte")
ROUND = 5.0
Figures = dict[str, float]


def measure() -> Block:
    """Three sides: a thousand waits, a hundred, and a hundred at 300 ms."""
    rows: list[Row] = []
    for waits, latency in ((1000, 0.0), (100, 0.0), (100, 0.3)):
        found = {side: _measure(side, waits, latency) for side in SIDES}
        rows += _rows(f"{waits:,} waits" + (f", {latency * 1000:.0f} ms away" if latency else ""), found)
    return Block(TITLE, METHOD, rows)


def _rows(what: str, found: dict[str, Figures]) -> list[Row]:
    shown = (
        ("requests", "requests a round", "{:.0f}", 12.0),
        ("connections", "new connections", "{:.0f}", None),
        ("cpu", "CPU a round", "{:.3f} s", 0.1),
        ("block", "longest block of the loop", "{:.3f} s", 0.05),
        ("memory", "peak memory", "{:.0f} MB", 200.0),
    )
    rows = []
    for key, name, form, most in shown:
        own = found["own"][key]
        beside = ", ".join(f"{side} {form.format(found[side][key])}" for side in SIDES[1:])
        target = "" if most is None else f"at most {form.format(most)}"
        rows.append(
            Row(f"{what}: {name}", form.format(own), target, beside, None if most is None else own <= most)
        )
    return rows


def _measure(side: str, waits: int, latency: float) -> Figures:
    with tempfile.TemporaryDirectory() as folder, serving(*make_certificate(Path(folder))) as (url, ca):
        parts = urlsplit(url)
        peers = {
            "databricks_default": {
                "conn_type": "databricks",
                "host": parts.hostname,
                "port": parts.port,
                "password": "dapi" + "0" * 32,
            },
            "airbyte_default": {"conn_type": "airbyte", "host": url},
        }
        variables = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(one) for name, one in peers.items()}
        bundles = {"SSL_CERT_FILE": ca, "REQUESTS_CA_BUNDLE": ca}
        own = process.airflow_connections(url, ca)
        found = process.run(__name__, side, str(waits), str(latency), url, **own, **variables, **bundles)
        return dict(found)


@contextmanager
def serving(ca: str, certificate: str, key: str) -> Iterator[tuple[str, str]]:
    command = [sys.executable, "-m", "benchmarks.waits_server", certificate, key]
    with subprocess.Popen(
        command, cwd=process.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip(), ca
        finally:
            server.stdin.close()


# In the measured process


def main(side: str, waits: str, latency: str, url: str) -> None:
    """One side, one number of waits."""
    process.answer(asyncio.run(_side(side, int(waits), float(latency), url)))


async def _side(side: str, waits: int, latency: float, url: str) -> Figures:
    import airflow.sdk
    import airflow.triggers.base  # noqa: F401 - a triggerer has them

    runs = [[f"run-{number:032d}", f"flow-{number}"] for number in range(waits)]
    await control(url, add=runs, set={"latency": latency})
    late: list[float] = []
    beat = asyncio.create_task(heartbeat(late))
    idle = await cpu_during(3.0)
    late.clear()
    await control(url, forget=True)
    tasks = [asyncio.create_task(drain(trigger)) for trigger in _triggers(side, waits)]
    # Airbyte's trigger asks for one after the other: it has started when all have been asked for once
    await asyncio.sleep(max(waits / 50, waits * latency * 1.2 if side == "airbyte" else 0, 6.0))
    connections = (await control(url, forget=True))["connections"]
    cpu = await cpu_during(2 * ROUND)
    counted = await control(url)
    beat.cancel()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "requests": counted["runs"] / 2,
        "connections": connections,
        "cpu": max(0.0, (cpu - idle * 2 * ROUND / 3.0) / 2),
        "block": max(late),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _triggers(side: str, waits: int) -> Iterator[Any]:
    limit = time.time() + 3600
    if side == "own":
        from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger

        for number in range(waits):
            ids = {"flow_id": f"flow-{number}", "run_id": f"run-{number:032d}"}
            yield FlowRunTrigger(aep_conn_id="aep_default", sandbox="prod", deadline=limit, **ids)
    elif side == "databricks":
        from airflow.providers.databricks.triggers.databricks import DatabricksExecutionTrigger

        for number in range(waits):
            yield DatabricksExecutionTrigger(number, "databricks_default", polling_period_seconds=int(ROUND))
    else:
        from airflow.providers.airbyte.triggers.airbyte import AirbyteSyncTrigger

        for number in range(waits):
            yield AirbyteSyncTrigger(number, "airbyte_default", end_time=limit, poll_interval=ROUND)


async def drain(trigger: Any) -> None:
    async for event in trigger.run():
        raise RuntimeError(f"fired too early: {event}")


async def heartbeat(late: list[float], every: float = 0.005) -> None:
    while True:
        start = time.perf_counter()
        await asyncio.sleep(every)
        late.append(time.perf_counter() - start - every)


async def cpu_during(seconds: float) -> float:
    start = time.process_time()
    await asyncio.sleep(seconds)
    return time.process_time() - start


async def control(url: str, **order: Any) -> dict[str, Any]:
    def send() -> Any:
        context = ssl.create_default_context()  # SSL_CERT_FILE names the server's authority
        request = urllib.request.Request(f"{url}/_control", json.dumps(order).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=120, context=context) as reply:
            return json.load(reply)

    return dict(await asyncio.to_thread(send))


if __name__ == "__main__":
    main(*sys.argv[1:])
