"""`status` of more and more dataflows; the emulator at a thousand requests a second, with a million runs."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import process
from tests.harness.emulator import FLOW_SERVICE, Emulator

DATAFLOWS = (10, 100, 1_000, 10_000)
RUNS = 2
"""Runs of each dataflow in the window of `status`."""
RATE, SECONDS, CLIENTS = 1_000, 5, 8
MILLION = 1_000_000
A_CALL = {"flows": 50, "runs": 240}
"""The fleet of one call, of 12,000 runs."""
MEGABYTES_A_RUN = 0.011
"""To decide beforehand how many runs fit into the memory that is left."""


def measure(progress: Callable[[str], None]) -> dict[str, Any]:
    """Return `status` by number of dataflows, and the `emulator` without and with its runs."""
    with Emulator() as emulator:
        status, flows = {}, 0
        for size in DATAFLOWS:
            progress(f"status of {size:,} dataflows")
            while flows < size:
                more = min(1_000, size - flows)
                emulator.control("POST", "fleet", {"flows": more, "runs": RUNS, "hours": 20})
                flows += more
            emulator.forget_requests()
            status[size] = process.run(__name__, "status", **process.airflow_connections(emulator.url))
            status[size] |= {"requests": len(emulator.requests()), "runs": emulator.state()["runs"]}
        emulator.forget_requests()
    with Emulator() as emulator:
        emulator.control("POST", "fleet", A_CALL)
        progress("emulator at a thousand requests a second")
        few = _load(emulator)
        desired = min(MILLION, _free_megabytes() / MEGABYTES_A_RUN)
        while (runs := emulator.state()["runs"]) < desired - 1:
            if runs % 120_000 == 0:
                progress(f"emulator with {runs:,} runs")
            emulator.control("POST", "fleet", {**A_CALL, "flows": min(50, -int((runs - desired) // 240))})
        many = _load(emulator)
        emulator.kill()  # to end by itself would take long
    return {"status": status, "emulator": [few, many]}


def _free_megabytes() -> float:
    """Return the memory that is available, less a fifth that stays free."""
    line = next(one for one in Path("/proc/meminfo").read_text("ascii").splitlines() if "Available" in one)
    return int(line.split()[1]) / 1024 * 0.8


def _load(emulator: Emulator) -> dict[str, float]:
    api = emulator.api()
    runs = api("GET", "/runs", params={"limit": 100}).json()["items"]
    start = time.monotonic()
    list_of_ids = api("GET", "/runs", params={"property": f"id=={','.join(run['id'] for run in runs)}"})
    listed = time.monotonic() - start
    assert len(list_of_ids.json()["items"]) == len(runs)
    headers = json.dumps(dict(api.http.headers))
    found = process.run(__name__, "load", api.url, f"{FLOW_SERVICE}/runs/{runs[0]['id']}", headers)
    pages = int(Path(f"/proc/{emulator.process.pid}/statm").read_text("ascii").split()[1])
    emulator.forget_requests()
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return {**found, "list": listed, "runs": emulator.state()["runs"], "memory": memory}


# In the measured process


def main(what: str, *words: str) -> None:
    """`status` once, or the load."""
    process.answer(_status() if what == "status" else asyncio.run(_send(*words)))


def _status() -> dict[str, float]:
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook
    from airflow_provider_aep.operations.fleet import collect

    cpu, start = time.process_time(), time.monotonic()
    fleet = collect(FlowServiceHook())
    return {
        "dataflows": len(fleet.rows),
        "cpu": time.process_time() - cpu,
        "seconds": time.monotonic() - start,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


async def _send(url: str, path: str, headers: str) -> dict[str, float]:
    """Send GETs at a steady rate over a few connections; return how many were answered, and how fast."""
    at = urlsplit(url)
    lines = "".join(f"{name}: {value}\r\n" for name, value in json.loads(headers).items())
    request = f"GET {path} HTTP/1.1\r\nhost: {at.netloc}\r\n{lines}\r\n".encode("ascii")
    taken: list[float] = []
    begin = time.perf_counter() + 0.2

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection(at.hostname, at.port)
        for turn in range(RATE * SECONDS // CLIENTS):
            due = begin + (turn + number / CLIENTS) * CLIENTS / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if time.perf_counter() > begin + SECONDS:
                break
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            taken.append(time.perf_counter() - due)
        writer.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    seconds = time.perf_counter() - begin
    quantiles = statistics.quantiles(taken, n=100)
    return {"rate": len(taken) / max(seconds, SECONDS), "p50": quantiles[49], "p99": quantiles[98]}


if __name__ == "__main__":
    main(*sys.argv[1:])
