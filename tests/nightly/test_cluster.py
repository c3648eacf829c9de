"""The cluster of `compose.yaml`, of which each part fails while it creates, ingests, waits and is upgraded.

The tests share one cluster, except the upgrade. Each test leaves all components running.
"""

from __future__ import annotations

import io
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_aep import __version__
from tests.harness import canary
from tests.harness.cluster import ROOT, Cluster, DagRun, assert_one_each, require_servers
from tests.harness.documented_sources import source_rows
from tests.harness.emulator import Emulator
from tests.harness.figures import KeepFigure
from tests.harness.platform import Platform
from tests.harness.real_airflow import select
from tests.harness.run_server import RunServer
from tests.harness.watchers import foreign_flow, start

pytestmark = pytest.mark.nightly

CREATES, NAMES, WAITS, INGESTIONS = 200, 50, 500, 10
HOUR = 3600
KEYS = {
    "PayPal.Catalog_Products": ("Product_Id", "Create_Time"),
    "PayPal.Billing_Plans": ("Id", "Update_Time"),
    "PayPal.Billing_Plans_Payment_Definition": ("Id", "Update_Time"),
    "PayPal.Billing_Plans_Payment_Definition_Charge_Models": ("Id", "Update_Time"),
}
"""The columns of each table that hold its key and the time of a row."""
VISIBILITY = "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"
"""After how many seconds Redis delivers the message of a running task again."""
BEFORE, OLD = "84b30915", "0.0.1"
"""The commit that is upgraded, and the version that it gets here. At a release, name the release before."""


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Emulator, RunServer]]:
    """AEP for the creates, ingestions and watchers, and AEP for the waits."""
    require_servers()
    with Emulator() as emulator, RunServer() as server:
        Platform(emulator).stop_clock()  # no run ends before a test lets it
        yield emulator, server


