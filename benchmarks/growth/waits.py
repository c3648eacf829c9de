"""What waits cost a triggerer as they grow from ten to ten thousand, beside four peers' own triggers."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import process
from benchmarks.certificate import make_certificate
from benchmarks.waits import control, cpu_during, drain, serving

SIZES = (10, 100, 1_000, 10_000)
GREENLETS = (10, 1_000)
PEERS = ("airbyte", "dbt-cloud", "databricks", "http")
ROUND = 5.0
PATIENCE, LONGEST = 30.0, 90.0
"""Seconds until all have been polled once; and after which a peer that blocks its loop grows no further."""
MODULES = {
    "own": "airflow_provider_aep.triggers.flow_runs",
    "airbyte": "airflow.providers.airbyte.triggers.airbyte",
    "dbt-cloud": "airflow.providers.dbt.cloud.triggers.dbt",
    "databricks": "airflow.providers.databricks.triggers.databricks",
    "http": "airflow.providers.http.triggers.http",
}
Figures = dict[str, float]
"""`waits`; in each round of 5 s `requests`, `polls` of this provider's waits, and `cpu` (seconds); `block`
and its CPU `busy` (seconds); `memory` (MB)."""


def measure(progress: Callable[[str], None]) -> dict[str, list[Figures]]:
    """Return the figures of each side by size.

    `split` is this provider's in two processes at once, `greenlets` with what Airflow adds to each trigger.
    """
    found = {}
    for side in ("own", *PEERS):
        progress(f"waits: {side}")
        found[side] = _measure(side, SIZES)
    found["greenlets"] = _measure("own", GREENLETS, greenlets=True)
    progress("waits: split over two processes")
    with ThreadPoolExecutor(2) as pool:
        halves = list(pool.map(lambda _: _measure("own", [size // 2 for size in SIZES]), range(2)))
    found["split"] = [
        {key: max(a[key], b[key]) if key in ("block", "busy") else a[key] + b[key] for key in a}
        for a, b in zip(*halves, strict=True)
    ]
    return found


def _measure(side: str, sizes: Sequence[int], *, greenlets: bool = False) -> list[Figures]:
    with tempfile.TemporaryDirectory() as folder, serving(*make_certificate(Path(folder))) as (url, ca):
        at = urlsplit(url)
        peers: dict[str, dict[str, Any]] = {
            "airbyte": {"host": url},
            "dbt_cloud": {"host": at.netloc, "login": "1", "password": "t" * 32},
            "databricks": {"host": at.hostname, "port": at.port, "password": "dapi" + "0" * 32},
            "http": {"host": url},
        }
        variables = {
            f"AIRFLOW_CONN_{kind.upper()}_DEFAULT": json.dumps({"conn_type": kind, **fields})
            for kind, fields in peers.items()
        }
        bundles = {"SSL_CERT_FILE": ca, "REQUESTS_CA_BUNDLE": ca, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
        own = process.airflow_connections(url, ca)
        words = [side, json.dumps(sizes), url, *["greenlets"] * greenlets]
        return list(process.run(__name__, *words, **{**own, **variables, **bundles}))


# In the measured process


def main(side: str, sizes: str, url: str, greenlets: str = "") -> None:
    """One side, growing."""
    run = _run_with_greenlet if greenlets else drain
    process.answer(asyncio.run(_grow(side, json.loads(sizes), url, run)))


async def _grow(
    side: str, sizes: list[int], url: str, run: Callable[[Any], Coroutine[Any, Any, None]]
) -> list[Figures]:
    import airflow.sdk
    import airflow.triggers.base  # noqa: F401 - a triggerer has them

    triggers, found = _triggers(side, importlib.import_module(MODULES[side])), list[Figures]()
    tasks: list[asyncio.Task[None]] = []
    begun = time.monotonic()
    for size in sizes:
        if side != "own" and (time.monotonic() - begun > LONGEST or _too_many(size, found)):
            break
        new = range(len(tasks), size)
        runs = [[f"run-{number:032d}", f"flow-{number}"] for number in new]
        await control(url, add=runs if side == "own" else [], forget=True)
        late: list[tuple[float, float]] = []
        beating = asyncio.create_task(_heartbeat(late))
        for trigger in itertools.islice(triggers, len(new)):
            await asyncio.sleep(0)  # as Airflow's triggerer starts them
            tasks.append(asyncio.create_task(run(trigger)))
        await asyncio.sleep(2.0 if size < sizes[-1] else 2 * ROUND)
        await _until_all_were_polled(url, len(new) if side != "own" else 1)
        beating.cancel()
        await control(url, forget=True)
        start = time.monotonic()
        used = await cpu_during(ROUND if size < sizes[-1] else 2 * ROUND)
        counted, rounds = await control(url), (time.monotonic() - start) / ROUND
        found.append(
            {
                "waits": size - sum(task.done() for task in tasks),
                "requests": counted["runs"] / rounds,
                "polls": counted["ids"] / rounds,
                "cpu": used / rounds,
                "block": max(wall for wall, _ in late),
                "busy": max(busy for _, busy in late),
                "memory": _memory(),
            }
        )
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return found


def _too_many(size: int, found: list[Figures]) -> bool:
    """Return whether a side with a request for each wait needs more than a CPU for so many waits."""
    return bool(found) and found[-1]["cpu"] / max(found[-1]["requests"], 1.0) * size > ROUND


async def _heartbeat(late: list[tuple[float, float]], every: float = 0.005) -> None:
    """Note by how much each beat is late, and the CPU of the loop's thread meanwhile: others slow it too."""
    while True:
        wall, busy = time.perf_counter(), time.thread_time()
        await asyncio.sleep(every)
        late.append((time.perf_counter() - wall - every, time.thread_time() - busy))


async def _run_with_greenlet(trigger: Any) -> None:
    """Run a trigger as Airflow's triggerer does, with a greenlet for blocking calls."""
    import greenback

    await greenback.ensure_portal()
    await drain(trigger)


async def _until_all_were_polled(url: str, requests: int) -> None:
    limit = time.monotonic() + PATIENCE
    while (await control(url))["runs"] < requests and time.monotonic() < limit:
        await asyncio.sleep(0.5)


def _memory() -> float:
    """The memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6


def _triggers(side: str, module: Any) -> Iterator[Any]:
    limit = time.time() + 3600
    for number in itertools.count():
        match side:
            case "own":
                ids = {"flow_id": f"flow-{number}", "run_id": f"run-{number:032d}"}
                wait = {**ids, "sandbox": "prod", "deadline": limit, "poll_interval": ROUND}
                yield module.FlowRunTrigger(aep_conn_id="aep_default", wait=wait)
            case "airbyte":
                yield module.AirbyteSyncTrigger(number, "airbyte_default", limit, ROUND)
            case "dbt-cloud":
                yield module.DbtCloudRunJobTrigger("dbt_cloud_default", number, limit, ROUND, account_id=1)
            case "databricks":
                options = {"polling_period_seconds": int(ROUND)}
                yield module.DatabricksExecutionTrigger(number, "databricks_default", **options)
            case _:
                yield module.HttpSensorTrigger(f"http/runs/{number}", poke_interval=ROUND)


if __name__ == "__main__":
    main(*sys.argv[1:])
