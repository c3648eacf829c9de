"""A small form of `make test-cluster`: a worker is killed and Redis restarted while tasks create and wait."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.harness import canary
from tests.harness.cluster import COMPOSE, ROOT, Cluster, assert_one_each, compose
from tests.harness.emulator import Emulator
from tests.harness.figures import KeepFigure
from tests.harness.run_server import RunServer

TASKS, NAMES, WAITS = 20, 5, 20
SOON = {"AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30"}


def test_a_worker_is_killed_and_redis_restarted(
    tmp_path: Path, emulator: Emulator, figure: KeepFigure
) -> None:
    """Each name has one connection, whose id each of its tasks returns; each wait ends in its first try."""
    names = [f"Name {number * NAMES // TASKS}" for number in range(TASKS)]
    runs = [f"run-{number}" for number in range(WAITS)]
    with RunServer() as server, Cluster(tmp_path / "cluster", settings=SOON) as cluster:
        cluster.start_all(aep_cluster=emulator.url, aep_runs=server.url)
        for run in runs:
            server.add(run)
        waits = cluster.run("waits", runs=runs)
        waits.all_deferred("wait", WAITS)
        split = cluster.until(cluster.waits_by_triggerer, "triggerers to have all waits")
        emulator.fault(method="POST", path="/connections", when="after", delay=10, times=2)
        creates = cluster.run("creates", names=names)
        cluster.until(lambda: emulator.requests("POST", "/connections"), "a POST")
        victim = cluster.worker_talking_to(emulator.url)
        cluster.kill(victim)
        cluster.broker.stop()
        cluster.broker.start()
        cluster.start_component(victim)
        for run in runs:
            server.finish(run)
        creates.finish()
        waits.finish()
        assert_one_each(creates, emulator, names)
        assert max(creates.tries("create")) > 1, "nobody was killed"
        assert waits.tries("wait") == {1: WAITS}
        assert canary.leaks(cluster.directory) == {}
        figure(
            "two machines: a worker killed, Redis restarted",
            f"{TASKS} creates, {len(set(names))} connections; {WAITS} waits, by triggerer "
            f"({' + '.join(map(str, split.values()))}), each ended in its first try",
        )


def test_compose_yaml_is_valid() -> None:
    """It follows the Compose Specification, runs the Airflow of the constraints, and contains no secret."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr

    [image] = re.findall(r"FROM apache/airflow:(\S+)", COMPOSE.read_text("utf-8"))
    for pins in (ROOT / "constraints").glob("*.txt"):
        assert f"apache-airflow=={image}" in pins.read_text("utf-8").splitlines()

    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            secret = value.split("airflow:")[-1] if "://" in value else value
            assert not re.search("PASSWORD|SECRET|KEY|CONN|BACKEND", name) or secret.startswith("${"), name
