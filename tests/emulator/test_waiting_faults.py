"""A hundred waits on a bad network, and a triggerer that is killed: none is lost, none is doubled."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.harness.run_server import RunServer
from tests.harness.waits import events, trigger
from tests.harness.workers import wait_until

WAITS = 100


def test_a_hundred_waits_on_a_bad_network(server: RunServer) -> None:
    """300 ms away, every twentieth request answered by 503, 429 or a reset, runs read one by one."""
    server.latency, server.faulty, server.in_lists = 0.3, 0.05, False
    for number in range(WAITS):
        server.add(f"run-{number}", status="inProgress")

    async def main() -> list[Any]:
        waiting = [asyncio.create_task(events(trigger(f"run-{number}"))) for number in range(WAITS)]
        for number in range(WAITS):
            if number % 10 == 0:
                await asyncio.sleep(0.5)
            server.finish(f"run-{number}", "failed" if number % 2 else "success")
        return await asyncio.gather(*waiting)

    fired = asyncio.run(asyncio.wait_for(main(), 200))
    assert all(len(one) == 1 for one in fired)
    assert [(one[0]["run_id"], one[0]["status"]) for one in fired] == [
        (f"run-{number}", "ended") for number in range(WAITS)
    ]


TRIGGERER = """
import asyncio, json, sys, time
from pathlib import Path
from airflow_provider_aep.flow_runs import schedule
from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger

stored, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
schedule.SHORTEST, schedule.LONGEST = 0.1, 0.5

async def fire(kwargs):
    async for event in FlowRunTrigger(**kwargs).run():
        with out.open("a") as file:
            file.write(json.dumps({**event.payload, "at": time.time()}) + "\\n")

async def main():
    await asyncio.gather(*map(fire, stored))

asyncio.run(main())
"""
"""Runs stored triggers as a triggerer does: one line for each event."""


def start(folder: Path, number: int, kwargs: list[dict[str, Any]]) -> tuple[Any, Path]:
    """Start a process that runs these triggers, as they are stored, and writes down what fires."""
    stored, out = folder / f"{number}.json", folder / f"{number}.out"
    stored.write_text(json.dumps(kwargs))
    environment = {**os.environ, "AIRFLOW_HOME": str(folder)}
    log = (folder / f"{number}.log").open("wb")
    command = [sys.executable, "-c", TRIGGERER, str(stored), str(out)]
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log), out


def fired(out: Path) -> list[dict[str, Any]]:
    """Return what fired so far."""
    lines = out.read_text().splitlines(keepends=True) if out.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def test_a_triggerer_that_is_killed(server: RunServer, tmp_path: Path) -> None:
    """Another one goes on with what is stored: what had not fired fires once, the deadlines do not move."""
    deadline = time.time() + 600
    for number in range(WAITS):
        server.add(f"run-{number}")
    stored = [trigger(f"run-{number}", deadline=deadline).serialize()[1] for number in range(WAITS)]
    stored.append(trigger("run-0", flow_id="flow-9", deadline=time.time() + 5).serialize()[1])
    server.add("slow", "flow-9")
    stored[-1]["wait"]["run_id"] = "slow"
    process, out = start(tmp_path, 1, stored)
    wait_until(lambda: server.seen("/runs"), "the first poll")
    for number in range(0, WAITS, 2):
        server.finish(f"run-{number}")
    wait_until(lambda: len(fired(out)) >= WAITS // 2, "half of the waits")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    first = fired(out)
    for number in range(1, WAITS, 2):
        server.finish(f"run-{number}")
    done = {one["run_id"] for one in first}
    process, out = start(tmp_path, 2, [one for one in stored if one["wait"]["run_id"] not in done])
    assert process.wait(timeout=120) == 0, (tmp_path / "2.log").read_text()
    everything = first + fired(out)
    assert Counter(one["run_id"] for one in everything) == Counter(
        [*(f"run-{number}" for number in range(WAITS)), "slow"]
    )
    assert [one["run_id"] for one in everything if one["status"] != "ended"] == ["slow"]
    (slow,) = [one for one in everything if one["run_id"] == "slow"]
    assert slow["at"] >= stored[-1]["wait"]["deadline"] - 1