@pytest.fixture(scope="module")
def cluster(
    servers: tuple[Emulator, RunServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """All components."""
    emulator, server = servers
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.start_all(aep_cluster=emulator.url, aep_runs=server.url)
        yield cluster


def test_creates_and_ingestions(
    cluster: Cluster, servers: tuple[Emulator, RunServer], figure: KeepFigure
) -> None:
    """Four tasks create each name, ten tables are ingested, and each part of the cluster fails meanwhile."""
    emulator, _ = servers
    platform = Platform(emulator)
    names = [f"Name {number * NAMES // CREATES}" for number in range(CREATES)]
    sources = [list(KEYS)[number % len(KEYS)] for number in range(INGESTIONS)]
    tables = cluster.run(
        "tables",
        tables=[
            {"table": table, "dataset": f"Dataset {number}", "delta_column": KEYS[table][1]}
            for number, table in enumerate(sources)
        ],
    )
    creates = cluster.run("creates", names=names)

    def kill_a_worker() -> None:
        worker = cluster.worker_talking_to(emulator.url)
        cluster.kill(worker)
        cluster.start_component(worker)

    def restart_redis() -> None:
        cluster.broker.stop()
        cluster.broker.start()

    def kill_redis_with_its_data() -> None:
        cluster.broker.kill()
        cluster.broker.start()

    def restart_postgres() -> None:
        cluster.database.crash()
        cluster.database.start()

    def kill_a_scheduler() -> None:
        cluster.kill("scheduler-1")

    def restart_workers(visibility: str) -> None:
        cluster.environment[VISIBILITY] = visibility
        cluster.restart("worker-1")
        cluster.restart("worker-2")

    def deliver_twice() -> None:
        usual = cluster.environment[VISIBILITY]
        restart_workers("30")
        already = delivered_twice(cluster)
        emulator.fault(method="GET", path="/connections", delay=25, times=1000)
        cluster.until(lambda: delivered_twice(cluster) - already, "a message delivered twice")
        emulator.clear_faults()
        restart_workers(usual)

    breaks = (
        kill_a_worker,
        deliver_twice,
        restart_redis,
        kill_a_scheduler,
        kill_a_worker,
        kill_redis_with_its_data,
        restart_postgres,
    )
    for number, fail in enumerate(breaks):
        hold_a_create(cluster, emulator, "before" if number % 2 else "after")
        print(f"{fail.__name__}: {creates.states('create')}")
        fail()
    cluster.start_component("scheduler-1")
    creates.finish()
    tables.all_deferred("paypal_ingestion.wait_for_run", INGESTIONS)
    platform.advance(HOUR)
    tables.finish()

    assert_one_each(creates, emulator, names)
    assert {worker for worker, _ in creates.logs("create")} == {"worker-1", "worker-2"}
    tries = creates.tries("create")
    assert max(tries) > 1, "nobody was killed"
    figure(
        "cluster: a worker killed twice, Redis restarted and lost, PostgreSQL crashed, a scheduler killed",
        f"{CREATES} creates, {len(set(names))} connections, each task returned its name's id "
        f"({CREATES - tries[1]} tasks in a later try)",
    )
    datasets = tables.results("paypal_ingestion.create_dataset")
    rows = 0
    for number, table in enumerate(sources):
        key = KEYS[table][0]
        landed = [row["_emulator"][key] for row in platform.rows(datasets[number])]
        assert sorted(landed) == sorted(row[key] for row in source_rows(table)), table
        rows += len(landed)
    state = emulator.state()
    assert state["flows"] == state["runs"] == state["datasets"] == INGESTIONS, state
    assert canary.leaks(cluster.directory) == {}
    figure("cluster: ingestions through the same", f"{len(datasets)} tables, {rows:,} rows, each once")


def delivered_twice(cluster: Cluster) -> set[str]:
    """Return the messages that workers received more than once."""
    received = Counter(re.findall(r"Task execute_workload\[(\S+)\] received", cluster.said("worker")))
    return {message for message, times in received.items() if times > 1}


def hold_a_create(cluster: Cluster, emulator: Emulator, when: str) -> None:
    """Hold the next POST of a connection for 15 s, before its effect or after it."""
    emulator.forget_requests()
    emulator.clear_faults()
    emulator.fault(method="POST", path="/connections", when=when, delay=15)

    def held() -> bool:
        return any(one["status"] is None for one in emulator.requests("POST", "/connections"))

    cluster.until(held, "a create under way")


def test_waits_and_watchers(
    cluster: Cluster, servers: tuple[Emulator, RunServer], figure: KeepFigure
) -> None:
    """One triggerer is killed, the other one is stopped and continues when its waits belong to the first."""
    emulator, server = servers
    platform = Platform(emulator)
    flow = foreign_flow(platform)
    runs = [f"run-{number}" for number in range(WAITS)]
    for run in runs:
        server.add(run)
    cluster.api("PATCH", "/dags/watch", {"is_paused": False})
    waits = cluster.run("waits", runs=runs)
    waits.all_deferred("wait", WAITS)
    split = cluster.until(cluster.waits_by_triggerer, "triggerers to have all waits")
    assert len(split) == 2
    foreign = [start(platform, flow)]
    platform.advance(10)

    cluster.kill("triggerer-1")
    foreign.append(start(platform, flow))
    platform.advance(10)
    second = cluster.until(lambda: only_owner(cluster), "the second triggerer to take over all waits")
    cluster.send("triggerer-2", signal.SIGSTOP)
    foreign.append(start(platform, flow))
    platform.advance(10)
    cluster.start_component("triggerer-1")
    cluster.until(
        lambda: only_owner(cluster) not in (None, second), "the first triggerer to take over all waits"
    )
    for run in runs[: WAITS // 2]:
        server.finish(run)
    cluster.send("triggerer-2", signal.SIGCONT)
    foreign.append(start(platform, flow))
    platform.advance(10)
    for run in runs[WAITS // 2 :]:
        server.finish(run)
    waits.finish()

    assert waits.tries("wait") == {1: WAITS}
    results = waits.results("wait")
    assert [results[number]["run_id"] for number in range(WAITS)] == runs
    said = "".join(log.read_text("utf-8") for _, log in waits.logs("wait"))
    assert Counter(re.findall(r'"event":"Run (run-\d+) ended', said)) == Counter(runs)
    cluster.until(lambda: set(foreign) <= set(announced(cluster)), "all foreign runs to be announced")
    figure(
        "cluster: a triggerer killed, the other stopped and continued",
        f"{WAITS} waits ({' + '.join(map(str, split.values()))}), each ended once, in its first try; "
        f"{len(foreign)} foreign runs, each announced",
    )


def announced(cluster: Cluster) -> list[str]:
    """Return the runs of all asset events."""
    rows = select(cluster, "SELECT extra FROM asset_event ORDER BY id")
    return [run["run_id"] for (extra,) in rows for run in extra["payload"]["runs"]]


def only_owner(cluster: Cluster) -> int | None:
    """Return the triggerer that has all waits; None if several have some."""
    owners = list(cluster.waits_by_triggerer())
    return owners[0] if len(owners) == 1 else None


@pytest.fixture
def version_before(tmp_path: Path) -> Path:
    """Build the wheel of an earlier commit, and unpack it into a directory of its own."""
    source, wheels, installed = (tmp_path / name for name in ("source", "wheels", "installed"))
    archived = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True, check=False)
    if archived.returncode:
        pytest.skip(f"This checkout has no commit {BEFORE}: the upgrade starts from its version.")
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as packed:
        packed.extractall(source, filter="data")
    own = source / "airflow_provider_aep" / "__init__.py"
    own.write_text(own.read_text("utf-8").replace(__version__, OLD))
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, cwd=source, check=True)
    [wheel] = wheels.glob("*.whl")
    shutil.unpack_archive(wheel, installed, "zip")
    return installed


def test_rolling_upgrade(version_before: Path, tmp_path: Path, figure: KeepFigure) -> None:
    """Triggerers first, then workers, then all others: no wait of the version before is lost."""
    first, second = ([f"run-{number}" for number in range(at, at + 30)] for at in (0, 30))
    with RunServer() as server, Cluster(tmp_path / "cluster", installed=version_before) as cluster:
        cluster.start_all(aep_runs=server.url)

        def deferred(runs: list[str]) -> DagRun:
            for run in runs:
                server.add(run)
            waits = cluster.run("waits", runs=runs)
            waits.all_deferred("wait", len(runs))
            return waits

        def upgrade(*components: str) -> None:
            for component in components:
                cluster.restart(component)

        def finish(runs: list[str]) -> None:
            for run in runs:
                server.finish(run)

        old_waits = deferred(first)
        assert set(server.agents) == {f"airflow-provider-aep/{OLD}"}
        cluster.installed = None
        upgrade("triggerer-1", "triggerer-2")
        finish(first[:10])  # the new triggerers end them, the old workers resume them
        between = deferred(second)
        cluster.until(lambda: old_waits.states("wait")["success"] == 10, "the first waits to end")
        upgrade("worker-1", "worker-2")
        upgrade("scheduler-1", "scheduler-2", "dag-processor", "api-server")
        cluster.until(cluster.api.answers, "the API server to answer")
        server.agents.clear()
        finish(first + second)
        old_waits.finish()
        between.finish()
        assert set(server.agents) == {f"airflow-provider-aep/{__version__}"}
        assert old_waits.tries("wait") == between.tries("wait") == {1: 30}
        figure(
            "cluster: rolling upgrade",
            f"{len(first)} waits of commit {BEFORE}, {len(second)} begun meanwhile, "
            "each ended in its first try",
        )
